"""A token -> `VerifiedClaims`, or `Invalid` with the reason. Never raises, whatever was sent.

The order is the order of cost, and of trust: length, form, header (unverified: it only names a key that we already
know), signature, and only then the claims. The algorithm is the key's own; nothing in the header chooses it, and `jwk`,
`jku`, `x5u` and `x5c` are not read (RFC 8725 sections 3.1 and 3.10).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from authsvc.jose.algorithms import Check
from authsvc.reason import Reason
from authsvc.records import frozen
from authsvc_jws.base64url import base64url_decode
from authsvc_jws.compact import is_type, json_object, segments

MAX_LENGTH = 8192
"""Characters of the longest token that is looked at."""

PLAIN = "JWT"
"""The type that tells nothing of what a token is for (RFC 7519 section 5.1)."""
_LAST_SECOND = 253_402_300_799  # 9999-12-31T23:59:59Z


@frozen
class Invalid:
    """`reason`: one lower_snake word for log and metrics, from a fixed set; nothing of the token is in it."""

    reason: str


@frozen
class VerifiedClaims:
    """Claims of a token that we signed, for the audience and at the time that were asked about. `sid`: the session;
    None for a client's own token. `scope`: space-separated (RFC 6749 section 3.3), may be empty. `raw`: all."""

    kid: str
    sub: str
    jti: str
    client_id: str
    exp: int
    iat: int
    sid: str | None
    scope: str
    aud: tuple[str, ...]
    raw: Mapping[str, Any]


@frozen
class Verifier:
    """What one key says about a signature."""

    kid: str
    alg: str
    check: Check


@frozen
class Marks:
    """Claims by which a token of type JWT, which tells nothing, is known for what it is (RFC 8725 section 3.12)."""

    present: frozenset[str]
    absent: frozenset[str]

    def are_in(self, claims: Mapping[str, Any]) -> bool:
        return self.present <= claims.keys() and self.absent.isdisjoint(claims)


@frozen
class Expected:
    """What a token must be. `typ`: without `application/`. `now`, `leeway`: seconds. `audience`: one
    of them must be in `aud`; None = any. `client_claim`: which claim names the client: `azp` in an ID token. `marks`:
    with them the type JWT will do, too, and no token of this type does without them."""

    typ: str
    issuer: str
    audience: str | Collection[str] | None
    now: float
    leeway: int
    client_claim: str = "client_id"
    marks: Marks | None = None


def judge_token(
    token: str, expected: Expected, verifiers: Mapping[str, Verifier], withdrawn: frozenset[str]
) -> VerifiedClaims | Invalid:
    """Verify one compact JWS (RFC 7515 section 5.2) and its claims (RFC 7519 section 7.2, RFC 9068 section 4)."""
    if not isinstance(token, str) or len(token) > MAX_LENGTH:
        return Invalid("oversized" if isinstance(token, str) else "malformed")
    parts = segments(token.encode("ascii")) if token.isascii() else None
    if parts is None:
        return Invalid("malformed")
    unverified = json_object(base64url_decode(parts.header))
    marks = expected.marks if unverified is not None and is_type(unverified.get("typ"), PLAIN) else None
    verifier = _named_key(unverified, PLAIN if marks else expected.typ, verifiers, withdrawn)
    if isinstance(verifier, Invalid):
        return verifier
    signature = base64url_decode(parts.signature)
    if not signature or not verifier.check(parts.signing_input, signature):
        return Invalid("bad_signature")
    claims = json_object(base64url_decode(parts.payload))
    if claims is None:
        return Invalid("bad_claims")
    if marks is not None and not marks.are_in(claims):
        return Invalid("wrong_typ")
    if wrong := _wrong_claim(claims, expected):
        return Invalid(wrong)
    required = {name: claims[name] for name in ("sub", "jti", "exp", "iat")}
    client_id, sid, scope = claims[expected.client_claim], claims.get("sid"), claims.get("scope", "")
    aud = tuple(_listed(claims.get("aud", [])))
    return VerifiedClaims(verifier.kid, client_id=client_id, sid=sid, scope=scope, aud=aud, raw=claims, **required)


def _named_key(
    unverified: dict[str, Any] | None, typ: str, verifiers: Mapping[str, Verifier], withdrawn: frozenset[str]
) -> Verifier | Invalid:
    """The key that an unverified header names, if the header asks for nothing else."""
    if unverified is None:
        return Invalid("bad_header")
    if "crit" in unverified:
        return Invalid("crit")  # RFC 7515 section 4.1.11: we understand no extension, so any critical one is too much
    if not is_type(unverified.get("typ"), typ):
        return Invalid("wrong_typ")  # RFC 9068 section 4, RFC 8725 section 3.11
    kid = unverified.get("kid")
    if not isinstance(kid, str):
        return Invalid("no_kid")
    verifier = verifiers.get(kid)
    if verifier is None:
        return Invalid("withdrawn_kid" if kid in withdrawn else "unknown_kid")
    return verifier if unverified.get("alg") == verifier.alg else Invalid("wrong_alg")


def _wrong_claim(claims: dict[str, Any], expected: Expected) -> Reason | None:
    """The reason why these claims do not do, None when they do."""
    if not _well_formed(claims, expected.client_claim):
        return "bad_claims"
    if claims.get("iss") != expected.issuer:
        return "wrong_issuer"  # equal to a str, so a list that contains it is refused (CVE-2024-53861 class)
    if claims["exp"] <= expected.now - expected.leeway:
        return "expired"  # RFC 7519 section 4.1.4: on or after
    if claims.get("nbf", 0) > expected.now + expected.leeway:
        return "not_yet_valid"
    if expected.audience is not None and set(_listed(expected.audience)).isdisjoint(_listed(claims.get("aud", []))):
        return "wrong_audience"
    return None


def _well_formed(claims: dict[str, Any], client_claim: str) -> bool:
    """Every claim that we use has its type, and the required ones are there."""
    return (
        all(isinstance(claims.get(name), str) for name in ("sub", "jti", client_claim))
        and all(isinstance(claims.get(name, ""), str) for name in ("sid", "scope"))
        and all(_is_date(claims.get(name)) for name in ("exp", "iat"))
        and _is_date(claims.get("nbf", 0))
        and all(_is_texts(_listed(claims.get(name, []))) for name in ("aud", "roles"))
    )


def _is_date(value: object) -> bool:
    """NumericDate as we write it: whole seconds. A float, a bool or the year 292277026596 is none."""
    return type(value) is int and 0 <= value <= _LAST_SECOND


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(entry, str) for entry in value)


def _listed(value: Any) -> Any:
    """RFC 7519 section 4.1.3: one audience may stand without its list."""
    return [value] if isinstance(value, str) else value
