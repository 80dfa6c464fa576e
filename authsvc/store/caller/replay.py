"""Replay cache of what is accepted once, by its jti: client assertions (RFC 7523 section 3), DPoP proofs (RFC 9449),
request objects (RFC 9101), and logins that wait for a second factor.

PostgreSQL alone decides. Two stores that may each say yes are two uses, as soon as two replicas hear one of them each.
"""

from __future__ import annotations

from authsvc.rules.client_record import Digest
from authsvc.store.postgres import Database


async def spend(db: Database, digest: Digest, seconds: int) -> bool:
    """True the first time within `seconds`, over all replicas; it is on disk then. Raises StoreUnavailable, after which
    it may have been spent."""
    sql = """INSERT INTO spent_assertions (digest, expires_at) VALUES ($1, now() + $2::int * interval '1 second')
             ON CONFLICT (digest) DO NOTHING"""
    return await db.execute(sql, digest, seconds) == "INSERT 0 1"
