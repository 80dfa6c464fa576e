"""What a signed request object may say (RFC 9101), and the parameters that it stands for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from authsvc.reason import Reason
from authsvc.records import frozen
from authsvc.rules.authorize.request import LIMITS
from authsvc.rules.client_record import Digest
from authsvc.rules.refused import Refused
from authsvc_jws.compact import is_plain

MAX_LIFE_SECONDS = 3600
MAX_JTI = 256
_ENVELOPE = frozenset({"client_id", "request", "request_uri"})


@frozen
class Use:
    """`digest` names an object for the replay cache, for `seconds`."""

    digest: Digest
    seconds: int


def read_request_object(
    claims: Mapping[str, Any], *, client_id: str, issuer: str, skew_seconds: int, now: float, fapi2: bool = False
) -> dict[str, str] | Refused:
    """The authorization parameters in the claims of an object whose signature holds. `now`: seconds since 1970;
    `fapi2`: the client keeps to FAPI 2.0, whose Message Signing wants `nbf`, too."""
    for wrong in (
        _wrong_party(claims, client_id, issuer),
        _wrong_time(claims, skew_seconds, now) or (_wrong_start(claims, skew_seconds, now) if fapi2 else None),
        _wrong_jti(claims),
    ):
        if wrong:
            return invalid_object(wrong)
    parameters = {"client_id": client_id}
    for name in LIMITS.keys() - _ENVELOPE:
        if name in claims:
            value = _text(name, claims[name])
            if value is None:
                return invalid_object("request_object_parameter")
            if value:
                parameters[name] = value
    return parameters


def use_of(claims: Mapping[str, Any], *, client_id: str, skew_seconds: int, now: float) -> Use | None:
    """How the use of an object that was read is remembered; None for one without a jti, which RFC 9101 allows."""
    if "jti" not in claims:
        return None
    digest = sha256(f"request object\0{client_id}\0{claims['jti']}".encode("utf-8", "surrogatepass")).digest()
    return Use(digest, int(claims["exp"] + skew_seconds - now) + 1)


def invalid_object(reason: str) -> Refused:
    """The one answer to a request object that is no good, whatever is wrong with it (RFC 9101 section 7)."""
    return Refused("invalid_request_object", "The request object is invalid.", reason)


def _wrong_party(claims: Mapping[str, Any], client_id: str, issuer: str) -> Reason | None:
    # RFC 9101 section 5: the client_id beside the object is the one in it.
    if claims.get("iss") != client_id or claims.get("client_id") != client_id:
        return "request_object_client"
    audience = claims.get("aud")  # FAPI 2.0 Message Signing section 5.3.1: the issuer, or a list that contains it
    if audience != issuer and not (isinstance(audience, list) and issuer in audience and all(map(_is_text, audience))):
        return "request_object_audience"
    # RFC 9101 section 10.8: with the client as its subject it would be a client assertion.
    if claims.get("sub") == client_id:
        return "request_object_subject"
    if "request" in claims or "request_uri" in claims:  # section 4
        return "request_object_nested"
    return None


def _wrong_time(claims: Mapping[str, Any], skew_seconds: int, now: float) -> Reason | None:
    times = [claims.get("exp"), claims.get("nbf", 0), claims.get("iat", 0)]
    if any(isinstance(value, bool) or not isinstance(value, int | float) for value in times):
        return "request_object_times"
    expires, *starts = times
    if not now - skew_seconds < expires:
        return "request_object_expired"
    if not expires <= now + MAX_LIFE_SECONDS + skew_seconds:
        return "request_object_lives_too_long"
    if not all(value <= now + skew_seconds for value in starts):
        return "request_object_not_yet_valid"
    return None


def _wrong_start(claims: Mapping[str, Any], skew_seconds: int, now: float) -> Reason | None:
    """FAPI 2.0 Message Signing section 5.3.1: `nbf` is at most an hour ago, and `exp` at most an hour after it."""
    start = claims.get("nbf")
    if start is None:
        return "request_object_times"
    if not start >= now - MAX_LIFE_SECONDS - skew_seconds:
        return "request_object_too_old"
    return "request_object_lives_too_long" if claims["exp"] > start + MAX_LIFE_SECONDS else None


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _wrong_jti(claims: Mapping[str, Any]) -> Reason | None:
    jti = claims.get("jti", "none")
    return None if isinstance(jti, str) and 0 < len(jti) <= MAX_JTI else "request_object_jti"


def _text(name: str, value: object) -> str | None:
    """A parameter as it would stand in a query: objects as JSON, numbers as digits. None: nothing that it may be."""
    if name == "max_age" and type(value) is int and value >= 0:
        value = str(value) if value < 10**9 else None
    elif name in ("claims", "registration") and isinstance(value, dict):
        value = json.dumps(value)
    elif name == "resource" and isinstance(value, list) and all(isinstance(item, str) for item in value):
        value = " ".join(value)
    return value if isinstance(value, str) and is_plain(value) else None
