"""A person as a client knows them: `sub`, public or pairwise (OpenID Connect Core section 8)."""

from __future__ import annotations

from uuid import UUID

from authsvc.rules.client_record import Client
from authsvc.rules.errors import Unavailable
from authsvc.rules.subject import subject_of
from authsvc.runtime import Runtime


def subject_for(runtime: Runtime, client: Client, user_id: UUID) -> str:
    """`sub` of a person for a client. Raises Unavailable while a pairwise one cannot be made."""
    if client.login.subject_type == "pairwise" and not runtime.following.subject_salt:
        raise Unavailable("subject_salt_not_read")
    return subject_of(client, user_id, runtime.following.subject_salt)
