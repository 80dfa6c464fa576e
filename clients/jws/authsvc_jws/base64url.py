"""Base64url without padding (RFC 7515 section 2), in its one canonical form."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode


def base64url_encode(raw: bytes) -> str:
    """Bytes as base64url text without `=`."""
    return urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def base64url_decode(text: bytes) -> bytes:
    """The bytes of a base64url text without padding; empty where the text is empty or not the canonical one of any."""
    try:
        raw = urlsafe_b64decode(text + b"=" * (-len(text) % 4))
    except ValueError:
        return b""
    # Python skips foreign characters and spare bits: without this, a token could be altered and stay valid.
    return raw if urlsafe_b64encode(raw).rstrip(b"=") == text else b""
