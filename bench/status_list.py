"""What a status list costs: python -m bench.status_list [TOKENS]

A list of so many people's tokens (100,000 unless said otherwise), of which one in fifty is void, beside 8,000 other
sessions that ended. Time of one core, so that a busy machine does not matter; best of five.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import asyncpg

from authsvc.keys.master import MasterKeys
from authsvc.rules.revocation.status_list import BLOCK, BLOCKS, CAPACITY, SLICE_SECONDS, encode, slice_end
from authsvc.runtime import open_runtime
from authsvc.settings import load
from authsvc.store import migrate
from authsvc.store.revocation import status_lists
from authsvc.store.revocation.revocations import Bearer, keys_of
from authsvc.store.revocation.status_lists import Entry, Leased
from authsvc_devkit.servers import Servers

WRITINGS = SLICE_SECONDS * 2
REVOKE = (
    "INSERT INTO revocations (kind, subject, expires_at, reason) VALUES ($1, $2, now() + interval '1 hour', 'bench')"
)


def entries(tokens: int, leased: Leased, ends_at: int) -> Iterator[Entry]:
    now = int(time.time())
    for index in random.sample(range(CAPACITY), tokens):
        bearer = Bearer(uuid4().hex[:22], "customer", now, str(uuid4()), str(uuid4()))
        yield Entry(ends_at, leased.salt, 0, index, keys_of(bearer))


async def measure(sql: asyncpg.Connection, leased: Leased, word: str) -> None:
    pid, ticks = await sql.fetchval("SELECT pg_backend_pid()"), os.sysconf("SC_CLK_TCK")

    def used() -> float:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
        return (int(fields[11]) + int(fields[12])) / ticks

    queries, packings, void, lst = [], [], [], ""
    for _ in range(5):
        before = used()
        row = await sql.fetchrow(status_lists.VOID, leased.salt, 0, BLOCK, BLOCKS, status_lists.LOST_SECONDS)
        queries.append(used() - before)
        started = time.process_time()
        void = [*row["revoked"], *row["unwritten"]]
        lst = encode(void)
        packings.append(time.process_time() - started)
    print(
        f"{word}: {len(void):,} void, PostgreSQL {min(queries):.2f} s, packing {1000 * min(packings):.0f} ms, "
        f"{len(lst) / 1024:.0f} KB"
    )


async def run(servers: Servers, tokens: int) -> None:
    env = {
        "AUTHSVC_ISSUER": "http://localhost:8000",
        "AUTHSVC_DATABASE_URL": servers.database_url,
        "AUTHSVC_REDIS_URL": servers.redis_url,
        "AUTHSVC_MASTER_KEY": MasterKeys.generate(os.urandom),
    }
    runtime = open_runtime(load(env))
    await migrate.migrate(runtime.db)
    sql = await asyncpg.connect(servers.database_url)
    ends_at = slice_end(time.time() + 1800)
    leased = await status_lists.lease(runtime.db, ends_at)
    assert leased is not None
    given = list(entries(tokens, leased, ends_at))
    step = max(1, tokens // WRITINGS)
    for start in range(0, tokens, step):
        await status_lists.record(runtime.db, given[start : start + step], held=[leased], done=[])
    size = await sql.fetchval("SELECT pg_total_relation_size('status_batches')")
    print(f"{tokens:,} tokens: {size / tokens:.0f} bytes each in PostgreSQL")
    sessions = [entry.named[0][1] for entry in given[::50]] + [str(uuid4()) for _ in range(8000)]
    await sql.executemany(REVOKE, [("session", subject) for subject in sessions])
    await measure(sql, leased, "sessions revoked")
    others = ("token", "grant", "user", "client")
    await sql.executemany(REVOKE, [(kind, str(uuid4())) for kind in others for _ in range(500)])
    await measure(sql, leased, "every kind revoked")
    await sql.close()
    await runtime.close()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="authsvc-bench-") as directory:
        Path(directory).chmod(0o711)
        with Servers(Path(directory) / "data", durable=False) as running:
            asyncio.run(run(running, int(sys.argv[1]) if len(sys.argv) > 1 else 100_000))
