"""Sessions of browsers: found by the digest of their cookie, shared by every client (single sign-on)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from authsvc.records import frozen
from authsvc.rules.client_record import Digest
from authsvc.rules.person_record import User
from authsvc.store.postgres import Connection, Database, record_of
from authsvc.store.session.sessions import PROMISED_TO_END


@frozen
class BrowserSession:
    """A live session and its person. `now` is PostgreSQL's time of this reading."""

    id: UUID
    user: User
    auth_time: datetime
    expires_at: datetime
    remember_me: bool
    last_activity: datetime
    now: datetime
    amr: tuple[str, ...] = ("pwd",)
    credentials: tuple[str, ...] = ()


async def by_cookie(db: Database, cookie_hash: Digest, *, idle_seconds: int) -> BrowserSession | None:
    """The live session of a cookie, or None: unknown, ended, expired, unused for `idle_seconds` (0: that ends none),
    its person disabled."""
    sql = """SELECT s.id, s.auth_time, s.expires_at, s.remember_me, s.last_activity, now() AS now,
                    s.amr, s.credentials, u.id AS user_id, u.email, u.email_verified, u.name, u.roles,
                    u.factor_generation, coalesce(u.locale, '') AS locale
             FROM user_sessions s JOIN users u ON u.id = s.user_id
             WHERE s.cookie_hash = $1 AND s.is_active AND s.expires_at > now() AND u.disabled_at IS NULL
             AND ($2::int = 0 OR s.last_activity > now() - $2::int * interval '1 second')"""
    row = await db.fetchrow(sql, cookie_hash, idle_seconds)
    return record_of(BrowserSession, row, user=record_of(User, row, id=row["user_id"])) if row else None


async def used(db: Database, session_id: UUID) -> None:
    """The session was used now. Left out where its row is locked: who has the lock uses it, or ends it."""
    sql = """UPDATE user_sessions SET last_activity = now() FROM (
                 SELECT id FROM user_sessions WHERE id = $1 AND is_active FOR NO KEY UPDATE SKIP LOCKED) free
             WHERE user_sessions.id = free.id"""
    await db.execute(sql, session_id)


async def authenticated_again(
    db: Database | Connection,
    session_id: UUID,
    password_hash: str | None,
    *,
    old_hash: Digest,
    new_hash: Digest,
    amr: Sequence[str],
    credentials: Sequence[str],
    factor_generation: int,
    keep_time: bool = False,
) -> datetime | None:
    """The same session under a new cookie, its person authenticated now, by what is added to its `credentials`. None:
    it has ended or its end is promised, or it was not the same. `password_hash`: None where no password was checked;
    `keep_time`: only a part of what `amr` says was proved now, and the rest as long ago as the session says."""
    sql = f"""WITH person AS (
                 SELECT u.id FROM users u JOIN user_sessions s ON s.user_id = u.id
                 WHERE s.id = $1 AND u.disabled_at IS NULL AND ($2::text IS NULL OR u.password_hash = $2)
                 AND u.factor_generation = $7 FOR SHARE OF u
             )
             UPDATE user_sessions s
             SET cookie_hash = $4, auth_time = CASE WHEN $8 THEN s.auth_time ELSE now() END, last_activity = now(),
                 amr = $5, credentials = ARRAY(SELECT unnest(s.credentials) UNION SELECT unnest($6::text[]))
             FROM person WHERE s.id = $1 AND s.user_id = person.id AND s.cookie_hash = $3 AND s.is_active
             AND s.expires_at > now() AND NOT {PROMISED_TO_END}
             RETURNING now() AS now"""  # noqa: S608 - a constant
    known = (old_hash, new_hash, list(amr), list(credentials), factor_generation, keep_time)
    row = await db.fetchrow(sql, session_id, password_hash, *known)
    return row["now"] if row else None
