"""Where the faults are played: one server with a replica that an operator promotes, a group with Sentinels,
a cluster. Each fault does its harm and lasts as long as chance has it; `heal` mends what it left."""

from __future__ import annotations

import asyncio
import random
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import redis

from tests.support.cluster import ValkeyCluster
from tests.support.faultproxy import FaultProxy
from tests.support.sentinel import SentinelSet
from tests.support.valkeys import Valkey, until

PASSWORD = "valkey-secret"
NOTICED_SECONDS = 1.2
"""An evicting policy is noticed within a second; what is evicted before that is missed for so long."""
Fault = Callable[[random.Random], Awaitable[None]]


@dataclass
class Place:
    """`master` says which server has the revocation set now."""

    kind: str
    url: str
    master: Callable[[], Valkey]
    heal: Callable[[], Awaitable[None]]
    faults: dict[str, Fault]


async def _briefly(chance: random.Random, most: float = 1.5) -> None:
    await asyncio.sleep(chance.uniform(0.05, most))


def _harm_of_one(master: Callable[[], Valkey]) -> dict[str, Fault]:
    """What can happen to a server that stays master."""

    async def flush(chance: random.Random) -> None:
        for _ in range(chance.randint(1, 3)):
            await asyncio.to_thread(master().ask().flushall)
            await _briefly(chance, 0.3)

    async def pause(chance: random.Random) -> None:
        await asyncio.to_thread(master().ask().execute_command, "CLIENT", "PAUSE", chance.randint(100, 350), "ALL")
        await _briefly(chance, 0.5)

    async def evict(chance: random.Random) -> None:
        server = master().ask()
        await asyncio.to_thread(
            server.config_set, "maxmemory-policy", chance.choice(("allkeys-random", "volatile-ttl"))
        )
        await asyncio.sleep(NOTICED_SECONDS)
        await asyncio.to_thread(server.config_set, "maxmemory", "1mb")
        await _briefly(chance, 0.4)

    async def fill(chance: random.Random) -> None:
        await asyncio.to_thread(master().ask().config_set, "maxmemory", "1mb")
        await _briefly(chance)

    return {"FLUSHALL": flush, "CLIENT PAUSE": pause, "evicting": evict, "full (OOM)": fill}


def _plain(server: Valkey) -> None:
    """As it was before `evict` and `fill`."""
    with suppress(redis.RedisError, OSError):
        server.ask().config_set("maxmemory", "0")
        server.ask().config_set("maxmemory-policy", "noeviction")


@asynccontextmanager
async def one_server() -> AsyncIterator[Place]:
    """Behind a proxy that leads to the server which is master now; another one follows by way of a proxy, too."""
    directory = Path(tempfile.mkdtemp(prefix="authsvc-one-"))
    options: dict[str, object] = {"masterauth": PASSWORD, "appendonly": "no", "repl-diskless-sync-delay": 0}
    pair = [Valkey(directory, options, password=PASSWORD) for _ in range(2)]
    try:
        for server in pair:
            server.start()
        async with FaultProxy((pair[0].host, pair[0].port), tcp=True) as front, FaultProxy("", tcp=True) as link:

            async def follow() -> None:
                """The second one holds what the first one has."""
                first, second = pair
                link.heal()
                link.upstream = (first.host, first.port)
                second.start()
                second.ask().execute_command("REPLICAOF", "127.0.0.1", link.port)
                await asyncio.to_thread(
                    until, lambda: second.ask().info("replication")["master_link_status"] == "up", "no replica"
                )

            async def heal() -> None:
                for server in pair:
                    server.thaw()
                    await asyncio.to_thread(server.start)
                    await asyncio.to_thread(_plain, server)

            async def kill(chance: random.Random) -> None:
                pair[0].kill()
                await _briefly(chance)

            async def freeze(chance: random.Random) -> None:
                pair[0].freeze()
                await _briefly(chance)

            async def lose_acks(chance: random.Random) -> None:
                await follow()
                await _briefly(chance, 0.5)
                link.blackhole()
                await _briefly(chance)
                first, second = pair
                first.kill()
                second.ask().execute_command("REPLICAOF", "NO", "ONE")
                pair.reverse()
                front.upstream = (second.host, second.port)
                front.cut()
                link.cut()
                await asyncio.to_thread(first.start)

            faults = {**_harm_of_one(lambda: pair[0]), "killed, comes back empty": kill, "SIGSTOP": freeze}
            url = f"redis://:{PASSWORD}@127.0.0.1:{front.port}/0"
            yield Place("one", url, lambda: pair[0], heal, {**faults, "lost acks, replica promoted": lose_acks})
    finally:
        for server in pair:
            server.close()
        directory.rmdir()


