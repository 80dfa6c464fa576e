"""The operator ends one session, or all of a person. Known everywhere when the call returns."""

from __future__ import annotations

from uuid import UUID

from authsvc.flows.session.publish_revocation import publish_revocation
from authsvc.runtime import Runtime
from authsvc.store import audit
from authsvc.store.session import sessions

REASON = "operator"


async def end_one(runtime: Runtime, actor: str, session_id: UUID) -> bool:
    """False: no such session. Ending twice is the same as once."""
    async with runtime.db.transaction(seconds=10) as connection:
        ended = await sessions.end(connection, session_id, REASON)
        if ended is None:
            return False
        await audit.record(connection, "session_ended", actor, session_id=session_id)
    await publish_revocation(runtime, ended)
    return True


async def end_all_of(runtime: Runtime, actor: str, user_id: UUID) -> int:
    """How many were ended."""
    async with runtime.db.transaction(seconds=10) as connection:
        ended = await sessions.end_all(connection, user_id, REASON)
        await audit.record(connection, "sessions_ended", actor, user_id=user_id, sessions=len(ended.sessions))
    await publish_revocation(runtime, ended)
    return len(ended.sessions)
