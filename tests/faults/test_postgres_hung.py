"""PostgreSQL does not answer, and does not say so: every request ends in time, nothing leaks, all heals at once."""

from __future__ import annotations

import asyncio
import os
from time import monotonic

import pytest

from authsvc_devkit.servers import Servers
from tests.faults.conftest import Service, database_proxy, honest, logout, on_database, serving, timed
from tests.support.busy import again_when_busy, prompt
from tests.support.calls import LOGIN, login, refresh

pytestmark = pytest.mark.faults


def tasks() -> int:
    return len(asyncio.all_tasks())


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


async def load(service: Service, people: list[dict[str, str]], seconds: float) -> list[float]:
    """Refreshes, logins and logouts, ten at a time; each is refused honestly. How long each took."""
    until, times = monotonic() + seconds, []

    async def one(number: int) -> None:
        while monotonic() < until:
            if number % 3 == 0:
                call = refresh(service.http, people[number]["refresh_token"])
            elif number % 3 == 1:
                call = service.http.post("/api/auth/login", json=LOGIN)
            else:
                call = logout(service.http, people[number])
            answer, took = await timed(call)
            honest(answer)
            times.append(took)
            assert (await service.http.get("/.well-known/jwks.json")).status_code == 200
            await asyncio.sleep(0.01)

    await asyncio.gather(*map(one, range(10)))
    return times


@again_when_busy
async def test_every_request_to_a_stopped_postgresql_ends_in_two_seconds(service: Service, servers: Servers) -> None:
    people = [await login(service.http) for _ in range(10)]
    before = tasks(), descriptors()
    servers.postgres.freeze()
    times = await load(service, people, 3.2)
    prompt(max(times) < 2)
    prompt(sorted(times)[len(times) // 2] < 0.05, "the breaker is not open")
    assert (await service.http.get("/readyz")).status_code == 503
    servers.postgres.thaw()
    thawed = monotonic()
    while (await refresh(service.http, people[0]["refresh_token"])).status_code != 200:
        await asyncio.sleep(0.01)
    prompt(monotonic() - thawed < 1)
    await service.until(200)
    prompt(monotonic() - thawed < 1.2)
    await asyncio.sleep(1.6)  # what was given up by then has had its time
    after = tasks(), descriptors()
    assert after[0] <= before[0] + 1, (before, after)
    assert after[1] <= before[1] + 5, (before, after)


@again_when_busy
async def test_every_request_into_a_black_hole_ends_in_two_seconds(env: dict[str, str], servers: Servers) -> None:
    async with database_proxy(servers) as proxy:
        env["AUTHSVC_DATABASE_URL"] = on_database(env["AUTHSVC_DATABASE_URL"], proxy)
        async with serving(env) as service:
            people = [await login(service.http) for _ in range(10)]
            before = tasks()
            proxy.blackhole()
            times = await load(service, people, 2)
            prompt(max(times) < 2)
            proxy.heal()
            healed = monotonic()
            while (await refresh(service.http, people[0]["refresh_token"])).status_code != 200:
                await asyncio.sleep(0.01)
            prompt(monotonic() - healed < 1)
            assert tasks() <= before + 30


@again_when_busy
async def test_a_start_into_a_black_hole_serves_and_lets_nobody_stand_in_line(
    env: dict[str, str], servers: Servers
) -> None:
    async with database_proxy(servers) as proxy:
        env["AUTHSVC_DATABASE_URL"] = on_database(env["AUTHSVC_DATABASE_URL"], proxy)
        proxy.blackhole()
        async with serving(env) as service:
            answers = await asyncio.gather(
                *(timed(service.http.post("/api/auth/login", json=LOGIN)) for _ in range(20))
            )
            assert all(honest(answer) for answer, _ in answers)
            prompt(max(took for _, took in answers) < 2)
            proxy.heal()
            prompt(await service.until(200) < 1)


@again_when_busy
async def test_a_call_that_was_given_up_leaves_no_connection_that_waits_for_it(
    service: Service, servers: Servers
) -> None:
    """A cancelled request's connection is thrown away at once, also when the server is too busy to hear of it."""
    database = service.runtime.db
    await asyncio.gather(*(database.fetchval("SELECT pg_sleep(0.02)") for _ in range(5)))
    hung = [asyncio.create_task(database.fetchval("SELECT pg_sleep(1)")) for _ in range(5)]
    await asyncio.sleep(0.1)
    servers.postgres.freeze()
    started = monotonic()
    for task in hung:
        task.cancel()
    await asyncio.gather(*hung, return_exceptions=True)
    prompt(monotonic() - started < 0.1)
    servers.postgres.thaw()
    assert await database.fetchval("SELECT 17") == 17
    await service.runtime.db.close()
    prompt(monotonic() - started < 1)


@again_when_busy
async def test_closing_with_a_stopped_postgresql_takes_no_longer_than_two_seconds(
    env: dict[str, str], servers: Servers
) -> None:
    async with serving(env) as service:
        await login(service.http)
        servers.postgres.freeze()
        started = monotonic()
    prompt(monotonic() - started < 2.3)
