"""A bench in a private database, and servers of this package's own, to be killed."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import suppress
from itertools import count

import asyncpg
import pytest

from authsvc.dev.servers import Servers
from authsvc.store.postgres import Database
from tests.conftest import TEMPLATE, with_database
from tests.refresh.bench import Bench

_numbers = count(1)


@pytest.fixture(scope="module")
async def module_database_url(servers: Servers, base_env: dict[str, str]) -> AsyncIterator[str]:
    """One copy of the template for the tests of a module, each of which brings sessions of its own."""
    name = f"m{os.getpid()}_{next(_numbers)}"
    admin = await asyncpg.connect(servers.admin_url)
    await admin.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY file_copy")
    yield with_database(servers.database_url, name)
    with suppress(asyncpg.PostgresError, OSError):
        await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await admin.close()


@pytest.fixture
async def bench(module_database_url: str) -> AsyncIterator[Bench]:
    db = Database(module_database_url, size=10, statement_cache_size=100)
    await db.connect()
    sql = await asyncpg.connect(module_database_url)
    yield Bench(db, sql)
    await sql.close()
    await db.close()
