"""Sessions: begin, list, end one (`endings`: all). Ending is one statement: triggers write the revocation and end the
grants with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field, fields
from datetime import datetime
from operator import attrgetter
from typing import Any
from uuid import UUID

from authsvc.records import frozen
from authsvc.rules.client_record import Digest
from authsvc.rules.confirmation import UNBOUND, Confirmation
from authsvc.rules.person_record import Session
from authsvc.store.postgres import Connection, Database, record_of


@frozen
class Ended:
    """What a statement ended, for the Redis set: which sessions, for how long their tokens might have lived (seconds),
    and the revocation epoch that the statement saw. `names`: what tokens of pairwise clients call these sessions;
    `grants` ("session id or name:client id"): where the session lives on; tokens are void there that were issued at or
    before `not_before`, whole seconds since 1970."""

    sessions: tuple[UUID, ...]
    keep_seconds: float
    epoch: int
    names: tuple[str, ...] = ()
    grants: tuple[str, ...] = ()
    not_before: int = 0


@frozen
class NewSession:
    """A login. `password_hash`: the one that the password was checked with, None where none was; `lifetime_seconds`:
    from now on; `cookie_hash`: None where no browser holds the session; `credentials`: what opened it;
    `factor_generation`: of the person when that was checked."""

    id: UUID
    user_id: UUID
    password_hash: str | None = field(repr=False)
    device_info: str
    ip_address: str | None
    user_agent: str | None
    amr: tuple[str, ...]
    remember_me: bool
    lifetime_seconds: int
    cookie_hash: Digest | None = field(repr=False, default=None)
    credentials: tuple[str, ...] = ()
    factor_generation: int = 0


@frozen
class Begun:
    """The times of a new session, by PostgreSQL's clock; `others`: how many live sessions the person had before."""

    now: datetime
    expires_at: datetime
    others: int


# FOR SHARE: a person who is being disabled, or whose password is being changed or factor removed, is waited for and
# then looked at again, so that no login slips in behind "end all sessions".
_SESSION = """
WITH person AS (
    SELECT id FROM users
    WHERE id = $2 AND disabled_at IS NULL AND ($3::text IS NULL OR password_hash = $3) AND factor_generation = $12
    FOR SHARE
), session AS (
    INSERT INTO user_sessions (id, user_id, device_info, ip_address, user_agent, amr, remember_me, expires_at,
                               cookie_hash, credentials)
    SELECT $1, id, $4, $5, $6, $7, $8, now() + $9::int * interval '1 second', $10, $11 FROM person
    RETURNING id, expires_at
)
"""
LIVE_OF_PERSON = "(SELECT count(*) FROM user_sessions l WHERE l.user_id = {} AND l.is_active AND l.expires_at > now())"
"""How many sessions a person had when the statement began."""
_BEGUN = f"expires_at, now() AS now, {LIVE_OF_PERSON.format('$2')} AS others"
_BEGIN = f"{_SESSION} SELECT {_BEGUN} FROM session"  # noqa: S608 - a constant
_BEGIN_WITH_GRANT = f"""{_SESSION}
INSERT INTO grants (id, session_id, client_id, scope, audience, secret_hash, expires_at, dpop_jkt, session_name)
SELECT $13, session.id, $14, $15, $16, $17, session.expires_at, $18, $19 FROM session
RETURNING {_BEGUN}
"""  # noqa: S608 - a constant
_values = attrgetter(*(item.name for item in fields(NewSession)))


async def begin(db: Database | Connection, new: NewSession) -> Begun | None:
    """A session without a grant. None: the person was disabled, or the password changed, since it was read."""
    row = await db.fetchrow(_BEGIN, *_values(new))
    return Begun(**row) if row else None