def _failovers(
    master: Callable[[], Valkey],
    replica: Callable[[Valkey], Valkey],
    until_another: Callable[[Valkey], Any],
    by_hand: Callable[[], Any],
) -> dict[str, Fault]:
    async def kill(chance: random.Random) -> None:
        before = master()
        before.kill()
        await asyncio.to_thread(until_another, before)

    async def freeze(chance: random.Random) -> None:
        before = master()
        before.freeze()
        await asyncio.to_thread(until_another, before)

    async def ordered(chance: random.Random) -> None:
        before = master()
        await asyncio.to_thread(by_hand)
        await asyncio.to_thread(until_another, before)

    async def lose_acks(chance: random.Random) -> None:
        """The replicas are cut off first (their password is refused), so the newest writes are in the master alone."""
        before = master()
        cut = replica(before)
        cut.ask().config_set("masterauth", "another")
        with suppress(redis.RedisError):
            cut.ask().execute_command("CLIENT", "KILL", "TYPE", "master")
        await _briefly(chance, 1.0)
        before.kill()
        await asyncio.to_thread(until_another, before)

    async def evict_first(chance: random.Random) -> None:
        """The replica gets the holes and counts no evictions of its own."""
        before = master()
        await _harm_of_one(lambda: before)["evicting"](chance)
        before.kill()
        await asyncio.to_thread(until_another, before)

    return {
        "failover after evictions": evict_first,
        "failover, master killed": kill,
        "failover, master frozen": freeze,
        "failover, by hand": ordered,
        "failover, lost acks": lose_acks,
    }


async def _healed(group: SentinelSet | ValkeyCluster, servers: list[Valkey]) -> None:
    def heal() -> None:
        for server in servers:
            server.thaw()
            server.start()
            with suppress(redis.RedisError, OSError):
                server.ask().config_set("masterauth", PASSWORD)
            _plain(server)
        group.heal()

    await asyncio.to_thread(heal)


@asynccontextmanager
async def with_sentinels() -> AsyncIterator[Place]:
    """A master with a replica, and three Sentinels."""
    with SentinelSet(servers=2, password=PASSWORD) as group:
        faults = _failovers(
            group.master,
            lambda master: next(one for one in group.servers if one is not master),
            group.until_master_is_another,
            group.fail_over,
        )
        faults |= _harm_of_one(group.master)
        yield Place("sentinel", group.url, group.master, lambda: _healed(group, group.servers), faults)


@asynccontextmanager
async def in_cluster() -> AsyncIterator[Place]:
    """Three masters with a replica each; the faults are at the one that has the revocation set."""
    with ValkeyCluster(password=PASSWORD) as cluster:

        def owner() -> Valkey:
            return cluster.owner("{rev}")

        def until_another(before: Valkey) -> float:
            return cluster.until_owner_is_another("{rev}", before)

        def by_hand() -> None:
            cluster.replica_of(owner()).ask().execute_command("CLUSTER", "FAILOVER")

        faults = _failovers(owner, cluster.replica_of, until_another, by_hand) | _harm_of_one(owner)
        yield Place("cluster", cluster.url, owner, lambda: _healed(cluster, cluster.nodes), faults)


PLACES: dict[str, Callable[[], AbstractAsyncContextManager[Place]]] = {
    "one": one_server,
    "sentinel": with_sentinels,
    "cluster": in_cluster,
}
