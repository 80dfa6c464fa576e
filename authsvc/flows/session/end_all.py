"""All sessions of a person end: at once where they are few, and in batches that are each committed and published where
they are many. What makes them end (a new password) is committed with the first batch, and counts whatever comes."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from authsvc.clock import monotonic
from authsvc.flows.session.publish_revocation import publish_revocation, publish_with_earlier
from authsvc.runtime import Runtime
from authsvc.store.errors import StoreUnavailable
from authsvc.store.postgres import Connection, Database
from authsvc.store.session import endings
from authsvc.store.session.endings import Batch
from authsvc.store.session.sessions import Ended

REQUEST_SECONDS = 50.0
"""So long a request goes on, as proxies wait for a minute; the next one, or the upkeep, finds less to do."""


async def begin_ending(connection: Connection, user_id: UUID, reason: str, *, keep: UUID | None = None) -> Batch:
    """End the first sessions of a person, save `keep`, and promise the end of the others. In the caller's transaction,
    after which `finish_ending` must be called."""
    await endings.promise(connection, user_id, reason, keep=keep)
    return await _next(connection, user_id)


async def finish_ending(runtime: Runtime, user_id: UUID, batch: Batch, *, seconds: float | None = None) -> int:
    """Publish a batch that is committed by now, and end what is left; how many in all. `seconds`: None for as long as
    it takes. Raises StoreUnavailable: what has ended stays ended, and whoever comes next goes on."""
    began, count = monotonic(), 0
    while True:
        count += batch.count
        if not batch.more:
            await publish_with_earlier(runtime, batch.ended)
            return count
        await publish_revocation(runtime, batch.ended)
        if seconds is not None and monotonic() - began > seconds:
            raise StoreUnavailable("postgresql", "still_ending")
        batch = await _next(runtime.db, user_id)


async def resume_ending(runtime: Runtime, user_id: UUID) -> int:
    """Go on with what somebody promised and left; how many were ended. Raises StoreUnavailable."""
    return await finish_ending(runtime, user_id, await _next(runtime.db, user_id))


async def _next(db: Database | Connection, user_id: UUID) -> Batch:
    batch = await endings.end_batch(db, user_id)
    if batch is None:  # somebody else has done the last of it
        return Batch(Ended((), 0, 0), more=False)
    return batch if batch.more else replace(batch, more=not await endings.complete(db, user_id))
