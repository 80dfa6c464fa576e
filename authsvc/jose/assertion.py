"""Client assertions: private_key_jwt (RFC 7523 section 3, as tightened by RFC 10070: the audience is the issuer alone).

The key is one that the client registered; nothing in the assertion's header chooses another.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from authsvc.jose.client_jwks import is_signed
from authsvc.jose.verify import Invalid
from authsvc_jws.base64url import base64url_decode
from authsvc_jws.compact import is_plain, is_type, json_object, read_jws, segments

MAX_LENGTH = 8192
MAX_LIFE_SECONDS = 300
MAX_JTI = 256


@dataclass(frozen=True, slots=True)
class Accepted:
    """A genuine assertion, still to be spent: `digest` names it for the replay cache, for `seconds`."""

    digest: bytes
    seconds: int


def unverified_subject(assertion: str) -> str | None:
    """The `sub` that an assertion claims, to find the client whose keys may prove it. Never believed by itself."""
    parts = segments(assertion.encode("utf-8", "surrogatepass")) if len(assertion) <= MAX_LENGTH else None
    claims = json_object(base64url_decode(parts.payload)) if parts else None
    subject = claims.get("sub") if claims else None
    return subject if isinstance(subject, str) and 0 < len(subject) <= 128 and is_plain(subject) else None


def judge_assertion(
    assertion: str, jwks: Mapping[str, Any], *, client_id: str, issuer: str, skew_seconds: int, now: datetime
) -> Accepted | Invalid:
    """Check one assertion against the client's registered keys. Never raises for what was sent."""
    if len(assertion) > MAX_LENGTH:
        return Invalid("assertion_too_long")
    found = read_jws(assertion, limit=MAX_LENGTH)
    if found is None or "crit" in found.header:  # RFC 7515 section 4.1.11
        return Invalid("assertion_malformed")
    # RFC 8725 section 3.11: a client signs other things with the same keys, and none of them is an assertion. Request
    # objects (RFC 9101) need not name their type, but what they ask for.
    claims, typ = found.claims, found.header.get("typ")
    named = typ is None or is_type(typ, "JWT", "client-authentication+jwt")
    if not named or not {"response_type", "redirect_uri", "code_challenge"}.isdisjoint(claims):
        return Invalid("assertion_typ")
    # RFC 10070: the audience is the issuer as one string, not one among several.
    meant = claims.get("aud") == issuer and claims.get("iss") == claims.get("sub") == client_id
    if not meant or not is_signed(found, jwks):
        return Invalid("assertion_not_verified")
    return _judge_times(claims, client_id, skew_seconds, now.timestamp())


def _judge_times(claims: Mapping[str, Any], client_id: str, skew: int, now: float) -> Accepted | Invalid:
    jti: Any = claims.get("jti")
    expires: Any = claims.get("exp")
    if not isinstance(jti, str) or not 0 < len(jti) <= MAX_JTI or not is_plain(jti):
        return Invalid("assertion_jti")
    times = [expires, claims.get("nbf", 0), claims.get("iat", 0)]
    if any(isinstance(value, bool) or not isinstance(value, int) for value in times):
        return Invalid("assertion_times")
    if expires <= now - skew:
        return Invalid("assertion_expired")
    if expires > now + MAX_LIFE_SECONDS + skew:
        return Invalid("assertion_lives_too_long")
    if max(times[1:]) > now + skew:
        return Invalid("assertion_not_yet_valid")
    return Accepted(sha256(f"{client_id}\0{jti}".encode()).digest(), int(expires - now) + skew + 1)
