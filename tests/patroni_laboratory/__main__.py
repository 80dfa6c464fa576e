"""python -m tests.patroni_laboratory [--failovers 20] [--people 24] [--seed N]

Three PostgreSQL under Patroni (Debian's `patroni`, `etcd-server`, `postgresql`), commits that wait for one standby, two
replicas, people at work; then failovers in turn: `kill` ends the primary and its Patroni by SIGKILL, `switchover` asks
Patroni for another primary, `lost tail` lets nothing reach the standbys, each session rotate once, and kills it. Prints
a line for each; exit code 1 when a promise was broken.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from time import monotonic

import asyncpg
import httpx2

from authsvc.flows.keys import manage_keys
from authsvc.keys.master import MasterKeys
from authsvc.runtime import open_runtime
from authsvc.settings import load
from authsvc.store import migrate
from authsvc.store.account import users
from authsvc.store.caller import clients
from authsvc.store.postgres import OF_COMMANDS
from authsvc_devkit.servers import Servers
from tests.conftest import CLIENTS, ISSUER
from tests.patroni_laboratory.history import History
from tests.patroni_laboratory.people import PAUSE, People, address
from tests.support.faultproxy import FaultProxy
from tests.support.patroni import Cluster, Member, Place, programs
from tests.support.replicas import Replicas

KINDS = ("kill", "switchover", "lost tail")
MOST_SECONDS = 30.0
"""From the failover to the last error: Patroni's own ttl, and what comes after it."""
AFTER_ACCEPTING = 1.0
NAMES = ("pg1", "pg2", "pg3")
DATABASE = "authsvc"


class Laboratory:
    """What runs, and what is done to it."""

    def __init__(self, cluster: Cluster, links: dict[str, FaultProxy], people: People) -> None:
        self.cluster, self.links, self.people = cluster, links, people
        self.history = people.history

    async def fail_over(self, kind: str) -> str:
        """One failover, from health to health; a line of the table."""
        await asyncio.to_thread(self.cluster.await_healthy)
        old = await asyncio.to_thread(self.cluster.leader)
        if kind == "lost tail":
            await self._cut_off(old)
        began = monotonic()
        if kind == "switchover":
            self._request = asyncio.create_task(asyncio.to_thread(self._switch, old))
        else:
            await asyncio.to_thread(old.kill)
            self.links[old.place.name].cut()  # what it held is lost
            self.links[old.place.name].heal()
        accepted = await self._accepting(old, began)
        self.people.release()
        refreshed = await self._success(began, accepted, frozenset({"refresh"}))
        durable = await self._success(began, accepted, frozenset({"login", "logout"}))
        new = await asyncio.to_thread(self.cluster.leader)
        if kind != "switchover":
            old.start()
        await asyncio.to_thread(self.cluster.await_healthy)
        ended = monotonic()
        errors_end = self.history.last_failure(began, ended) - began
        if errors_end > MOST_SECONDS:
            self.history.violations.append(f"errors ended {errors_end:.1f} s after a {kind}")
        figures = (accepted - began, refreshed - accepted, durable - accepted, errors_end)
        return (
            f"{kind:<11} {old.place.name}>{new.place.name} "
            + " ".join(f"{seconds:9.2f}" for seconds in figures)
            + f" {self.history.longest(began, ended):8.2f} {self.history.failures(began, ended):8}"
        )

    async def _cut_off(self, old: Member) -> None:
        """Nothing is replicated any more, and each session rotates once. The connections stay: a standby that Patroni
        saw leave would not be promoted."""
        self.people.hold(1)
        self.links[old.place.name].blackhole()
        await asyncio.sleep(3 * PAUSE)

    @staticmethod
    def _switch(old: Member) -> None:
        with suppress(OSError):
            old.ask("/switchover", {"leader": old.place.name})

    async def _accepting(self, old: Member, began: float) -> float:
        """When a server took writes that is not the old one."""
        while monotonic() - began < 90:
            for member in self.cluster.members:
                if member is not old and await _takes_writes(self.cluster, member):
                    return monotonic()
            await asyncio.sleep(0.02)
        raise RuntimeError("nobody took over")

    async def _success(self, began: float, accepted: float, kinds: frozenset[str]) -> float:
        """When a call ended well that began after the new server took writes, or a little before."""
        while monotonic() - began < 120:
            if (found := self.history.first_success(accepted - 0.25, kinds)) is not None:
                return max(found, accepted)
            await asyncio.sleep(0.02)
        raise RuntimeError(f"no {' or '.join(kinds)} succeeds any more")


async def _takes_writes(cluster: Cluster, member: Member) -> bool:
    url = cluster.url(DATABASE).replace(cluster.hosts(), f"{member.place.host}:{member.place.port}")
    with suppress(OSError, asyncpg.PostgresError, TimeoutError):
        connection = await asyncpg.connect(url, timeout=0.5)
        try:
            return not await connection.fetchval("SELECT pg_is_in_recovery()")
        finally:
            connection.terminate()
    return False


