"""By what names a client knows a person and a session: public or pairwise."""

from __future__ import annotations

from uuid import UUID

from authsvc.rules.client_record import Client
from authsvc.rules.errors import Unavailable
from authsvc.rules.token.session_name import NAME_LENGTH, session_name, session_named
from authsvc.rules.token.subject import subject_of
from authsvc.runtime import Runtime


def subject_for(runtime: Runtime, client: Client, user_id: UUID) -> str:
    """`sub` of a person for a client, public or pairwise (OpenID Connect Core section 8). Raises Unavailable while a
    pairwise one cannot be made."""
    return subject_of(client, user_id, _salt(runtime) if client.login.subject_type == "pairwise" else b"")


def session_name_for(runtime: Runtime, client: Client, session_id: UUID) -> str | None:
    """What the tokens of a grant of this client will call a session, None: by its id. Raises Unavailable as above."""
    return session_name(client, session_id, _salt(runtime)) if client.login.subject_type == "pairwise" else None


def session_of(runtime: Runtime, sid: str | None) -> UUID:
    """The session of a `sid` that we signed. Raises Unavailable as above, ValueError: it is none."""
    sid = sid or ""
    return session_named(sid, _salt(runtime)) if len(sid) == NAME_LENGTH else UUID(sid)


def _salt(runtime: Runtime) -> bytes:
    if not runtime.following.subject_salt:
        raise Unavailable("subject_salt_not_read")
    return runtime.following.subject_salt
