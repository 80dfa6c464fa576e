"""Initial access tokens of client registration (RFC 7591 section 3), of which only digests are kept."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from authsvc.records import frozen
from authsvc.rules.client_record import Digest
from authsvc.store.postgres import Connection, Database


async def add_token(
    connection: Connection,
    digest: Digest,
    *,
    uses: int,
    seconds: int,
    note: str,
    origins: Sequence[str],
    pkce: str,
    created_by: str,
) -> datetime:
    """Insert an initial access token for `uses` registrations within `seconds`; returns when it expires. `origins`: of
    pages that may use it; `pkce`: the policy of confidential clients that register with it."""
    sql = """INSERT INTO registration_tokens (digest, note, uses_left, created_by, expires_at, origins, pkce)
             VALUES ($1, $2, $3, $4, now() + $5::int * interval '1 second', $6, $7) RETURNING expires_at"""
    values = (digest, note, uses, created_by, seconds, list(origins), pkce)
    expires_at: datetime = await connection.fetchval(sql, *values)
    return expires_at


async def is_good(db: Database, digest: Digest) -> bool:
    """Whether a client could be registered with it now; only `spend` decides."""
    sql = "SELECT true FROM registration_tokens WHERE digest = $1 AND uses_left > 0 AND expires_at > now()"
    return bool(await db.fetchval(sql, digest))


@frozen
class Spent:
    """Who made the initial access token that was used, the note beside it, and what PKCE is to confidential clients
    that register with it."""

    note: str
    created_by: str
    pkce: str


async def spend(connection: Connection, digest: Digest) -> Spent | None:
    """Take one use; None: there is none left, or it is too late. Whoever waits for the row is judged by the newest."""
    sql = """UPDATE registration_tokens SET uses_left = uses_left - 1
             WHERE digest = $1 AND uses_left > 0 AND expires_at > now() RETURNING note, created_by, pkce"""
    row = await connection.fetchrow(sql, digest)
    return Spent(**row) if row else None


async def issued_at(db: Database | Connection, client_id: str) -> int | None:
    """When a client was registered, in seconds since 1970."""
    sql = "SELECT extract(epoch FROM created_at)::bigint FROM clients WHERE id = $1"
    seconds: int | None = await db.fetchval(sql, client_id)
    return seconds
