"""The end of all sessions of a person, batch by batch: how many there are is the person's to say, and a statement has a
deadline. What is promised is a row of `endings`; it stays until the last session has ended, whoever ends it."""

from __future__ import annotations

from uuid import UUID

from authsvc.records import frozen
from authsvc.store.audit import LONG_SECONDS
from authsvc.store.postgres import Connection, Database, record_of
from authsvc.store.session.sessions import Ended

BATCH = 500
"""Sessions a statement: less than 0.1 s of an idle machine."""


@frozen
class Batch:
    """What one statement ended. `more`: there may be others."""

    ended: Ended
    more: bool

    @property
    def count(self) -> int:
        """How many sessions."""
        return len(self.ended.sessions)


async def promise(connection: Connection, user_id: UUID, reason: str, *, keep: UUID | None) -> None:
    """Every session that this person has now, save `keep`, is to end. What makes it so is of the same transaction."""
    sql = """INSERT INTO endings (user_id, reason, keep) VALUES ($1, $2, $3)
             ON CONFLICT (user_id) DO UPDATE SET reason = $2, keep = $3, begun_at = clock_timestamp()"""
    await connection.execute(sql, user_id, reason, keep)


async def end_batch(db: Database | Connection, user_id: UUID) -> Batch | None:
    """End some of what was promised; None: nothing is. Rows are locked in the order of their ids: no deadlock."""
    sql = """WITH due AS (
                 SELECT reason, keep, begun_at FROM endings WHERE user_id = $1
             ), chosen AS MATERIALIZED (
                 SELECT s.id FROM user_sessions s, due
                 WHERE s.user_id = $1 AND s.is_active AND s.created_at <= due.begun_at
                 AND s.id IS DISTINCT FROM due.keep
                 LIMIT $2
             ), live AS (
                 SELECT s.id FROM user_sessions s JOIN chosen ON chosen.id = s.id WHERE s.is_active
                 ORDER BY s.id FOR NO KEY UPDATE OF s
             ), ended AS MATERIALIZED (
                 SELECT end_sessions(ARRAY(SELECT id FROM live), due.reason) AS sessions FROM due
             )
             SELECT sessions, session_names(sessions) AS names, (SELECT count(*) FROM chosen) = $2 AS more,
                    revocation_epoch AS epoch, extract(epoch FROM longest_access_token)::float8 AS keep_seconds
             FROM service_state, ended"""
    row = await db.fetchrow(sql, user_id, BATCH)
    return Batch(record_of(Ended, row), row["more"]) if row else None


async def complete(db: Database | Connection, user_id: UUID) -> bool:
    """Forget a promise of which nothing is left. False: something is, or somebody else was first."""
    sql = """DELETE FROM endings e WHERE user_id = $1 AND NOT EXISTS (
                 SELECT FROM user_sessions s WHERE s.user_id = e.user_id AND s.is_active AND s.created_at <= e.begun_at
                 AND s.id IS DISTINCT FROM e.keep)"""
    return await db.execute(sql, user_id) == "DELETE 1"


async def left_over(db: Database) -> list[UUID]:
    """Whose promised ends nobody seems to work on any more."""
    sql = "SELECT user_id FROM endings WHERE begun_at < now() - interval '60 seconds' ORDER BY begun_at LIMIT 10"
    return [row["user_id"] for row in await db.fetch(sql)]


async def end_idle(connection: Connection, idle_seconds: int) -> Ended | None:
    """End some sessions that nobody used for so long. None: another replica is at it. Reads all of the table: an index
    on last_activity would make every refresh write to it."""
    if not await connection.fetchval("SELECT pg_try_advisory_xact_lock(hashtextextended('authsvc:idle', 0))"):
        return None
    sql = """WITH chosen AS MATERIALIZED (
                 SELECT id FROM user_sessions WHERE is_active AND expires_at > now()
                 AND last_activity < now() - $1::int * interval '1 second' LIMIT $2
             ), live AS (
                 SELECT s.id FROM user_sessions s JOIN chosen ON chosen.id = s.id
                 WHERE s.is_active AND s.last_activity < now() - $1::int * interval '1 second'
                 ORDER BY s.id FOR NO KEY UPDATE OF s
             ), ended AS MATERIALIZED (
                 SELECT end_sessions(ARRAY(SELECT id FROM live), 'idle') AS sessions
             )
             SELECT sessions, session_names(sessions) AS names, revocation_epoch AS epoch,
                    extract(epoch FROM longest_access_token)::float8 AS keep_seconds FROM service_state, ended"""
    return record_of(Ended, await connection.fetchrow(sql, idle_seconds, BATCH, timeout=LONG_SECONDS))
