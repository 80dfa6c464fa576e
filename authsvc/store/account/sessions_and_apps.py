"""What a person sees and ends on the account page."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from authsvc.records import frozen
from authsvc.store.postgres import Database, record_of
from authsvc.store.session.sessions import Ended


@frozen
class Listed:
    """A live session with the names of the clients that have something from it."""

    id: UUID
    device_info: str
    ip_address: str | None
    user_agent: str | None
    created_at: datetime
    last_activity: datetime
    apps: tuple[str, ...]


@frozen
class Page:
    """A page of live sessions, of `total`; and which of the page's other lists hold anything."""

    sessions: Sequence[Listed] = ()
    total: int = 0
    has_apps: bool = True
    has_passkeys: bool = True
    has_trusted: bool = True


@frozen
class App:
    """A client with a consent."""

    client_id: str
    name: str
    scope: tuple[str, ...]
    granted_at: datetime


# By the index on user_id; clients are looked up for the rows of the page only. No index on last_activity: it would
# make every refresh write to it.
_SESSIONS = """
WITH page AS MATERIALIZED (
    SELECT id, device_info, ip_address, user_agent, created_at, last_activity, count(*) OVER () AS total
    FROM user_sessions WHERE user_id = $1 AND is_active AND expires_at > now()
    ORDER BY id = $2 DESC, last_activity DESC, id OFFSET $3 LIMIT $4
)
SELECT p.id, p.device_info, host(p.ip_address) AS ip_address, p.user_agent, p.created_at, p.last_activity, p.total,
       EXISTS (SELECT FROM consents WHERE user_id = $1) AS has_apps,
       EXISTS (SELECT FROM passkeys WHERE user_id = $1) AS has_passkeys,
       EXISTS (SELECT FROM trusted_devices WHERE user_id = $1) AS has_trusted,
       ARRAY(SELECT DISTINCT c.name FROM grants g JOIN clients c ON c.id = g.client_id
             WHERE g.session_id = p.id AND NOT g.ended AND g.code_state IN ('none', 'redeemed') ORDER BY 1) AS apps
FROM page p ORDER BY p.id = $2 DESC, p.last_activity DESC, p.id
"""


async def sessions(db: Database, user_id: UUID, *, current: UUID, offset: int, limit: int) -> Page:
    """Live sessions, `current` first, then the most recently used. Behind the last page there are none, of 0, and
    nothing is known of the other lists."""
    rows = await db.fetch(_SESSIONS, user_id, current, offset, limit)
    return record_of(Page, rows[0], sessions=[record_of(Listed, row) for row in rows]) if rows else Page()


async def apps(db: Database, user_id: UUID) -> list[App]:
    """The clients that a person has allowed something."""
    sql = """SELECT c.client_id, k.name, c.scope, c.granted_at FROM consents c JOIN clients k ON k.id = c.client_id
             WHERE c.user_id = $1 ORDER BY lower(k.name), c.client_id"""
    rows = await db.fetch(sql, user_id)
    return [record_of(App, row) for row in rows]


BATCH = 200
"""Sessions a statement: how many a person has is theirs to say, and a statement has a deadline."""

# Locks in the order of every other end: the sessions, then their grants. What is ended is 'burnt' where it came from a
# code: the client is told now, and not once more when the session ends. `|| ''`: by the index of the session, however
# many grants the client has of everybody.
_REVOKE_APP = """
WITH chosen AS MATERIALIZED (
    SELECT s.id FROM user_sessions s
    WHERE s.user_id = $1 AND s.is_active
    AND EXISTS (SELECT FROM grants g WHERE g.session_id = s.id AND g.client_id || '' = $2 AND NOT g.ended) LIMIT $3
), consent AS (
    DELETE FROM consents WHERE user_id = $1 AND client_id = $2 AND (SELECT count(*) FROM chosen) < $3
    RETURNING client_id
), locked AS (
    SELECT s.id FROM user_sessions s JOIN chosen ON chosen.id = s.id WHERE s.is_active
    ORDER BY s.id FOR NO KEY UPDATE OF s
), had AS (
    SELECT g.id, g.session_id, g.code_state, g.session_name FROM grants g JOIN locked ON g.session_id = locked.id
    WHERE g.client_id || '' = $2 AND NOT g.ended FOR NO KEY UPDATE OF g
), ended AS (
    UPDATE grants g SET ended = true, ended_at = now(),
                        code_state = CASE WHEN g.code_state = 'none' THEN 'none' ELSE 'burnt' END
    FROM had WHERE g.id = had.id RETURNING g.session_id
), over AS (
    SELECT DISTINCT session_id FROM ended
), moment AS MATERIALIZED (
    SELECT count(*), clock_timestamp() AS since FROM ended
), told AS (
    SELECT revoke_since('grant', session_id || ':' || $2, 'consent_revoked', since) FROM over, moment
), names AS (
    SELECT session_id::text AS name FROM had UNION SELECT session_name FROM had WHERE session_name IS NOT NULL
), outbox_rows AS (
    INSERT INTO outbox (kind, client_id, user_id, session_id, session_name)
    SELECT DISTINCT 'backchannel_logout', c.id, $1, had.session_id, had.session_name
    FROM had JOIN clients c ON c.id = $2
    WHERE had.code_state <> 'issued' AND c.backchannel_logout_uri IS NOT NULL
)
SELECT ARRAY(SELECT name || ':' || $2 FROM names) AS grants, (SELECT count(*) FROM told) AS told,
       (SELECT count(*) FROM consent) AS consents, (SELECT count(*) FROM chosen) = $3 AS more,
       extract(epoch FROM longest_access_token)::float8 AS keep_seconds, revocation_epoch AS epoch,
       floor(extract(epoch FROM since))::bigint AS not_before
FROM service_state, moment
"""


@frozen
class AppRevoked:
    """What was ended of an app, and whether there was a consent or a grant at all. `more`: there are other grants, and
    the consent stands until the last of them has ended."""

    ended: Ended
    known: bool
    more: bool


async def revoke_app(db: Database, user_id: UUID, client_id: str) -> AppRevoked:
    """End this client's grants in so many sessions of the person as a statement may, and take back the consent with the
    last of them, in one transaction.

    The consent is locked by a statement before: a code that is being issued on it is waited for, and seen by the next.
    """
    async with db.transaction() as connection:
        sql = "SELECT FROM consents WHERE user_id = $1 AND client_id = $2 FOR UPDATE"
        await connection.execute(sql, user_id, client_id)
        row = await connection.fetchrow(_REVOKE_APP, user_id, client_id, BATCH)
    ended = record_of(Ended, row, sessions=())
    return AppRevoked(ended, bool(ended.grants) or row["consents"] > 0, row["more"])
