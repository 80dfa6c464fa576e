"""Factors that were added to an account from a moment on, its person's row locked. Rule: `rules/proofs/taken_back`."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from authsvc.store.postgres import Connection


async def had_app(connection: Connection, user_id: UUID, moment: datetime) -> bool:
    """Whether the person had an authenticator app at a moment that was removed since: what happened to it first since
    then is its removal."""
    sql = """SELECT event = 'factor_removed' FROM audit_events
             WHERE user_id = $1 AND at >= $2 AND event IN ('factor_added', 'factor_removed')
             AND detail->>'factor' = 'otp' ORDER BY at, id LIMIT 1"""
    return bool(await connection.fetchval(sql, user_id, moment))


async def remove_passkeys(connection: Connection, user_id: UUID, since: datetime) -> int:
    """Delete a person's passkeys of a moment and after it; how many."""
    sql = "DELETE FROM passkeys WHERE user_id = $1 AND created_at >= $2"
    return int((await connection.execute(sql, user_id, since)).split()[1])


async def remove_recovery_codes(connection: Connection, user_id: UUID, since: datetime) -> int:
    """Delete a person's recovery codes of a moment and after it; how many."""
    sql = "DELETE FROM recovery_codes WHERE user_id = $1 AND created_at >= $2"
    return int((await connection.execute(sql, user_id, since)).split()[1])
