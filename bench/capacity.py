"""`scripts/capacity`: what so many sessions cost PostgreSQL and Redis, as docs/capacity.md shows it.

Each size has servers of its own; their data lie in `--dir` and are removed afterwards. Sessions are copies of one that
a code was redeemed in (bench/fill.py). Nothing is pinned, and no throughput is promised: bytes, pages, seconds.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import re
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import asyncpg
import redis

from authsvc.store.postgres import OF_COMMANDS, Database
from authsvc.store.token.grants import REFRESH
from authsvc.store.upkeep.sweep import REST, sweep
from bench import partitions
from bench.browser import Browser, exchanges
from bench.fill import drawn, fill, grant_of
from bench.load import request
from bench.service import LOGIN, Service, post_raw
from bench.stores import ROOMY, Stores, running

TABLES = ("user_sessions", "grants", "users")
REVOCATIONS = 50_000
LOGINS = 60
SWEPT_SECONDS = 10

Figures = dict[str, str]


class Bench:
    """Filled tables of one size. `sql`: a superuser's connection."""

    def __init__(self, stores: Stores, sql: asyncpg.Connection, sessions: int, seed: int, scale: int) -> None:
        self.stores, self.sql, self.sessions, self.seed = stores, sql, sessions, seed
        self.refreshes = min(scale, sessions // 4)
        self.expired = min(4 * scale, sessions // 5)
        self.churn = min(2 * sessions, 200 * scale)

    async def log_position(self) -> int:
        return int(await self.sql.fetchval("SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint"))

    async def autovacuum(self, word: str) -> None:
        await self.sql.execute(f"ALTER SYSTEM SET autovacuum = {word}")
        await self.sql.execute("SELECT pg_reload_conf()")

    async def seconds(self, statement: str) -> float:
        started = time.perf_counter()
        await self.sql.execute(statement)
        return time.perf_counter() - started


async def sizes(bench: Bench) -> Figures:
    """Bytes a session: of the rows, of the indexes, and of TOAST and maps."""
    found, total = {}, 0
    for table in TABLES:
        asked = "SELECT pg_relation_size(t), pg_indexes_size(t), pg_total_relation_size(t) FROM to_regclass($1) t"
        heap, indexes, whole = await bench.sql.fetchrow(asked, table)
        heap, indexes, whole = (round(size / bench.sessions) for size in (heap, indexes, whole))
        total += whole
        found[f"{table}, bytes a session: rows + indexes + rest"] = f"{heap} + {indexes} + {whole - heap - indexes}"
    return {**found, "all of it, bytes a session": f"**{total:,}**"}


async def refresh(bench: Bench) -> Figures:
    """The service's own statement for sessions drawn from all: right after a checkpoint, when a page's first change
    logs its image, too; and once more. Autovacuum waits meanwhile."""
    statement = await bench.sql.prepare(REFRESH)
    numbers = drawn(bench.sessions, bench.refreshes, bench.seed, first=bench.expired + 1)
    await bench.autovacuum("off")
    await bench.sql.execute("CHECKPOINT")
    found, logged = {}, []
    for generation in range(2):
        before, io = await bench.log_position(), await _io(bench)
        started = time.perf_counter()
        for number in numbers:
            grant_id, secret_hash = grant_of(number, bench.seed)
            row = await statement.fetchrow(grant_id, secret_hash, generation, "customer", 10, [], "", 3600, None)
            assert row["verdict"] == "rotate", row["verdict"]
        took = time.perf_counter() - started
        logged.append((await bench.log_position() - before) / len(numbers))
        reads, flushes = (after - earlier for after, earlier in zip(await _io(bench), io, strict=True))
        if not generation:
            found["blocks read from the file system a refresh"] = f"{reads / len(numbers):.1f}"
            found["flushes of the WAL a refresh, one connection"] = f"{flushes / len(numbers):.1f}"
            found["the statement, one connection, as few at a time"] = f"{took / len(numbers) * 1000:.2f} ms"
    await bench.autovacuum("on")
    first, again = logged
    return {
        "WAL a refresh, its pages' first change since a checkpoint": f"**{first:,.0f} B**",
        "WAL a refresh, later changes": f"**{again:,.0f} B**",
        **found,
        **await _hot(bench),
    }


async def _io(bench: Bench) -> tuple[int, int]:
    """Blocks that were read, and flushes of the WAL, by all of the server."""
    await bench.sql.execute("SELECT pg_stat_force_next_flush()")
    reads = await bench.sql.fetchval("SELECT blks_read FROM pg_stat_database WHERE datname = current_database()")
    if int(await bench.sql.fetchval("SHOW server_version_num")) >= 180000:
        return reads, await bench.sql.fetchval("SELECT sum(fsyncs)::bigint FROM pg_stat_io WHERE object = 'wal'")
    return reads, await bench.sql.fetchval("SELECT wal_sync FROM pg_stat_wal")


async def _hot(bench: Bench) -> Figures:
    await bench.sql.execute("SELECT pg_stat_force_next_flush()")
    rows = await bench.sql.fetch(
        "SELECT relname, n_tup_hot_upd::float8 / greatest(1, n_tup_upd) AS share FROM pg_stat_user_tables "
        "WHERE relname IN ('grants', 'user_sessions') ORDER BY 1"
    )
    return {f"hot updates of {row['relname']}": f"{row['share'] * 100:.1f} %" for row in rows}


async def churn(bench: Bench) -> Figures:
    """Rotations of drawn sessions, a thousand a transaction, and what a vacuum finds to do afterwards."""
    started, rest, turn = time.perf_counter(), bench.churn, 0
    while rest > 0:
        turn += 1
        numbers = drawn(bench.sessions, min(rest, 500_000), bench.seed + turn, first=bench.expired + 1)
        for at in range(0, len(numbers), 1000):
            ids = [grant_of(number, bench.seed)[0] for number in numbers[at : at + 1000]]
            await bench.sql.execute(
                """WITH rotated AS (
                       UPDATE grants SET generation = generation + 1, parent = generation, rotated_at = now(),
                              repeats = 0, verdict = 'rotate' WHERE id = ANY ($1) RETURNING session_id)
                   UPDATE user_sessions SET last_activity = now() WHERE id IN (SELECT session_id FROM rotated)""",
                ids,
            )
        rest -= len(numbers)
    took = time.perf_counter() - started
    found = {"churn": f"{bench.churn:,} rotations in {took:.0f} s", **await _hot(bench)}
    found = {f"{name}, after churn" if name != "churn" else name: value for name, value in found.items()}
    after = await sizes(bench)
    found["all of it, bytes a session, after churn"] = after["all of it, bytes a session"]
    for table in ("grants", "user_sessions"):
        before = await bench.log_position()
        seconds = await bench.seconds(f"VACUUM (ANALYZE) {table}")
        found[f"vacuum and analyze of {table}"] = (
            f"{seconds:.1f} s, {(await bench.log_position() - before) / 1e6:.0f} MB WAL"
        )
    return found


async def sweeping(bench: Bench) -> Figures:
    """The service's own sweep: at its pace, and without rests."""
    db = Database(bench.stores.env["AUTHSVC_DATABASE_URL"], size=2, statement_cache_size=100, deadlines=OF_COMMANDS)
    await db.connect()
    found = {}
    for rest, word in ((REST, "at its pace"), (0.0, "without rests")):
        rows, started, before = 0, time.perf_counter(), await bench.log_position()
        batches = sweep(db, rest=rest)
        async for table, count in batches:
            rows += count * (table == "user_sessions")
            if time.perf_counter() - started > SWEPT_SECONDS:
                break
        await batches.aclose()
        rate = rows / (time.perf_counter() - started)
        logged = (await bench.log_position() - before) / max(1, rows)
        found[f"sweep {word}"] = f"{rate:,.0f} sessions/s with their grants, {logged:,.0f} B WAL each"
    await db.close()
    return found


async def migrations(bench: Bench) -> Figures:
    """Statements as a migration has them, on the grants."""
    statements = {
        "ADD COLUMN … NOT NULL DEFAULT": "ALTER TABLE grants ADD COLUMN tried text NOT NULL DEFAULT ''",
        "CREATE INDEX CONCURRENTLY": "CREATE INDEX CONCURRENTLY tried ON grants (expires_at)",
        "ADD CHECK … NOT VALID": "ALTER TABLE grants ADD CONSTRAINT tried CHECK (repeats >= 0) NOT VALID",
        "VALIDATE CONSTRAINT": "ALTER TABLE grants VALIDATE CONSTRAINT tried",
        "ADD CHECK, validated at once (exclusive lock)": "ALTER TABLE grants ADD CHECK (generation >= 0)",
        "UPDATE of 1 % of the rows": "UPDATE grants SET tried = 'x' WHERE get_byte(secret_hash, 0) IN (0, 1, 2)",
    }
    return {f"migration: {name}": f"{await bench.seconds(sql):.2f} s" for name, sql in statements.items()}


def logins(service: Service, bench_log: Stores) -> Figures:
    """A login by JSON and the logout that a revoked refresh token is. Nothing else runs."""
    found, issued = {}, []
    for name in ("login", "logout"):
        before = bench_log.spent()
        for number in range(LOGINS):
            if name == "login":
                issued.append(service.post("/api/auth/login", LOGIN)["refresh_token"])
            else:
                post_raw(service, request("POST", "/revoke", f"client_id=customer&token={quote(issued[number])}"))
        spent = bench_log.spent().since(before)
        found[f"a {name}: WAL, CPU of PostgreSQL"] = (
            f"{spent.wal / LOGINS:,.0f} B, {spent.postgres / LOGINS * 1e6:,.0f} µs"
        )
    return found


def revocations(stores: Stores) -> Figures:
    """Memory of Redis and bytes of PostgreSQL a revocation, when the service has copied them."""
    cache = redis.Redis.from_url(stores.env["AUTHSVC_REDIS_URL"])
    memory, size = int(cache.info("memory")["used_memory"]), stores.sql("SELECT pg_total_relation_size('revocations')")
    keys = cache.dbsize()
    stores.sql(
        f"SELECT count(revoke('session', gen_random_uuid()::text, 'bench')) FROM generate_series(1, {REVOCATIONS})"
    )
    started = time.perf_counter()
    while cache.dbsize() < keys + REVOCATIONS and time.perf_counter() - started < 120:
        time.sleep(0.1)
    took = time.perf_counter() - started
    used = (int(cache.info("memory")["used_memory"]) - memory) / REVOCATIONS
    rows = (stores.sql("SELECT pg_total_relation_size('revocations')") - size) / REVOCATIONS  # type: ignore[operator]
    cache.close()
    return {
        "a revocation: memory of Redis, PostgreSQL with indexes": f"**{used:,.0f} B**, {rows:,.0f} B",
        f"{REVOCATIONS:,} revocations at once, until Redis has them": f"{took:.1f} s",
    }


async def _tables(stores: Stores, sessions: int, seed: int, scale: int) -> Figures:
    sql = await asyncpg.connect(stores.admin_url, command_timeout=7200)
    await sql.execute("SET statement_timeout = 0")
    bench = Bench(stores, sql, sessions, seed, scale)
    took = await fill(stores.admin_url, sessions, seed, expired=bench.expired)
    found: Figures = {"filled in": f"{took:.0f} s"}
    for step in (sizes, refresh, churn, sweeping, migrations, partitions.measure):
        print(f"  {time.strftime('%T')} {step.__name__} …", file=sys.stderr)
        found |= await step(bench)
    await sql.close()
    return found


def measure(directory: Path, sessions: int, seed: int, scale: int) -> Figures:
    """All figures of one size."""
    with running(directory, ROOMY, None) as stores:
        with Service(stores, core=None) as service:
            post_raw(service, exchanges([Browser(service.url).log_in("test@example.com")], 1)[0])
            found = logins(service, stores) | revocations(stores)
        return found | asyncio.run(_tables(stores, sessions, seed, scale))


def _machine(seed: int) -> Iterator[str]:
    model = "unknown CPU"
    with suppress(OSError):
        found = re.search(r"model name\s*: (.+)", Path("/proc/cpuinfo").read_text())
        model = found[1] if found else platform.machine()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    yield f"Seed {seed}. {os.cpu_count()} cores of {model}, {memory:.0f} GB, load {os.getloadavg()[0]:.0f}."
    yield "PostgreSQL: " + ", ".join(f"`{name} = {value}`" for name, value in ROOMY.items()) + ", else its defaults."


def main() -> None:
    arguments = argparse.ArgumentParser(prog="scripts/capacity", description=__doc__)
    arguments.add_argument("--sessions", type=int, nargs="+", default=[100_000, 1_000_000], metavar="N")
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument(
        "--scale",
        type=int,
        default=5_000,
        help="refreshes; 4 times as many expired sessions, 200 times as many rotations of churn",
    )
    arguments.add_argument("--short", action="store_true", help="10,000 sessions, to see whether it runs")
    arguments.add_argument("--dir", type=Path, help="where the data lie meanwhile; 10,000,000 sessions need 40 GB")
    options = arguments.parse_args()
    found: dict[int, Figures] = {}
    for sessions in [10_000] if options.short else options.sessions:
        print(f"{sessions:,} sessions …", file=sys.stderr)
        with tempfile.TemporaryDirectory(prefix="authsvc-capacity-", dir=options.dir) as place:
            found[sessions] = measure(Path(place), sessions, options.seed, options.scale)
    names = dict.fromkeys(name for figures in found.values() for name in figures)
    print(
        f"`scripts/capacity --sessions {' '.join(map(str, found))} --scale {options.scale}`",
        *_machine(options.seed),
        sep="\n",
    )
    print("\n| figure | " + " | ".join(f"{sessions:,} sessions" for sessions in found) + " |")
    print("|---" * (len(found) + 1) + "|")
    for name in names:
        print(f"| {name} | " + " | ".join(figures.get(name, "") for figures in found.values()) + " |")


if __name__ == "__main__":
    main()
