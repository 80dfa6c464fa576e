"""Challenges for passkeys: sealed to the page and bound to its browser, spent by the first answer that is right, in
the transaction of what that answer brings about.

Nothing is stored before: whoever asks for a challenge, or answers one wrongly, leaves no row behind.
"""

from __future__ import annotations

from dataclasses import field
from hashlib import sha256
from typing import Literal

from authsvc.records import frozen
from authsvc.rules.factors.passkeys import CHALLENGE_BYTES
from authsvc.rules.sealed_value_lifetimes import PASSKEY_CHALLENGE_SECONDS
from authsvc.runtime import Runtime
from authsvc.store.factors import passkeys
from authsvc.store.postgres import Connection
from authsvc_jws.base64url import base64url_decode, base64url_encode

Purpose = Literal["passkey log in", "passkey log in by a frontend", "passkey enrolment"]


@frozen
class Challenge:
    """32 random bytes, and `sealed`, by which they are known again."""

    value: bytes
    sealed: str = field(repr=False)


def make_challenge(runtime: Runtime, purpose: Purpose, holder: str) -> Challenge:
    """A challenge that is good once, for five minutes, for this purpose and this `holder`: the mark of a browser, with
    whatever else it is bound to."""
    value = runtime.entropy(CHALLENGE_BYTES)
    return Challenge(value, runtime.seal_dated(purpose, base64url_encode(value), holder))


def open_challenge(runtime: Runtime, purpose: Purpose, holder: str, sealed: str) -> bytes | None:
    """The bytes of a challenge. None: not ours, of another purpose or holder, or too old. It may have been spent."""
    opened = runtime.open_dated(purpose, sealed, seconds=PASSKEY_CHALLENGE_SECONDS)
    if opened is None:
        return None
    value, made_for = opened
    return base64url_decode(value.encode("ascii")) if made_for == holder else None


async def spend_challenge(runtime: Runtime, connection: Connection, challenge: bytes) -> bool:
    """True for the first who asks, on whichever replica, if the transaction is committed. Raises StoreUnavailable."""
    # So long that a replica whose clock is late takes no challenge that was forgotten.
    seconds = PASSKEY_CHALLENGE_SECONDS + 2 * runtime.settings.clock_skew_seconds
    return await passkeys.spend_challenge(connection, sha256(challenge).digest(), seconds)
