"""Calls cut at random moments: no later call ever gets another one's answer (the class of CVE-2023-28858)."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest

from authsvc.store.errors import StoreUnavailable
from authsvc.store.postgres import Database
from authsvc.store.redis import RedisStore
from authsvc_devkit.servers import Servers
from tests.faults.conftest import database_proxy, on_database, on_redis, redis_proxy
from tests.support.busy import again_when_busy, prompt
from tests.support.until_answered import when_store_answers

pytestmark = pytest.mark.faults

AT_ONCE = 12


async def hammer(calls: int, ask: Callable[[str], Awaitable[str]], patience: tuple[float, ...]) -> Counter[str]:
    """`calls` calls, AT_ONCE at a time, most of them cancelled somewhere; every answer must echo its question."""
    dice, seen, numbers = random.Random(7), Counter[str](), iter(range(calls))

    async def worker() -> None:
        for number in numbers:
            question = f"question {number}"
            task = asyncio.ensure_future(ask(question))
            with suppress(TimeoutError, StoreUnavailable):  # which is looked at below
                await asyncio.wait_for(asyncio.shield(task), dice.choice(patience))
            cut = task.cancel()
            try:
                answer = await task
            except asyncio.CancelledError:
                seen["cancelled"] += 1
            except StoreUnavailable as error:
                seen[error.kind] += 1
                await asyncio.sleep(0.002)
            else:
                assert not cut, "the cancellation was swallowed: whoever waits for this task to end waits for ever"
                assert answer == question
                seen["answered"] += 1

    await asyncio.gather(*(worker() for _ in range(AT_ONCE)))
    return seen


@again_when_busy
async def test_no_answer_of_redis_reaches_another_call(servers: Servers) -> None:
    async with redis_proxy(servers) as proxy:
        proxy.delay = 0.002
        store = RedisStore(on_redis(servers.redis_url, proxy), prefix="x")
        seen = await hammer(3000, lambda question: store.command("ECHO", question), (0.002, 0.008, 0.03, 0.1, 0.15))
        prompt(seen["cancelled"] > 1000, seen)
        prompt(seen["answered"] > 100, seen)
        proxy.delay = 0
        assert await when_store_answers(lambda: store.command("ECHO", "again")) == "again"
        for number in range(100):
            assert await store.command("ECHO", f"after {number}") == f"after {number}"
        await store.close()


@again_when_busy
async def test_no_answer_of_postgresql_reaches_another_call(servers: Servers) -> None:
    async with database_proxy(servers) as proxy:
        database = Database(on_database(servers.database_url, proxy), size=AT_ONCE, statement_cache_size=100)
        await database.connect()
        proxy.delay = 0.001
        seen = await hammer(
            1600, lambda question: database.fetchval("SELECT $1::text", question), (0.001, 0.002, 0.004, 0.5)
        )
        prompt(seen["cancelled"] > 400, seen)
        prompt(seen["answered"] > 100, seen)
        proxy.delay = 0
        await asyncio.sleep(0.6)
        for number in range(100):
            assert await database.fetchval("SELECT $1::text", f"after {number}") == f"after {number}"
        await database.close()


@pytest.mark.parametrize("before", [False, True], ids=["cut first", "cancelled first"])
async def test_a_call_that_is_cancelled_while_postgresql_goes_away_ends_as_cancelled(
    servers: Servers, before: bool
) -> None:
    """As StoreUnavailable a loop that goes on after failures would go on after its end."""
    async with database_proxy(servers) as proxy:
        database = Database(on_database(servers.database_url, proxy), size=2, statement_cache_size=0)

        async def in_transaction() -> None:
            async with database.transaction() as connection:
                await connection.execute("SELECT pg_sleep(1)")

        for call in (in_transaction, lambda: database.execute("SELECT pg_sleep(1)")):
            await database.connect()
            task = asyncio.ensure_future(call())
            await asyncio.sleep(0.05)
            if before:
                task.cancel()
                proxy.cut()
            else:
                proxy.cut()
                task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        await database.close()
