"""The order of the feed is the order of commits: nothing that is committed late is ever passed over."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import asyncpg

from authsvc.runtime import open_runtime
from authsvc.settings import load
from authsvc.store.revocation import feed
from authsvc_devkit.servers import Servers
from tests.flows.revocation.feed.conftest import Listener, Service, revoke, serving, until
from tests.support.until_answered import when_store_answers


@asynccontextmanager
async def connected(env: dict[str, str]) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(env["AUTHSVC_DATABASE_URL"])
    yield connection
    await connection.close()


async def test_a_lower_sequence_that_is_committed_later_is_not_passed_over(
    env: dict[str, str], service: Service, sql: asyncpg.Connection
) -> None:
    async with Listener([service.url]).listening() as listener, connected(env) as slow:
        transaction = slow.transaction()
        await transaction.start()
        await revoke(slow, "early")
        await revoke(sql, "late")
        order = await slow.fetch("SELECT subject FROM revocations ORDER BY sequence")
        assert [row["subject"] for row in order] == ["early", "late"], "drawn in this order"
        await until(lambda: listener.subjects() == {"late"}, 2)
        first = (await service.document())["sequence"]
        await revoke(sql, "later still")
        await until(lambda: "later still" in listener.subjects(), 2)
        assert "early" not in listener.subjects()
        await transaction.commit()
        await until(lambda: "early" in listener.subjects(), 2)
        drawn = await sql.fetch("SELECT subject, feed_sequence FROM revocations ORDER BY sequence")
        assert [row["subject"] for row in drawn] == ["early", "late", "later still"]
        numbers = {row["subject"]: row["feed_sequence"] for row in drawn}
        assert numbers["late"] < numbers["later still"] < numbers["early"]
        again = Listener([service.url], last=first)
        async with again.listening():
            await until(lambda: again.subjects() == {"later still", "early"}, 2)
        assert again.of("snapshot") == []


async def test_what_is_rolled_back_is_never_said(
    env: dict[str, str], service: Service, sql: asyncpg.Connection
) -> None:
    async with Listener([service.url]).listening() as listener, connected(env) as other:
        transaction = other.transaction()
        await transaction.start()
        await revoke(other, "never")
        await revoke(sql, "one")
        await until(lambda: listener.subjects() == {"one"}, 2)
        await transaction.rollback()
        await revoke(sql, "two")
        await until(lambda: listener.subjects() == {"one", "two"}, 2)


async def test_a_long_transaction_that_has_nothing_to_do_with_it_delays_nothing(
    env: dict[str, str], service: Service, sql: asyncpg.Connection
) -> None:
    """Not even one that holds what the service writes: clients, keys, sessions, other revocations."""
    login = {"email": "test@example.com", "password": "password"}
    tokens = (await service.http.post("/api/auth/login", json=login)).json()
    async with Listener([service.url]).listening() as listener, connected(env) as operator:
        transaction = operator.transaction()
        await transaction.start()
        await operator.execute("UPDATE clients SET name = name; UPDATE signing_keys SET alg = alg")
        await operator.execute("INSERT INTO audit_events (event, actor) VALUES ('x', 'x')")
        await revoke(operator, "not yet")
        xmin = await sql.fetchval("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint")
        for _ in range(3):
            await revoke(sql, *(f"s{random.random()}" for _ in range(3)))
        answer = await service.http.post("/api/auth/logout", json={"refresh_token": tokens["refresh_token"]})
        assert answer.status_code == 204
        assert await until(lambda: tokens["session_id"] in listener.subjects(), 3) < 1
        assert len(listener.held) == 10
        assert await sql.fetchval("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint") == xmin, "it waited"
        beats = len(listener.of("heartbeat"))
        await until(lambda: len(listener.of("heartbeat")) > beats, 2)
        await transaction.rollback()


async def test_many_writers_and_many_numberers_lose_and_repeat_nothing(env: dict[str, str], servers: Servers) -> None:
    """Transactions of random length, some rolled back, while five workers read and number at once. Each reading holds
    exactly what came after the last one."""
    read: list[list[str]] = [[] for _ in range(5)]
    stop = False

    async def write(name: int) -> list[str]:
        written = []
        async with connected(env) as connection:
            for turn in range(25):
                transaction = connection.transaction()
                await transaction.start()
                for part in range(random.randint(1, 3)):
                    await revoke(connection, f"{name}.{turn}.{part}")
                    await asyncio.sleep(random.random() * 0.01)
                if random.random() < 0.2:
                    await transaction.rollback()
                else:
                    await transaction.commit()
                    written += [f"{name}.{turn}.{found}" for found in range(part + 1)]
        return written

    async def follow(seen: list[str]) -> None:
        runtime = open_runtime(load(env))
        after, last = 0, False
        while not last:
            last = stop
            reading = await when_store_answers(partial(feed.read, runtime.db, after))
            numbers = [row.sequence for row in reading.rows]
            assert numbers == sorted(numbers)
            assert not numbers or after < numbers[0] <= numbers[-1] <= reading.newest
            seen += [row.subject for row in reading.rows]
            after = reading.newest
        await runtime.close()

    readers = [asyncio.create_task(follow(seen)) for seen in read]
    written = [subject for part in await asyncio.gather(*(write(name) for name in range(6))) for subject in part]
    stop = True
    await asyncio.gather(*readers)
    for seen in read:
        assert sorted(seen) == sorted(written)
        assert seen == read[0], "one order for all"


async def test_a_mass_of_revocations_is_read_in_parts(env: dict[str, str], sql: asyncpg.Connection) -> None:
    await sql.execute(
        """INSERT INTO revocations (kind, subject, expires_at, reason)
           SELECT 'session', n::text, now() + interval '1 hour', 'x' FROM generate_series(1, 12000) n"""
    )
    async with serving(env) as service:
        assert len((await service.document())["revocations"]) == 12_000
        async with Listener([service.url]).listening() as listener:
            assert len(listener.held) == 12_000
            await sql.execute(
                """INSERT INTO revocations (kind, subject, expires_at, reason)
                   SELECT 'session', n::text, now() + interval '1 hour', 'x' FROM generate_series(12001, 24000) n"""
            )
            await until(lambda: len(listener.held) == 24_000, 40)
        assert len(listener.of("snapshot")) == 1
        assert listener.subjects() == {str(number) for number in range(1, 24_001)}
