"""Token Status List (draft-ietf-oauth-status-list): where a token stands in one, and what a list says of it. Pure.

A list is believed from the moment in which it was asked for until its `ttl` is over (section 13.7), never beyond `exp`.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from authsvc_jws.base64url import base64url_decode
from authsvc_jws.compact import json_object, segments
from authsvc_verifier.claims import Claims
from authsvc_verifier.judge import Invalid, Rules, UnknownKid, find_key, is_date
from authsvc_verifier.keys import KeySet

TYPES: Final = frozenset({"statuslist+jwt"})
MAX_LENGTH: Final = 8 * 2**20
"""Characters of a status list token."""
MAX_PACKED: Final = 8 * 2**20
"""Bytes that a list may unpack to: 67 million tokens with one bit."""
TTL_SECONDS: Final = (1.0, 300.0, 3600.0)
"""How long a list is believed: at least (section 11.5), where it does not say, at most."""

VALID: Final = 0
REFUSED: Final[Mapping[int, str]] = {1: "status_invalid", 2: "status_suspended"}
"""Section 7.1. Any other status but VALID is the application's, and no word that a token is good."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a token's status is: `status.status_list` (section 6.2)."""

    uri: str
    index: int


def place_of(claims: Claims) -> Place | None:
    """None: this token names no list. Its form was judged with the token's other claims."""
    status = claims.raw.get("status")
    found = status.get("status_list") if isinstance(status, dict) else None
    return None if found is None else Place(found["uri"], found["idx"])


@dataclass(frozen=True, slots=True)
class StatusList:
    """`packed`: statuses of `bits` bits (section 4.1). `ttl`: seconds, within our bounds. `issued_at` and `expires_at`,
    leeway included: seconds since 1970."""

    bits: int
    packed: bytes = field(repr=False)
    issued_at: float
    ttl: float
    expires_at: float = math.inf

    def status(self, index: int) -> int | None:
        """None: beyond the list."""
        at = index * self.bits
        if at >> 3 >= len(self.packed):
            return None
        return self.packed[at >> 3] >> (at & 7) & ((1 << self.bits) - 1)


def read_list(text: bytes, uri: str, rules: Rules, keys: KeySet, now: float) -> StatusList | Invalid | UnknownKid:
    """A status list token as it came from `uri` (section 8.3). `now`: seconds since 1970."""
    if len(text) > MAX_LENGTH:
        return Invalid("oversized")
    parts = segments(text)
    if parts is None:
        return Invalid("malformed")
    key = find_key(parts.header, TYPES, rules.algorithms, keys)
    if isinstance(key, Invalid | UnknownKid):
        return key
    signature = base64url_decode(parts.signature)
    if not signature or not key.check(parts.signing_input, signature):
        return Invalid("bad_signature")
    claims = json_object(base64url_decode(parts.payload))
    if claims is None:
        return Invalid("bad_claims")
    wrong = _wrong_claim(claims, uri, rules, now)
    if wrong:
        return Invalid(wrong)
    packed = unpacked(claims["status_list"]["lst"])
    if packed is None:
        return Invalid("bad_list")
    least, unsaid, most = TTL_SECONDS
    ttl = float(min(max(claims.get("ttl", unsaid), least), most))
    expires_at = claims.get("exp", math.inf) + rules.leeway
    return StatusList(claims["status_list"]["bits"], packed, claims["iat"], ttl, expires_at)


def _wrong_claim(claims: Mapping[str, Any], uri: str, rules: Rules, now: float) -> str | None:
    """Sections 4.2 and 5.1, RFC 7519 section 7.2."""
    if not is_date(claims.get("iat")) or not all(is_date(claims[name]) for name in ("exp", "nbf") if name in claims):
        return "bad_claims"
    ttl = claims.get("ttl", 1)
    if type(ttl) not in (int, float) or not ttl > 0:
        return "bad_claims"
    found = claims.get("status_list")
    if not isinstance(found, dict) or type(found.get("bits")) is not int or found["bits"] not in (1, 2, 4, 8):
        return "bad_claims"
    if not isinstance(found.get("lst"), str):
        return "bad_claims"
    if claims.get("sub") != uri:
        return "other_list"
    if claims.get("iss", rules.issuer) != rules.issuer:
        return "wrong_issuer"
    if claims.get("exp", math.inf) <= now - rules.leeway:
        return "expired"
    if max(claims["iat"], claims.get("nbf", 0)) > now + rules.leeway:
        return "not_yet_valid"
    return None


def unpacked(lst: str) -> bytes | None:
    """The statuses of a `lst` (section 4.1). None: it is none, or larger than we read; nothing larger is ever held."""
    reader = zlib.decompressobj()
    try:
        packed = reader.decompress(base64url_decode(lst.encode("ascii")), MAX_PACKED)
    except (zlib.error, UnicodeEncodeError):
        return None
    return packed if reader.eof and not reader.unused_data else None
