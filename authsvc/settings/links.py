"""Variables that Kubernetes and Docker set for a Service or a container whose name begins with ours. They are not ours.

Kubernetes sets them in every pod of the namespace (`enableServiceLinks`, on by default), `docker run --link` likewise.
A name alone proves nothing, for it may be a misspelt setting: the value must have the form as well.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import ip_address

_PROTOCOL = "TCP|UDP|SCTP"
_URL = re.compile(rf"({_PROTOCOL})://(\[[0-9a-f:.]+\]|[0-9a-f:.]+):[0-9]{{1,5}}", re.IGNORECASE).fullmatch
_NAME = re.compile(
    rf"""(?P<service_host> (?P<of_host>.+)_SERVICE_HOST)
       | (?P<service_port> (?P<of_port>.+)_SERVICE_PORT(_[A-Z0-9_]+)?)
       | (?P<address> .+_PORT_[0-9]+_({_PROTOCOL})_ADDR)
       | (?P<number> .+_PORT_[0-9]+_({_PROTOCOL})_PORT)
       | (?P<url> .+_PORT(_[0-9]+_({_PROTOCOL}))?)
       | (?P<protocol> .+_PORT_[0-9]+_({_PROTOCOL})_PROTO)""",
    re.VERBOSE,
).fullmatch


def without_links(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment without the variables of links: `X_PORT` and `X_PORT_n_TCP` (`proto://ip:port`), `X_PORT_n_TCP_`
    `PROTO`, `PORT` and `ADDR`, and, where both are there, `X_SERVICE_HOST` and `X_SERVICE_PORT[_NAME]`."""
    return {name: value for name, value in environ.items() if not _is_link(name, value, environ)}


def _is_link(name: str, value: str, environ: Mapping[str, str]) -> bool:
    found = _NAME(name)
    if found is None:
        return False
    match found.lastgroup:
        case "service_host":
            return _is_address(value) and _is_number(environ.get(f"{found['of_host']}_SERVICE_PORT", ""))
        case "service_port":
            return _is_number(value) and _is_address(environ.get(f"{found['of_port']}_SERVICE_HOST", ""))
        case "address":
            return _is_address(value)
        case "number":
            return _is_number(value)
        case "url":
            return _URL(value) is not None
        case _:
            return value.upper() in _PROTOCOL.split("|")


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
