"""PostgreSQL is slow, or all connections are taken: few wait, and not for long; what needs no PostgreSQL does not."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic

import pytest

from authsvc.runtime import open_runtime
from authsvc.settings import load
from authsvc.store.errors import StoreUnavailable
from authsvc.store.postgres import Database
from authsvc_devkit.servers import Servers
from tests.faults.conftest import Service, active, database_proxy, honest, on_database, serving, timed
from tests.support.busy import again_when_busy, prompt
from tests.support.calls import login, refresh
from tests.support.faultproxy import FaultProxy

pytestmark = pytest.mark.faults

POOL = 5


@again_when_busy
async def test_a_slow_postgresql_serves_what_it_can_and_the_rest_is_told_at_once(
    env: dict[str, str], servers: Servers
) -> None:
    """200 ms a statement and five connections are 25 statements a second; five times that is asked."""
    async with database_proxy(servers) as proxy:
        env["AUTHSVC_DATABASE_URL"] = on_database(env["AUTHSVC_DATABASE_URL"], proxy)
        async with serving(env) as service:
            people = [await login(service.http) for _ in range(40)]
            await asyncio.gather(*(refresh(service.http, tokens["refresh_token"]) for tokens in people))
            proxy.delay = 0.1
            asked: list[asyncio.Task[object]] = []
            public: list[float] = []
            for number in range(250):
                asked.append(asyncio.create_task(timed(refresh(service.http, people[number % 40]["refresh_token"]))))
                if number % 25 == 0:
                    answer, took = await timed(service.http.get("/.well-known/jwks.json"))
                    assert answer.status_code == 200
                    public.append(took)
                await asyncio.sleep(0.008)
            answers = [await task for task in asked]
            statuses = Counter(answer.status_code for answer, _ in answers)
            assert set(statuses) <= {200, 503}
            prompt(statuses[200] >= 35, statuses)  # of 50 that two seconds could have served
            assert all(honest(answer) for answer, _ in answers if answer.status_code == 503)
            prompt(max(took for _, took in answers) < 1)
            assert max(public) < 0.1


@again_when_busy
async def test_a_slow_postgresql_gets_new_connections_although_no_request_can_wait_for_them(
    env: dict[str, str], servers: Servers
) -> None:
    async with database_proxy(servers) as proxy:
        env["AUTHSVC_DATABASE_URL"] = on_database(env["AUTHSVC_DATABASE_URL"], proxy)
        async with serving(env) as service:
            tokens = await login(service.http)
            proxy.delay = 0.1
            proxy.cut()
            started = monotonic()
            while (await refresh(service.http, tokens["refresh_token"])).status_code != 200:
                await asyncio.sleep(0.02)
                prompt(monotonic() - started < 4)


@again_when_busy
async def test_with_every_connection_taken_a_request_is_turned_away_in_a_quarter_second(service: Service) -> None:
    people = [await login(service.http) for _ in range(20)]
    tokens = people[0]
    assert await active(service.http, tokens) is True
    database = service.runtime.db
    await asyncio.gather(*(database.fetchval("SELECT pg_sleep(0.05)") for _ in range(POOL)))  # connections
    hogs = [asyncio.create_task(database.fetchval("SELECT pg_sleep(1.3)")) for _ in range(POOL)]
    await asyncio.sleep(0.1)
    answers = await asyncio.gather(*(timed(refresh(service.http, tokens["refresh_token"])) for tokens in people))
    assert all(honest(answer) for answer, _ in answers)
    prompt(max(took for _, took in answers) < 0.4)
    jwks, took = await timed(service.http.get("/.well-known/jwks.json"))
    assert jwks.status_code == 200
    prompt(took < 0.05, took)
    for _ in range(20):
        assert await active(service.http, tokens) is True
    assert (await service.http.get("/readyz")).status_code == 200, "our own load is no reason to leave the balancer"
    await asyncio.gather(*hogs)
    assert (await refresh(service.http, tokens["refresh_token"])).status_code == 200, "the breaker is open"


@again_when_busy
async def test_a_burst_of_a_hundred_is_served_when_postgresql_is_quick(service: Service) -> None:
    people = [await login(service.http) for _ in range(50)]
    answers = await asyncio.gather(*(refresh(service.http, people[n % 50]["refresh_token"]) for n in range(100)))
    statuses = Counter(answer.status_code for answer in answers)
    assert set(statuses) <= {200, 503}
    prompt(statuses[200] >= 90, statuses)


@asynccontextmanager
async def distant(env: dict[str, str], servers: Servers) -> AsyncIterator[tuple[FaultProxy, Database]]:
    """PostgreSQL by way of a proxy, without a connection yet."""
    async with database_proxy(servers) as proxy:
        runtime = open_runtime(load({**env, "AUTHSVC_DATABASE_URL": on_database(env["AUTHSVC_DATABASE_URL"], proxy)}))
        yield proxy, runtime.db
        await runtime.close()


async def test_a_burst_that_finds_one_connection_waits_for_those_that_are_made(
    env: dict[str, str], servers: Servers
) -> None:
    """A server that is slow to greet: a connection takes longer to be made than a caller waits where all are taken."""
    async with distant(env, servers) as (proxy, database):
        await database.connect()
        made = proxy.connections
        proxy.delay = 0.06
        answers = [asyncio.create_task(database.fetchval("SELECT pg_sleep(0.3)")) for _ in range(POOL)]
        done = await asyncio.gather(*answers, return_exceptions=True)
        assert [one for one in done if isinstance(one, BaseException)] == []
        assert 1 < proxy.connections - made <= POOL
        proxy.heal()


async def test_who_waits_is_served_by_the_connection_there_is_while_no_other_can_be_made(
    env: dict[str, str], servers: Servers
) -> None:
    """PostgreSQL has no room for more connections, say."""
    async with distant(env, servers) as (proxy, database):
        await database.connect()
        made = proxy.connections
        proxy.refuse()
        for _ in range(3):
            await asyncio.gather(*(database.fetchval("SELECT pg_sleep(0.01)") for _ in range(POOL)))
        assert made < proxy.connections <= made + 3 * POOL, "each who waits is a reason to try, and no more"
        proxy.cut()
        with pytest.raises(StoreUnavailable):
            await database.fetchval("SELECT 1")
        proxy.heal()
        assert await database.fetchval("SELECT 1") == 1


async def test_a_connection_that_is_under_way_is_given_up_with_the_pool(env: dict[str, str], servers: Servers) -> None:
    async with distant(env, servers) as (proxy, database):
        proxy.blackhole()
        waiting = asyncio.create_task(database.fetchval("SELECT 1"))
        await asyncio.sleep(0.05)
        await database.close()
        with pytest.raises(StoreUnavailable):
            await waiting
        assert database.load() == (0, 0)


async def test_a_connection_that_was_not_begun_is_given_up_with_the_pool(env: dict[str, str], servers: Servers) -> None:
    async with distant(env, servers) as (proxy, database):
        await database.connect()
        proxy.cut()
        await asyncio.sleep(0.05)
        waiting = asyncio.create_task(database.fetchval("SELECT 1"))
        await asyncio.sleep(0)
        await database.close()
        with pytest.raises(StoreUnavailable):
            await waiting
        assert database.load() == (0, 0)
