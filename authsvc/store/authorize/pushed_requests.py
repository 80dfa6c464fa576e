"""Pushed authorization requests (RFC 9126): parameters that wait for the browser, for a minute and one answer."""

from __future__ import annotations

import json
from collections.abc import Mapping

from authsvc.rules.client_record import Digest
from authsvc.store.postgres import Database

# Whoever pushes sweeps a little: a public client is anybody, and what it pushed must not stay for an hour.
_PUSH = """
WITH old AS (
    DELETE FROM pushed_requests WHERE digest IN (
        SELECT digest FROM pushed_requests WHERE expires_at < now() ORDER BY expires_at LIMIT 5 FOR UPDATE SKIP LOCKED)
)
INSERT INTO pushed_requests (digest, client_id, parameters, expires_at)
VALUES ($1, CASE WHEN $5 THEN $2 END, $3::jsonb, now() + $4::int * interval '1 second')
"""


async def push(
    db: Database, digest: Digest, client_id: str, parameters: Mapping[str, str], seconds: int, *, registered: bool
) -> None:
    """Keep the parameters of a request, which name the client, for `seconds`, under the digest of its request_uri.
    `registered`: the client has a row. Raises ClientRemoved where it had one, StoreUnavailable."""
    kept = json.dumps({**parameters, "client_id": client_id})
    await db.execute(_PUSH, digest, client_id, kept, seconds, registered)


async def read(db: Database, digest: Digest, client_id: str) -> dict[str, str] | None:
    """Read a pushed request. The parameters, for this client; None: unknown, expired, another client's, or answered:
    its digest was spent (`store/caller/replay.spend`)."""
    sql = """SELECT parameters::text FROM pushed_requests
             WHERE digest = $1 AND coalesce(client_id, parameters ->> 'client_id') = $2 AND expires_at > now()
             AND NOT EXISTS (SELECT FROM spent_assertions s WHERE s.digest = $1)"""
    text = await db.fetchval(sql, digest, client_id)
    parameters: dict[str, str] | None = json.loads(text) if text else None
    return parameters
