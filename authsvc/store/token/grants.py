"""Grants: what a session gave to a client, and the rotation of its refresh token."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TypeVar
from uuid import UUID
from weakref import WeakValueDictionary

from authsvc.records import frozen
from authsvc.rules.client_record import Digest
from authsvc.rules.confirmation import UNBOUND, Confirmation, from_stored
from authsvc.rules.person_record import Login
from authsvc.rules.token.refresh_rotation import (
    LATE_GENERATIONS,
    LATE_WINDOW,
    MAX_REPEATS,
    ROTATION_LEAD,
    ROTATION_PACE,
    Grant,
    Patience,
    RefreshVerdict,
)
from authsvc.rules.token.refresh_token import MAX_GENERATION
from authsvc.store.audit import LONG_SECONDS
from authsvc.store.awake import awake_timeout
from authsvc.store.errors import StoreUnavailable
from authsvc.store.postgres import Connection, Database, record_of
from authsvc.store.session.sessions import Ended

# `rules/token/refresh_rotation.judge_refresh` in SQL, under the row's lock. READ COMMITTED: whoever waits for the
# lock has SET evaluated again on the newest version of the row, so 200 parallel calls make one rotation. Nothing
# joined is part of the decision, because joined rows are NOT read again after such a wait; whatever ends a session
# updates its grants in the same transaction instead. The role that a client wants of people is the one exception: it is
# read as the statement began, and who loses it meanwhile is refused the next time. It is looked up for every client:
# where none is wanted, a plan made for that would be so much cheaper that PostgreSQL would plan at every refresh.
# OFFSET 0: without it the verdict is computed anew, with that look-up, in each place that names it.
#
# A grant that is bound to a key (RFC 9449) is found by that key alone: with another one there is nothing to judge, and
# nothing changes.
#
# last_activity is written only when the session's row is free (SKIP LOCKED): ending a session locks the session first
# and its grants second, and waiting here in the other order would be a deadlock.
#
# Whoever loses this commit in a failover is one rotation ahead, and goes on ('recover'): so it waits for our own disk,
# never for a standby. What ends a session is another statement, and waits for both.
REFRESH = f"""
WITH judged AS (
    UPDATE grants AS g
    SET (verdict, generation, parent, rotated_at, repeats, paced_until) = (
        SELECT s.verdict,
               CASE WHEN s.verdict IN ('rotate', 'recover') THEN $3::bigint + 1
                    WHEN s.verdict = 'supersede' THEN g.generation + 1
                    ELSE g.generation END,
               CASE WHEN s.verdict IN ('rotate', 'recover') THEN $3::bigint ELSE g.parent END,
               CASE WHEN s.verdict IN ('rotate', 'recover', 'supersede') THEN greatest(now(), g.rotated_at)
                    ELSE g.rotated_at END,
               CASE WHEN s.verdict IN ('rotate', 'recover', 'supersede') THEN 0
                    WHEN s.verdict = 'repeat' THEN g.repeats + 1
                    ELSE g.repeats END,
               CASE WHEN s.verdict IN ('rotate', 'recover', 'supersede')
                    THEN greatest(now(), g.paced_until) + interval '{ROTATION_PACE}'
                    ELSE g.paced_until END
        FROM (SELECT CASE
                WHEN v.verdict IN ('rotate', 'recover', 'repeat', 'supersede') AND NOT EXISTS (
                    SELECT FROM user_sessions s JOIN users u ON u.id = s.user_id
                    WHERE s.id = g.session_id AND ($9::text IS NULL OR $9 = ANY (u.roles)))
                THEN 'role_missing'
                WHEN v.verdict IN ('rotate', 'recover', 'repeat', 'supersede') AND NOT ($6::text[] <@ g.scope)
                THEN 'wider_scope'
                WHEN v.verdict IN ('rotate', 'recover', 'supersede')
                     AND g.paced_until > now() + interval '{ROTATION_LEAD}' THEN 'crowded'
                ELSE v.verdict END AS verdict
              FROM (SELECT CASE
                WHEN g.ended THEN 'ended'
                WHEN g.expires_at <= now() THEN 'expired'
                WHEN $3::bigint > g.generation + 1 OR $3::bigint >= {MAX_GENERATION} THEN 'ahead'
                WHEN $3::bigint = g.generation THEN 'rotate'
                WHEN $3::bigint = g.generation + 1 THEN 'recover'
                WHEN $3::bigint = g.parent THEN CASE
                    WHEN $5::int > 0 AND now() - g.rotated_at <= $5::int * interval '1 second' THEN
                        CASE WHEN g.repeats < {MAX_REPEATS} THEN 'repeat' ELSE 'crowded' END
                    WHEN $5::int > 0 AND now() - g.rotated_at <= $8::int * interval '1 second' THEN 'supersede'
                    ELSE 'reuse' END
                WHEN g.generation - $3::bigint IN {LATE_GENERATIONS}
                     AND now() - g.rotated_at <= interval '{LATE_WINDOW}' THEN 'late'
                ELSE 'reuse' END AS verdict) v OFFSET 0) s)
    WHERE g.id = $1 AND g.secret_hash = $2 AND g.client_id = $4 AND g.dpop_jkt IN ('', $7)
    RETURNING g.verdict, g.generation, g.session_id, g.session_name, g.scope, g.audience, g.expires_at, g.acr_values
), seen AS (
    UPDATE user_sessions SET last_activity = now()
    FROM (SELECT s.id FROM user_sessions s JOIN judged j ON j.session_id = s.id
          WHERE j.verdict IN ('rotate', 'recover', 'repeat', 'supersede')
          FOR NO KEY UPDATE OF s SKIP LOCKED) free
    WHERE user_sessions.id = free.id
)
SELECT j.verdict, j.generation, j.session_id, j.session_name, s.user_id, j.scope, j.audience, j.expires_at,
       now() AS now, s.auth_time, s.amr, u.roles, j.acr_values,
       CASE WHEN current_setting('synchronous_commit') IN ('on', 'remote_write', 'remote_apply')
            THEN set_config('synchronous_commit', 'local', true) END AS commits
