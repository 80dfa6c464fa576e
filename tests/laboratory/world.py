"""Three replicas, each with ways of its own to PostgreSQL, to Valkey and to its callers, which can be broken one by
one."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import asyncpg
import httpx2
import redis.asyncio

from authsvc.keys.master import MasterKeys
from authsvc.runtime import Runtime, open_runtime
from authsvc.settings import load
from authsvc.store.postgres import OF_COMMANDS
from authsvc_devkit.servers import Servers
from tests.conftest import ISSUER, TEMPLATE, _make_template, place_for_data, with_database
from tests.laboratory import doomed
from tests.laboratory.hands import Hands
from tests.support.faultproxy import FaultProxy
from tests.support.replicas import Replica

SOCKET = ".s.PGSQL.5432"
REPLICAS = 3
OPERATOR = "laboratory"
START_SECONDS = 300.0
"""On a machine that is busy with something else."""

ENV = {
    "AUTHSVC_ISSUER": ISSUER,
    "AUTHSVC_METRICS": "main",
    "AUTHSVC_DEV_MODE": "false",
    "AUTHSVC_DRAIN_SECONDS": "1",
    "AUTHSVC_ARGON2_MEMORY_KIB": "64",
    "AUTHSVC_ARGON2_TIME_COST": "1",
    "AUTHSVC_DB_POOL_SIZE": "5",
    "AUTHSVC_LOGIN_ACCOUNT_FAILURES": "1000",
    "AUTHSVC_LOGIN_NETWORK_FAILURES": "100000",
    "AUTHSVC_CLIENT_FAILURES": "100000",
    "AUTHSVC_HASH_QUEUE": "200",
    "AUTHSVC_LOG_LEVEL": "error",
}


class Place:
    """A replica with its three ways. It may die; `start` gives it a successor at the same place."""

    def __init__(self, number: int, env: dict[str, str], hands: Hands, module: str, armoury: Path) -> None:
        self.number, self._hands, self._module, self._armoury = number, hands, module, armoury
        self._env = {**env, doomed.DIRECTORY: str(armoury)}
        armoury.mkdir()
        self.replica: Replica | None = None
        self.changing = asyncio.Lock()
        """Whoever kills or starts it holds this."""
        self.armed = 0
        """How many wait for it to die at a step: it may while it is drained, too."""

    async def open(self, servers: Servers, stack: AsyncExitStack) -> None:
        self.to_postgres = await stack.enter_async_context(FaultProxy(servers.postgres.socket_path, name=SOCKET))
        self.to_redis = await stack.enter_async_context(FaultProxy(servers.redis.socket_path))
        self.front = await stack.enter_async_context(FaultProxy([], tcp=True))
        self.url = f"http://127.0.0.1:{self.front.port}"
        database = urlsplit(self._env["AUTHSVC_DATABASE_URL"])
        query = {**dict(parse_qsl(database.query)), "host": str(self.to_postgres.directory)}
        self._env["AUTHSVC_DATABASE_URL"] = urlunsplit(database._replace(query=urlencode(query)))
        valkey = urlsplit(self._env["AUTHSVC_REDIS_URL"])
        self._env["AUTHSVC_REDIS_URL"] = urlunsplit(valkey._replace(path=str(self.to_redis.path)))

    @property
    def ways(self) -> tuple[FaultProxy, FaultProxy, FaultProxy]:
        return self.to_postgres, self.to_redis, self.front

    @property
    def alive(self) -> bool:
        return self.replica is not None and self.replica.process.poll() is None

    def arm(self, point: str) -> Path:
        """It dies when it passes next; the file is gone then."""
        file = self._armoury / point
        file.touch()
        return file

    def disarm(self) -> None:
        for file in self._armoury.iterdir():
            file.unlink(missing_ok=True)

    async def died(self, seconds: float = 5) -> bool:
        """Whether it did, within this time."""
        ends = monotonic() + seconds
        while self.alive and monotonic() < ends:
            await asyncio.sleep(0.01)
        return not self.alive

    async def start(self, port: int = 0, **env: str) -> None:
        """Start it and point its front at it; it may not be ready yet."""
        self.forget()
        self.replica = await self._hands.do(lambda: Replica({**self._env, **env}, module=self._module, port=port))
        self.front.upstream = ("127.0.0.1", self.replica.port)

    async def until_ready(self, seconds: float = START_SECONDS) -> None:
        """As with a supervisor: one that ends instead, because Redis evicts at this moment, say, is started again."""
        ends = monotonic() + seconds
        while True:
            assert self.replica is not None
            try:
                return await asyncio.to_thread(self.replica.wait_ready, max(1, ends - monotonic()))
            except RuntimeError:
                if self.alive or monotonic() > ends:
                    raise
            await asyncio.sleep(0.2)
            await self.start()

    def kill(self) -> None:
        if self.alive:
            assert self.replica is not None
            self.replica.send(signal.SIGKILL)
            self.replica.process.wait()

    async def end(self) -> int:
        """SIGTERM, and its exit code."""
        assert self.replica is not None
        self.replica.send(signal.SIGTERM)
        return await asyncio.to_thread(self.replica.process.wait, 30)

    def forget(self) -> None:
        if self.replica is not None:
            self.replica.stop()
            self.replica.log.unlink(missing_ok=True)
            self.replica = None


class World:
    """Everything that can be broken, and the operator's hands. `clock()`: seconds since it began."""

    def __init__(self, servers: Servers, places: list[Place], runtime: Runtime, hands: Hands) -> None:
        self.servers, self.places, self.runtime, self.hands = servers, places, runtime, hands
        self.postgres_busy, self.redis_busy = asyncio.Lock(), asyncio.Lock()
        self._zero = monotonic()
        self.http = httpx2.AsyncClient(
            timeout=8, trust_env=False, limits=httpx2.Limits(max_connections=400, max_keepalive_connections=100)
        )

    def clock(self) -> float:
        return monotonic() - self._zero

    @property
    def database_url(self) -> str:
        return self.runtime.settings.database_url

    @asynccontextmanager
    async def sql(self) -> AsyncIterator[asyncpg.Connection]:
        """The operator's psql."""
        connection = await asyncpg.connect(self.database_url, timeout=60, command_timeout=60)
        try:
            yield connection
        finally:
            connection.terminate()

    @asynccontextmanager
    async def valkey(self) -> AsyncIterator[redis.asyncio.Redis]:
        client = redis.asyncio.Redis.from_url(self.servers.redis_url, decode_responses=True, socket_timeout=3)
        try:
            yield client
        finally:
            await client.aclose()

    async def empty_redis_start(self) -> None:
        """What a cache without a disk is after a restart."""
        await self.hands.do(self.servers.redis.kill)
        for left in (self.servers.data_dir / "redis").glob("appendonly*"):
            shutil.rmtree(left, ignore_errors=True)
        await self.hands.do(self.servers.redis.start)

    async def heal(self) -> None:
        """The ways and the stores are as at first."""
        for place in self.places:
            place.disarm()
            for way in place.ways:
                way.heal()
        async with self.postgres_busy, self.redis_busy:
            for server in (self.servers.postgres, self.servers.redis):
                await self.hands.do(server.thaw)
                await self.hands.do(server.start)

    async def revive(self) -> None:
        """Returns when every replica is ready; starts those that died."""
        await asyncio.gather(*map(self._revived, self.places))

    async def _revived(self, place: Place) -> None:
        async with place.changing:
            if not place.alive:
                await place.start()
            while True:
                with suppress(httpx2.HTTPError):
                    answer = await self.http.get(place.url + "/readyz", timeout=2)
                    if answer.status_code == 200:
                        return
                assert place.alive, "a replica ended by itself: " + place.replica.log.read_text()[-2000:]  # type: ignore[union-attr]
                await asyncio.sleep(0.02)


