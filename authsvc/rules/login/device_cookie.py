"""The device cookie: proof that somebody once logged in to this account from this device.

It gives no access. It only gives the device a failure counter of its own, so that an attacker who uses up the
account's counter cannot lock its owner out (OWASP's "device cookies"). Whoever knew an old password holds such cookies
too: they are worth nothing after a new one, because a number of the person, which that raises, is in them.

    base64url( keyed digest of the account (16) | random (16) | issued (6) | generation (4)
               | HMAC-SHA256(K, all before)[:16] )
"""

from __future__ import annotations

import hmac

from authsvc.records import frozen
from authsvc.rules.mac_token import mac
from authsvc_jws.base64url import base64url_decode, base64url_encode

MAX_AGE_SECONDS = 365 * 86_400
"""By the time in the cookie: what a browser is asked to forget, a thief keeps."""
_BODY = 42
_LENGTH = 78


@frozen
class Device:
    """What a genuine cookie says: the device's `name` (hex), and the `generation` that the person's cookies had then.
    It is known while that is the person's number still."""

    name: str
    generation: int


def account_digest(key: bytes, email: str) -> bytes:
    """What stands for an address in counters and cookies: not readable, not guessable without the key."""
    return mac(key, email.encode("utf-8", "surrogatepass"))


def make(key: bytes, account: bytes, generation: int, random: bytes, *, now: int) -> str:
    """A cookie of this account. `random` is 16 bytes, `now` seconds since 1970."""
    body = account + random + now.to_bytes(6, "big") + generation.to_bytes(4, "big")
    return base64url_encode(body + mac(key, body))


def device_of(key: bytes, account: bytes, cookie: str, *, now: int) -> Device | None:
    """What a cookie says that is genuine, of this account, and not too old; else None."""
    raw = base64url_decode(cookie.encode("ascii")) if len(cookie) == _LENGTH and cookie.isascii() else b""
    body = raw[:_BODY]
    if len(raw) != _BODY + 16 or not hmac.compare_digest(mac(key, body), raw[_BODY:]):
        return None
    if not hmac.compare_digest(body[:16], account) or int.from_bytes(body[32:38], "big") + MAX_AGE_SECONDS <= now:
        return None
    return Device(body[16:32].hex(), int.from_bytes(body[38:], "big"))
