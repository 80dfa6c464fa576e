"""What each worker does twice a second: read what changed, and keep Redis's revocation set whole.

One statement tells the time, the versions of keys and clients, the required epoch, and the revocations that Redis may
lack. PostgreSQL is the truth and is polled; nothing depends on a notification arriving.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter

from authsvc import metrics
from authsvc.clock import monotonic
from authsvc.flows.keys.jwks_snapshot import save_snapshot
from authsvc.flows.restore.watch import settle
from authsvc.flows.upkeep.watch_redis import judge
from authsvc.jose.names import DEFAULT_ALG
from authsvc.keys.phases import Phase, entered, phases_at, signer
from authsvc.keys.reseal import kids_under
from authsvc.logs import get_logger
from authsvc.runtime import Runtime
from authsvc.store import migrate
from authsvc.store.account import users
from authsvc.store.errors import StoreUnavailable
from authsvc.store.keys import signing_keys
from authsvc.store.revocation import revocations
from authsvc.store.revocation.revocations import State

RETRY_SECONDS = 0.2
SPARE_SECONDS = 600
"""Revocations are kept this much longer than the longest token: the slack of everything that caches."""

log = get_logger()


async def follow_changes(runtime: Runtime) -> None:
    """Read twice a second what changed, until cancelled; with a little jitter, so that replicas do not ask in step."""
    silent_since: float | None = None
    while True:
        pause = runtime.settings.sync_interval_seconds
        try:
            await follow_once(runtime)
            if silent_since is not None:
                log.warning("postgresql_heard_again", elapsed_ms=int((monotonic() - silent_since) * 1000))
                silent_since = None
        except StoreUnavailable as error:
            pause = min(pause, RETRY_SECONDS)
            if silent_since is None:
                silent_since = monotonic()
                log.error("postgresql_silent", reason=error.kind)
        except Exception as error:  # a worker that stops following would serve stale keys: never stop
            log.error("follow_failed", error_type=type(error).__name__, exc_info=True)
        measure_keys(runtime)
        metrics.sync_age.set(runtime.following.age())
        metrics.redis_trusted.set(runtime.following.redis_trusted)
        await asyncio.sleep(pause * random.uniform(0.8, 1.0))  # noqa: S311


async def follow_once(runtime: Runtime) -> None:
    """Read `service_state` once and apply what changed: clients, keys, revocations, draining. One reading, applied.
    Raises StoreUnavailable when PostgreSQL cannot be read; Redis may be away."""
    if not runtime.following.migrated and not await prepare(runtime):
        raise StoreUnavailable("postgresql", "schema_behind")
    epoch_in_redis, mark_in_redis, seen_in_redis = await _position(runtime)
    asked_at = monotonic()
    with runtime.db.regardless():
        state = await revocations.read_state(runtime.db, mark_in_redis)
        runtime.clock.align(state.now, asked_at, monotonic())
        await settle(runtime, state.life, seen_in_redis)
    # A restored database counts its versions anew and may come by a number that was seen: its epoch is another.
    runtime.clients.confirm(state.clients_version, state.epoch, asked_at)
    if (state.keys_version, state.epoch) != (runtime.following.keys_version, runtime.following.keys_epoch):
        await load_keys(runtime)
        runtime.following.keys_version, runtime.following.keys_epoch = state.keys_version, state.epoch
    runtime.keyring.refresh(runtime.clock.now())
    runtime.revocation_set.require(state.epoch)
    runtime.following.epoch_number = state.epoch_number
    runtime.following.heard_at = asked_at
    if runtime.following.redis_answers:
        try:
            runtime.following.redis_trusted = await _follow_in_redis(runtime, state, epoch_in_redis, mark_in_redis)
        except StoreUnavailable:
            runtime.following.redis_trusted = False
    if not runtime.following.redis_trusted:
        # It may answer others all the same: not without what PostgreSQL has told us since.
        runtime.revocation_set.expect(state.mark)


async def _follow_in_redis(runtime: Runtime, state: State, epoch_in_redis: str | None, mark: int | None) -> bool:
    """Judge this Redis and bring its set up to date. False: it is unfit for one. Raises StoreUnavailable."""
    unfit, holes = await judge(runtime)
    if unfit:
        return False
    if epoch_in_redis == state.epoch and mark is not None and not holes:
        await runtime.revocation_set.copy(state.rows, epoch=state.epoch, read_mark=mark, mark=state.mark)
    else:
        await rebuild(runtime)
    return True


async def load_keys(runtime: Runtime) -> None:
    """Read the signing keys again, and keep a snapshot of the public ones for a start without PostgreSQL."""
    rows = await signing_keys.everything(runtime.db)
    runtime.keyring.load(rows, runtime.clock.now())
    runtime.following.keys = tuple(rows)
    runtime.following.master_ids = frozenset(kids_under(rows, runtime.clock.now()))
    if missing := runtime.following.master_ids - set(runtime.master.ids):
        # What is open stays open; this process could not start again, and does not know what others make.
        log.error("master_key_missing", count=len(missing))
    save_snapshot(runtime)


def measure_keys(runtime: Runtime) -> None:
    """Show the operator how many keys are in each phase, and how old the one is that signs for most clients."""
    rows, now = runtime.following.keys, runtime.clock.now()
    phases = phases_at(rows, now)
    counted = Counter(phases.values())
    for phase in Phase:
        metrics.keys.labels(phase.value).set(counted[phase])
    for phase in (Phase.ANNOUNCED, Phase.SIGNING, Phase.RETIRED):
        ages = [(now - entered(row, phase)).total_seconds() for row in rows if phases[row.kid] is phase]
        metrics.key_phase_age.labels(phase.value).set(max(ages, default=0))
    if current := signer(rows, now, DEFAULT_ALG):
        metrics.key_age.set((now - current.signs_from).total_seconds())


async def rebuild(runtime: Runtime) -> None:
    """Fill Redis anew from PostgreSQL, under a new epoch, unless another replica is at it."""
    claim = await runtime.revocation_set.claim_rebuild()
    if claim is None:
        return
    await revocations.next_epoch(runtime.db)
    state = await revocations.read_state(runtime.db, 0)
    rebuilt = await runtime.revocation_set.rebuild(state.rows, claim, epoch=state.epoch, mark=state.mark)
    runtime.revocation_set.require(state.epoch)
    if rebuilt:
        log.info("revocation_set_rebuilt", count=len(state.rows))


async def prepare(runtime: Runtime) -> bool:
    """Once, when PostgreSQL is first heard: check the schema, and make revocations outlive our longest tokens.

    False: the database is behind this version, `authsvc migrate` has work to do. Raises MigrationError.
    """
    if await migrate.check(runtime.db):
        return False
    longest = runtime.settings.access_token_seconds + runtime.settings.clock_skew_seconds + SPARE_SECONDS
    await revocations.keep_at_least(runtime.db, longest)
    runtime.following.subject_salt = await users.subject_salt(runtime.db)
    runtime.following.migrated = True
    return True


async def _position(runtime: Runtime) -> tuple[str | None, int | None, str | None]:
    """What Redis says, if it answers; whether it is fit is judged when PostgreSQL was read, and stands until then."""
    try:
        position = await runtime.revocation_set.position()
    except StoreUnavailable:
        runtime.following.redis_answers = runtime.following.redis_trusted = False
        return None, None, None
    runtime.following.redis_answers = True
    return position
