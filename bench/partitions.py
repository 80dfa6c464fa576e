"""The tables of sessions and grants copied into partitions, and what then still works."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import asyncpg

from authsvc.store.token.grants import REFRESH
from bench.fill import drawn, grant_of

if TYPE_CHECKING:
    from bench.capacity import Bench

PARTS = 16
MOST = 1_000_000
"""Sessions that are copied; more take long and tell nothing else."""
TRIED = 2_000


async def measure(bench: Bench) -> dict[str, str]:
    """What docs/capacity.md shows: the SQL, how long it takes, what a refresh costs afterwards, and what it forbids."""
    if bench.sessions > MOST:
        return {}
    await bench.sql.execute("SET synchronous_commit = off")  # the disk is the same with either
    found = {"partitions: refresh before": await _refresh(bench)}
    started = time.perf_counter()
    async with bench.sql.transaction():
        for table in ("user_sessions", "grants"):
            await _partition(bench.sql, table)
        await _functions(bench.sql)
    for table in ("user_sessions", "grants"):
        await bench.sql.execute(f"VACUUM (ANALYZE) {table}")
    found[f"partitions: copy into {PARTS} by hash of the id"] = f"{time.perf_counter() - started:.1f} s"
    found["partitions: refresh afterwards"] = await _refresh(bench)
    await bench.sql.execute("SET plan_cache_mode = force_generic_plan")
    found["partitions: refresh afterwards, plan_cache_mode = force_generic_plan"] = await _refresh(bench)
    await bench.sql.execute("RESET plan_cache_mode")
    found["partitions: a logout writes its revocation"] = await _logout(bench)
    try:
        await bench.sql.execute("CREATE UNIQUE INDEX ON user_sessions (cookie_hash) WHERE cookie_hash IS NOT NULL")
        found["partitions: unique cookie_hash"] = "works"
    except asyncpg.PostgresError as error:
        found["partitions: unique cookie_hash"] = str(error).partition("\n")[0]
    return found


async def _partition(sql: asyncpg.Connection, table: str) -> None:
    """In one transaction, as it would be done where a stop is allowed: rename, make, copy, triggers."""
    triggers = await sql.fetch(
        "SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE tgrelid = $1::regclass AND NOT tgisinternal", table
    )
    indexes = await sql.fetch(
        "SELECT pg_get_indexdef(indexrelid) FROM pg_index "
        "WHERE indrelid = $1::regclass AND NOT indisprimary AND NOT indisunique",
        table,
    )
    keys = await sql.fetch(
        "SELECT conrelid::regclass::text, pg_get_constraintdef(oid) FROM pg_constraint "
        "WHERE contype = 'f' AND conparentid = 0 AND $1::regclass IN (conrelid, confrelid)",
        table,
    )
    await sql.execute(f"ALTER TABLE {table} RENAME TO {table}_whole")
    await sql.execute(
        f"CREATE TABLE {table} (LIKE {table}_whole INCLUDING DEFAULTS INCLUDING CONSTRAINTS, PRIMARY KEY (id)) "
        "PARTITION BY HASH (id)"
    )
    for part in range(PARTS):
        await sql.execute(
            f"CREATE TABLE {table}_{part} PARTITION OF {table} FOR VALUES WITH (MODULUS {PARTS}, REMAINDER {part}) "
            "WITH (fillfactor = 70)"
        )
    await sql.execute(f"INSERT INTO {table} SELECT * FROM {table}_whole")
    for (definition,) in indexes:
        await sql.execute(definition.replace("INDEX ", "INDEX parted_", 1))
    for (definition,) in triggers:
        await sql.execute(definition)
    for holder, definition in keys:
        await sql.execute(f"ALTER TABLE {holder} ADD {definition}")


async def _functions(sql: asyncpg.Connection) -> None:
    """A function that takes a row of the table takes that of the renamed one, and a partition's trigger has the
    partition's: both are told of the new table."""
    definition = await sql.fetchval("SELECT pg_get_functiondef('tell_clients'::regproc)")
    await sql.execute("DROP FUNCTION tell_clients")
    await sql.execute(definition.replace("user_sessions_whole", "user_sessions"))
    definition = await sql.fetchval("SELECT pg_get_functiondef('user_sessions_tell'::regproc)")
    await sql.execute(definition.replace("tell_clients(OLD)", "tell_clients(ROW(OLD.*)::user_sessions)"))


async def _refresh(bench: Bench) -> str:
    statement = await bench.sql.prepare(REFRESH)
    numbers = drawn(bench.sessions, TRIED, bench.seed, first=bench.expired + 1)
    known = dict(
        await bench.sql.fetch(
            "SELECT id, generation FROM grants WHERE id = ANY ($1)",
            [grant_of(number, bench.seed)[0] for number in numbers],
        )
    )
    started = time.perf_counter()
    for number in numbers:
        grant_id, secret_hash = grant_of(number, bench.seed)
        row = await statement.fetchrow(grant_id, secret_hash, known[grant_id], "customer", 10, [], "", 3600, None)
        if row is None or row["verdict"] != "rotate":
            return f"fails: {row and row['verdict']}"
    return f"{(time.perf_counter() - started) / len(numbers) * 1000:.2f} ms"


async def _logout(bench: Bench) -> str:
    number = drawn(bench.sessions, 1, bench.seed, first=bench.expired + 1)[0]
    grant_id, _ = grant_of(number, bench.seed)
    try:
        session = await bench.sql.fetchval("SELECT session_id FROM grants WHERE id = $1", grant_id)
        await bench.sql.execute("UPDATE user_sessions SET is_active = false WHERE id = $1", session)
    except asyncpg.PostgresError as error:
        return f"fails: {error}"
    row = await bench.sql.fetchrow(
        "SELECT (SELECT ended FROM grants WHERE id = $1) AS ended, EXISTS (SELECT FROM revocations WHERE subject = $2)",
        grant_id,
        str(session),
    )
    return "yes, and ends the grant" if all(row) else "no"
