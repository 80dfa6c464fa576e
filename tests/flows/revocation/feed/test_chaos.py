"""Replicas, Redis and PostgreSQL are killed again and again while others revoke: nobody lacks one of the revocations,
neither subscribers that look at every event, nor real verifiers in processes of their own.

More rounds: FEED_ROUNDS=100 FLEET=50 python -m pytest tests/flows/revocation/feed/test_chaos.py -n 0 -s --timeout 1800
"""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from time import monotonic

import asyncpg
import httpx2
import pytest

from authsvc_devkit.servers import Servers
from tests.flows.revocation.feed.conftest import Listener, revoke, until
from tests.support.faultproxy import FaultProxy
from tests.support.fleet import FOLLOWING, Fleet, balanced
from tests.support.gone import SERVER_GONE
from tests.support.replicas import Replica, Replicas
from tests.support.service import LOGIN

ROUNDS = int(os.environ.get("FEED_ROUNDS", "3"))
SUBSCRIBERS = 12
VERIFIERS = int(os.environ.get("FLEET", "6"))
GONE = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError)


class Writers:
    """Revoke by overlapping transactions and by logging out. `acknowledged`: somebody was told that it is so."""

    def __init__(self, database_url: str, urls: list[str]) -> None:
        self.database_url = database_url
        self.urls = urls
        self.acknowledged: set[str] = set()
        self.stopped = False

    async def by_hand(self, name: int) -> None:
        turn = 0
        while not self.stopped:
            with suppress(*GONE):
                connection = await asyncpg.connect(self.database_url, timeout=2, command_timeout=3)
                try:
                    while not self.stopped:
                        turn += 1
                        subjects = [f"{name}.{turn}.{part}" for part in range(random.randint(1, 3))]
                        async with connection.transaction():
                            for subject in subjects:
                                await revoke(connection, subject)
                                await asyncio.sleep(random.random() * 0.02)
                        self.acknowledged |= set(subjects)
                finally:
                    connection.terminate()
            await asyncio.sleep(0.05)

    async def by_logout(self) -> None:
        async with httpx2.AsyncClient(timeout=5, trust_env=False) as http:
            while not self.stopped:
                url = random.choice(self.urls)
                with suppress(httpx2.HTTPError, *SERVER_GONE):
                    login = await http.post(url + "/api/auth/login", json=LOGIN)
                    if login.status_code == 200:
                        form = {"refresh_token": login.json()["refresh_token"]}
                        answer = await http.post(url + "/api/auth/logout", json=form)
                        if answer.status_code == 204:
                            self.acknowledged.add(login.json()["session_id"])
                await asyncio.sleep(0.03)


@asynccontextmanager
async def writing(database_url: str, urls: list[str]) -> AsyncIterator[Writers]:
    """For the time of a block; afterwards everything that is on its way has come to its end."""
    writers = Writers(database_url, urls)
    tasks = [asyncio.create_task(writers.by_hand(name)) for name in range(3)]
    tasks.append(asyncio.create_task(writers.by_logout()))
    yield writers
    writers.stopped = True
    await asyncio.gather(*tasks)


async def replace(replicas: Replicas, urls: list[str], running: list[Replica], balancer: FaultProxy) -> None:
    """Kill one without a word, and start another."""
    place = random.randrange(len(running))
    running[place].process.kill()
    await asyncio.to_thread(running[place].process.wait)
    fresh = Replica(replicas.env)
    replicas.all.append(fresh)
    running[place] = fresh
    urls[place] = fresh.url
    balancer.upstream[place] = ("127.0.0.1", fresh.port)  # type: ignore[index]
    await asyncio.to_thread(fresh.wait_ready, 30)


async def disturb(
    turn: int, servers: Servers, replicas: Replicas, urls: list[str], running: list[Replica], balancer: FaultProxy
) -> None:
    if turn % 3 == 1:
        servers.redis.kill()
    if turn % 3 == 2:
        servers.postgres.kill()
        await asyncio.sleep(random.random() * 0.5)
        servers.postgres.start()
    await replace(replicas, urls, running, balancer)
    if turn % 3 == 1:
        servers.redis.start()
    await asyncio.sleep(0.2 + random.random() * 0.3)


@pytest.mark.faults
async def test_nothing_is_lost_whatever_is_killed(
    servers: Servers, database_url: str, settings_env: dict[str, str], replicas: Replicas
) -> None:
    settings_env["AUTHSVC_LOGIN_ACCOUNT_FAILURES"] = "1000"
    sql = await asyncpg.connect(database_url)
    async with (
        balanced(replicas, settings_env, sql) as (running, balancer),
        Fleet(VERIFIERS, settings_env["AUTHSVC_ISSUER"], **FOLLOWING) as fleet,
    ):
        urls = [replica.url for replica in running]
        listeners = [Listener(urls, ends=number) for number in range(SUBSCRIBERS)]
        tasks = [asyncio.create_task(listener.run()) for listener in listeners]
        await until(lambda: all(listener.of("heartbeat") for listener in listeners), 20)
        async with writing(database_url, urls) as writers:
            for turn in range(ROUNDS):
                await disturb(turn, servers, replicas, urls, running, balancer)
        stopped = monotonic() + 1
        await until(lambda: all(any(n == "heartbeat" and at > stopped for n, _, at in x.events) for x in listeners), 30)
        known = await fleet.until(lambda held: held["staleness"] < monotonic() - stopped, 40)
        sql = await asyncpg.connect(database_url)
        rows = await sql.fetch("SELECT feed_sequence, kind, subject FROM revocations")
        await sql.close()
        assert writers.acknowledged <= {row["subject"] for row in rows}
        assert len(writers.acknowledged) > 20 * ROUNDS
        numbered = {row["feed_sequence"]: row["subject"] for row in rows}
        for listener in listeners:
            assert {number: data["subject"] for number, data in listener.held.items()} == numbered
        wanted = {(row["kind"], row["subject"]) for row in rows}
        for verifier in known:
            held = [(kind, subject) for kind, subjects in verifier["held"].items() for subject in subjects]
            assert len(held) == len(wanted)
            assert set(held) == wanted
        resumed = sum(listener.ends for listener in listeners) - sum(range(SUBSCRIBERS))
        snapshots = sum(len(listener.of("snapshot")) for listener in listeners)
        print(
            f"{ROUNDS} rounds, {len(rows)} revocations: {SUBSCRIBERS} subscribers, {resumed} times resumed, "
            f"{snapshots} snapshots; {VERIFIERS} verifiers, by {balancer.connections} connections; 0 lost"
        )
        assert resumed >= ROUNDS
        assert snapshots == SUBSCRIBERS, "one each: everybody else went on where he was"
        for task in tasks:
            assert not task.done() or task.result() is None
            task.cancel()
        await asyncio.wait(tasks)
