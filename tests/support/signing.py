"""Signing outside an event loop: a signer of this process waits for nothing."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from authsvc.keys.ring import Keyring


def sign_now(keys: Keyring, claims: dict[str, Any], *, typ: str, now: datetime, alg: str = "RS256") -> str:
    """A compact JWS by the key that signs at `now`. Raises NoSigningKey."""
    signing = keys.sign(claims, typ=typ, now=now, alg=alg)
    try:
        signing.send(None)
    except StopIteration as done:
        token: str = done.value
        return token
    signing.close()
    raise AssertionError("the signer waited for something")
