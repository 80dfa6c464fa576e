"""What is measured of a worker from outside of its requests."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta

import asyncpg

from authsvc.flows.sight import measure
from authsvc.keys.phases import Phase, entered
from authsvc.keys.records import SigningKey
from authsvc.metrics import REGISTRY
from authsvc.runtime import Runtime
from authsvc.store.caller.attempts import Bucket
from authsvc.tasks import end_tasks


def value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


async def test_a_loop_that_is_held_up_shows(runtime: Runtime) -> None:
    before = value("authsvc_loop_lag_seconds_bucket", le="0.25"), value("authsvc_loop_lag_seconds_count")
    measuring = asyncio.create_task(measure.measure_for_ever(runtime))
    async with runtime.db.transaction():
        await asyncio.sleep(0)
        time.sleep(measure.PAUSE_SECONDS + 0.4)
        await asyncio.sleep(0.05)
        in_use = value("authsvc_db_connections")
    await end_tasks([measuring])
    after = value("authsvc_loop_lag_seconds_bucket", le="0.25"), value("authsvc_loop_lag_seconds_count")
    assert (after[0] - before[0], after[1] - before[1]) == (0, 1)
    assert in_use >= 1


async def test_the_outbox_of_logouts_and_hot_updates_are_measured(runtime: Runtime, sql: asyncpg.Connection) -> None:
    await sql.execute(
        """INSERT INTO outbox (kind, client_id, user_id, session_id, created_at)
           SELECT 'backchannel_logout', 'customer', id, id, now() - interval '5 minutes' FROM users LIMIT 1"""
    )
    await sql.execute("UPDATE users SET name = name")
    await sql.execute("SELECT pg_stat_force_next_flush()")
    await measure.look(runtime)
    assert value("authsvc_logouts_waiting") == 1
    assert 299 < value("authsvc_logouts_oldest_seconds") < 360
    assert REGISTRY.get_sample_value("authsvc_hot_update_ratio", {"table": "users"}) is not None


async def test_verdicts_of_the_limiter_are_counted(runtime: Runtime) -> None:
    words = ("free", "limited")
    before = [value("authsvc_limiter_total", verdict=word) for word in words]
    for attempt in ("a", "b", "c"):
        await runtime.attempts.take([Bucket("measured", 1)], attempt)
    assert [value("authsvc_limiter_total", verdict=word) for word in words] == [before[0] + 1, before[1] + 2]


def test_a_key_is_in_its_phase_since_the_time_that_made_it_so() -> None:
    announced = datetime(2026, 1, 1, tzinfo=UTC)
    signs, until = announced + timedelta(hours=1), announced + timedelta(hours=2)
    key = SigningKey("k", "RS256", {}, b"", announced, signs, until)
    found = [entered(key, phase) for phase in (Phase.ANNOUNCED, Phase.SIGNING, Phase.RETIRED)]
    assert found == [announced, signs, until]
