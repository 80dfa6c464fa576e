"""Databases of single tests."""

from __future__ import annotations

import asyncio

import asyncpg

_LOOKS = 25


async def drop_database(admin: asyncpg.Connection, name: str) -> None:
    """Drop a database, whoever is still connected to it.

    A connection that was just closed is gone a millisecond later, and DROP DATABASE would look again after 100.
    """
    for _ in range(_LOOKS):
        if not await admin.fetchval("SELECT count(*) FROM pg_stat_activity WHERE datname = $1", name):
            break
        await asyncio.sleep(0.002)
    await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
