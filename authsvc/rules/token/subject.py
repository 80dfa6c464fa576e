"""What a client knows a person by (OpenID Connect Core section 8)."""

from __future__ import annotations

import hmac
from uuid import UUID

from authsvc.rules.client_record import Client
from authsvc_jws.base64url import base64url_encode


def subject_of(client: Client, user_id: UUID, salt: bytes) -> str:
    """What a client knows a person by: their id, or where the client's subjects are pairwise a value that only clients
    of its sector share (section 8.1). `salt`: this installation's, for ever; without it nobody can find the person
    behind the value."""
    if client.login.subject_type != "pairwise":
        return str(user_id)
    return base64url_encode(hmac.digest(salt, sector_of(client) + b"\0" + user_id.bytes, "sha256"))


def sector_of(client: Client) -> bytes:
    """Whose subjects a pairwise client shares: its own where it has no sector. Never empty, and without a NUL."""
    return (client.login.sector or client.id).encode()
