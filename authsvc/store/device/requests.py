"""Requests of devices (RFC 8628): asked for by a machine, decided by a person elsewhere, redeemed at most once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from authsvc.records import frozen
from authsvc.rules.client_record import Digest
from authsvc.rules.confirmation import Confirmation
from authsvc.rules.device import polling
from authsvc.rules.device.polling import LONGEST_INTERVAL, SLOWER_SECONDS, PollVerdict, RequestState
from authsvc.rules.person_record import Login
from authsvc.store.postgres import Connection, Database, record_of
from authsvc.store.session.sessions import LIVE_OF_PERSON


@frozen
class DeviceRequest:
    """A request that waits for a person. `now`: PostgreSQL's time of this reading."""

    id: UUID
    client_id: str
    scope: tuple[str, ...]
    device_info: str
    ip_address: str | None
    created_at: datetime
    now: datetime


async def ask(
    db: Database,
    *,
    request_id: UUID,
    client_id: str,
    device_hash: Digest,
    user_hash: Digest,
    scope: Sequence[str],
    audience: Sequence[str],
    device_info: str,
    ip_address: str | None,
    user_agent: str | None,
    bound_to: Confirmation,
) -> bool:
    """Insert the request of a device. False: another request has this user code."""
    sql = """INSERT INTO device_requests (id, client_id, device_hash, user_hash, scope, audience, device_info,
                                          ip_address, user_agent, dpop_jkt, interval_seconds, expires_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, now() + $12::int * interval '1 second')
             ON CONFLICT (user_hash) DO NOTHING"""
    asked = (request_id, client_id, device_hash, user_hash, scope, audience)
    device = (device_info, ip_address, user_agent, bound_to.stored)
    status = await db.execute(sql, *asked, *device, polling.INTERVAL_SECONDS, polling.CODE_SECONDS)
    return status.endswith(" 1")


async def waiting(db: Database, user_hashes: Sequence[Digest]) -> DeviceRequest | None:
    """Find the request that a person may decide. The request of a user code, while nobody has decided and time is left.
    `user_hashes`: under every key held."""
    sql = """SELECT id, client_id, scope, device_info, host(ip_address) AS ip_address, created_at, now() AS now
             FROM device_requests WHERE user_hash = ANY($1) AND state = 'pending' AND expires_at > now()"""
    row = await db.fetchrow(sql, list(user_hashes))
    return record_of(DeviceRequest, row) if row else None


async def decide(
    db: Database, request_id: UUID, *, allow: bool, user_id: UUID, session_id: UUID
) -> RequestState | None:
    """Allow or deny, once: the state that the request is in now; None: too late.

    Whoever decides a second time changes nothing and learns what was decided, if it was in the same session.
    """
    sql = """WITH person AS (SELECT id FROM users WHERE id = $3 FOR KEY SHARE)
             UPDATE device_requests d SET state = CASE WHEN $2 THEN 'allowed' ELSE 'denied' END, user_id = person.id,
                                          allowed_in = $4
             FROM person WHERE d.id = $1 AND d.state = 'pending' AND d.expires_at > now() RETURNING d.state"""
    state = await db.fetchval(sql, request_id, allow, user_id, session_id)
    if state is None:
        sql = "SELECT state FROM device_requests WHERE id = $1 AND allowed_in = $2 AND state <> 'pending'"
        state = await db.fetchval(sql, request_id, session_id)
    return RequestState(state) if state else None


