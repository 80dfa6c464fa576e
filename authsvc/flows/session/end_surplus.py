"""A person has a bounded number of sessions: a login beyond it ends those that were used longest ago."""

from __future__ import annotations

from contextlib import suppress
from uuid import UUID

from authsvc.flows.session.publish_revocation import publish_revocation
from authsvc.runtime import Runtime
from authsvc.store.errors import StoreUnavailable
from authsvc.store.session import sessions
from authsvc.store.session.endings import BATCH


async def end_surplus(runtime: Runtime, user_id: UUID, session_id: UUID, others: int) -> None:
    """Make room for a session that has begun, beside so many `others`. It stands whatever becomes of this: trouble in a
    store leaves the surplus to the next login."""
    surplus = others + 1 - runtime.settings.sessions_per_person
    if surplus <= 0:
        return
    with suppress(StoreUnavailable):
        ended = await sessions.end_least_used(
            runtime.db, user_id, min(surplus, BATCH), "too_many_sessions", keep=session_id
        )
        await publish_revocation(runtime, ended)
