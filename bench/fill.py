"""Tables filled by plain SQL: sessions and grants as a real login and a real code exchange left them, only many.

The rows are copies of one session and its grant but for ids, digests and times, so that they have the bytes that the
service writes, whatever columns a migration adds. Ids and secrets follow from a number and the seed: the refresh tokens
of any of them can be made without reading anything.
"""

from __future__ import annotations

import random
import time
from hashlib import md5, sha256
from uuid import UUID

import asyncpg

from authsvc.rules.token.refresh_token import RefreshToken, encode
from authsvc.runtime import open_runtime
from authsvc.settings import load

PEOPLE = 3
"""Sessions of each person."""
LIFE = "interval '7 days'"


def _digest(kind: str, seed: int, number: int) -> bytes:
    return md5(f"{kind}:{seed}:{number}".encode(), usedforsecurity=False).digest()


def _text(kind: str, seed: int, number: str = "n") -> str:
    """The SQL of what `_digest` takes."""
    return f"('{kind}:{seed}:' || {number})"


async def fill(admin_url: str, sessions: int, seed: int, *, expired: int = 0) -> float:
    """Add so many sessions, with a grant each and a third as many people; the first `expired` are over. Returns the
    seconds it took. They are copies of a session in which a code was redeemed. `admin_url`: a superuser's.

    Rows are written first and indexed afterwards, and no trigger looks at them: ten times as fast."""
    started = time.perf_counter()
    sql = await asyncpg.connect(admin_url, command_timeout=7200)
    await sql.execute("SET session_replication_role = replica; SET synchronous_commit = off")
    await sql.execute("SET maintenance_work_mem = '1GB'; SET max_parallel_maintenance_workers = 2")
    tables = ("users", "user_sessions", "grants")
    for table in tables:
        await sql.execute(f"ALTER TABLE {table} SET (autovacuum_enabled = off)")
    await _index_of(sql, tables, ready=False)
    ends = f"now() + CASE WHEN n <= {expired} THEN interval '-2 hours' ELSE '1 hour' + n * ({LIFE} / {sessions}) END"
    times = {"created_at": f"({ends}) - {LIFE}", "expires_at": ends}
    session = f"md5{_text('session', seed)}::uuid"
    person = {"id": f"md5{_text('person', seed)}::uuid", "email": f"{_text('person', seed)} || '@example.com'"}
    await _copy(sql, "users", sessions // PEOPLE + 1, person)
    whose = f"md5{_text('person', seed, f'(n / {PEOPLE} + 1)')}::uuid"
    cookie = f"sha256({_text('cookie', seed)}::bytea)"
    await _copy(sql, "user_sessions", sessions, times | {"id": session, "user_id": whose, "cookie_hash": cookie})
    grant = {
        "id": f"md5{_text('grant', seed)}::uuid",
        "session_id": session,
        "secret_hash": f"sha256(decode(md5{_text('secret', seed)}, 'hex'))",
        "generation": "0",
        "parent": "-1",
    }
    await _copy(sql, "grants", sessions, times | grant)
    await _index_of(sql, tables, ready=True)
    for table in tables:
        await sql.execute(f"REINDEX TABLE {table}")
        await sql.execute(f"VACUUM (ANALYZE) {table}")
        await sql.execute(f"ALTER TABLE {table} RESET (autovacuum_enabled)")
    await sql.execute("CHECKPOINT")
    await sql.close()
    return time.perf_counter() - started


async def _index_of(sql: asyncpg.Connection, tables: tuple[str, ...], *, ready: bool) -> None:
    """Whether writing a row writes its index entries, too. Whoever says yes again has to reindex."""
    await sql.execute(
        "UPDATE pg_index SET indisready = $1 WHERE indrelid = ANY (SELECT oid FROM pg_class WHERE relname = ANY ($2))",
        ready,
        list(tables),
    )


async def _copy(sql: asyncpg.Connection, table: str, rows: int, changed: dict[str, str]) -> None:
    names = await sql.fetchval(
        "SELECT array_agg(attname::text ORDER BY attnum) FROM pg_attribute "
        "WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped",
        table,
    )
    models = {"users": "email = 'test@example.com'", "grants": "code_state = 'redeemed'"}
    model = models.get(table, "id = (SELECT session_id FROM grants WHERE code_state = 'redeemed' LIMIT 1)")
    values = ", ".join(changed.get(name, f"t.{name}") for name in names)
    await sql.execute(
        f"INSERT INTO {table} ({', '.join(names)}) SELECT {values} "
        f"FROM (SELECT * FROM {table} WHERE {model} LIMIT 1) t, generate_series(1, {rows}) n"
    )


def grant_of(number: int, seed: int) -> tuple[UUID, bytes]:
    """Id, and hash of the secret, of a filled session's grant."""
    return UUID(bytes=_digest("grant", seed, number)), sha256(_digest("secret", seed, number)).digest()


def tokens(env: dict[str, str], client_id: str, numbers: list[int], seed: int) -> list[str]:
    """Refresh tokens of generation 0, of filled sessions by their numbers."""
    runtime = open_runtime(load(env))
    key_id = runtime.master.current_id
    return [
        encode(
            RefreshToken(key_id, grant_of(number, seed)[0], 0, _digest("secret", seed, number)),
            runtime.refresh_mac_key,
            client_id,
        )
        for number in numbers
    ]


def drawn(sessions: int, count: int, seed: int, *, first: int = 1) -> list[int]:
    """Numbers of sessions, each once, in drawn order."""
    numbers = range(first, sessions + 1)
    return random.Random(seed).sample(numbers, min(count, len(numbers)))
