"""The mail server and the sender. Nothing of the URL is repeated in an error: a password may stand anywhere in it."""

from __future__ import annotations

import re
from dataclasses import field
from ipaddress import ip_address
from typing import Literal
from urllib.parse import unquote, urlsplit

from authsvc.records import frozen
from authsvc.rules.readable_text import is_readable
from authsvc.settings.kinds import LOOPBACK

DEV_PAGE = "dev:"
"""In place of a mail server: mails are shown at /dev/mail. For `authsvc dev` alone."""
PORTS = {"smtps": 465, "smtp": 587}
LOCAL_PORT = 25
_ESCAPES = "in a user name or password write / ? # @ : % as %2F %3F %23 %40 %3A %25"
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,252})").fullmatch
_ADDRESS = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*@[A-Za-z0-9.-]{1,253}"
).fullmatch
_NAMED = re.compile(r"(?P<name>[^<>]*)<(?P<address>[^<>]+)>").fullmatch


@frozen
class MailServer:
    """Where mails are handed in. `security`: TLS from the start, TLS demanded by STARTTLS, or none (this machine)."""

    host: str
    port: int
    security: Literal["tls", "starttls", "none"]
    username: str = ""
    password: str = field(repr=False, default="")


@frozen
class Sender:
    name: str
    address: str


def smtp_url(text: str) -> str:
    """`smtp://` or `smtps://` with user, password, host and port; or `dev:`."""
    if text != DEV_PAGE:
        mail_server(text)
    return text


def mail_server(text: str) -> MailServer:
    """What a URL says. smtps is TLS from the start; smtp is STARTTLS, but on this machine, where it is neither."""
    scheme = text.partition("://")[0].lower()
    if scheme not in PORTS or "://" not in text:
        raise ValueError("must be a URL that begins with smtp:// or smtps://")
    if any(char <= " " or char == "\x7f" for char in text):
        raise ValueError("holds a space or a control character")
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise ValueError(f"is no URL with a port from 1 to 65535; {_ESCAPES}") from None
    if parts.path not in ("", "/") or parts.query or parts.fragment or parts.netloc.count("@") > 1:
        raise ValueError(f"must end with the host or its port; {_ESCAPES}")
    if port == 0 or not (_HOST(host) or _is_address(host)):
        raise ValueError(f"must name a host, as in smtp://user:password@mail.example.com:587; {_ESCAPES}")
    username, password = unquote(parts.username or ""), unquote(parts.password or "")
    if bool(username) != bool(password):
        raise ValueError(f"must have a user name and a password, or neither; {_ESCAPES}")
    local = host in LOOPBACK
    return MailServer(
        host,
        port or (LOCAL_PORT if local and scheme == "smtp" else PORTS[scheme]),
        "tls" if scheme == "smtps" else "none" if local else "starttls",
        username,
        password,
    )


def mail_from(text: str) -> str:
    """`mail@example.com`, or `Example <mail@example.com>`."""
    sender(text)
    return text


def sender(text: str) -> Sender:
    """What a From says."""
    named = _NAMED(text.strip())
    name = (named["name"] if named else "").strip().strip('"').strip()
    address = (named["address"] if named else text).strip()
    if not _ADDRESS(address) or len(address) > 254:
        raise ValueError("must be an address such as mail@example.com, or Example <mail@example.com>")
    if len(name) > 80 or not is_readable(name):
        raise ValueError("its name must be 80 characters at most, without controls and changes of direction")
    return Sender(name, address)


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
