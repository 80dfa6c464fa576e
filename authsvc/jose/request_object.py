"""The signature of a request object (RFC 9101 section 6.2): by a key that the client registered, and by no other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from authsvc.jose.client_jwks import is_signed
from authsvc.jose.verify import Invalid
from authsvc_jws.compact import is_type, read_jws

MAX_LENGTH = 16_384
TYPE = "oauth-authz-req+jwt"


def verify_request_object(text: str, jwks: Mapping[str, Any]) -> Mapping[str, Any] | Invalid:
    """The claims that the client signed by one of its keys; what they ask for is still to be judged. Never raises for
    what was sent. Encrypted objects, `none` and HMAC are not taken."""
    if len(text) > MAX_LENGTH:
        return Invalid("request_object_too_long")
    found = read_jws(text, limit=MAX_LENGTH)
    if found is None:
        return Invalid("request_object_malformed")
    if "crit" in found.header:
        return Invalid("request_object_crit")  # RFC 7515 section 4.1.11
    typ = found.header.get("typ", TYPE)
    if not is_type(typ, TYPE, "JWT"):
        return Invalid("request_object_typ")  # RFC 9101 section 10.8.1: a JWT for something else is none
    return found.claims if is_signed(found, jwks) else Invalid("request_object_not_verified")
