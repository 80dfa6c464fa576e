"""Which algorithms a key may sign with, and which key fits which. The arithmetic is PyJWT's and cryptography's.

Asymmetric algorithms only (RFC 7518 section 3.1, RFC 8037, RFC 9864): there is no `none` and no HMAC here to be talked
into.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final, TypeAlias

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

from authsvc.jose.names import ALGORITHM_NAMES, ED25519_NAMES

PrivateKey: TypeAlias = RSAPrivateKey | EllipticCurvePrivateKey | Ed25519PrivateKey
PublicKey: TypeAlias = RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey
Sign: TypeAlias = Callable[[bytes], bytes]
"""Signing input -> signature."""
Check: TypeAlias = Callable[[bytes, bytes], bool]
"""(signing input, signature) -> does it hold?"""

MIN_RSA_BITS: Final = 2048  # RFC 7518 section 3.3

ALGORITHMS: Final[Mapping[str, Any]] = {
    name: jwt.get_algorithm_by_name("EdDSA" if name in ED25519_NAMES else name) for name in ALGORITHM_NAMES
}  # PyJWT knows the older name alone


class KeyRefused(Exception):
    """This key, or this kind of key, is not used for signing. The message is for people."""


def known(alg: str) -> str:
    """`alg`, if keys may have it. Raises `KeyRefused`."""
    if alg not in ALGORITHMS:
        raise KeyRefused(f"{alg} is not one of the algorithms in use: {', '.join(ALGORITHMS)}")
    return alg


def check_fit(key: PrivateKey | PublicKey, alg: str) -> None:
    """Refuse a key that `alg` cannot use, or that is too weak. Raises `KeyRefused`."""
    if known(alg) in ("RS256", "PS256"):
        if not isinstance(key, RSAPrivateKey | RSAPublicKey):
            raise KeyRefused(f"{alg} needs an RSA key, and this is none")
        if key.key_size < MIN_RSA_BITS:
            raise KeyRefused(f"an RSA key of {key.key_size} bits is too short: at least {MIN_RSA_BITS} are needed")
    elif alg == "ES256":
        if not isinstance(key, EllipticCurvePrivateKey | EllipticCurvePublicKey):
            raise KeyRefused("ES256 needs an elliptic-curve key, and this is none")
        if not isinstance(key.curve, SECP256R1):
            raise KeyRefused("ES256 needs a key on the curve P-256")
    elif not isinstance(key, Ed25519PrivateKey | Ed25519PublicKey):
        raise KeyRefused(f"{alg} needs an Ed25519 key, and this is none")


def usual_alg(key: PrivateKey | PublicKey) -> str:
    """What a key of this kind signs with where nobody says otherwise; `check_fit` judges whether it can."""
    if isinstance(key, EllipticCurvePrivateKey | EllipticCurvePublicKey):
        return "ES256"
    return "EdDSA" if isinstance(key, Ed25519PrivateKey | Ed25519PublicKey) else "RS256"


def signing(key: PrivateKey, alg: str) -> Sign:
    """The signature function of a key. It releases the GIL while it computes."""
    return partial(ALGORITHMS[alg].sign, key=key)


def checking(key: PublicKey, alg: str) -> Check:
    """The verification function of a key. False for any bytes that are no signature; never raises."""
    verify = ALGORITHMS[alg].verify

    def check(signing_input: bytes, signature: bytes) -> bool:
        return bool(verify(signing_input, key, signature))

    return check
