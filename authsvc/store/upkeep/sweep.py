"""Clean-up: what is over is deleted in small batches. Nothing depends on its having run."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from authsvc.clock import monotonic
from authsvc.store.postgres import Database

BATCH = 50
"""Rows a statement: a millisecond of PostgreSQL's time, so that nobody waits long behind one."""
REST = 4.0
"""After each batch, how many times its own time is rested: the clean-up takes a fifth of one connection's time at most,
on a slow machine too."""

# The last key of an algorithm stays, however old: it tells that clients count on it, and that the next is in a hurry.
# An hour is kept after the end: long enough that no statement in flight, and no clock, can still want the row.
_STATEMENTS = {
    "user_sessions": """DELETE FROM user_sessions WHERE id IN (
        SELECT id FROM user_sessions
        WHERE expires_at < now() - interval '1 hour' LIMIT $1 FOR UPDATE SKIP LOCKED)""",
    "grants": """DELETE FROM grants WHERE id IN (
        SELECT id FROM grants
        WHERE code_state IN ('issued', 'burnt') AND code_expires_at < now() - interval '1 hour'
        LIMIT $1 FOR UPDATE SKIP LOCKED)""",
    "pushed_requests": """DELETE FROM pushed_requests WHERE digest IN (
        SELECT digest FROM pushed_requests WHERE expires_at < now() LIMIT $1 FOR UPDATE SKIP LOCKED)""",
    "device_requests": """DELETE FROM device_requests WHERE id IN (
        SELECT id FROM device_requests
        WHERE expires_at < now() - interval '1 hour' LIMIT $1 FOR UPDATE SKIP LOCKED)""",
    "outbox": """DELETE FROM outbox WHERE id IN (
        SELECT id FROM outbox WHERE expires_at < now() LIMIT $1 FOR UPDATE SKIP LOCKED)""",
    "registration_tokens": """DELETE FROM registration_tokens WHERE digest IN (
        SELECT digest FROM registration_tokens WHERE expires_at < now() LIMIT $1 FOR UPDATE SKIP LOCKED)""",
    "revocations": """DELETE FROM revocations WHERE sequence IN (
        SELECT sequence FROM revocations
        WHERE expires_at < now() - interval '1 hour' LIMIT $1 FOR UPDATE SKIP LOCKED)""",
    # A slice goes when its batches went; its blocks go with it.
    "status_batches": """WITH emptied AS (
            DELETE FROM status_slices s WHERE to_timestamp(s.ends_at) < now() - interval '1 hour'
            AND NOT EXISTS (SELECT FROM status_batches b WHERE b.salt = s.salt))
        DELETE FROM status_batches WHERE id IN (
            SELECT id FROM status_batches
            WHERE ends_at < extract(epoch FROM now() - interval '1 hour') LIMIT $1 FOR UPDATE SKIP LOCKED)""",
    "spent_assertions": """DELETE FROM spent_assertions WHERE digest IN (
        SELECT digest FROM spent_assertions WHERE expires_at < now() LIMIT $1 FOR UPDATE SKIP LOCKED)""",
    "signing_keys": """DELETE FROM signing_keys WHERE kid IN (
        SELECT kid FROM signing_keys gone
        WHERE greatest(drop_after, withdrawn_at) < now() - interval '1 hour'
          AND EXISTS (SELECT 1 FROM signing_keys later WHERE later.alg = gone.alg
                      AND (later.signs_from, later.kid) > (gone.signs_from, gone.kid))
        LIMIT $1 FOR UPDATE SKIP LOCKED)""",
    # No cache holds a JWKS, and no token lives, for longer than a day.
    "served_settings": """DELETE FROM served_settings WHERE (replica, settings) IN (
        SELECT replica, settings FROM served_settings
        WHERE heard_at < now() - interval '2 days' LIMIT $1 FOR UPDATE SKIP LOCKED)""",
    "audit_events": """DELETE FROM audit_events WHERE id IN (
        SELECT id FROM audit_events WHERE at < now() - interval '400 days' LIMIT $1 FOR UPDATE SKIP LOCKED)""",
}


async def sweep(db: Database, *, rest: float = REST) -> AsyncIterator[tuple[str, int]]:
    """Delete what is over; yields (table, rows) after each batch. Ends at once where another replica is at it."""
    for table, statement in _STATEMENTS.items():
        while True:
            started = monotonic()
            async with db.transaction(seconds=20) as connection:
                if not await connection.fetchval(
                    "SELECT pg_try_advisory_xact_lock(hashtextextended('authsvc:sweep', 0))"
                ):
                    return
                # A batch that a crash loses is swept again: nobody need wait for the disk.
                await connection.execute("SET LOCAL synchronous_commit = off")
                rows = int((await connection.execute(statement, BATCH, timeout=20)).split()[1])
            if rows:
                yield table, rows
            if rows < BATCH:
                break
            await asyncio.sleep(rest * (monotonic() - started))
