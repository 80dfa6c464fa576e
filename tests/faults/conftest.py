"""A PostgreSQL and a Valkey of this directory's own, to be broken and healed; and services on ways that break."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from time import monotonic, thread_time
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import asyncpg
import httpx2
import pytest
import redis.asyncio

from authsvc.app import App
from authsvc.runtime import Runtime
from authsvc_devkit.servers import Servers
from tests.conftest import ISSUER, TEMPLATE, following, place_for_data, with_database
from tests.conftest import base_env as base_env  # an imported fixture is a new one: this is on the servers below
from tests.support.calls import bearer
from tests.support.databases import drop_database
from tests.support.faultproxy import FaultProxy

SOCKET = ".s.PGSQL.5432"
_numbers = count(1)


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    """Not the whole run's: these here are started again and again."""
    with place_for_data() as data_dir, Servers(data_dir, durable=False) as running:
        asyncio.run(_commits_wait(running))
        yield running


@pytest.fixture
async def database_url(servers: Servers, base_env: dict[str, str]) -> AsyncIterator[str]:
    """A private copy of the template; the server may die and come back meanwhile."""
    name = f"f{next(_numbers)}"
    async with admin(servers) as connection:
        await connection.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY file_copy")
    yield with_database(servers.database_url, name)
    for server in (servers.postgres, servers.redis):
        server.thaw()
        server.start()
    async with admin(servers) as connection:
        await drop_database(connection, name)


async def _commits_wait(servers: Servers) -> None:
    # What was acknowledged must be there after a kill -9, as with the default settings; power cuts are not tested here.
    async with admin(servers) as connection:
        await connection.execute("ALTER ROLE authsvc SET synchronous_commit = on")


@dataclass
class Service:
    """A worker in this process: its runtime, and HTTP to it without sockets."""

    runtime: Runtime
    http: httpx2.AsyncClient

    async def until(self, status: int, path: str = "/readyz", seconds: float = 8) -> float:
        """Seconds until `path` answers `status`."""
        started = monotonic()
        while (await self.http.get(path)).status_code != status:
            assert monotonic() - started < seconds, f"{path} does not answer {status}"
            await asyncio.sleep(0.01)
        return monotonic() - started


@asynccontextmanager
async def serving(env: dict[str, str], *, address: str = "192.0.2.7") -> AsyncIterator[Service]:
    """A worker with these settings, following changes as a worker does."""
    async with following(env) as runtime:
        transport = httpx2.ASGITransport(app=App(runtime), client=(address, 4711))
        async with httpx2.AsyncClient(transport=transport, base_url=ISSUER, timeout=30) as http:
            yield Service(runtime, http)


@pytest.fixture
def env(settings_env: dict[str, str]) -> dict[str, str]:
    return {**settings_env, "AUTHSVC_SMTP_URL": "dev:", "AUTHSVC_REGISTRATION": "open"}


@pytest.fixture
async def service(env: dict[str, str]) -> AsyncIterator[Service]:
    async with serving(env) as running:
        yield running


@pytest.fixture
async def valkey(servers: Servers) -> AsyncIterator[redis.asyncio.Redis]:
    """The operator's valkey-cli."""
    client = redis.asyncio.Redis.from_url(servers.redis_url, decode_responses=True)
    yield client
    await client.aclose()


def on_database(url: str, proxy: FaultProxy) -> str:
    """The same database by way of a proxy (made with `database_proxy`)."""
    parts = urlsplit(url)
    query = {**dict(parse_qsl(parts.query)), "host": str(proxy.directory)}
    return urlunsplit(parts._replace(query=urlencode(query)))


def database_proxy(servers: Servers) -> FaultProxy:
    return FaultProxy(servers.postgres.socket_path, name=SOCKET)


def redis_proxy(servers: Servers) -> FaultProxy:
    return FaultProxy(servers.redis.socket_path)


