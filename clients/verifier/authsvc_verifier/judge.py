"""A token -> `Claims`, or why not. Pure: keys, time and rules are given; never raises, whatever was sent.

The order is the order of cost, and of trust: length, form, header (unverified: it only names a key that we already
know), signature, and only then the claims. `jwk`, `jku`, `x5u` and `x5c` are not read (RFC 8725 section 3.10).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from authsvc_jws.base64url import base64url_decode
from authsvc_jws.compact import is_type, json_object, segments
from authsvc_verifier.claims import Claims, client_of
from authsvc_verifier.keys import SAFE, Key, KeySet

MAX_LENGTH = 16_384
"""Characters of the longest token that is looked at."""
MAX_HEADER = 1024
"""Bytes of the longest header segment that is remembered; longer ones are read each time."""
MAX_NAMED = 64
_LAST_SECOND = 253_402_300_799  # 9999-12-31T23:59:59Z
RFC9068_REQUIRED = frozenset({"sub", "client_id", "iat", "jti"})
"""Section 2.2, beside iss, exp and aud, which every verifier requires."""


AT_JWT = frozenset({"at+jwt"})


@dataclass(frozen=True, slots=True)
class Rules:
    """What a token must be. `types`: lower case, without `application/`; empty: any. `audience`: one of them must be in
    `aud`. `leeway`: seconds. `roles_claim`: path to the list of roles. `clients`: whose tokens; empty: anybody's."""

    issuer: str
    audience: frozenset[str]
    algorithms: frozenset[str] = SAFE
    types: frozenset[str] = AT_JWT
    required: frozenset[str] = RFC9068_REQUIRED
    leeway: float = 30.0
    roles_claim: tuple[str, ...] = ("roles",)
    clients: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Invalid:
    """`reason`: one lower_snake word from a fixed set; nothing of the token is in it."""

    reason: str


@dataclass(frozen=True, slots=True)
class UnknownKid:
    """The header names a key that is not in the set: perhaps it is new, perhaps the token is forged."""

    kid: str


def judge_token(token: str, rules: Rules, keys: KeySet, now: float) -> Claims | Invalid | UnknownKid:
    """Verify one compact JWS (RFC 7515 section 5.2) and its claims (RFC 7519 section 7.2, RFC 9068 section 4). `now`:
    seconds since 1970."""
    if len(token) > MAX_LENGTH:
        return Invalid("oversized")
    parts = segments(token.encode("ascii")) if token.isascii() else None
    if parts is None:
        return Invalid("malformed")
    known = keys.named.get(parts.header)
    key = known or find_key(parts.header, rules.types, rules.algorithms, keys)
    if not isinstance(key, Key):
        return key
    signature = base64url_decode(parts.signature)
    if not signature or not key.check(parts.signing_input, signature):
        return Invalid("bad_signature")
    if known is None:
        _remember(parts.header, key, keys)
    claims = json_object(base64url_decode(parts.payload))
    if claims is None:
        return Invalid("bad_claims")
    wrong = wrong_claim(claims, rules, now)
    if wrong:
        return Invalid(wrong)
    return Claims(MappingProxyType(claims), key.kid, roles_of(claims, rules.roles_claim))


def _remember(header_text: bytes, key: Key, keys: KeySet) -> None:
    """So that each header of an access token is read once. Only what the issuer signed: strangers would fill the
    places with spellings of their own."""
    if len(header_text) <= MAX_HEADER and len(keys.named) < MAX_NAMED:
        keys.named[header_text] = key


def find_key(
    header_text: bytes, types: frozenset[str], algorithms: frozenset[str], keys: KeySet
) -> Key | Invalid | UnknownKid:
    """The key that an unverified header names, if the header asks for nothing else. `types`: see `Rules`."""
    header = json_object(base64url_decode(header_text))
    if header is None:
        return Invalid("bad_header")
    if "crit" in header:
        return Invalid("crit")  # RFC 7515 section 4.1.11: we understand no extension, so any critical one is too much
    if types and not is_type(header.get("typ"), *types):
        return Invalid("wrong_typ")  # RFC 9068 section 4, RFC 8725 section 3.11
    alg, kid = header.get("alg"), header.get("kid", "")
    if not isinstance(alg, str) or alg not in algorithms:
        return Invalid("wrong_alg")
    if not isinstance(kid, str):
        return Invalid("bad_header")
    key = keys.find(kid, alg)
    if key is None:
        if kid and kid not in keys.kids:
            return UnknownKid(kid)
        return Invalid("wrong_alg" if kid else "no_kid")
    return key


