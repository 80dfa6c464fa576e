"""Redis loses revocations in every way it can; a revoked token never becomes active again."""

from __future__ import annotations

import asyncio
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from time import monotonic

import asyncpg
import pytest
import redis.asyncio

from authsvc.runtime import CannotStart
from authsvc_devkit.servers import Servers
from tests.faults.conftest import Service, active, evict_revocations, logout, serving, until_trusted
from tests.faults.watch import Watch
from tests.support.busy import again_when_busy, prompt
from tests.support.calls import login
from tests.support.faultproxy import FaultProxy
from tests.support.replicas import free_port

pytestmark = pytest.mark.faults


@again_when_busy
async def test_emptying_redis_under_load_brings_no_token_back(service: Service, valkey: redis.asyncio.Redis) -> None:
    watch = Watch(service)
    people = [await login(service.http) for _ in range(30)]
    await logout(service.http, people[0])
    watch.ended(people[0])
    async with watch.watching():
        for number, tokens in enumerate(people[1:25]):
            if number % 6 == 3:
                await valkey.flushall()
            assert (await logout(service.http, tokens)).status_code == 204
            assert await active(service.http, tokens) is False, "acknowledged, and still active"
            watch.ended(tokens)
            await asyncio.sleep(0.05)
        await valkey.flushall()
        prompt(await until_trusted(valkey, service) < 2)
        await asyncio.sleep(0.1)
        for tokens in people[:25]:
            assert await valkey.get(service.runtime.redis.key("rev", "session", tokens["session_id"])) is not None
    assert [await active(service.http, tokens) for tokens in people[25:]] == [True] * 5


async def test_a_redis_restarted_empty_is_filled_again(
    service: Service, servers: Servers, valkey: redis.asyncio.Redis
) -> None:
    watch = Watch(service)
    people = [await login(service.http) for _ in range(5)]
    for tokens in people:
        await logout(service.http, tokens)
        watch.ended(tokens)
    async with watch.watching():
        servers.redis.kill()
        await asyncio.sleep(0.2)
        servers.redis.start()
        await until_trusted(valkey, service)
        await asyncio.sleep(0.3)
    assert len(await valkey.keys(f"{service.runtime.redis.prefix}:{{rev}}:session:*")) == 5


@again_when_busy
async def test_a_set_of_twenty_thousand_is_rebuilt_in_two_seconds(
    service: Service, sql: asyncpg.Connection, valkey: redis.asyncio.Redis
) -> None:
    await sql.execute(
        """INSERT INTO revocations (kind, subject, expires_at, reason)
           SELECT 'session', gen_random_uuid(), now() + interval '1 hour', 'x' FROM generate_series(1, 20000)"""
    )
    await valkey.flushall()
    took = await until_trusted(valkey, service)
    prompt(took < 2.5, took)
    assert await valkey.dbsize() >= 20_000


