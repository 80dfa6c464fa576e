"""At each reading of PostgreSQL: is it the database that we know, and has it come as far as was ever seen?

How far it was seen is remembered by this worker, by Redis, and in the state directory. A database that is behind that
was restored from a backup: sessions that ended since are alive in it again. It counts as one that is away, for every
replica that hears of it, until the operator decides (`authsvc restore fence`). A failover that lost its last seconds is
no restore: what Redis still knows to have ended is ended in PostgreSQL again, before anything is served from it.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from authsvc import metrics
from authsvc.flows.keys import manage_keys
from authsvc.flows.session.publish_revocation import revocation_feed
from authsvc.logs import get_logger
from authsvc.rules.restore.position import Position, Verdict, judge_position, lost_seconds, to_remember
from authsvc.runtime import Memory, Runtime
from authsvc.store.errors import StoreUnavailable
from authsvc.store.restore import life as store
from authsvc.store.restore.life import Life, life_of, parse, written

FILE = "database.json"
BEAT_SECONDS = 5.0
ACTOR = "authsvc"
SUSPECTED = "rollback_suspected"

log = get_logger()


@dataclass(slots=True)
class Watch:
    """`seen`: how far this worker, or a former one with its state directory, saw the database; `saved`: as far as the
    file says."""

    seen: Position | None = None
    saved: Position | None = None
    read_file: bool = False


watch = Memory(Watch)


async def settle(runtime: Runtime, life_text: str, seen_in_redis: str | None) -> None:
    """Let statements through, if this is the database that we know. Raises StoreUnavailable if it went backwards, or
    cannot be judged now: then none is let through. Called with `Database.regardless`."""
    life, mine = life_of(life_text), watch.of(runtime)
    if not mine.read_file:
        mine.seen = mine.saved = _read_file(runtime)
        mine.read_file = True
    verdicts = {judge_position(seen, life.position): seen for seen in (parse(seen_in_redis), mine.seen)}
    if life.suspected_of is not None or Verdict.BACK in verdicts:
        await _suspend(runtime, life, verdicts.get(Verdict.BACK))
    if Verdict.MOVED in verdicts:
        await _heal(runtime, verdicts[Verdict.MOVED], life)
    with suppress(StoreUnavailable):  # a beat that is missed is made up for
        await store.beat(runtime.db, BEAT_SECONDS)
    if runtime.db.suspended == SUSPECTED:
        log.warning("rollback_decided")
    metrics.rollback_suspected.set(0)
    runtime.db.expect(life.position.database, life.position.lsn)
    await _remember(runtime, life.position, seen_in_redis)


async def _suspend(runtime: Runtime, life: Life, seen: Position | None) -> None:
    """Raises StoreUnavailable."""
    if runtime.db.suspended != SUSPECTED:
        known = seen or life.suspected_of or life.position
        log.error(SUSPECTED, elapsed_ms=int(lost_seconds(known, life.position) * 1000))
        runtime.db.suspended = SUSPECTED
        feed = revocation_feed.of(runtime)
        feed.beat += 1  # subscribers are told at once
        feed.wake()
    metrics.rollback_suspected.set(1)
    if life.suspected_of is None and seen is not None:
        with suppress(StoreUnavailable):  # it may be read-only; each replica that knows more is suspended all the same
            await store.suspect(runtime.db, seen)
    raise StoreUnavailable("postgresql", SUSPECTED)


async def _heal(runtime: Runtime, seen: Position | None, life: Life) -> None:
    """Another server or timeline: nothing is served before what Redis holds is in it. Raises StoreUnavailable."""
    runtime.db.suspended = "unsettled"
    lost = lost_seconds(seen, life.position) if seen else 0.0
    healed = await heal_from_redis(runtime, ACTOR)
    log.warning("database_moved", count=healed or 0, elapsed_ms=int(lost * 1000))
    if healed or lost:
        metrics.state_rollback.inc()


async def heal_from_redis(runtime: Runtime, actor: str) -> int | None:
    """End in PostgreSQL whatever Redis knows to have ended; how much was missing. None: Redis could not be read.
    Raises StoreUnavailable (PostgreSQL)."""
    try:
        rows = await runtime.revocation_set.entries()
    except StoreUnavailable as error:
        log.error("not_healed", reason=f"{error.store}_{error.kind}")
        return None
    for row in rows:
        if row.kind == "key":
            await manage_keys.withdraw(runtime, actor, row.subject)  # a verdict where it is withdrawn, or not there
    return await store.heal(runtime.db, rows)


async def _remember(runtime: Runtime, position: Position, seen_in_redis: str | None) -> None:
    mine, known = watch.of(runtime), parse(seen_in_redis)
    mine.seen = position = to_remember(position, runtime.clock.seconds(), mine.seen, known)
    if mine.saved is None or _news(mine.saved, position):
        mine.saved = position
        _write_file(runtime, position)
    if runtime.following.redis_answers and (known is None or _news(known, position)):
        with suppress(StoreUnavailable):
            await runtime.revocation_set.remember(seen_in_redis, written(position))


def _news(known: Position, position: Position) -> bool:
    """The log grows all the time: it is taken down with the beats, and with each revocation."""
    told = (position.instance, position.database, position.fence, position.beat, position.revocations)
    return told != (known.instance, known.database, known.fence, known.beat, known.revocations)


def _read_file(runtime: Runtime) -> Position | None:
    if not runtime.settings.state_dir:
        return None
    try:
        return parse((Path(runtime.settings.state_dir) / FILE).read_text("utf-8"))
    except (OSError, UnicodeDecodeError):
        return None


def _write_file(runtime: Runtime, position: Position) -> None:
    if not runtime.settings.state_dir:
        return
    path = Path(runtime.settings.state_dir) / FILE
    fresh = path.with_suffix(f".{os.getpid()}")  # several workers have one directory
    try:
        fresh.write_text(written(position), "utf-8")
        fresh.replace(path)
    except OSError as error:
        log.warning("snapshot_not_written", error_type=type(error).__name__)