async def _prepare(cluster: Cluster, env: dict[str, str], people: int) -> None:
    while True:
        with suppress(RuntimeError, OSError, asyncpg.PostgresError):
            leader = cluster.leader().place
            url = cluster.url("postgres").replace(cluster.hosts(), f"{leader.host}:{leader.port}")
            admin = await asyncpg.connect(url)
            await admin.execute(f"CREATE DATABASE {DATABASE}")
            await admin.close()
            break
        await asyncio.sleep(0.2)
    runtime = open_runtime(load(env), deadlines=OF_COMMANDS)
    await migrate.migrate(runtime.db)
    await manage_keys.generate(runtime, "laboratory")
    async with runtime.db.transaction() as connection:
        password = await runtime.passwords.hash("password")
        for number in range(people):
            await users.add(connection, address(number), "Test", ["customer"], password)
        for client in CLIENTS:
            await clients.add(connection, client)
    await runtime.close()


async def _check_at_the_end(people: People, cluster: Cluster) -> None:
    """Who was not logged out goes on, who was is out, and PostgreSQL holds exactly these."""
    for session in people.living():
        await people._refresh(session)
    for session in people.dead():
        for http in people.http:
            await people.look(session, http)
    sql = await asyncpg.connect(cluster.url(DATABASE), target_session_attrs="primary")
    active = {str(row["id"]) for row in await sql.fetch("SELECT id FROM user_sessions WHERE is_active")}
    await sql.close()
    living, dead = ({session.id for session in some} for some in (people.living(), people.dead()))
    print(f"sessions     {len(living)} alive, {len(dead)} ended, {len(people.sessions)} in all")
    for lost in living - active:
        people.history.violations.append(f"session {lost} was acknowledged, and PostgreSQL has none")
    for risen in dead & active:
        people.history.forgotten(risen, "so says PostgreSQL")


@asynccontextmanager
async def _laboratory(people: int, seed: int) -> AsyncIterator[Laboratory]:
    async with AsyncExitStack() as stack:
        room = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="patroni-", ignore_cleanup_errors=True)))
        room.chmod(0o755)
        (room / "cluster").mkdir()
        places = [Place(name, room / "cluster" / name) for name in NAMES]
        links = {}
        for place in places:
            link = links[place.name] = FaultProxy((place.host, place.port), tcp=True)
            await stack.enter_async_context(link)
            place.reached_at = f"127.0.0.1:{link.port}"
        cluster = stack.enter_context(Cluster(room / "cluster", places))
        stores = stack.enter_context(Servers(room / "stores", durable=False))
        env = {
            "AUTHSVC_ISSUER": ISSUER,
            "AUTHSVC_DATABASE_URL": cluster.url(DATABASE),
            "AUTHSVC_REDIS_URL": stores.redis_url,
            "AUTHSVC_MASTER_KEY": MasterKeys.generate(os.urandom),
            "AUTHSVC_METRICS": "off",
            "AUTHSVC_DEV_MODE": "true",
            "AUTHSVC_ARGON2_MEMORY_KIB": "64",
            "AUTHSVC_ARGON2_TIME_COST": "1",
            "AUTHSVC_SESSIONS_PER_PERSON": "10000",
        }
        await asyncio.to_thread(cluster.await_healthy)
        await _prepare(cluster, env, people)
        replicas = Replicas(env)
        stack.callback(replicas.stop)
        http = [
            await stack.enter_async_context(httpx2.AsyncClient(base_url=replica.url, timeout=10))
            for replica in replicas.start(2)
        ]
        yield Laboratory(cluster, links, People(http, History(), random.Random(seed)))


async def _run(failovers: int, people: int, seed: int) -> int:
    print(f"seed {seed}, {people} people, {failovers} failovers; seconds")
    print(f"{'':>4}{'fault':<11} {'from>to':<7}  accepting refreshes  durable  last 503  longest  refused", flush=True)
    async with _laboratory(people, seed) as laboratory:
        at_work = asyncio.create_task(laboratory.people.work(people))
        await asyncio.sleep(3)
        for number in range(failovers):
            line = await laboratory.fail_over(KINDS[number % len(KINDS)])
            print(f"{number + 1:>3} {line}", flush=True)
            if at_work.done():
                await at_work
        laboratory.people.stopping = True
        await at_work
        laboratory.people.stopping = False
        await _check_at_the_end(laboratory.people, laboratory.cluster)
        history = laboratory.history
    print("calls       ", ", ".join(f"{count} {name}" for name, count in sorted(history.counted.items())))
    print("violations  ", len(history.violations), *history.violations[:20], sep="\n  ")
    return 1 if history.violations else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--failovers", type=int, default=20)
    parser.add_argument("--people", type=int, default=24)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    asked = parser.parse_args()
    if programs() is None:
        print("patroni, etcd-server or postgresql (with pg_rewind) is not installed: nothing was tried")
        return 2
    return asyncio.run(_run(asked.failovers, asked.people, asked.seed))


if __name__ == "__main__":
    sys.exit(main())
