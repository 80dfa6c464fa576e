"""Databases of single tests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from authsvc_devkit.servers import Servers

_LOOKS = 25
_kept: dict[tuple[str, asyncio.AbstractEventLoop], tuple[asyncio.Lock, list[asyncpg.Connection]]] = {}


@asynccontextmanager
async def administrator(servers: Servers) -> AsyncIterator[asyncpg.Connection]:
    """A superuser's connection, which stays open: to open one costs more than to create a database. One caller at a
    time."""
    lock, open_ones = _kept.setdefault((servers.admin_url, asyncio.get_running_loop()), (asyncio.Lock(), []))
    async with lock:
        if not open_ones or open_ones[0].is_closed():
            open_ones[:] = [await asyncpg.connect(servers.admin_url)]
        yield open_ones[0]


def let_administrators_go() -> None:
    """At the end of a run, when their servers may have ended."""
    for _, open_ones in _kept.values():
        for connection in open_ones:
            connection.terminate()
    _kept.clear()


async def drop_database(admin: asyncpg.Connection, name: str) -> None:
    """Drop a database, whoever is still connected to it.

    A connection that was just closed is gone a millisecond later, and DROP DATABASE would look again after 100.
    """
    for _ in range(_LOOKS):
        if not await admin.fetchval("SELECT count(*) FROM pg_stat_activity WHERE datname = $1", name):
            break
        await asyncio.sleep(0.002)
    await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
