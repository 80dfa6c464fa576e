"""Where an answer may be sent (RFC 9700 section 4.1.3: exact matching; RFC 8252 section 7.3: any port on loopback)."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import SplitResult, urlsplit

_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


def matches(registered: tuple[str, ...], native: bool, asked: str) -> bool:
    """Whether `asked` is registered, character by character; for native clients on loopback whatever its port."""
    if asked in registered:
        return True
    return native and any(_same_but_port(known, asked) for known in registered)


def origins_of(uris: Iterable[str]) -> frozenset[str]:
    """The web origins (RFC 6454 section 6.2) of redirect URIs; those of apps have none."""
    found = set()
    for uri in uris:
        parts = urlsplit(uri)
        if parts.scheme in ("http", "https") and parts.hostname:
            host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
            default = {"http": 80, "https": 443}[parts.scheme]
            found.add(f"{parts.scheme}://{host}" + (f":{parts.port}" if parts.port not in (None, default) else ""))
    return frozenset(found)


def _same_but_port(known: str, asked: str) -> bool:
    left, right = _loopback(known), _loopback(asked)
    if left is None or right is None:
        return False
    if asked != _rebuilt(right, asked):
        return False
    return (left.scheme, left.hostname, left.path, left.query) == (
        right.scheme,
        right.hostname,
        right.path,
        right.query,
    )


def _loopback(uri: str) -> SplitResult | None:
    """The parts of a plain http URI on loopback, without user, fragment or anything else that hides a host."""
    try:
        parts = urlsplit(uri)
        port = parts.port
    except ValueError:
        return None
    plain = parts.username is None and parts.password is None and not parts.fragment and "#" not in uri
    if parts.scheme != "http" or parts.hostname not in _LOOPBACK or not plain or port == 0:
        return None
    return parts


def _rebuilt(parts: SplitResult, uri: str) -> str:
    """The same URI from its parts: what parsing dropped or changed (tabs, case, backslashes) is then seen."""
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    port = "" if parts.port is None else f":{parts.port}"
    query = f"?{parts.query}" if "?" in uri else ""
    return f"http://{host}{port}{parts.path}{query}"