FROM judged j JOIN user_sessions s ON s.id = j.session_id JOIN users u ON u.id = s.user_id
"""  # noqa: S608 - constants


@frozen
class Refreshed:
    """The answer of the refresh statement: its verdict, and all that a new token needs. `now` is PostgreSQL's."""

    verdict: RefreshVerdict
    generation: int
    login: Login
    scope: tuple[str, ...]
    audience: tuple[str, ...]
    expires_at: datetime
    now: datetime


@frozen
class GrantSeen:
    """A grant as it stands, with its session; `session_name`: what its tokens call that, None: by its id. `now` is
    PostgreSQL's."""

    grant: Grant
    session_id: UUID
    session_name: str | None
    user_id: UUID
    roles: tuple[str, ...]
    audience: tuple[str, ...]
    bound_to: Confirmation
    now: datetime


_T = TypeVar("_T")
TURN_SECONDS = 1.75
"""How long a refresh may take with the wait for those of the same grant in this worker: less than 2 s."""


class Turns:
    """One refresh of a grant at a time in a worker. The row lock would order them too, but whoever waits for it holds
    a connection, and a burst on one grant would hold the whole pool."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[UUID, asyncio.Lock] = WeakValueDictionary()

    async def run(self, grant_id: UUID, work: Callable[[], Awaitable[_T]]) -> _T:
        """What `work` returns. Raises StoreUnavailable when the turn does not come, or does not end, in time."""
        lock = self._locks.get(grant_id)
        if lock is None:  # nobody before us: the statement has its own deadlines
            lock = self._locks[grant_id] = asyncio.Lock()
            async with lock:
                return await work()
        try:
            async with awake_timeout(TURN_SECONDS), lock:
                return await work()
        except TimeoutError as error:
            raise StoreUnavailable("postgresql", "grant_busy") from error


async def refresh(
    db: Database,
    grant_id: UUID,
    secret_hash: Digest,
    presented: int,
    *,
    client_id: str,
    patience: Patience,
    scope: tuple[str, ...],
    proved: Confirmation = UNBOUND,
    required_role: str | None = None,
) -> Refreshed | None:
    """Judge and apply, in one committed statement. None: no such grant, or one that is bound to something
    else than was `proved`. `required_role`: of the client's people. Verdicts: see `rules/token/refresh_rotation`.

    Running it again is safe: a rotation that was committed but not heard of is repeated, not done twice.
    """
    asked = (presented, client_id, patience.grace, scope, proved.stored, patience.lost_answer, required_role)
    row = await db.fetchrow(REFRESH, grant_id, secret_hash, *asked)
    if row is None:
        return None
    return record_of(Refreshed, row, verdict=RefreshVerdict(row["verdict"]), login=record_of(Login, row))


# The grant whose genuine token was shown, and with it the session when nothing else of it is alive: a login through
# the JSON API has one grant, and revoking its refresh token is a logout. A session that a browser holds outlives the
# last grant of a client that is not of the house: an app's clean-up must not log the person out.
#
# Locks in the order of every other end: the session first, then its grants. The living ones are locked only to be read
# again: whoever waited for the session would otherwise take a grant for alive that the revoke before it has ended, and
# nobody would end the session.
_REVOKE = """
WITH target AS (
    SELECT g.id, g.session_id, g.session_name, g.ended FROM grants g
    WHERE g.id = $1 AND g.secret_hash = $2 AND g.client_id = $3
), locked AS (
    SELECT s.id, s.cookie_hash IS NOT NULL AND NOT c.first_party AS held
    FROM target JOIN user_sessions s ON s.id = target.session_id JOIN clients c ON c.id = $3 FOR NO KEY UPDATE OF s
), living AS (
    SELECT g.id FROM grants g JOIN locked ON g.session_id = locked.id
    WHERE g.id <> $1 AND NOT g.ended AND g.expires_at > now() AND g.code_state <> 'issued' FOR NO KEY UPDATE OF g
), others AS (
    SELECT EXISTS (SELECT FROM living) OR EXISTS (SELECT FROM locked WHERE held) AS alive
), session_ended AS (
    UPDATE user_sessions s SET is_active = false, end_reason = $4
    FROM locked, others WHERE s.id = locked.id AND s.is_active AND NOT others.alive
    RETURNING s.id
), grant_ended AS (
    UPDATE grants g SET ended = true, ended_at = now()
    FROM locked, others WHERE g.id = $1 AND NOT g.ended AND others.alive
    RETURNING g.session_id, g.client_id
), moment AS MATERIALIZED (
    SELECT count(*), clock_timestamp() AS since FROM grant_ended
), told AS (
    SELECT revoke_since('grant', session_id || ':' || client_id, $4, since) FROM grant_ended, moment
)
SELECT target.session_id, (SELECT alive FROM others) AS others_alive, (SELECT count(*) FROM told) AS told,
       session_names(ARRAY[target.session_id]) AS names, target.session_name,
       extract(epoch FROM state.longest_access_token)::float8 AS keep_seconds, state.revocation_epoch AS epoch,
       floor(extract(epoch FROM CASE WHEN NOT target.ended THEN since ELSE (
           SELECT max(not_before) FROM revocations
           WHERE kind = 'grant' AND subject = target.session_id || ':' || $3 AND expires_at > now()) END))::bigint
           AS not_before
