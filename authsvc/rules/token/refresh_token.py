"""The refresh token: 54 bytes, 72 characters, checked without a database.

    base64url( 0x01 | MAC key id (1) | grant id (16) | generation (4, big-endian) | secret (16)
               | HMAC-SHA256(K, all before | client_id)[:16] )

`secret` is random per grant and only its SHA-256 is stored, so a leaked database yields no token. K is derived from
the master key, outside PostgreSQL, so K alone forges nothing either. The successor of a token is a pure function of
it (generation + 1), so that a retry is given the same successor with nothing stored.
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from uuid import UUID

from authsvc.rules.records import Digest

LENGTH = 72
MAX_GENERATION = 2**32 - 1
_VERSION = 1
_ALPHABET = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")

MacKey = Callable[[int], bytes | None]
"""Key id -> 32 bytes, or None for an id that is not (or no longer) held."""


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """A genuine token: its MAC was made by us, for this client. Nothing is said about the grant's state."""

    key_id: int
    grant_id: UUID
    generation: int
    secret: bytes = field(repr=False)

    @property
    def secret_hash(self) -> Digest:
        return sha256(self.secret).digest()

    def at_generation(self, generation: int) -> RefreshToken:
        """The same lineage's token of another generation."""
        return RefreshToken(self.key_id, self.grant_id, generation, self.secret)


def encode(token: RefreshToken, key: bytes, client_id: str) -> str:
    """Write a token. `key` must be the MAC key of `token.key_id`."""
    head = bytes((_VERSION, token.key_id)) + token.grant_id.bytes + token.generation.to_bytes(4, "big") + token.secret
    return urlsafe_b64encode(head + _mac(key, head, client_id)).decode("ascii")


def decode(text: str, mac_key: MacKey, client_id: str) -> RefreshToken | None:
    """The genuine token behind `text`, or None: forged, cut, altered, another client's. Costs one HMAC, no I/O."""
    if len(text) != LENGTH or not _ALPHABET.issuperset(text):
        return None
    try:
        raw = urlsafe_b64decode(text)
    except Base64Error:  # pragma: no cover - 72 characters of the alphabet always decode
        return None
    if raw[0] != _VERSION or (key := mac_key(raw[1])) is None:
        return None
    if not hmac.compare_digest(_mac(key, raw[:38], client_id), raw[38:]):
        return None
    return RefreshToken(raw[1], UUID(bytes=raw[2:18]), int.from_bytes(raw[18:22], "big"), raw[22:38])


def _mac(key: bytes, head: bytes, client_id: str) -> bytes:
    return hmac.digest(key, head + client_id.encode(), "sha256")[:16]