@contextmanager
def stores() -> Iterator[Servers]:
    """What they acknowledged outlives SIGKILL; nobody cuts the power, so nothing waits for a disk."""
    with place_for_data() as data_dir, Servers(data_dir) as running:
        yield running


async def _without_fsync(admin_url: str) -> None:
    admin = await asyncpg.connect(admin_url)
    await admin.execute("ALTER SYSTEM SET fsync = off")
    await admin.execute("SELECT pg_reload_conf()")
    await admin.close()


@asynccontextmanager
async def world(
    servers: Servers, hands: Hands, *, replicas: int = REPLICAS, module: str = "", **settings: str
) -> AsyncIterator[World]:
    """`module`: what is run instead of the doomed replica."""
    await _without_fsync(servers.admin_url)
    armoury = Path(tempfile.mkdtemp(prefix="laboratory-", dir="/tmp"))
    env = {
        **ENV,
        "AUTHSVC_DATABASE_URL": with_database(servers.database_url, TEMPLATE),
        "AUTHSVC_REDIS_URL": servers.redis_url,
        "AUTHSVC_MASTER_KEY": MasterKeys.generate(os.urandom),
        **settings,
    }
    serving = {name: value for name, value in env.items() if name.startswith("AUTHSVC_")}
    await _make_template(servers, serving)
    async with AsyncExitStack() as stack:
        stack.callback(shutil.rmtree, armoury, ignore_errors=True)
        runtime = open_runtime(load(serving), deadlines=OF_COMMANDS)
        stack.push_async_callback(runtime.close)
        module = module or "tests.laboratory.doomed"
        places = [Place(number, env, hands, module, armoury / str(number)) for number in range(replicas)]
        made = World(servers, places, runtime, hands)
        stack.push_async_callback(made.http.aclose)
        for place in places:
            await place.open(servers, stack)
            stack.callback(place.forget)
        await asyncio.gather(*(place.start() for place in places))
        await asyncio.gather(*(place.until_ready() for place in places))
        yield made


def in_world(work: Callable[[World], Any], **options: Any) -> Any:
    """What `work(world)`, a coroutine function, returns; from the main thread."""
    hands = Hands()

    async def main(servers: Servers) -> Any:
        async with world(servers, hands, **options) as made:
            return await work(made)

    with stores() as servers:
        return hands.run(main(servers))
