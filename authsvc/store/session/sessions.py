"""Sessions: begin, list, end. Ending is one statement: triggers write the revocation and end the grants with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from authsvc.rules.client_record import Digest
from authsvc.rules.confirmation import UNBOUND, Confirmation
from authsvc.rules.person_record import Login, Session
from authsvc.store.postgres import Connection, Database


@dataclass(frozen=True, slots=True)
class Ended:
    """What a statement ended, for the Redis set: which sessions, for how long their tokens might have lived (seconds),
    and the revocation epoch that the statement saw."""

    sessions: tuple[UUID, ...]
    keep_seconds: float
    epoch: int
    grant: str | None = None


@dataclass(frozen=True, slots=True)
class Begun:
    """The times of a new session, by PostgreSQL's clock."""

    now: datetime
    expires_at: datetime


# FOR SHARE: a person who is being disabled, or whose password is being changed, is waited for and then looked at
# again, so that no login slips in behind "end all sessions".
_BEGIN = """
WITH person AS (
    SELECT id FROM users WHERE id = $2 AND disabled_at IS NULL AND password_hash = $3 FOR SHARE
), session AS (
    INSERT INTO user_sessions (id, user_id, device_info, ip_address, user_agent, amr, remember_me, expires_at)
    SELECT $1, id, $4, $5, $6, $7, $8, now() + $9::int * interval '1 second' FROM person
    RETURNING id, expires_at
)
INSERT INTO grants (id, session_id, client_id, scope, audience, secret_hash, expires_at, dpop_jkt)
SELECT $10, session.id, $11, $12, $13, $14, session.expires_at, $15 FROM session
RETURNING expires_at, now() AS now
"""


async def begin(
    db: Database,
    *,
    session_id: UUID,
    user_id: UUID,
    password_hash: str,
    device_info: str,
    ip_address: str | None,
    user_agent: str | None,
    amr: Sequence[str],
    remember_me: bool,
    lifetime_seconds: int,
    grant_id: UUID,
    client_id: str,
    scope: Sequence[str],
    audience: Sequence[str],
    secret_hash: Digest,
    bound_to: Confirmation = UNBOUND,
) -> Begun | None:
    """A session and its first grant, whose refresh token is bound to `bound_to`.

    None: the person was disabled, or the password changed, since it was read."""
    row = await db.fetchrow(
        _BEGIN, session_id, user_id, password_hash, device_info, ip_address, user_agent, list(amr), remember_me,
        lifetime_seconds, grant_id, client_id, list(scope), list(audience), secret_hash, bound_to.text,
    )  # fmt: skip
    return Begun(row["now"], row["expires_at"]) if row else None


def login_in(row: Any) -> Login:
    """The login in a row with the columns user_id, session_id, auth_time, amr and roles."""
    return Login(row["user_id"], row["session_id"], row["auth_time"], tuple(row["amr"]), tuple(row["roles"]))


_ENDED = (
    "SELECT {} AS ids, extract(epoch FROM longest_access_token)::float8 AS keep, revocation_epoch FROM service_state"
)


def _ended(row: Any) -> Ended:
    return Ended(tuple(row["ids"] or ()), row["keep"], row["revocation_epoch"])


async def end(db: Database | Connection, session_id: UUID, reason: str, *, user_id: UUID | None = None) -> Ended | None:
    """End one session, of `user_id` when given. None: there is no such session. Ending twice is the same as once."""
    row = await db.fetchrow(
        f"""WITH known AS (
                SELECT id, is_active FROM user_sessions
                WHERE id = $1 AND ($3::uuid IS NULL OR user_id = $3) FOR NO KEY UPDATE
            ), ended AS (
                UPDATE user_sessions s SET is_active = false, end_reason = $2
                FROM known WHERE s.id = known.id AND known.is_active RETURNING s.id
            ) {_ENDED.format("ARRAY(SELECT id FROM known)")}""",  # noqa: S608 - constants
        session_id,
        reason,
        user_id,
    )
    ended = _ended(row)
    return ended if ended.sessions else None


async def end_all(db: Database | Connection, user_id: UUID, reason: str, *, keep: UUID | None = None) -> Ended:
    """End every session of a person, save `keep`. Rows are locked in the order of their ids: no deadlock."""
    row = await db.fetchrow(
        f"""WITH live AS (
                SELECT id FROM user_sessions WHERE user_id = $1 AND is_active AND id IS DISTINCT FROM $3::uuid
                ORDER BY id FOR NO KEY UPDATE
            ), ended AS (
                UPDATE user_sessions s SET is_active = false, end_reason = $2
                FROM live WHERE s.id = live.id RETURNING s.id
            ) {_ENDED.format("ARRAY(SELECT id FROM ended)")}""",  # noqa: S608 - constants
        user_id,
        reason,
        keep,
    )
    return _ended(row)


async def live(db: Database, user_id: UUID) -> list[Session]:
    """A person's sessions that can still be refreshed, the most recently used first."""
    rows = await db.fetch(
        """SELECT id, user_id, device_info, host(ip_address) AS ip_address, user_agent, created_at, auth_time, amr,
                  remember_me, expires_at, is_active, last_activity
           FROM user_sessions WHERE user_id = $1 AND is_active AND expires_at > now()
           ORDER BY last_activity DESC, id LIMIT 1000""",
        user_id,
    )
    return [Session(**{**row, "amr": tuple(row["amr"])}) for row in rows]


async def recent(db: Database, *, user_id: UUID | None, active_only: bool, limit: int) -> list[Any]:
    """Sessions of one person or of all, the most recently used first, for the operator's list."""
    return await db.fetch(
        """SELECT s.id, u.email, s.device_info, host(s.ip_address) AS ip_address, s.created_at, s.last_activity,
                  s.expires_at, s.is_active, s.end_reason, s.remember_me,
                  ARRAY(SELECT DISTINCT client_id FROM grants g WHERE g.session_id = s.id ORDER BY 1) AS clients
           FROM user_sessions s JOIN users u ON u.id = s.user_id
           WHERE ($1::uuid IS NULL OR s.user_id = $1) AND (NOT $2 OR (s.is_active AND s.expires_at > now()))
           ORDER BY s.last_activity DESC LIMIT $3""",
        user_id,
        active_only,
        limit,
    )
