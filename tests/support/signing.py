"""Signing as others do it, and as we do outside an event loop, where a signer of this process waits for nothing."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import jwt
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from joserfc import jwt as joserfc_jwt
from joserfc.jwk import OKPKey

from authsvc.keys.ring import Keyring


def signed_by_other(claims: dict[str, Any], key: Any, alg: str, headers: dict[str, Any] | None = None) -> str:
    """A compact JWS by libraries that are not ours: PyJWT, and joserfc where PyJWT lacks the name (RFC 9864)."""
    if alg != "Ed25519":
        return jwt.encode(claims, key, alg, headers=headers)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return joserfc_jwt.encode({**(headers or {}), "alg": alg}, claims, OKPKey.import_key(pem), algorithms=[alg])


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
