"""A burst on one grant waits for its turn in the worker, not for the row's lock with the pool's connections in hand."""

from __future__ import annotations

import asyncio
from time import monotonic

import asyncpg
import httpx2

from tests.support.busy import again_when_busy, none_turned_away, prompt
from tests.support.calls import login, refresh

BUSY = "SELECT FROM grants WHERE session_id = $1 FOR UPDATE"


async def test_a_burst_on_one_grant_leaves_the_pool_to_the_others(
    http: httpx2.AsyncClient, sql: asyncpg.Connection
) -> None:
    crowded, other = await login(http), await login(http)
    async with sql.transaction():
        await sql.execute(BUSY, crowded["session_id"])
        burst = [asyncio.create_task(refresh(http, crowded["refresh_token"])) for _ in range(50)]
        await asyncio.sleep(0.1)
        assert (await refresh(http, other["refresh_token"])).status_code == 200
        assert await sql.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted") == 1
    answers = await asyncio.gather(*burst)
    assert [answer.status_code for answer in answers] == [200] * 50
    assert len({answer.json()["refresh_token"] for answer in answers}) == 1


async def test_a_client_that_rotates_in_a_loop_is_told_to_wait_and_loses_nothing(
    http: httpx2.AsyncClient, sql: asyncpg.Connection
) -> None:
    token, other = (await login(http))["refresh_token"], (await login(http))["refresh_token"]
    await sql.execute("UPDATE grants SET paced_until = now() + interval '59 seconds'")
    token = (await refresh(http, token)).json()["refresh_token"]
    await sql.execute("UPDATE grants SET paced_until = paced_until + interval '10 seconds' WHERE generation = 1")
    answer = await refresh(http, token)
    assert (answer.status_code, answer.json()["error"]) == (503, "temporarily_unavailable")
    assert answer.headers["retry-after"] == "1"
    assert (await refresh(http, other)).status_code == 200
    await sql.execute("UPDATE grants SET paced_until = now() + interval '50 seconds'")
    assert (await refresh(http, token)).status_code == 200


@again_when_busy
async def test_a_grant_that_is_locked_for_long_is_a_503_within_two_seconds_and_nothing_is_spent(
    http: httpx2.AsyncClient, sql: asyncpg.Connection
) -> None:
    crowded, other = await login(http), await login(http)
    async with sql.transaction():
        await sql.execute(BUSY, crowded["session_id"])
        started = monotonic()
        burst = asyncio.gather(*(refresh(http, crowded["refresh_token"]) for _ in range(50)))
        await asyncio.sleep(0.1)
        aside = await refresh(http, other["refresh_token"])
        answers = await burst
        took = monotonic() - started
        none_turned_away([aside])
        prompt(took < 2, f"{took:.2f} s")
        assert aside.status_code == 200
        assert {answer.status_code for answer in answers} == {503}
        assert all(int(answer.headers["retry-after"]) >= 1 for answer in answers)
    assert (await refresh(http, crowded["refresh_token"])).status_code == 200
    assert await sql.fetchval("SELECT generation FROM grants WHERE session_id = $1", crowded["session_id"]) == 1
