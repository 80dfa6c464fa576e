"""Databases of single tests."""

from __future__ import annotations

import asyncio

import asyncpg

from authsvc.store.errors import StoreUnavailable
from authsvc.store.postgres import Database

_LOOKS = 25


async def open_connections(database: Database, count: int) -> None:
    """Open so many before a burst: on a slow machine that takes longer than a call may wait for a connection."""
    async with asyncio.timeout(30):
        while True:
            asked = (database.fetchval("SELECT pg_sleep(0.1)") for _ in range(count))
            found = await asyncio.gather(*asked, return_exceptions=True)
            failures = [one for one in found if isinstance(one, BaseException)]
            if not failures:
                return
            if other := [one for one in failures if not isinstance(one, StoreUnavailable)]:
                raise other[0]
            await asyncio.sleep(0.1)


async def drop_database(admin: asyncpg.Connection, name: str) -> None:
    """Drop a database, whoever is still connected to it.

    A connection that was just closed is gone a millisecond later, and DROP DATABASE would look again after 100.
    """
    for _ in range(_LOOKS):
        if not await admin.fetchval("SELECT count(*) FROM pg_stat_activity WHERE datname = $1", name):
            break
        await asyncio.sleep(0.002)
    await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
