"""The operator decides about a database that was restored: nothing that had ended comes back to life, then it serves.

Whatever Redis still knows to have ended, ends again: that reaches back as long as tokens live. Before that, nobody
knows which sessions of the backup had ended; so all of them end, unless the operator knows better.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from authsvc.flows.restore.watch import heal_from_redis
from authsvc.records import frozen
from authsvc.rules.restore.position import Verdict, judge_position
from authsvc.runtime import Runtime
from authsvc.store import audit
from authsvc.store.errors import StoreUnavailable
from authsvc.store.restore import life as store
from authsvc.store.restore.life import Life

SESSIONS = 500
FENCE_SECONDS = 60.0


@frozen
class Fenced:
    """`healed`: what Redis knew to have ended and the database did not, None: Redis was not asked, for it is away;
    `ended`: sessions that were alive in the backup."""

    healed: int | None
    ended: int


async def read_life(runtime: Runtime) -> Life:
    """How far the database has come, and how far it had: also where no replica has met it yet, as far as Redis knows.
    Raises StoreUnavailable."""
    life = await store.read(runtime.db)
    with suppress(StoreUnavailable):
        seen = store.parse((await runtime.revocation_set.position())[2])
        if life.suspected_of is None and judge_position(seen, life.position) is Verdict.BACK:
            return replace(life, suspected_of=seen)
    return life


async def fence(runtime: Runtime, actor: str, *, end_sessions: bool) -> Fenced:
    """Let replicas serve from this database. May be repeated; one that is cut short has let nobody in.

    `end_sessions`: all that live, with trusted devices and what was mailed. Raises StoreUnavailable.
    """
    healed = await heal_from_redis(runtime, actor)
    ended = 0
    while end_sessions and (count := await store.end_some_sessions(runtime.db, SESSIONS)):
        ended += count
    async with runtime.db.transaction(seconds=FENCE_SECONDS) as connection:
        if end_sessions:
            await store.forget_what_was_handed_out(connection)
        await store.decide(connection)
        await audit.record(connection, "restore_fenced", actor, healed=healed, ended=ended, all_ended=end_sessions)
    return Fenced(healed, ended)
