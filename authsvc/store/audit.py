"""Audit events: who did what, for later. Never a secret, never a token."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any
from uuid import UUID

from authsvc.store.postgres import Connection, Database

LONG_SECONDS = 30
"""For a statement that reads a whole table."""


async def record(
    target: Database | Connection,
    event: str,
    actor: str,
    *,
    user_id: UUID | None = None,
    client_id: str | None = None,
    session_id: UUID | None = None,
    once_a_day: bool = False,
    **detail: Any,
) -> None:
    """`event` is a lower_snake word, `actor` who did it ("cli:root", "client:backend", "user:<id>"). `once_a_day`: not
    where the same is on record about the same person since a day ago."""
    sql = """INSERT INTO audit_events (event, actor, user_id, client_id, session_id, detail)
             SELECT $1, $2, $3, $4, $5, $6 WHERE NOT $7 OR NOT EXISTS (
                 SELECT FROM audit_events WHERE user_id = $3 AND at > now() - interval '1 day' AND event = $1
                 AND detail = $6)"""
    await target.execute(sql, event, actor, user_id, client_id, session_id, json.dumps(detail), once_a_day)


async def latest(connection: Connection, event: str, **detail: Any) -> datetime | None:
    """When an event with this detail was last recorded. Reads all of the table: for operators."""
    sql = "SELECT max(at) FROM audit_events WHERE event = $1 AND detail @> $2::jsonb"
    at: datetime | None = await connection.fetchval(sql, event, json.dumps(detail), timeout=LONG_SECONDS)
    return at