async def begin_with_grant(
    db: Database | Connection,
    new: NewSession,
    *,
    grant_id: UUID,
    client_id: str,
    scope: Sequence[str],
    audience: Sequence[str],
    secret_hash: Digest,
    bound_to: Confirmation = UNBOUND,
    session_name: str | None = None,
) -> Begun | None:
    """A session and its first grant, whose refresh token is bound to `bound_to`, and whose tokens call the session
    `session_name` (None: by its id). None: as `begin`."""
    grant = (grant_id, client_id, scope, audience, secret_hash, bound_to.stored, session_name)
    row = await db.fetchrow(_BEGIN_WITH_GRANT, *_values(new), *grant)
    return Begun(**row) if row else None


async def end(db: Database | Connection, session_id: UUID, reason: str, *, user_id: UUID | None = None) -> Ended | None:
    """End one session, of `user_id` when given. None: there is no such session. Ending twice is the same as once."""
    sql = """WITH known AS (
                  SELECT id, is_active FROM user_sessions
                  WHERE id = $1 AND ($3::uuid IS NULL OR user_id = $3) FOR NO KEY UPDATE
              ), ended AS (
                  UPDATE user_sessions s SET is_active = false, end_reason = $2
                  FROM known WHERE s.id = known.id AND known.is_active RETURNING s.id
              )
              SELECT ARRAY(SELECT id FROM known) AS sessions, session_names(ARRAY(SELECT id FROM known)) AS names,
                     revocation_epoch AS epoch,
                     extract(epoch FROM longest_access_token)::float8 AS keep_seconds FROM service_state"""
    row = await db.fetchrow(sql, session_id, reason, user_id)
    return record_of(Ended, row) if row["sessions"] else None


async def end_least_used(db: Database, user_id: UUID, count: int, reason: str, *, keep: UUID) -> Ended:
    """End so many live sessions of a person that were used longest ago, save `keep`. Rows are locked in the order of
    their ids: no deadlock."""
    sql = """WITH chosen AS MATERIALIZED (
                 SELECT id FROM user_sessions WHERE user_id = $1 AND is_active AND expires_at > now() AND id <> $4
                 ORDER BY last_activity, id LIMIT $2
             ), live AS (
                 SELECT s.id FROM user_sessions s JOIN chosen ON chosen.id = s.id WHERE s.is_active
                 ORDER BY s.id FOR NO KEY UPDATE OF s
             ), ended AS MATERIALIZED (
                 SELECT end_sessions(ARRAY(SELECT id FROM live), $3) AS sessions
             )
             SELECT sessions, session_names(sessions) AS names, revocation_epoch AS epoch,
                    extract(epoch FROM longest_access_token)::float8 AS keep_seconds FROM service_state, ended"""
    return record_of(Ended, await db.fetchrow(sql, user_id, count, reason, keep))


# What is ended is 'burnt' where it came from a code: the client is told now, and not once more when the session ends.
_END_PART = """
WITH locked AS (
    SELECT id, user_id FROM user_sessions WHERE id = $1 AND is_active FOR NO KEY UPDATE
), had AS (
    SELECT g.id, g.session_id, g.code_state, g.session_name FROM grants g JOIN locked ON g.session_id = locked.id
    WHERE g.client_id = $2 AND NOT g.ended ORDER BY g.id FOR NO KEY UPDATE OF g
), ended AS (
    UPDATE grants g SET ended = true, ended_at = now(),
                        code_state = CASE WHEN g.code_state = 'none' THEN 'none' ELSE 'burnt' END
    FROM had WHERE g.id = had.id RETURNING g.session_id
), over AS (
    SELECT DISTINCT session_id FROM ended
), moment AS MATERIALIZED (
    SELECT count(*), clock_timestamp() AS since FROM ended
), told AS (
    SELECT revoke_since('grant', session_id || ':' || $2, $3, since) FROM over, moment
), names AS (
    SELECT session_id::text AS name FROM had UNION SELECT session_name FROM had WHERE session_name IS NOT NULL
), outbox_rows AS (
    INSERT INTO outbox (kind, client_id, user_id, session_id, session_name)
    SELECT DISTINCT 'backchannel_logout', c.id, locked.user_id, locked.id, had.session_name
    FROM locked JOIN had ON had.session_id = locked.id JOIN clients c ON c.id = $2
    WHERE had.code_state <> 'issued' AND c.backchannel_logout_uri IS NOT NULL
)
SELECT ARRAY(SELECT name || ':' || $2 FROM names) AS grants, (SELECT count(*) FROM told) AS told,
       extract(epoch FROM longest_access_token)::float8 AS keep_seconds, revocation_epoch AS epoch,
       floor(extract(epoch FROM since))::bigint AS not_before
FROM service_state, moment
"""