FROM target, moment, service_state state
"""


async def revoke(db: Database, grant_id: UUID, secret_hash: Digest, *, client_id: str, reason: str) -> Ended | None:
    """End a grant for good; None: no such grant. Revoking twice is the same as once: what was void is said again, for
    nobody knows who heard it, and what the client got since in that session lives on."""
    row = await db.fetchrow(_REVOKE, grant_id, secret_hash, client_id, reason)
    if row is None:
        return None
    if row["others_alive"]:
        if row["not_before"] is None:  # so long ago that no token of it can live
            return record_of(Ended, row, sessions=(), names=(), not_before=0)
        known_by = dict.fromkeys(name for name in (str(row["session_id"]), row["session_name"]) if name)
        return record_of(Ended, row, sessions=(), names=(), grants=tuple(f"{name}:{client_id}" for name in known_by))
    return record_of(Ended, row, sessions=(row["session_id"],), not_before=0)


async def look(db: Database, grant_id: UUID, secret_hash: Digest, *, client_id: str) -> GrantSeen | None:
    """A grant and whose it is; None: no such grant. Changes nothing."""
    sql = """SELECT g.generation, g.parent, g.rotated_at, g.repeats, g.expires_at, g.ended, g.scope, g.paced_until,
                    g.session_id, g.session_name, g.audience, g.dpop_jkt, s.user_id, u.roles, now() AS now
             FROM grants g JOIN user_sessions s ON s.id = g.session_id JOIN users u ON u.id = s.user_id
             WHERE g.id = $1 AND g.secret_hash = $2 AND g.client_id = $3"""
    row = await db.fetchrow(sql, grant_id, secret_hash, client_id)
    if row is None:
        return None
    return record_of(GrantSeen, row, grant=record_of(Grant, row), bound_to=from_stored(row["dpop_jkt"]))


async def latest_end(connection: Connection, *, begun_before: datetime) -> datetime | None:
    """When the last refresh token of a grant that began before is over; None: there is none. Reads all of the table."""
    sql = "SELECT max(expires_at) FROM grants WHERE NOT ended AND created_at <= $1"
    at: datetime | None = await connection.fetchval(sql, begun_before, timeout=LONG_SECONDS)
    return at
