"""Replay cache of client assertions (RFC 7523 section 3, jti): each is accepted once."""

from __future__ import annotations

from authsvc.oauth.records import Digest
from authsvc.store.errors import StoreUnavailable
from authsvc.store.postgres import Database
from authsvc.store.redis import RedisStore


async def spend(redis: RedisStore, db: Database, digest: Digest, seconds: int) -> bool:
    """True the first time within `seconds`. Redis, or PostgreSQL while it is away: a replay is never let through."""
    try:
        first = await redis.command("SET", redis.key("jti", digest.hex()), 1, "NX", "EX", max(1, seconds))
    except StoreUnavailable:
        status = await db.execute(
            """INSERT INTO spent_assertions (digest, expires_at) VALUES ($1, now() + $2::int * interval '1 second')
               ON CONFLICT (digest) DO NOTHING""",
            digest,
            seconds,
        )
        return status.endswith(" 1")
    return bool(first)
