"""The device cookie: proof that somebody once logged in to this account from this device.

It gives no access. It only gives the device a failure counter of its own, so that an attacker who uses up the
account's counter cannot lock its owner out (OWASP's "device cookies").

    base64url( keyed digest of the account (16) | random (16) | HMAC-SHA256(K, all before)[:16] )
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode

_LENGTH = 64


def account_digest(key: bytes, email: str) -> bytes:
    """What stands for an address in counters and cookies: not readable, not guessable without the key."""
    return hmac.digest(key, email.encode("utf-8", "surrogatepass"), "sha256")[:16]


def make(key: bytes, account: bytes, random: bytes) -> str:
    """`random` is 16 bytes."""
    return urlsafe_b64encode(account + random + _mac(key, account + random)).decode("ascii")


def device_of(key: bytes, account: bytes, cookie: str) -> str | None:
    """The device's name (hex) where the cookie is genuine and of this account, else None."""
    try:
        raw = urlsafe_b64decode(cookie) if len(cookie) == _LENGTH and cookie.isascii() else b""
    except ValueError:
        return None
    if len(raw) != 48 or not hmac.compare_digest(_mac(key, raw[:32]), raw[32:]):
        return None
    return raw[16:32].hex() if hmac.compare_digest(raw[:16], account) else None


def _mac(key: bytes, head: bytes) -> bytes:
    return hmac.digest(key, head, "sha256")[:16]
