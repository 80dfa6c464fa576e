"""The outbox: what clients must still be told, written by the triggers of 0002 when a session ends."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from authsvc.records import frozen
from authsvc.store.postgres import Connection, Database

LEASE_SECONDS = 15
"""Longer than an attempt takes: what a worker claimed and did not finish, because it died, is due again after that."""


@frozen
class Due:
    """One client to be told of the end of one session, which it knows by `session_name`, None: by its id. `attempts`
    counts this one; `now` is PostgreSQL's."""

    id: int
    client_id: str
    user_id: UUID
    session_id: UUID
    session_name: str | None
    attempts: int
    now: datetime


# A client with many rows takes its own places only, however dead it is: so many rows a client, and none of the clients
# that have all their places taken already (`busy`). Replicas skip what another one holds.
_CLAIM = """
WITH due AS MATERIALIZED (
    SELECT held.id
    FROM (SELECT DISTINCT client_id FROM outbox
          WHERE next_at <= now() AND expires_at > now() AND client_id <> ALL ($2::text[])) AS waiting,
    LATERAL (SELECT id FROM outbox
             WHERE client_id = waiting.client_id AND next_at <= now() AND expires_at > now()
             ORDER BY next_at LIMIT $3 FOR UPDATE SKIP LOCKED) AS held
    LIMIT $4
)
UPDATE outbox SET attempts = attempts + 1, next_at = now() + $1::int * interval '1 second'
FROM due WHERE outbox.id = due.id
RETURNING outbox.id, client_id, user_id, session_id, session_name, attempts, now() AS now
"""


async def claim(db: Database, *, busy: Sequence[str], each: int, limit: int) -> list[Due]:
    """Take what is due, `each` rows of a client at most, and hold it for LEASE_SECONDS."""
    rows = await db.fetch(_CLAIM, LEASE_SECONDS, list(busy), each, limit)
    return [Due(**row) for row in rows]


async def done(target: Database | Connection, row_id: int) -> None:
    """Delete a row: its client was told, or is given up."""
    await target.execute("DELETE FROM outbox WHERE id = $1", row_id)


async def later(connection: Connection, row_id: int, pause_seconds: float) -> bool:
    """Put a row back. Try again after a pause. False: it would be too late then, and the row is deleted."""
    sql = """WITH late AS (
                 DELETE FROM outbox WHERE id = $1 AND expires_at <= now() + $2::float8 * interval '1 second'
                 RETURNING id)
             UPDATE outbox SET next_at = now() + $2::float8 * interval '1 second'
             WHERE id = $1 AND NOT EXISTS (SELECT FROM late) RETURNING id"""
    row = await connection.fetchrow(sql, row_id, pause_seconds)
    return row is not None


@frozen
class Waiting:
    """What clients must still be told: how many rows, and how old the oldest is."""

    count: int
    oldest_seconds: float


async def waiting(db: Database) -> Waiting:
    """How long the outbox is, and how old."""
    sql = """SELECT count(*) AS count,
                    coalesce(extract(epoch FROM now() - min(created_at)), 0)::float8 AS oldest_seconds
             FROM outbox"""
    return Waiting(**await db.fetchrow(sql))
