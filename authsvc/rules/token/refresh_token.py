"""The refresh token: 54 bytes, 72 characters, checked without a database.

    base64url( 0x01 | MAC key id (1) | grant id (16) | generation (4, big-endian) | secret (16)
               | HMAC-SHA256(K, all before | client_id)[:16] )

`secret` is random per grant and only its SHA-256 is stored, so a leaked database yields no token. K is derived from
the master key, outside PostgreSQL, so K alone forges nothing either. The successor of a token is a pure function of
it (generation + 1), so that a retry is given the same successor with nothing stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from hashlib import sha256
from uuid import UUID

from authsvc.records import frozen
from authsvc.rules.client_record import Client, Digest
from authsvc.rules.mac_token import MacKey, read_token, write_token

LENGTH = 72
MAX_GENERATION = 2**32 - 1
_VERSION = 1


@frozen
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


def encode(token: RefreshToken, mac_key: MacKey, client_id: str) -> str:
    body = token.grant_id.bytes + token.generation.to_bytes(4, "big") + token.secret
    return write_token(_VERSION, token.key_id, body, mac_key, client_id)


def decode(text: str, mac_key: MacKey, client_id: str) -> RefreshToken | None:
    """The genuine token behind `text`, or None: forged, cut, altered, another client's. Costs one HMAC, no I/O."""
    found = read_token(text, _VERSION, 36, mac_key, client_id)
    if found is None:
        return None
    key_id, body = found
    return RefreshToken(key_id, UUID(bytes=body[:16]), int.from_bytes(body[16:20], "big"), body[20:])


def gets_refresh_token(client: Client, scope: Sequence[str]) -> bool:
    """By policy: first-party clients always, others where `offline_access` was granted (OIDC Core section 11), or need
    not be."""
    always = client.first_party or client.tokens.refresh_without_offline_access
    return "refresh_token" in client.grant_types and (always or "offline_access" in scope)