def wrong_claim(claims: Mapping[str, Any], rules: Rules, now: float) -> str | None:
    """The reason why these claims do not do, None when they do."""
    wrong = _malformed(claims)
    if wrong:
        return wrong
    if claims.get("iss") != rules.issuer:
        return "wrong_issuer"  # equal to a str, so a list that contains it is refused (CVE-2024-53861 class)
    if not rules.required <= claims.keys():
        return "claim_missing"
    if claims["exp"] <= now - rules.leeway:
        return "expired"  # RFC 7519 section 4.1.4: on or after
    if claims.get("nbf", 0) > now + rules.leeway or claims.get("iat", 0) > now + rules.leeway:
        return "not_yet_valid"
    aud = claims["aud"]
    if aud not in rules.audience if isinstance(aud, str) else rules.audience.isdisjoint(aud):
        return "wrong_audience"
    if rules.types != AT_JWT and _is_id_token(claims):
        return "wrong_typ"
    if rules.clients and client_of(claims) not in rules.clients:
        return "wrong_client"
    return None


def _is_id_token(claims: Mapping[str, Any]) -> bool:
    """Whether a token whose type tells nothing is an ID token: it says the hash of another token, or brings a nonce
    back (OpenID Connect Core sections 2 and 3.1.3.6) and no scope. Access tokens of Keycloak before 24 say a
    nonce, too."""
    if "at_hash" in claims or "c_hash" in claims:
        return True
    return "nonce" in claims and "scope" not in claims and "scp" not in claims


_TEXTS = ("iss", "sub", "client_id", "azp", "sid", "jti", "acr")
_DATES = ("exp", "iat", "nbf", "auth_time")
_LISTS = ("aud", "scope", "scp", "amr", "roles")
_OBJECTS = ("act", "cnf")


def _malformed(claims: Mapping[str, Any]) -> str | None:
    """Every claim that we use has its type, so that nobody has to ask again."""
    for name in ("exp", "aud"):
        if name not in claims:
            return "claim_missing"
    for name, value in claims.items():
        if name in _TEXTS:
            good = type(value) is str
        elif name in _DATES:
            good = is_date(value)
        elif name in _LISTS:
            good = type(value) is str or _is_texts(value)
        elif name in _OBJECTS:
            good = type(value) is dict
        elif name == "exchanged_from":
            good = isinstance(value, list) and all(_is_source(source) for source in value)
        elif name == "status":
            good = _is_status(value)
        else:
            continue
        if not good:
            return "bad_claims"
    return None


def is_date(value: object) -> bool:
    """NumericDate (RFC 7519 section 2); a bool, infinity or the year 292277026596 is none."""
    return type(value) in (int, float) and 0 <= value <= _LAST_SECOND  # type: ignore[operator]


def _is_texts(value: object) -> bool:
    return type(value) is list and all(type(entry) is str for entry in value)


def _is_source(value: object) -> bool:
    """What an exchanged token was made from: authsvc's `exchanged_from`."""
    return (
        isinstance(value, dict)
        and isinstance(value.get("jti"), str)
        and isinstance(value.get("client_id"), str)
        and is_date(value.get("iat"))
    )


def _is_status(value: object) -> bool:
    """draft-ietf-oauth-status-list section 6.2. What names no list is another mechanism, or another meaning."""
    if not isinstance(value, dict) or "status_list" not in value:
        return True
    found = value["status_list"]
    if not isinstance(found, dict):
        return False
    return type(found.get("idx")) is int and found["idx"] >= 0 and type(found.get("uri")) is str


def roles_of(claims: Mapping[str, Any], path: tuple[str, ...]) -> tuple[str, ...]:
    """The roles at `path`; () where there is no list of words."""
    found: Any = claims
    for name in path:
        found = found.get(name) if isinstance(found, Mapping) else None
    if isinstance(found, str):
        return (found,)
    return tuple(found) if _is_texts(found) else ()
