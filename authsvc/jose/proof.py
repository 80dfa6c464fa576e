"""The signature of a DPoP proof (RFC 9449 section 4): by the key that the proof carries, and by no other.

The key is the sender's own word: it proves that whoever sent the proof holds it, nothing else. `jku`, `x5u`, `x5c` and
`kid` are not read. What the claims mean is judged in `rules/caller/dpop`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from authsvc.jose.algorithms import ALGORITHMS, KeyRefused, checking
from authsvc.jose.jwk import PRIVATE_MEMBERS, read_public, thumbprint
from authsvc.jose.verify import Invalid
from authsvc.records import frozen
from authsvc_jws.compact import is_type, read_jws

MAX_LENGTH = 4096
"""Characters of the longest proof that is looked at; one with an RSA key of 4096 bits has 2,300."""
TYPE = "dpop+jwt"
_MAX_RSA_BITS = 4096


@frozen
class SignedProof:
    """Claims signed by the key whose RFC 7638 thumbprint is `jkt`; the claims themselves are still to be judged."""

    claims: Mapping[str, Any]
    jkt: str
    alg: str


def verify_proof(text: str) -> SignedProof | Invalid:
    """Check the form and the signature of a DPoP proof. Section 4.3, checks 2 to 7. Never raises for what was sent."""
    if len(text) > MAX_LENGTH:
        return Invalid("dpop_too_long")
    proof = read_jws(text, limit=MAX_LENGTH)
    if proof is None:
        return Invalid("dpop_malformed")
    if "crit" in proof.header:
        return Invalid("dpop_crit")  # RFC 7515 section 4.1.11
    if not is_type(proof.header.get("typ"), TYPE):
        return Invalid("dpop_typ")
    alg, jwk = proof.header.get("alg"), proof.header.get("jwk")
    if not isinstance(alg, str) or alg not in ALGORITHMS:
        return Invalid("dpop_alg")
    if not isinstance(jwk, dict) or jwk.get("alg", alg) != alg or jwk.get("use", "sig") != "sig":
        return Invalid("dpop_jwk")
    if not PRIVATE_MEMBERS.isdisjoint(jwk):
        return Invalid("dpop_private_jwk")
    try:
        key, jkt = read_public(jwk, alg, _MAX_RSA_BITS), thumbprint(jwk)
    except KeyRefused:
        return Invalid("dpop_jwk")
    if not checking(key, alg)(proof.signing_input, proof.signature):
        return Invalid("dpop_signature")
    return SignedProof(proof.claims, jkt, alg)
