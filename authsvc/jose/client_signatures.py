"""What a client signs: assertions (private_key_jwt, RFC 7523 section 3, as tightened by RFC 10070: the audience is the
issuer alone, unless the client's policy is laxer) and request objects (RFC 9101 section 6.2).

The key is one that the client registered; nothing in a header chooses another.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any, Final

from authsvc.jose.algorithms import ALGORITHMS, KeyRefused, checking
from authsvc.jose.client_jwks import MAX_KEYS
from authsvc.jose.jwk import read_public
from authsvc.jose.names import same_algorithm
from authsvc.jose.verify import Invalid
from authsvc.records import frozen
from authsvc_jws.base64url import base64url_decode
from authsvc_jws.compact import Unverified, is_plain, is_type, json_object, read_jws, segments

MAX_ASSERTION = 8192
MAX_REQUEST_OBJECT = 16_384
MAX_JTI = 256
MAX_SUBJECT = 256
"""Characters of a client_id, which may be the address of a document."""


@frozen
class Accepted:
    """A genuine assertion, still to be spent: `digest` names it for the replay cache, for `seconds`."""

    digest: bytes
    seconds: int


def unverified_subject(assertion: str) -> str | None:
    """The `sub` that an assertion claims, to find the client whose keys may prove it. Never believed by itself."""
    parts = segments(assertion.encode("utf-8", "surrogatepass")) if len(assertion) <= MAX_ASSERTION else None
    claims = json_object(base64url_decode(parts.payload)) if parts else None
    subject = claims.get("sub") if claims else None
    return subject if isinstance(subject, str) and 0 < len(subject) <= MAX_SUBJECT and is_plain(subject) else None


@frozen
class Wanted:
    """What an assertion must be. `audiences`: of which each member of its `aud` is one; `life_seconds`: how far ahead
    its end may be; `algorithms`: by which it is signed."""

    client_id: str
    audiences: tuple[str, ...]
    life_seconds: int
    skew_seconds: int
    algorithms: tuple[str, ...] = tuple(ALGORITHMS)

    @property
    def told(self) -> Mapping[str, str]:
        """What a client may be told whose key has signed, by the reason of the refusal. Nothing that was sent is in
        it."""
        audiences = ", or ".join(self.audiences)
        return _TOLD | {
            "assertion_audience": f"The aud of the assertion must be the issuer, {self.audiences[0]}, alone."
            if len(self.audiences) == 1
            else f"The aud of the assertion must be {audiences}, and nothing else.",
            "assertion_alg": f"The alg of the assertion must be one of {', '.join(self.algorithms)}.",
            "assertion_lives_too_long": f"The exp of the assertion must be at most {self.life_seconds} seconds ahead.",
        }


def judge_assertion(assertion: str, jwks: Mapping[str, Any], wanted: Wanted, now: datetime) -> Accepted | Invalid:
    """Check one assertion against the client's registered keys. Never raises for what was sent."""
    if len(assertion) > MAX_ASSERTION:
        return Invalid("assertion_too_long")
    found = read_jws(assertion, limit=MAX_ASSERTION)
    if found is None or "crit" in found.header:  # RFC 7515 section 4.1.11
        return Invalid("assertion_malformed")
    # RFC 8725 section 3.11: a client signs other things with the same keys, and none of them is an assertion. Request
    # objects (RFC 9101) need not name their type, but what they ask for.
    claims, typ = found.claims, found.header.get("typ")
    named = typ is None or is_type(typ, "JWT", "client-authentication+jwt")
    if not named or not {"response_type", "redirect_uri", "code_challenge"}.isdisjoint(claims):
        return Invalid("assertion_typ")
    if not _is_signed(found, jwks):
        return Invalid("assertion_not_verified")
    if found.header.get("alg") not in wanted.algorithms:
        return Invalid("assertion_alg")
    if not claims.get("iss") == claims.get("sub") == wanted.client_id:
        return Invalid("assertion_issuer")
    # RFC 10070: the audience is us, not us among others. A list of us alone says the same.
    aud = claims.get("aud")
    if not (aud in wanted.audiences if isinstance(aud, str) else _is_ours(aud, wanted.audiences)):
        return Invalid("assertion_audience")
    return _judge_times(claims, wanted, now.timestamp())


