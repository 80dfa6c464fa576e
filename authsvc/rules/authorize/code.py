"""The authorization code: 50 bytes, checked without a database before it is looked up.

    base64url( 0x02 | MAC key id (1) | grant id (16) | secret (16) | HMAC-SHA256(K, all before)[:16] )

Unlike a refresh token it is not bound to its client by the MAC: a code that the wrong client brings must be found, so
that it can be burnt (RFC 9700 section 2.1.1).
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from hashlib import sha256
from uuid import UUID

from authlib.oauth2.rfc7636 import create_s256_code_challenge

from authsvc.rules.records import Digest
from authsvc.rules.token.refresh_token import MacKey

LENGTH = 67
_VERSION = 2
_VERIFIER = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


@dataclass(frozen=True, slots=True)
class Code:
    key_id: int
    grant_id: UUID
    secret: bytes = field(repr=False)

    @property
    def secret_hash(self) -> Digest:
        return sha256(self.secret).digest()


def encode(code: Code, key: bytes) -> str:
    """Write a code. `key` must be the MAC key of `code.key_id`."""
    head = bytes((_VERSION, code.key_id)) + code.grant_id.bytes + code.secret
    return urlsafe_b64encode(head + _mac(key, head)).decode("ascii").rstrip("=")


def decode(text: str, mac_key: MacKey) -> Code | None:
    """The genuine code behind `text`, or None."""
    if len(text) != LENGTH or not text.isascii():
        return None
    try:
        raw = urlsafe_b64decode(text + "=")
    except ValueError:
        return None
    if len(raw) != 50 or raw[0] != _VERSION or (key := mac_key(raw[1])) is None:
        return None
    if not hmac.compare_digest(_mac(key, raw[:34]), raw[34:]):
        return None
    return Code(raw[1], UUID(bytes=raw[2:18]), raw[18:34])


def _mac(key: bytes, head: bytes) -> bytes:
    return hmac.digest(key, head, "sha256")[:16]


def verifier_well_formed(verifier: str) -> bool:
    """RFC 7636 section 4.1."""
    return 43 <= len(verifier) <= 128 and _VERIFIER.issuperset(verifier)


def challenge_of(verifier: str) -> str:
    """The S256 challenge of a verifier (RFC 7636 section 4.2)."""
    challenge: str = create_s256_code_challenge(verifier)  # type: ignore[no-untyped-call]
    return challenge
