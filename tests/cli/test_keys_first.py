"""`authsvc keys generate --first`: a set-up may run again and again."""

from __future__ import annotations

import asyncio

import asyncpg

from authsvc.cli.command_runtime import open_from
from authsvc.flows.keys import manage_keys
from authsvc.runtime import Runtime


async def test_the_first_key_is_made_once_by_many_set_ups_at_once(
    settings_env: dict[str, str], sql: asyncpg.Connection
) -> None:
    runtime = open_from(settings_env)
    await sql.execute("UPDATE signing_keys SET withdrawn_at = now()")
    await sql.execute("DELETE FROM signing_keys")
    made = await asyncio.gather(*(manage_keys.generate_first(runtime, "tests") for _ in range(3)))
    assert sum(one is not None for one in made) == 1
    assert await sql.fetchval("SELECT count(*) FROM signing_keys") == 1
    await runtime.close()


async def test_where_there_is_a_key_nothing_is_done(runtime: Runtime) -> None:
    assert await manage_keys.generate_first(runtime, "tests") is None
