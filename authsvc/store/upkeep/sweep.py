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

_HOUR_AGO = "now() - interval '1 hour'"
"""So much is kept after the end: long enough that no statement in flight, and no clock, can still want the row."""
# The last key of an algorithm stays, however old: it tells that clients count on it, and that the next is in a hurry.
_FOLLOWED = """EXISTS (SELECT FROM signing_keys later WHERE later.alg = signing_keys.alg
                       AND (later.signs_from, later.kid) > (signing_keys.signs_from, signing_keys.kid))"""
_OVER = {
    "user_sessions": ("id", f"expires_at < {_HOUR_AGO}"),
    "grants": ("id", f"code_state IN ('issued', 'burnt') AND code_expires_at < {_HOUR_AGO}"),
    "pushed_requests": ("digest", "expires_at < now()"),
    "device_requests": ("id", f"expires_at < {_HOUR_AGO}"),
    "outbox": ("id", "expires_at < now()"),
    "mailed_proofs": ("id", "expires_at < now()"),
    # Longer than the day in which a notice is not repeated.
    "mails": ("id", "coalesce(sent_at, given_up_at, expires_at) < now() - interval '7 days'"),
    "registration_tokens": ("digest", "expires_at < now()"),
    "revocations": ("sequence", f"expires_at < {_HOUR_AGO}"),
    "status_batches": ("id", f"ends_at < extract(epoch FROM {_HOUR_AGO})"),
    "spent_assertions": ("digest", "expires_at < now()"),
    "trusted_devices": ("id", "expires_at < now()"),
    "spent_challenges": ("digest", "expires_at < now()"),
    "signing_keys": ("kid", f"greatest(drop_after, withdrawn_at) < {_HOUR_AGO} AND {_FOLLOWED}"),
    # No cache holds a JWKS, and no token lives, for longer than a day.
    "served_settings": ("replica, settings", "heard_at < now() - interval '2 days'"),
    # A client that nobody registered is kept for what people gave it.
    "clients": (
        "id",
        """id IN (SELECT client_id FROM stranger_clients WHERE read_at < now() - interval '1 day')
           AND NOT EXISTS (SELECT FROM consents c WHERE c.client_id = clients.id)
           AND NOT EXISTS (SELECT FROM grants g WHERE g.client_id = clients.id)""",
    ),
    "audit_events": ("id", "at < now() - interval '400 days'"),
}
"""Table -> its key, and which of its rows are over."""
_BEFORE = {
    # A slice goes when its batches went; its blocks go with it.
    "status_batches": f"""WITH emptied AS (
        DELETE FROM status_slices s WHERE to_timestamp(s.ends_at) < {_HOUR_AGO}
        AND NOT EXISTS (SELECT FROM status_batches b WHERE b.salt = s.salt))"""  # noqa: S608 - a constant
}


async def sweep(db: Database, *, rest: float = REST) -> AsyncIterator[tuple[str, int]]:
    """Delete what is over; yields (table, rows) after each batch. Ends at once where another replica is at it."""
    for table, (key, over) in _OVER.items():
        statement = f"""{_BEFORE.get(table, "")} DELETE FROM {table} WHERE ({key}) IN (
            SELECT {key} FROM {table} WHERE {over} LIMIT $1 FOR UPDATE SKIP LOCKED)"""  # noqa: S608 - constants
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