def on_redis(url: str, proxy: FaultProxy) -> str:
    """The same Redis by way of a proxy (made with `redis_proxy`)."""
    return urlunsplit(urlsplit(url)._replace(path=str(proxy.path)))


@asynccontextmanager
async def admin(servers: Servers) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(servers.admin_url)
    try:
        yield connection
    finally:
        await connection.close()


async def settled(service: Service) -> None:
    """Redis was filled, which raises the epoch, and the worker has heard of it: until then it forgets its clients."""
    async with asyncio.timeout(30):
        before, heard = None, 0.0
        while before != (before := service.runtime.clients._confirmed) or not heard:
            heard = service.runtime.following.heard_at
            while service.runtime.following.heard_at == heard:
                await asyncio.sleep(0.05)


def honest(answer: httpx2.Response) -> bool:
    """A 503 as it must be: come back later, and not a word about credentials."""
    assert answer.status_code == 503, (answer.status_code, answer.text)
    assert 1 <= int(answer.headers["retry-after"]) <= 5
    assert answer.json()["error"] == "temporarily_unavailable"
    assert "set-cookie" not in answer.headers
    assert "www-authenticate" not in answer.headers
    return True


async def timed(call: Any) -> tuple[httpx2.Response, float]:
    """An answer, and the seconds that it took us; not those in which a busy machine did not let this loop run."""
    stolen = [0.0]
    task = asyncio.create_task(_count_stolen(stolen))
    await asyncio.sleep(0)
    started, before = monotonic(), stolen[0]
    answer = await call
    took = monotonic() - started
    task.cancel()
    return answer, took - (stolen[0] - before)


async def _count_stolen(seconds: list[float]) -> None:
    step = 0.01
    while True:
        started, worked = monotonic(), thread_time()
        await asyncio.sleep(step)
        # Late, and not because this thread had so much to do.
        late = monotonic() - started - step - (thread_time() - worked)
        if late > step:
            seconds[0] += late


async def active(http: httpx2.AsyncClient, tokens: dict[str, Any]) -> bool | None:
    """What introspection says of an access token; None: 503."""
    answer = await http.post("/introspect", data={"token": tokens["access_token"]}, auth=("backend", "backend-secret"))
    if answer.status_code == 503:
        honest(answer)
        return None
    assert answer.status_code == 200, answer.text
    return answer.json()["active"]


async def logout(http: httpx2.AsyncClient, tokens: dict[str, Any]) -> httpx2.Response:
    return await http.post("/api/auth/logout", json={"refresh_token": tokens["refresh_token"]})


async def profile(http: httpx2.AsyncClient, tokens: dict[str, Any]) -> httpx2.Response:
    return await http.get("/api/profile/me", headers=bearer(tokens))


async def epoch_in(valkey: redis.asyncio.Redis, service: Service) -> str | None:
    return await valkey.get(service.runtime.redis.key("rev", "epoch"))


async def until_trusted(valkey: redis.asyncio.Redis, service: Service) -> float:
    """Seconds. A set that was emptied while it was filled has an epoch and no mark: nobody believes it."""
    started, key = monotonic(), service.runtime.redis.key
    while (
        None in await valkey.mget(key("rev", "epoch"), key("rev", "mark"))
        or not service.runtime.following.redis_trusted
    ):
        assert monotonic() - started < 20
        await asyncio.sleep(0.02)
    return monotonic() - started


async def evict_revocations(valkey: redis.asyncio.Redis) -> None:
    """All that have an end, which the marks have not; and then nothing looks as if anything had been."""
    try:
        await valkey.config_set("maxmemory-policy", "volatile-ttl")
        for number in range(400):
            await valkey.set(f"ballast{number}", "x" * 1000)
        await valkey.config_set("maxmemory", "1kb")
        with pytest.raises(redis.exceptions.OutOfMemoryError):
            await valkey.set("push", "x")
    finally:
        await valkey.config_set("maxmemory", "0")
        await valkey.config_set("maxmemory-policy", "noeviction")