async def end_part(db: Database, session_id: UUID, client_id: str, reason: str) -> Ended:
    """End what a client has of a session, which lives on for all others. Nothing there to end is no failure."""
    row = await db.fetchrow(_END_PART, session_id, client_id, reason)
    return record_of(Ended, row, sessions=())


PROMISED_TO_END = """EXISTS (SELECT FROM endings e WHERE e.user_id = s.user_id AND s.created_at <= e.begun_at
                                 AND s.id IS DISTINCT FROM e.keep)"""
"""That the session `s` is one of those that will end: it changes nothing any more of what they end for."""


async def is_live(connection: Connection, session_id: UUID) -> bool:
    """Whether a session is alive now, and its end not promised. A statement of its own: one that waited for a lock
    reads joined rows as they were before the wait."""
    sql = f"""SELECT EXISTS (SELECT FROM user_sessions s WHERE id = $1 AND is_active AND expires_at > now()
              AND NOT {PROMISED_TO_END})"""  # noqa: S608 - a constant
    found: bool = await connection.fetchval(sql, session_id)
    return found


async def live(db: Database, user_id: UUID) -> list[Session]:
    """All of a person's sessions that can still be refreshed, the most recently used first."""
    sql = """SELECT id, device_info, host(ip_address) AS ip_address, user_agent, created_at, remember_me, expires_at,
                    last_activity
             FROM user_sessions WHERE user_id = $1 AND is_active AND expires_at > now()
             ORDER BY last_activity DESC, id"""
    rows = await db.fetch(sql, user_id)
    return [Session(**row) for row in rows]


@frozen
class Place:
    """On which device a session began, from which address ("": nobody knows), and the ids of the clients that have
    something from it."""

    device: str = ""
    address: str = ""
    clients: tuple[str, ...] = ()


async def place_of(db: Database, session_id: UUID) -> Place:
    """Where a session is; nowhere if there is none."""
    sql = """SELECT s.device_info AS device, coalesce(host(s.ip_address), '') AS address,
                    ARRAY(SELECT DISTINCT client_id FROM grants g WHERE g.session_id = s.id AND NOT g.ended
                          AND g.code_state IN ('none', 'redeemed') ORDER BY 1) AS clients
             FROM user_sessions s WHERE s.id = $1"""
    row = await db.fetchrow(sql, session_id)
    return record_of(Place, row) if row else Place()


async def recent(db: Database, *, user_id: UUID | None, active_only: bool, limit: int) -> list[Any]:
    """Sessions of one person or of all, the most recently used first, for the operator's list."""
    sql = """SELECT s.id, u.email, s.device_info, host(s.ip_address) AS ip_address, s.created_at, s.last_activity,
                    s.expires_at, s.is_active, s.end_reason, s.remember_me,
                    ARRAY(SELECT DISTINCT client_id FROM grants g WHERE g.session_id = s.id ORDER BY 1) AS clients
             FROM user_sessions s JOIN users u ON u.id = s.user_id
             WHERE ($1::uuid IS NULL OR s.user_id = $1) AND (NOT $2 OR (s.is_active AND s.expires_at > now()))
             ORDER BY s.last_activity DESC LIMIT $3"""
    return await db.fetch(sql, user_id, active_only, limit)
