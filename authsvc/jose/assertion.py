"""Client assertions: private_key_jwt (RFC 7523 section 3, as tightened by RFC 10070: the audience is the issuer alone).

The key is one that the client registered; nothing in the assertion's header chooses another.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

import jwt

from authsvc_jws.compact import is_plain, is_type

ALGORITHMS = ("RS256", "PS256", "ES256", "EdDSA")
MAX_LENGTH = 8192
MAX_LIFE_SECONDS = 300
MAX_JTI = 256


@dataclass(frozen=True, slots=True)
class Accepted:
    """A genuine assertion, still to be spent: `digest` names it for the replay cache, for `seconds`."""

    digest: bytes
    seconds: int


@dataclass(frozen=True, slots=True)
class Refused:
    """The assertion authenticates nobody. `reason`: one lower_snake word for log and metrics."""

    reason: str


def unverified_subject(assertion: str) -> str | None:
    """The `sub` that an assertion claims, to find the client whose keys may prove it. Never believed by itself."""
    if len(assertion) > MAX_LENGTH or assertion.count(".") != 2:
        return None
    try:
        payload = assertion.split(".")[1]
        claims = json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (ValueError, RecursionError):
        return None
    subject = claims.get("sub") if isinstance(claims, dict) else None
    return subject if isinstance(subject, str) and 0 < len(subject) <= 128 and is_plain(subject) else None


def judge_assertion(
    assertion: str, jwks: Mapping[str, Any], *, client_id: str, issuer: str, skew_seconds: int, now: datetime
) -> Accepted | Refused:
    """Check one assertion against the client's registered keys. Never raises for what was sent."""
    if len(assertion) > MAX_LENGTH:
        return Refused("assertion_too_long")
    try:
        header = jwt.get_unverified_header(assertion)
        claims = None
        for key in candidates(jwks, header):
            claims = _verified(assertion, key, issuer, client_id)
            if claims is not None:
                break
    except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
        return Refused("assertion_malformed")
    if not _is_assertion(header.get("typ"), claims):
        return Refused("assertion_typ")
    if claims is None:
        return Refused("assertion_not_verified")
    return _judge_times(claims, client_id, skew_seconds, now.timestamp())


def _is_assertion(typ: object, claims: Mapping[str, Any] | None) -> bool:
    """RFC 8725 section 3.11: a client signs other things with the same keys, and none of them is an assertion. Request
    objects (RFC 9101) need not name their type, but what they ask for."""
    named = typ is None or is_type(typ, "JWT", "client-authentication+jwt")
    return named and not {"response_type", "redirect_uri", "code_challenge"} & set(claims or ())


def candidates(jwks: Mapping[str, Any], header: Mapping[str, Any]) -> list[jwt.PyJWK]:
    """The registered keys that an unverified header may mean."""
    algorithm, kid = header.get("alg"), header.get("kid")
    if algorithm not in ALGORITHMS:
        return []
    found = []
    for item in jwks.get("keys", [])[:10]:
        if (kid is not None and item.get("kid") != kid) or item.get("alg", algorithm) != algorithm:
            continue
        try:
            found.append(jwt.PyJWK(item, algorithm))
        except jwt.PyJWTError:
            continue
    return found


def _verified(assertion: str, key: jwt.PyJWK, issuer: str, client_id: str) -> dict[str, Any] | None:
    try:
        claims: dict[str, Any] = jwt.decode(
            assertion,
            key,
            algorithms=[key.algorithm_name],
            options={
                "require": ["iss", "sub", "aud", "exp", "jti"],
                "verify_exp": False,  # times are judged by our clock, below
                "verify_nbf": False,
                "verify_iat": False,
                "verify_aud": False,  # RFC 10070: the issuer as one string, not one among several
            },
        )
    except jwt.PyJWTError:
        return None
    return claims if claims["aud"] == issuer and claims["iss"] == claims["sub"] == client_id else None


def _judge_times(claims: Mapping[str, Any], client_id: str, skew: int, now: float) -> Accepted | Refused:
    jti, expires = claims["jti"], claims["exp"]
    if not isinstance(jti, str) or not 0 < len(jti) <= MAX_JTI or not is_plain(jti):
        return Refused("assertion_jti")
    times = [expires, claims.get("nbf", 0), claims.get("iat", 0)]
    if any(isinstance(value, bool) or not isinstance(value, int) for value in times):
        return Refused("assertion_times")
    if expires <= now - skew:
        return Refused("assertion_expired")
    if expires > now + MAX_LIFE_SECONDS + skew:
        return Refused("assertion_lives_too_long")
    if max(times[1:]) > now + skew:
        return Refused("assertion_not_yet_valid")
    return Accepted(sha256(f"{client_id}\0{jti}".encode()).digest(), int(expires - now) + skew + 1)