# `rules/device/polling.judge_poll` in SQL, one guarded statement as for refresh: the row lock makes the verdict the
# decision, and only one poll redeems. The device's session begins only while its person may log in and the session that
# allowed it lives. Both are locked FOR SHARE, the person first: whoever changes a password or ends sessions is waited
# for and then looked at again.
POLL = f"""
WITH judged AS (
    UPDATE device_requests AS d
    SET (verdict, state, interval_seconds, polled_at) = (
        SELECT v.verdict,
               CASE WHEN v.verdict = 'redeemed' THEN 'redeemed' ELSE d.state END,
               CASE WHEN v.verdict = 'slow_down' THEN least(d.interval_seconds + {SLOWER_SECONDS}, {LONGEST_INTERVAL})
                    ELSE d.interval_seconds END,
               greatest(now(), d.polled_at)
        FROM (SELECT CASE
                WHEN d.dpop_jkt NOT IN ('', $9) THEN 'other_key'
                WHEN d.state = 'redeemed' THEN 'used'
                WHEN d.expires_at <= now() THEN 'expired'
                WHEN d.state = 'denied' THEN 'denied'
                WHEN d.state = 'allowed' THEN 'redeemed'
                WHEN d.polled_at > now() - d.interval_seconds * interval '1 second' + interval '{polling.ALLOWANCE}'
                THEN 'slow_down'
                ELSE 'pending' END AS verdict) v)
    WHERE d.id = $1 AND d.device_hash = $2 AND d.client_id = $3 AND ($12 OR d.state <> 'allowed')
    RETURNING d.*
), person AS (
    SELECT u.id, u.roles, s.auth_time, s.amr, s.credentials
    FROM judged j JOIN users u ON u.id = j.user_id JOIN user_sessions s ON s.id = j.allowed_in AND s.user_id = u.id
    WHERE j.verdict = 'redeemed' AND u.disabled_at IS NULL AND s.is_active AND s.expires_at > now()
      AND ($4::text IS NULL OR $4 = ANY (u.roles))
    FOR SHARE OF u, s
), session AS (
    INSERT INTO user_sessions (id, user_id, device_info, ip_address, user_agent, auth_time, amr, credentials,
                               expires_at)
    SELECT $5, p.id, j.device_info, j.ip_address, j.user_agent, p.auth_time, p.amr, p.credentials,
           now() + $6::int * interval '1 second'
    FROM judged j, person p RETURNING id, expires_at
), granted AS (
    INSERT INTO grants (id, session_id, client_id, scope, audience, secret_hash, expires_at, dpop_jkt, session_name)
    SELECT $7, session.id, j.client_id, j.scope, j.audience, $8, session.expires_at, $10, $11
    FROM judged j, session RETURNING id, session_name
)
SELECT CASE WHEN j.verdict = 'redeemed' AND p.id IS NULL THEN 'ended' ELSE j.verdict END AS verdict,
       j.scope, j.audience, p.id AS user_id, p.roles, p.auth_time, p.amr, session.id AS session_id,
       granted.session_name, session.expires_at, now() AS now, j.device_info,
       coalesce(host(j.ip_address), '') AS address,
       CASE WHEN p.id IS NULL THEN 0 ELSE {LIVE_OF_PERSON.format("p.id")} END AS others
FROM judged j LEFT JOIN person p ON true LEFT JOIN session ON true LEFT JOIN granted ON true
"""  # noqa: S608 - constants


@frozen
class Begun:
    """What a redeemed code gave: the device's own session and its grant; `device_info`, `address`: of the device;
    `others`: how many live sessions the person had before."""

    login: Login
    scope: tuple[str, ...]
    audience: tuple[str, ...]
    expires_at: datetime
    now: datetime
    device_info: str
    address: str
    others: int


async def poll(
    db: Database | Connection,
    request_id: UUID,
    device_hash: Digest,
    *,
    client_id: str,
    required_role: str | None,
    session_id: UUID,
    lifetime_seconds: int,
    grant_id: UUID,
    secret_hash: Digest,
    proved: Confirmation,
    bound_to: Confirmation,
    session_name: str | None,
    redeem: bool = True,
) -> Begun | PollVerdict:
    """Judge and apply, in one statement: the new session, or the verdict (see `rules/device/polling`). `redeem`: False
    for who opens no transaction yet: a request that was allowed is left as it is, and is unknown to them.

    `proved`: by the device, now; `bound_to`: what its refresh token is bound to; `session_name`: what its tokens will
    call the session, None: by its id.
    """
    new = (session_id, lifetime_seconds, grant_id, secret_hash)
    keys = (proved.stored, bound_to.stored)
    row: Any = await db.fetchrow(
        POLL, request_id, device_hash, client_id, required_role, *new, *keys, session_name, redeem
    )
    verdict = PollVerdict(row["verdict"]) if row else PollVerdict.UNKNOWN
    if verdict is not PollVerdict.REDEEMED:
        return verdict
    return record_of(Begun, row, login=record_of(Login, row))
