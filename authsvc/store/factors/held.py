"""Which second factors a person has, all in one statement, and what their removal ends."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from authsvc.store.postgres import Connection, Database, record_of
from authsvc.store.session.sessions import Ended

# Whoever adds a kind of factor adds its line here.
_HELD = """
SELECT 'otp' AS name FROM one_time_codes WHERE user_id = $1 AND confirmed_at IS NOT NULL
UNION ALL
(SELECT 'passkey' FROM passkeys WHERE user_id = $1 LIMIT 1)
UNION ALL
(SELECT 'device_bound_passkey' FROM passkeys WHERE user_id = $1 AND NOT backup_eligible LIMIT 1)
UNION ALL
(SELECT 'recovery_code' FROM recovery_codes WHERE user_id = $1 LIMIT 1)
"""


async def held(db: Database | Connection, user_id: UUID) -> frozenset[str]:
    """The names of the ways in which a person can prove themselves beside the password."""
    return frozenset(row["name"] for row in await db.fetch(_HELD, user_id))


async def outdate_logins(connection: Connection, user_id: UUID) -> None:
    """Let no login that is under way begin a session: it may have proved what is being removed."""
    await connection.execute("UPDATE users SET factor_generation = factor_generation + 1 WHERE id = $1", user_id)


# What the session that goes on gave to clients ends like a part of it (`sessions.end_part`), of every client.
_LOWER = """
WITH lowered AS (
    UPDATE user_sessions SET amr = $2, credentials = ARRAY(SELECT unnest(credentials) EXCEPT SELECT unnest($3::text[]))
    WHERE id = $1 AND is_active RETURNING id, user_id
), had AS (
    SELECT g.id, g.session_id, g.session_name, g.client_id, g.code_state
    FROM grants g JOIN lowered ON g.session_id = lowered.id
    WHERE NOT g.ended ORDER BY g.id FOR NO KEY UPDATE OF g
), ended AS (
    UPDATE grants g SET ended = true, ended_at = now(),
                        code_state = CASE WHEN g.code_state = 'none' THEN 'none' ELSE 'burnt' END
    FROM had WHERE g.id = had.id RETURNING g.session_id, g.client_id
), over AS (
    SELECT DISTINCT session_id || ':' || client_id AS subject FROM ended
), moment AS MATERIALIZED (
    SELECT count(*), clock_timestamp() AS since FROM ended
), told AS (
    SELECT revoke_since('grant', subject, $4, since) FROM over, moment
), subjects AS (
    SELECT subject FROM over
    UNION SELECT session_name || ':' || client_id FROM had WHERE session_name IS NOT NULL
), outbox_rows AS (
    INSERT INTO outbox (kind, client_id, user_id, session_id, session_name)
    SELECT DISTINCT 'backchannel_logout', c.id, lowered.user_id, lowered.id, had.session_name
    FROM lowered JOIN had ON had.session_id = lowered.id JOIN clients c ON c.id = had.client_id
    WHERE had.code_state <> 'issued' AND c.backchannel_logout_uri IS NOT NULL
)
SELECT ARRAY(SELECT subject FROM subjects) AS grants, (SELECT count(*) FROM told) AS told,
       extract(epoch FROM longest_access_token)::float8 AS keep_seconds, revocation_epoch AS epoch,
       floor(extract(epoch FROM since))::bigint AS not_before
FROM service_state, moment
"""


async def lower(
    connection: Connection, session_id: UUID, amr: Sequence[str], gone: Sequence[str], reason: str
) -> Ended:
    """Let a session go on without some of its credentials, and end all that it gave to clients."""
    row = await connection.fetchrow(_LOWER, session_id, list(amr), list(gone), reason)
    return record_of(Ended, row, sessions=())


_END_OPENED = """
WITH live AS (
    SELECT id FROM user_sessions
    WHERE user_id = $1 AND is_active AND credentials && $2::text[] AND id IS DISTINCT FROM $4
    ORDER BY id FOR NO KEY UPDATE
), ended AS MATERIALIZED (
    SELECT end_sessions(ARRAY(SELECT id FROM live), $3) AS sessions
)
SELECT sessions, session_names(sessions) AS names, revocation_epoch AS epoch,
       extract(epoch FROM longest_access_token)::float8 AS keep_seconds FROM service_state, ended
"""


async def end_opened(
    connection: Connection, user_id: UUID, credentials: Sequence[str], reason: str, *, keep: UUID | None
) -> Ended:
    """End every session that one of these credentials opened, save `keep`. Rows are locked in the order of their ids:
    no deadlock."""
    row = await connection.fetchrow(_END_OPENED, user_id, list(credentials), reason, keep)
    return record_of(Ended, row)
