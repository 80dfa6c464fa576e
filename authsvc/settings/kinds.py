"""How the text of a variable becomes a value. A kind is a function that raises ValueError with a text for operators."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import MISSING, field
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any, TypeVar
from urllib.parse import urlsplit

from authsvc.rules.readable_text import is_readable, one_line
from authsvc.rules.scope import parse_scope

T = TypeVar("T")
DAY = 86_400
LOOPBACK = ("localhost", "127.0.0.1", "::1")
_BOOLEANS = {
    **dict.fromkeys(("true", "t", "yes", "y", "on", "1"), True),
    **dict.fromkeys(("false", "f", "no", "n", "off", "0"), False),
}


def setting(kind: Callable[[str], T], default: T | Any = MISSING, *, help: str, secret: bool = False) -> Any:
    """A field of `Settings`, required where it has no default. `secret`: masked, and may come from a file."""
    return field(default=default, metadata={"kind": kind, "help": help, "secret": secret})


def whole(low: int, high: int) -> Callable[[str], int]:
    """A whole number within bounds."""

    def parse(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            raise ValueError("Not a valid integer.") from None
        if not low <= value <= high:
            raise ValueError(f"must be between {low} and {high}")
        return value

    return parse


def whole_or_auto(low: int, high: int) -> Callable[[str], int | None]:
    """A whole number within bounds, or the word `auto`."""
    parse = whole(low, high)
    return lambda text: None if text == "auto" else parse(text)


def number(low: float = -math.inf, high: float = math.inf) -> Callable[[str], float]:
    """A number within bounds."""

    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            raise ValueError("Not a valid number.") from None
        if not math.isfinite(value):
            raise ValueError("Special numeric values (nan or infinity) are not permitted.")
        if not low <= value <= high:
            raise ValueError(f"must be between {low} and {high}")
        return value

    return parse


def boolean(text: str) -> bool:
    try:
        return _BOOLEANS[text.lower()]
    except KeyError:
        raise ValueError("Not a valid boolean.") from None


def client_registration(text: str) -> str:
    """How clients may register: with a token is what `true` has always meant."""
    if text in ("off", "token", "open"):
        return text
    try:
        return "token" if boolean(text) else "off"
    except ValueError:
        raise ValueError("must be one of off, token, open") from None


def one_of(*words: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in words:
            raise ValueError(f"must be one of {', '.join(words)}")
        return text

    return parse


def words(text: str) -> tuple[str, ...]:
    """Separated by commas or spaces."""
    return tuple(text.replace(",", " ").split())


def networks(text: str) -> tuple[IPv4Network | IPv6Network | str, ...]:
    """Networks, or the word `unix`."""
    try:
        return tuple(word if word == "unix" else ip_network(word) for word in words(text))
    except ValueError as error:
        raise ValueError(f"{error}; write networks such as 10.0.0.0/8, or the word unix") from None


def issuer(text: str) -> str:
    """RFC 8414 section 2: an https URL without query or fragment. Plain http is for loopback only."""
    parts = urlsplit(text)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
        raise ValueError("must be an https:// URL (http:// only for localhost)")
    if not parts.hostname or parts.query or parts.fragment or text.endswith("/"):
        raise ValueError("must have a host, and neither query, fragment nor trailing slash")
    if parts.path:
        raise ValueError("must have no path: authsvc owns its whole host name")
    return text


def host_name(text: str) -> str:
    """A name in its ASCII form, in small letters; no address."""
    if len(text) > 253 or not re.fullmatch(
        r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?[.])*[a-z]([a-z0-9-]{0,61}[a-z0-9])?", text
    ):
        raise ValueError("must be a host name in small letters, such as example.com")
    return text


def document_hosts(text: str) -> tuple[str, ...]:
    """Host names; with a dot before it, all names below one."""
    found = words(text)
    for one in found:
        if not LOOPBACK.count(one):
            host_name(one.removeprefix("."))
    return found


def scope_words(text: str) -> tuple[str, ...]:
    """Scopes that are none of OpenID's, which need no mention (RFC 6749 section 3.3)."""
    found = parse_scope(" ".join(words(text)))
    if found is None:
        raise ValueError("must be scopes: words of visible ASCII, without quotes and backslashes")
    return found


def origins(text: str) -> tuple[str, ...]:
    """Origins of pages: scheme, host and port, as browsers write them."""
    found = words(text)
    for one in found:
        parts = urlsplit(one)
        if one != f"{parts.scheme}://{parts.netloc}" or not parts.hostname or one != one.lower():
            raise ValueError("must be origins such as https://shop.example.com, in small letters and without a path")
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
            raise ValueError("must be https:// origins (http:// only for localhost)")
    return found


def metrics_place(text: str) -> str:
    if text not in ("main", "off") and not text.rpartition(":")[2].isdigit():
        raise ValueError("must be HOST:PORT, main or off")
    return text


def display_name(text: str) -> str:
    name = one_line(text.strip())
    if not 1 <= len(name) <= 40 or not is_readable(name):
        raise ValueError("must be 1 to 40 characters, without controls and changes of direction")
    return name


def colour(text: str) -> str:
    if not re.fullmatch(r"#[0-9A-Fa-f]{6}", text):
        raise ValueError("must be a colour such as #3b5bdb")
    return text.lower()


def logo(text: str) -> str:
    """Its origin goes into the Content-Security-Policy, so the host is held to plain letters."""
    remote = r"https://[A-Za-z0-9.-]+(:[0-9]{1,5})?/[!-~]*"
    inline = r"data:image/(png|jpeg|webp|gif|svg\+xml);base64,[A-Za-z0-9+/]+={0,2}"
    if not re.fullmatch(remote, text) and not (re.fullmatch(inline, text) and len(text) <= 32_768):
        raise ValueError("must be an https:// URL, or data:image/...;base64,... of at most 32 KiB")
    return text
