"""The subject: what a client knows a person by (OpenID Connect Core section 8)."""

from __future__ import annotations

import hmac
from uuid import UUID

from authsvc.rules.client_record import Client
from authsvc_jws.base64url import base64url_encode


def subject_of(client: Client, user_id: UUID, salt: bytes) -> str:
    """The person's id, or where the client's subjects are pairwise a value that only clients of its sector share
    (section 8.1). `salt`: this installation's, for ever; without it nobody can find the person behind the value."""
    if client.login.subject_type != "pairwise":
        return str(user_id)
    digest = hmac.digest(salt, (client.login.sector or client.id).encode() + b"\0" + user_id.bytes, "sha256")
    return base64url_encode(digest)
