"""Waiting for PostgreSQL's second, by which revocations are dated."""

from __future__ import annotations

import asyncio

from tests.support.service import Service

EARLY_SECONDS = 0.002
"""uvloop's clock counts milliseconds: a pause may end so much before its time."""


async def second_begins(house: Service, before: float = 0) -> None:
    """Until PostgreSQL's second has just begun, or so many seconds before the next does."""
    sql = "SELECT (1 - (extract(epoch FROM clock_timestamp()) + $1::float8::numeric) % 1)::float8"
    await asyncio.sleep(await house.sql.fetchval(sql, before) + EARLY_SECONDS)
