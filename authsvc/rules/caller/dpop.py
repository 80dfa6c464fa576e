"""What a DPoP proof must say (RFC 9449 section 4.3), and the nonces that it must repeat (section 8).

The signature was checked before (`jose/proof`). A nonce is a slice of time and our MAC over it: any replica makes
and knows it, none stores it.

    base64url( MAC key id (1) | slice (4, big-endian) | HMAC-SHA256(K, both before)[:16] )
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from authsvc.records import frozen
from authsvc.rules.client_record import Client, Digest
from authsvc.rules.confirmation import UNBOUND, Confirmation
from authsvc.rules.mac_token import MacKey, mac
from authsvc_jws.base64url import base64url_decode, base64url_encode
from authsvc_jws.dpop import normal_url, token_hash

ALGORITHMS = ("ES256", "RS256", "PS256", "EdDSA", "Ed25519")
"""dpop_signing_alg_values_supported (section 5.1)."""
SLICE_SECONDS = 120
NONCE_SECONDS = 3 * SLICE_SECONDS + 1
"""Longer than any nonce is taken from now on: those of the next slice are for three."""
PAST_SECONDS = 60
"""How old a proof without a nonce may be, beside the clock skew."""
NONCED_SECONDS = 300
"""How far the clock of a sender may be off whose nonce tells the time (section 4.3, check 11)."""
MAX_JTI = 256
NONCE_LENGTH = 28
_LAST_SECOND = 253_402_300_799  # 9999-12-31T23:59:59Z


@frozen
class Genuine:
    """The proof is good, if it is the first time: `digest` names it for the replay cache, for `seconds`."""

    digest: Digest
    seconds: int


@frozen
class Wrong:
    reason: str


@frozen
class NonceNeeded:
    """Good but for its nonce: the sender is given one and tries again (section 8)."""

    reason: str


@frozen
class Wanted:
    """What a proof is to be for. `urls`: addresses of the endpoint, without query; `now`: seconds since 1970;
    `access_token`: shown beside it. `nonce_dates`: a fresh nonce says when the proof was made, and `iat` nothing."""

    method: str
    urls: tuple[str, ...]
    now: float
    skew_seconds: int
    nonce_required: bool
    access_token: str | None = None
    nonce_dates: bool = False


def judge_proof(claims: Mapping[str, Any], jkt: str, wanted: Wanted, mac_key: MacKey) -> Genuine | Wrong | NonceNeeded:
    """Judge the claims of a proof whose signature holds."""
    jti, iat, nonce = claims.get("jti"), claims.get("iat"), claims.get("nonce")
    if not isinstance(jti, str) or not 0 < len(jti) <= MAX_JTI:
        return Wrong("dpop_jti")
    if claims.get("htm") != wanted.method:
        return Wrong("dpop_htm")
    if normal_url(claims.get("htu")) not in map(normal_url, wanted.urls):
        return Wrong("dpop_htu")
    if wanted.access_token is not None and claims.get("ath") != token_hash(wanted.access_token):
        return Wrong("dpop_ath")
    if isinstance(iat, bool) or not isinstance(iat, int | float) or not 0 <= iat <= _LAST_SECOND:
        return Wrong("dpop_iat")
    if nonce is None and wanted.nonce_required:
        return NonceNeeded("dpop_nonce_missing")
    if nonce is not None and not nonce_is_fresh(nonce, mac_key, wanted.now):
        return NonceNeeded("dpop_nonce_old")
    digest = sha256(f"dpop\0{jkt}\0{jti}".encode("utf-8", "surrogatepass")).digest()
    if nonce is not None and wanted.nonce_dates:  # sections 8 and 11.1: it is no older and no younger than its nonce
        return Genuine(digest, NONCE_SECONDS)
    past = PAST_SECONDS + wanted.skew_seconds if nonce is None else NONCED_SECONDS
    if not -past <= iat - wanted.now <= (wanted.skew_seconds if nonce is None else NONCED_SECONDS):
        return Wrong("dpop_iat")
    return Genuine(digest, int(iat + past - wanted.now) + 1)


def refresh_binding(client: Client, confirmation: Confirmation) -> Confirmation:
    """What a refresh token is bound to (section 5): a confidential client proves itself at each use instead, and may
    change its keys."""
    return UNBOUND if client.confidential else confirmation


def make_nonce(key_id: int, key: bytes, now: float) -> str:
    """The nonce of the present slice."""
    return _written(key_id, key, int(now) // SLICE_SECONDS)


def nonce_is_fresh(nonce: object, mac_key: MacKey, now: float) -> bool:
    """Ours, of this slice, of the one before, or of the next: replicas differ a little about the time."""
    if not isinstance(nonce, str) or len(nonce) != NONCE_LENGTH or not nonce.isascii():
        return False
    raw = base64url_decode(nonce.encode("ascii"))
    if len(raw) != 21 or (key := mac_key(raw[0])) is None:
        return False
    number = int.from_bytes(raw[1:5], "big")
    genuine = hmac.compare_digest(_written(raw[0], key, number), nonce)
    return genuine and abs(number - int(now) // SLICE_SECONDS) <= 1


def _written(key_id: int, key: bytes, number: int) -> str:
    head = bytes((key_id,)) + number.to_bytes(4, "big")
    return base64url_encode(head + mac(key, head))
