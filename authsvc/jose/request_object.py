"""The signature of a request object (RFC 9101 section 6.2): by a key that the client registered, and by no other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from authsvc.jose.algorithms import KeyRefused, check_fit, checking
from authsvc.jose.assertion import candidates
from authsvc_jws.compact import is_type, read_jws

MAX_LENGTH = 16_384
TYPE = "oauth-authz-req+jwt"


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """Claims that the client signed; what they ask for is still to be judged."""

    claims: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Unsigned:
    """No signature of this client is on the object. `reason`: one lower_snake word for log and metrics."""

    reason: str


def verify_request_object(text: str, jwks: Mapping[str, Any]) -> SignedRequest | Unsigned:
    """Check a request object against the client's keys. Never raises for what was sent. Encrypted objects, `none` and
    HMAC are not taken."""
    if len(text) > MAX_LENGTH:
        return Unsigned("request_object_too_long")
    found = read_jws(text, limit=MAX_LENGTH)
    if found is None:
        return Unsigned("request_object_malformed")
    if "crit" in found.header:
        return Unsigned("request_object_crit")  # RFC 7515 section 4.1.11
    typ = found.header.get("typ", TYPE)
    if not is_type(typ, TYPE, "JWT"):
        return Unsigned("request_object_typ")  # RFC 9101 section 10.8.1: a JWT for something else is none
    for key in candidates(jwks, found.header):
        try:
            check_fit(key.key, key.algorithm_name)
        except KeyRefused:
            continue
        if checking(key.key, key.algorithm_name)(found.signing_input, found.signature):
            return SignedRequest(found.claims)
    return Unsigned("request_object_not_verified")
