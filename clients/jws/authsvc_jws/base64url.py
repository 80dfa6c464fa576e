"""Base64url without padding (RFC 7515 section 2), in its one canonical form."""

from __future__ import annotations

from binascii import a2b_base64, b2a_base64

_URL_SAFE, _STANDARD = bytes.maketrans(b"+/", b"-_"), bytes.maketrans(b"-_", b"+/")


def base64url_encode(raw: bytes) -> str:
    """Bytes as base64url text without `=`. Not by the module base64: a token is encoded three times, and its two
    functions are half of that work."""
    return b2a_base64(raw, newline=False).translate(_URL_SAFE).rstrip(b"=").decode("ascii")


def base64url_decode(text: bytes) -> bytes:
    """The bytes of a base64url text without padding; empty where the text is empty or not the canonical one of any."""
    try:
        raw = a2b_base64(text.translate(_STANDARD) + b"=" * (-len(text) % 4))
    except ValueError:
        return b""
    # Python skips foreign characters and spare bits: without this, a token could be altered and stay valid.
    return raw if base64url_encode(raw).encode("ascii") == text else b""