@pytest.fixture
def second_redis(servers: Servers) -> Iterator[tuple[redis.asyncio.Redis, Path]]:
    """Another Valkey, without a password, for the time of one test."""
    program = servers.redis._program
    with tempfile.TemporaryDirectory(prefix="authsvc-second-") as directory:
        path = Path(directory) / "r.sock"
        config = f"port 0\nunixsocket {path}\nsave ''\nappendonly no\ndir {directory}\nrepl-diskless-sync-delay 0\n"
        process = subprocess.Popen([program.argv[0], "-"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        assert process.stdin is not None
        process.stdin.write(config.encode())
        process.stdin.close()
        while not path.exists():
            pass
        yield redis.asyncio.Redis(unix_socket_path=str(path), decode_responses=True), path
        process.kill()
        process.wait()


async def test_a_failover_that_loses_acknowledged_writes_brings_no_token_back(
    env: dict[str, str],
    servers: Servers,
    sql: asyncpg.Connection,
    valkey: redis.asyncio.Redis,
    second_redis: tuple[redis.asyncio.Redis, Path],
) -> None:
    """The link between primary and replica is a black hole; the replica is promoted with everything but the last."""
    replica, path = second_redis
    password = env["AUTHSVC_REDIS_URL"].split(":", 2)[2].split("@")[0]
    async with (
        FaultProxy(servers.redis.socket_path) as front,
        _primary_port(valkey) as port,
        FaultProxy(("127.0.0.1", port), tcp=True) as link,
    ):
        env["AUTHSVC_REDIS_URL"] = f"unix://:{password}@{front.path}?db=0"
        await replica.config_set("masterauth", password)
        await replica.execute_command("REPLICAOF", "127.0.0.1", link.port)
        async with serving(env) as one, serving(env) as two:
            watch = Watch(one, two)
            early, late = [await login(one.http) for _ in range(5)], [await login(one.http) for _ in range(15)]
            for tokens in early:
                await logout(one.http, tokens)
                watch.ended(tokens)
            while not await replica.exists(one.runtime.redis.key("rev", "session", early[-1]["session_id"])):
                await asyncio.sleep(0.02)
            async with watch.watching():
                await asyncio.sleep(0.5)
                link.blackhole()
                for tokens in late:
                    assert (await logout(one.http, tokens)).status_code == 204
                    watch.ended(tokens)
                    assert await active(one.http, tokens) is False
                await asyncio.sleep(1.1)  # all of it is in the old primary, behind its mark
                await replica.execute_command("REPLICAOF", "NO", "ONE")
                await replica.config_set("requirepass", password)
                front.upstream = str(path)
                front.cut()
                for service in (one, two):
                    assert [await active(service.http, tokens) for tokens in late] == [False] * len(late)
                await asyncio.sleep(1.2)
            lost = [one.runtime.redis.key("rev", "session", tokens["session_id"]) for tokens in late]
            later = redis.asyncio.Redis(unix_socket_path=str(path), password=password)
            assert await later.exists(*lost) == len(late), "copied again from PostgreSQL"
            await later.aclose()
        await replica.aclose()


@asynccontextmanager
async def _primary_port(valkey: redis.asyncio.Redis) -> AsyncIterator[int]:
    port = free_port()
    await valkey.config_set("port", str(port))
    await valkey.config_set("repl-diskless-sync-delay", "0")
    yield port
    await valkey.config_set("port", "0")


async def test_a_full_redis_is_not_believed(
    service: Service, sql: asyncpg.Connection, valkey: redis.asyncio.Redis
) -> None:
    """An operator ends sessions while Redis takes no more: what it holds looks whole, and is not."""
    watch = Watch(service)
    people = [await login(service.http) for _ in range(12)]
    assert await active(service.http, people[0]) is True
    try:
        pipeline = valkey.pipeline(transaction=False)
        for number in range(4000):
            pipeline.set(f"filler{number}", "x" * 1000)
        await pipeline.execute()
        # Half of what it holds: buffers that come and go with each command make no room again.
        await valkey.config_set("maxmemory", (await valkey.info("memory"))["used_memory"] // 2)
        with pytest.raises(redis.exceptions.OutOfMemoryError):
            await valkey.set("one more", "x")
        async with watch.watching():
            for tokens in people[:4]:
                await watch.end_by_hand(sql, tokens)
                await asyncio.sleep(0.1)
            await asyncio.sleep(1)
            for tokens in people[4:8]:
                assert (await logout(service.http, tokens)).status_code == 204
                watch.ended(tokens)
                assert await active(service.http, tokens) is False
            assert (await service.http.get("/readyz")).json()["degraded"] == ["redis"]
            assert [await active(service.http, tokens) for tokens in people[8:]] == [True] * 4
            await valkey.config_set("maxmemory", "0")
            await until_trusted(valkey, service)
            await asyncio.sleep(0.6)
        assert [await active(service.http, tokens) for tokens in people] == [False] * 8 + [True] * 4
    finally:
        await valkey.config_set("maxmemory", "0")
        await valkey.flushall()


async def test_a_redis_that_became_read_only_is_not_believed(
    service: Service, sql: asyncpg.Connection, valkey: redis.asyncio.Redis
) -> None:
    """A primary that was made a replica answers every question, from a set that nobody can add to."""
    watch = Watch(service)
    people = [await login(service.http) for _ in range(6)]
    assert await active(service.http, people[0]) is True
    try:
        await valkey.config_set("min-replicas-to-write", "1")
        async with watch.watching():
            for tokens in people[:3]:
                await watch.end_by_hand(sql, tokens)
            await asyncio.sleep(1.2)
            assert [await active(service.http, tokens) for tokens in people] == [False] * 3 + [True] * 3
    finally:
        await valkey.config_set("min-replicas-to-write", "0")


async def test_a_redis_that_takes_nothing_is_called_degraded_without_a_break(
    service: Service, sql: asyncpg.Connection, valkey: redis.asyncio.Redis
) -> None:
    """Each reading of PostgreSQL judges it anew; until it has, what was judged before stands."""
    people = [await login(service.http) for _ in range(2)]
    following, key = service.runtime.following, service.runtime.redis.key
    try:
        await valkey.config_set("min-replicas-to-write", "1")
        await Watch(service).end_by_hand(sql, people[0])
        while following.redis_trusted:
            await asyncio.sleep(0.02)
        judged = set()
        while len(judged) < 4:
            assert not following.redis_trusted
            judged.add(following.heard_at)
            await asyncio.sleep(0.0005)
    finally:
        await valkey.config_set("min-replicas-to-write", "0")
    while await valkey.get(key("rev", "session", people[0]["session_id"])) is None or not following.redis_trusted:
        await asyncio.sleep(0.02)


async def test_an_evicting_redis_refuses_the_start(env: dict[str, str], valkey: redis.asyncio.Redis) -> None:
    await valkey.config_set("maxmemory-policy", "allkeys-lru")
    try:
        with pytest.raises(CannotStart, match="noeviction"):
            async with serving(env):
                pass
    finally:
        await valkey.config_set("maxmemory-policy", "noeviction")


@again_when_busy
async def test_evictions_at_run_time_are_noticed_within_a_second_and_an_alarm(
    service: Service, valkey: redis.asyncio.Redis
) -> None:
    watch = Watch(service)
    people = [await login(service.http) for _ in range(20)]
    for tokens in people[:10]:
        await logout(service.http, tokens)
        watch.ended(tokens)
    try:
        async with watch.watching():
            await asyncio.sleep(0.6)
            await valkey.config_set("maxmemory-policy", "allkeys-random")
            noticed = monotonic()
            while service.runtime.following.redis_trusted:
                await asyncio.sleep(0.02)
                prompt(monotonic() - noticed < 1, "nobody noticed the policy")
            # Evict everything of ours, silently; and then pretend that nothing had been.
            await valkey.config_set("maxmemory", "1mb")
            await asyncio.sleep(0.2)
            await valkey.config_set("maxmemory", "0")
            await valkey.config_set("maxmemory-policy", "noeviction")
            await until_trusted(valkey, service)
            for tokens in people[10:15]:
                assert (await logout(service.http, tokens)).status_code == 204
                watch.ended(tokens)
            # Where Redis took longer than one short try, it is foreign until the next rebuild: one in five seconds.
            lost, held = {tokens["session_id"] for tokens in people[:15]}, []
            started = monotonic()
            while lost and monotonic() - started < 15:
                await asyncio.sleep(0.1)
                held = await valkey.keys(f"{service.runtime.redis.prefix}:{{rev}}:session:*")
                lost -= {key.rpartition(":")[2] for key in held}
            await until_trusted(valkey, service)
        assert not lost, "rebuilt"
        assert len(held) == 15
    finally:
        await valkey.config_set("maxmemory-policy", "noeviction")
        await valkey.config_set("maxmemory", "0")


async def test_evictions_that_happened_while_nobody_looked_are_noticed_at_the_next_start(
    env: dict[str, str], valkey: redis.asyncio.Redis
) -> None:
    async with serving(env) as first:
        people = [await login(first.http) for _ in range(5)]
        for tokens in people:
            await logout(first.http, tokens)
        await asyncio.sleep(0.6)
    await evict_revocations(valkey)
    prefix = env["AUTHSVC_REDIS_PREFIX"]
    assert await valkey.keys(f"{prefix}:{{rev}}:session:*") == []
    async with serving(env) as second:
        assert [await active(second.http, tokens) for tokens in people] == [False] * 5
        await until_trusted(valkey, second)
        await asyncio.sleep(0.6)
        assert [await active(second.http, tokens) for tokens in people] == [False] * 5
    await valkey.flushall()
