"""A bench in a private database, and servers of this package's own, to be killed."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from itertools import count

import asyncpg
import pytest

from authsvc.store.postgres import OF_COMMANDS, Database
from authsvc_devkit.servers import Servers
from tests.conftest import TEMPLATE, _make_template, place_for_data, with_database
from tests.flows.token.refresh.bench import Bench

_numbers = count(1)


@pytest.fixture
async def bench(module_database_url: str) -> AsyncIterator[Bench]:
    db = Database(module_database_url, size=10, statement_cache_size=100, deadlines=OF_COMMANDS)
    await db.connect()
    sql = await asyncpg.connect(module_database_url)
    yield Bench(db, sql)
    await sql.close()
    await db.close()


@pytest.fixture(scope="session")
def own_servers() -> Iterator[Servers]:
    """Durable ones, to be killed. A commit of theirs outlives SIGKILL; only a power cut would need the fsync that is
    switched off here, and nobody cuts the power of a test."""
    with place_for_data() as data_dir, Servers(data_dir) as running:
        asyncio.run(_without_fsync(running.admin_url))
        yield running


async def _without_fsync(admin_url: str) -> None:
    admin = await asyncpg.connect(admin_url)
    assert await admin.fetchval("SHOW synchronous_commit") == "on"
    await admin.execute("ALTER SYSTEM SET fsync = off")
    await admin.execute("SELECT pg_reload_conf()")
    await admin.close()


@pytest.fixture(scope="session")
def own_base_env(own_servers: Servers, base_env: dict[str, str]) -> dict[str, str]:
    env = {
        **base_env,
        "AUTHSVC_DATABASE_URL": with_database(own_servers.database_url, TEMPLATE),
        "AUTHSVC_REDIS_URL": own_servers.redis_url,
        "AUTHSVC_LOGIN_ACCOUNT_FAILURES": "1000",
        "AUTHSVC_LOGIN_NETWORK_FAILURES": "100000",
    }
    asyncio.run(_make_template(own_servers, env))
    return env


@pytest.fixture
def own_env(own_servers: Servers, own_base_env: dict[str, str]) -> Iterator[dict[str, str]]:
    """A private database on the servers that may be killed."""
    name = f"own{os.getpid()}_{next(_numbers)}"
    asyncio.run(_execute(own_servers.admin_url, f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY file_copy"))
    yield {
        **own_base_env,
        "AUTHSVC_DATABASE_URL": with_database(own_servers.database_url, name),
        "AUTHSVC_REDIS_PREFIX": name,
    }
    own_servers.postgres.start()  # if the test left it dead
    asyncio.run(_execute(own_servers.admin_url, f"DROP DATABASE {name} WITH (FORCE)"))


async def _execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(statement)
    await connection.close()
