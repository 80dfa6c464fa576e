"""Pushed authorization requests (RFC 9126): parameters that wait for the browser, for a minute and once."""

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
VALUES ($1, $2, $3::jsonb, now() + $4::int * interval '1 second')
"""


async def push(db: Database, digest: Digest, client_id: str, parameters: Mapping[str, str], seconds: int) -> None:
    """Keep the parameters of a request for `seconds`, under the digest of its request_uri."""
    await db.execute(_PUSH, digest, client_id, json.dumps(parameters), seconds)


async def take(db: Database, digest: Digest, client_id: str) -> dict[str, str] | None:
    """Read and delete a pushed request. The parameters, for this client and once; None: unknown, expired, used, or
    another client's."""
    sql = """DELETE FROM pushed_requests WHERE digest = $1 AND client_id = $2 AND expires_at > now()
             RETURNING parameters::text"""
    text = await db.fetchval(sql, digest, client_id)
    parameters: dict[str, str] | None = json.loads(text) if text else None
    return parameters
