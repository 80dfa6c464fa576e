"""What a DPoP proof says of a request (RFC 9449 section 4.2): its URL, and the hash of the token sent with it."""

from __future__ import annotations

from hashlib import sha256
from urllib.parse import unquote, urlsplit

from authsvc_jws.base64url import base64url_encode

_PORTS = {"http": 80, "https": 443}
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


def token_hash(access_token: str) -> str:
    """`ath`: SHA-256 of an access token, base64url."""
    return base64url_encode(sha256(access_token.encode("utf-8", "surrogatepass")).digest())


def normal_url(url: object) -> tuple[str, str, int | None, str] | None:
    """`htu` to compare: (scheme, host, port, path) after RFC 3986 sections 6.2.2 and 6.2.3.

    Query and fragment do not count (RFC 9449 section 4.3). None: no absolute URL in ASCII, or one with a user's name.
    """
    if not isinstance(url, str) or not url.isascii() or not url.isprintable() or " " in url:
        return None
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if not parts.scheme or not parts.hostname or "@" in parts.netloc or "\\" in url:
        return None
    return parts.scheme, parts.hostname, _PORTS.get(parts.scheme) if port is None else port, _normal_path(parts.path)


def _normal_path(path: str) -> str:
    """Escapes of unreserved characters undone, others in upper case."""
    pieces = path.split("%")
    normal = [pieces[0]]
    for piece in pieces[1:]:
        char = unquote("%" + piece[:2])
        normal.append((char if char in _UNRESERVED else "%" + piece[:2].upper()) + piece[2:])
    return "".join(normal) or "/"
