"""What each client says of a login: how long it lasts, and the subject by which it knows the person."""

from __future__ import annotations

from uuid import UUID

from authsvc.rules.client_record import Client
from authsvc.rules.errors import Unavailable
from authsvc.rules.token.id_token import subject_of
from authsvc.runtime import Runtime


def subject_for(runtime: Runtime, client: Client, user_id: UUID) -> str:
    """`sub` of a person for a client, public or pairwise (OpenID Connect Core section 8). Raises Unavailable while a
    pairwise one cannot be made."""
    if client.login.subject_type == "pairwise" and not runtime.following.subject_salt:
        raise Unavailable("subject_salt_not_read")
    return subject_of(client, user_id, runtime.following.subject_salt)


def lifetime(runtime: Runtime, client: Client | None, remember_me: bool) -> int:
    """Seconds that a session lives, from its login on: by the client's own policy, else by the service's. `client`:
    None for one that began at one of our own pages."""
    if remember_me:
        return (client and client.login.remember_me_seconds) or runtime.settings.remember_me_seconds
    return (client and client.login.session_seconds) or runtime.settings.session_seconds
