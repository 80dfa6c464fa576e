"""The device cookie: proof that somebody once logged in to this account from this device.

It gives no access. It only gives the device a failure counter of its own, so that an attacker who uses up the
account's counter cannot lock its owner out (OWASP's "device cookies").

    base64url( keyed digest of the account (16) | random (16) | HMAC-SHA256(K, all before)[:16] )
"""

from __future__ import annotations

import hmac

from authsvc.rules.mac_token import mac
from authsvc_jws.base64url import base64url_decode, base64url_encode

_LENGTH = 64


def account_digest(key: bytes, email: str) -> bytes:
    """What stands for an address in counters and cookies: not readable, not guessable without the key."""
    return mac(key, email.encode("utf-8", "surrogatepass"))


def make(key: bytes, account: bytes, random: bytes) -> str:
    """`random` is 16 bytes."""
    return base64url_encode(account + random + mac(key, account + random))


def device_of(key: bytes, account: bytes, cookie: str) -> str | None:
    """The device's name (hex) where the cookie is genuine and of this account, else None."""
    raw = base64url_decode(cookie.encode("ascii")) if len(cookie) == _LENGTH and cookie.isascii() else b""
    if len(raw) != 48 or not hmac.compare_digest(mac(key, raw[:32]), raw[32:]):
        return None
    return raw[16:32].hex() if hmac.compare_digest(raw[:16], account) else None
