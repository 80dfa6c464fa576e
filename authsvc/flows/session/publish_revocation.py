"""Publish a committed revocation to Redis; if that fails, make every replica ignore Redis, before a 2xx is answered.

PostgreSQL has it already. Redis is told next, in one short try. Where that fails, a new epoch in PostgreSQL makes
whatever Redis holds foreign, and one sync interval is waited, so that by the 2xx every replica that reaches
PostgreSQL has stopped believing Redis. Hence, whenever PostgreSQL goes away, Redis holds every acknowledged revocation
or is not believed.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from uuid import UUID

from authsvc import metrics
from authsvc.runtime import Memory, Runtime
from authsvc.store.awake import awake_timeout
from authsvc.store.errors import StoreUnavailable
from authsvc.store.revocation import revocations
from authsvc.store.revocation.feed import Feed
from authsvc.store.revocation.revocation_set import BATCH
from authsvc.store.revocation.revocations import Revocation
from authsvc.store.session import sessions
from authsvc.store.session.sessions import Ended

REDIS_TRY_SECONDS = 0.05
"""For a thousand revocations at most."""
LONGEST_SYNC_SECONDS = 1.0

revocation_feed = Memory(Feed)
"""This worker's feed (flows/revocation/feed.py): what is published here goes out at once."""


async def _distrust(runtime: Runtime, epoch_number: int) -> None:
    # The first revocation of an outage pays the wait. While nobody has rebuilt Redis since (the epoch is still the one
    # that we declared), every replica already asks PostgreSQL. The epoch that the commit saw would not do: a rebuild
    # that began after that reading, and before the commit, may have missed this revocation.
    declared = runtime.following.distrusted_epoch
    if declared == epoch_number and declared == await revocations.current_epoch(runtime.db):
        return
    declared = await revocations.next_epoch(runtime.db)
    await asyncio.sleep(LONGEST_SYNC_SECONDS)
    await runtime.db.fetchval("SELECT 1")
    runtime.following.distrusted_epoch = declared


async def end_session(runtime: Runtime, session_id: UUID, reason: str, *, user_id: UUID | None = None) -> bool:
    """End a session, of `user_id` when given, and publish that. False: there is no such session. Raises
    StoreUnavailable."""
    ended = await sessions.end(runtime.db, session_id, reason, user_id=user_id)
    if ended is not None:
        await publish_revocation(runtime, ended)
    return ended is not None


async def publish_revocation(runtime: Runtime, ended: Ended) -> None:
    """Publish what a statement ended. Returns when a 2xx may be sent; raises StoreUnavailable when it may not."""
    await publish_rows(runtime, _rows_of(runtime, ended), ended.epoch)


async def publish_with_earlier(runtime: Runtime, *ended: Ended) -> None:
    """As `publish_revocation`, for whoever says that all of something has ended. Others may have ended some of it just
    now, who have not published that yet and may never: Redis is brought to where PostgreSQL is."""
    _note(runtime, [row for one in ended for row in _rows_of(runtime, one)])
    epoch, mark = None, None
    with suppress(StoreUnavailable, TimeoutError):
        async with awake_timeout(REDIS_TRY_SECONDS):
            epoch, mark, _ = await runtime.revocation_set.position()
    state = await revocations.read_state(runtime.db, mark)
    if mark is not None and epoch == state.epoch:
        with suppress(StoreUnavailable, TimeoutError):
            async with awake_timeout(REDIS_TRY_SECONDS * (1 + len(state.rows) // BATCH)):
                if await runtime.revocation_set.copy(state.rows, epoch=state.epoch, read_mark=mark, mark=state.mark):
                    return
    await _distrust(runtime, state.epoch_number)


async def publish_rows(runtime: Runtime, rows: Sequence[Revocation], epoch_number: int) -> None:
    """Put committed revocations into Redis, or make every replica ignore it. `epoch_number`: as the commit saw it."""
    if not rows:
        return
    _note(runtime, rows)
    try:
        async with awake_timeout(REDIS_TRY_SECONDS):
            await runtime.revocation_set.add(rows)
    except (StoreUnavailable, TimeoutError):
        await _distrust(runtime, epoch_number)


def _rows_of(runtime: Runtime, ended: Ended) -> list[Revocation]:
    now, over = int(runtime.clock.seconds()), [*map(str, ended.sessions), *ended.names]
    return [
        *(Revocation("session", subject, now, ended.keep_seconds) for subject in over),
        *(Revocation("grant", subject, ended.not_before, ended.keep_seconds) for subject in ended.grants),
    ]


def _note(runtime: Runtime, rows: Sequence[Revocation]) -> None:
    if rows:
        revocation_feed.of(runtime).hint()
    for kind, count in Counter(row.kind for row in rows).items():
        metrics.revocations.labels(kind).inc(count)