def _is_ours(aud: Any, audiences: tuple[str, ...]) -> bool:
    """Whether a list names us, and nobody else, each once."""
    if not isinstance(aud, list) or not all(isinstance(one, str) for one in aud):
        return False
    return 0 < len(aud) == len(set(aud)) and set(aud) <= set(audiences)


_TOLD: Final = {
    "assertion_issuer": "The iss and sub of the assertion must be the client id.",
    "assertion_jti": f"The jti of the assertion must be a text of 1 to {MAX_JTI} characters.",
    "assertion_times": "The exp, nbf and iat of the assertion must be whole seconds, and exp is needed.",
    "assertion_expired": "The assertion has expired: compare the clocks.",
    "assertion_not_yet_valid": "The nbf or iat of the assertion lies ahead: compare the clocks.",
    "assertion_replayed": "The assertion was used before: each request needs one of its own, with another jti.",
}


def _judge_times(claims: Mapping[str, Any], wanted: Wanted, now: float) -> Accepted | Invalid:
    skew = wanted.skew_seconds
    jti: Any = claims.get("jti")
    expires: Any = claims.get("exp")
    if not isinstance(jti, str) or not 0 < len(jti) <= MAX_JTI or not is_plain(jti):
        return Invalid("assertion_jti")
    times = [expires, claims.get("nbf", 0), claims.get("iat", 0)]
    if any(isinstance(value, bool) or not isinstance(value, int) for value in times):
        return Invalid("assertion_times")
    if expires <= now - skew:
        return Invalid("assertion_expired")
    if expires > now + wanted.life_seconds + skew:
        return Invalid("assertion_lives_too_long")
    if max(times[1:]) > now + skew:
        return Invalid("assertion_not_yet_valid")
    return Accepted(sha256(f"{wanted.client_id}\0{jti}".encode()).digest(), int(expires - now) + skew + 1)


def verify_request_object(
    text: str, jwks: Mapping[str, Any], algorithms: Collection[str] = tuple(ALGORITHMS)
) -> Mapping[str, Any] | Invalid:
    """The claims that the client signed by one of its keys; what they ask for is still to be judged. Never raises for
    what was sent. Encrypted objects, `none` and HMAC are not taken."""
    if len(text) > MAX_REQUEST_OBJECT:
        return Invalid("request_object_too_long")
    found = read_jws(text, limit=MAX_REQUEST_OBJECT)
    if found is None:
        return Invalid("request_object_malformed")
    if "crit" in found.header:
        return Invalid("request_object_crit")  # RFC 7515 section 4.1.11
    if not is_type(found.header.get("typ", "JWT"), "oauth-authz-req+jwt", "JWT"):
        return Invalid("request_object_typ")  # RFC 9101 section 10.8.1: a JWT for something else is none
    if found.header.get("alg") not in algorithms:
        return Invalid("request_object_not_verified")
    return found.claims if _is_signed(found, jwks) else Invalid("request_object_not_verified")


def _is_signed(found: Unverified, jwks: Mapping[str, Any]) -> bool:
    """Whether one of these keys of a client made the signature; its unverified header says which it may be."""
    alg, kid = found.header.get("alg"), found.header.get("kid")
    if not isinstance(alg, str) or alg not in ALGORITHMS:
        return False
    for key in jwks.get("keys", [])[:MAX_KEYS]:
        if (kid is not None and key.get("kid") != kid) or not same_algorithm(key.get("alg", alg), alg):
            continue
        try:
            holds = checking(read_public(key, alg), alg)
        except KeyRefused:
            continue
        if holds(found.signing_input, found.signature):
            return True
    return False
