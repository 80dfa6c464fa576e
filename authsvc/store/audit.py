"""Audit events: who did what, for later. Never a secret, never a token."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from authsvc.store.postgres import Connection, Database


async def record(
    target: Database | Connection,
    event: str,
    actor: str,
    *,
    user_id: UUID | None = None,
    client_id: str | None = None,
    session_id: UUID | None = None,
    **detail: Any,
) -> None:
    """`event` is a lower_snake word, `actor` who did it ("cli:root", "client:backend", "user:<id>")."""
    await target.execute(
        """INSERT INTO audit_events (event, actor, user_id, client_id, session_id, detail)
           VALUES ($1, $2, $3, $4, $5, $6)""",
        event,
        actor,
        user_id,
        client_id,
        session_id,
        json.dumps(detail),
    )
