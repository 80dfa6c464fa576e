"""A person looks at the sessions of the account, and ends one or all others."""

from __future__ import annotations

from uuid import UUID

from authsvc.flows.caller.person_of_token import person_id
from authsvc.flows.session.publish_revocation import publish_revocation
from authsvc.jose.verify import VerifiedClaims
from authsvc.rules.errors import Rejected
from authsvc.rules.person_record import Session
from authsvc.runtime import Runtime
from authsvc.store.session import sessions


async def list_own(runtime: Runtime, claims: VerifiedClaims) -> list[Session]:
    """Live sessions, the most recently used first. Raises StoreUnavailable."""
    return await sessions.live(runtime.db, await person_id(runtime, claims))


async def end_own(runtime: Runtime, claims: VerifiedClaims, session_id: str) -> None:
    """End one session of this person; another person's looks like none at all. Raises Rejected, StoreUnavailable."""
    try:
        wanted = UUID(session_id)
    except ValueError:
        wanted = None
    user_id = await person_id(runtime, claims)
    ended = wanted and await sessions.end(runtime.db, wanted, "ended_by_user", user_id=user_id)
    if not ended:
        raise Rejected("not_found", "There is no such session.", "session_unknown", status=404)
    await publish_revocation(runtime, ended)


async def end_others(runtime: Runtime, claims: VerifiedClaims) -> int:
    """End all sessions of this person but the one that asks. Returns how many. Raises StoreUnavailable."""
    user_id = await person_id(runtime, claims)
    ended = await sessions.end_all(runtime.db, user_id, "ended_by_user", keep=UUID(claims.sid or ""))
    await publish_revocation(runtime, ended)
    return len(ended.sessions)
