"""Locks held too long, or taken in opposite orders: one caller waits or is told to come back, never a 500."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import asyncpg
import pytest

from tests.faults.conftest import Service, honest, logout, serving, timed
from tests.support.busy import again_when_busy, none_turned_away, prompt
from tests.support.calls import bearer, login, refresh

pytestmark = pytest.mark.faults


@again_when_busy
async def test_a_row_that_somebody_holds_is_a_503_after_the_lock_timeout_and_concerns_nobody_else(
    service: Service, sql: asyncpg.Connection
) -> None:
    held, other = await login(service.http), await login(service.http)
    async with sql.transaction():
        await sql.execute("SELECT FROM user_sessions WHERE id = $1::uuid FOR UPDATE", held["session_id"])
        await sql.execute("SELECT FROM grants WHERE session_id = $1::uuid FOR UPDATE", held["session_id"])
        refused, left, *served = await asyncio.gather(
            timed(refresh(service.http, held["refresh_token"])),
            timed(logout(service.http, held)),
            *(timed(refresh(service.http, other["refresh_token"])) for _ in range(5)),
        )
        for answer, took in (refused, left):
            honest(answer)
            assert took > 0.5
            prompt(took < 1.4, took)
        none_turned_away(answer for answer, _ in served)
        assert all(answer.status_code == 200 for answer, _ in served)
        prompt(all(took < 0.3 for _, took in served), served)
    assert (await refresh(service.http, held["refresh_token"])).status_code == 200


@again_when_busy
async def test_a_session_row_alone_held_does_not_stop_its_refresh(service: Service, sql: asyncpg.Connection) -> None:
    tokens = await login(service.http)
    async with sql.transaction():
        await sql.execute("SELECT FROM user_sessions WHERE id = $1::uuid FOR NO KEY UPDATE", tokens["session_id"])
        answer, took = await timed(refresh(service.http, tokens["refresh_token"]))
    assert answer.status_code == 200
    prompt(took < 0.3, took)


async def test_a_few_held_rows_open_no_breaker(service: Service, sql: asyncpg.Connection) -> None:
    people = [await login(service.http) for _ in range(8)]
    other = await login(service.http)
    async with sql.transaction():
        for tokens in people:
            await sql.execute("SELECT FROM grants WHERE session_id = $1::uuid FOR UPDATE", tokens["session_id"])
        for four in (people[:4], people[4:]):
            answers = await asyncio.gather(*(refresh(service.http, tokens["refresh_token"]) for tokens in four))
            assert all(honest(answer) for answer in answers)
        assert (await refresh(service.http, other["refresh_token"])).status_code == 200


async def test_transactions_in_opposite_orders_are_run_again_and_never_a_500(
    service: Service, sql: asyncpg.Connection
) -> None:
    """An operator's transactions lock grants and then sessions; every end of a session locks them the other way."""
    http = service.http
    people = [await login(http) for _ in range(12)]
    statuses: Counter[int] = Counter()
    deadlocks = 0
    await sql.execute("SET deadlock_timeout = '20ms'")

    async def operator(session_id: str, holds: asyncio.Event) -> None:
        nonlocal deadlocks
        try:
            async with sql.transaction():
                await sql.execute("UPDATE grants SET repeats = 0 WHERE session_id = $1::uuid", session_id)
                holds.set()
                await asyncio.sleep(0.03)
                await sql.execute("UPDATE user_sessions SET device_info = 'x' WHERE id = $1::uuid", session_id)
        except asyncpg.DeadlockDetectedError:
            deadlocks += 1

    async def leaves(tokens: dict[str, Any], held: asyncio.Event) -> None:
        await held.wait()
        answer = await logout(http, tokens)
        statuses[answer.status_code] += 1
        if answer.status_code == 503:
            honest(answer)

    for tokens in people:
        held = asyncio.Event()
        await asyncio.gather(operator(tokens["session_id"], held), leaves(tokens, held))
    assert set(statuses) <= {204, 503}, statuses
    assert deadlocks or statuses[503], "nobody met anybody"
    for tokens in people:
        assert (await logout(http, tokens)).status_code == 204
        assert (await refresh(http, tokens["refresh_token"])).json()["error"] == "invalid_grant"


async def test_a_deadlock_that_hits_us_is_run_again(env: dict[str, str], sql: asyncpg.Connection) -> None:
    await sql.execute("CREATE TABLE two (n int PRIMARY KEY, x int); INSERT INTO two VALUES (1, 0), (2, 0)")
    name = await sql.fetchval("SELECT current_database()")
    await sql.execute(f"ALTER DATABASE {name} SET deadlock_timeout = '20ms'")
    await sql.execute("SET deadlock_timeout = '10s'")  # so that the server picks us
    async with serving(env) as service, sql.transaction():
        database = service.runtime.db
        await sql.execute("UPDATE two SET x = 1 WHERE n = 2")
        # One statement that locks row 1 and, a little later, row 2.
        ours = asyncio.create_task(
            database.fetchval(
                """WITH first AS (UPDATE two SET x = x + 1 WHERE n = 1 RETURNING n, pg_sleep(0.2)),
                        second AS (UPDATE two SET x = x + 10 WHERE n = (SELECT n + 1 FROM first) RETURNING x)
                   SELECT x FROM second"""
            )
        )
        await asyncio.sleep(0.1)
        await sql.execute("UPDATE two SET x = x + 1 WHERE n = 1", timeout=5)
        await sql.execute("COMMIT; BEGIN")
        assert await ours == 11
    assert await sql.fetchval("SELECT x FROM two WHERE n = 1") == 2, "the first try was rolled back"


async def test_ending_all_sessions_twice_at_once_deadlocks_with_nobody(service: Service) -> None:
    people = [await login(service.http) for _ in range(12)]
    calls = [service.http.delete("/api/auth/sessions", headers=bearer(tokens)) for tokens in people[:2]]
    calls += [refresh(service.http, tokens["refresh_token"]) for tokens in people]
    calls += [logout(service.http, tokens) for tokens in people[2:8]]
    answers = await asyncio.gather(*calls)
    assert not [answer.text for answer in answers if answer.status_code >= 500]
