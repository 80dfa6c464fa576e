"""The signature of a DPoP proof (RFC 9449 section 4): by the key that the proof carries, and by no other.

The key is the sender's own word: it proves that whoever sent the proof holds it, nothing else. `jku`, `x5u`, `x5c` and
`kid` are not read. What the claims mean is judged in `rules/caller/dpop`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from authsvc.jose.algorithms import ALGORITHMS, KeyRefused, PublicKey, check_fit, checking
from authsvc.jose.jwk import PRIVATE_MEMBERS, thumbprint
from authsvc_jws.compact import is_type, read_jws

MAX_LENGTH = 4096
"""Characters of the longest proof that is looked at; one with an RSA key of 4096 bits has 2,300."""
TYPE = "dpop+jwt"
_MAX_RSA_BITS = 4096
_MAX_EXPONENT = 2**32  # a greater one only makes our verification slow


@dataclass(frozen=True, slots=True)
class SignedProof:
    """Claims signed by the key whose RFC 7638 thumbprint is `jkt`; the claims themselves are still to be judged."""

    claims: Mapping[str, Any]
    jkt: str


@dataclass(frozen=True, slots=True)
class Unproved:
    """The proof shows nothing. `reason`: one lower_snake word for log and metrics."""

    reason: str


def verify_proof(text: str) -> SignedProof | Unproved:
    """Check the form and the signature of a DPoP proof. Section 4.3, checks 2 to 7. Never raises for what was sent."""
    if len(text) > MAX_LENGTH:
        return Unproved("dpop_too_long")
    proof = read_jws(text, limit=MAX_LENGTH)
    if proof is None:
        return Unproved("dpop_malformed")
    if "crit" in proof.header:
        return Unproved("dpop_crit")  # RFC 7515 section 4.1.11
    if not is_type(proof.header.get("typ"), TYPE):
        return Unproved("dpop_typ")
    alg, jwk = proof.header.get("alg"), proof.header.get("jwk")
    if not isinstance(alg, str) or alg not in ALGORITHMS:
        return Unproved("dpop_alg")
    if not isinstance(jwk, dict):
        return Unproved("dpop_jwk")
    if not PRIVATE_MEMBERS.isdisjoint(jwk):
        return Unproved("dpop_private_jwk")
    try:
        key, jkt = _key(jwk, alg), thumbprint(jwk)
    except KeyRefused:
        return Unproved("dpop_jwk")
    if not checking(key, alg)(proof.signing_input, proof.signature):
        return Unproved("dpop_signature")
    return SignedProof(proof.claims, jkt)


def _key(jwk: Mapping[str, Any], alg: str) -> PublicKey:
    """Raises KeyRefused."""
    if jwk.get("alg", alg) != alg or jwk.get("use", "sig") != "sig":
        raise KeyRefused("the JWK is for something else")
    try:
        key = cast("PublicKey", ALGORITHMS[alg].from_jwk(dict(jwk)))
    except Exception:  # PyJWT and cryptography raise a dozen kinds here, and all mean this
        raise KeyRefused("the JWK is not a public key") from None
    check_fit(key, alg)
    if isinstance(key, RSAPublicKey) and (key.key_size > _MAX_RSA_BITS or key.public_numbers().e >= _MAX_EXPONENT):
        raise KeyRefused("the RSA key is too large")
    return key
