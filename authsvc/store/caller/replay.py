"""Replay cache of what is accepted once, by its jti: client assertions (RFC 7523 section 3), DPoP proofs (RFC 9449),
request objects (RFC 9101)."""

from __future__ import annotations

import asyncio

from authsvc.rules.client_record import Digest
from authsvc.store.errors import StoreUnavailable
from authsvc.store.postgres import Database
from authsvc.store.redis import RedisStore


async def spend(redis: RedisStore, db: Database, digest: Digest, seconds: int) -> bool:
    """True the first time within `seconds`. Raises StoreUnavailable when neither store answers.

    Both are told, at the same time, and each may refuse: one of them may go, come back or forget at any moment between
    an assertion and its replay.
    """
    told = await asyncio.gather(
        _in_redis(redis, digest, seconds), _in_postgresql(db, digest, seconds), return_exceptions=True
    )
    answers = []
    for answer in told:
        if isinstance(answer, bool):
            answers.append(answer)
        elif not isinstance(answer, StoreUnavailable):
            raise answer
    if not answers:
        raise StoreUnavailable("postgresql", "gone")
    return all(answers)


async def _in_redis(redis: RedisStore, digest: Digest, seconds: int) -> bool:
    return bool(await redis.command("SET", redis.key("jti", digest.hex()), 1, "NX", "EX", max(1, seconds)))


async def _in_postgresql(db: Database, digest: Digest, seconds: int) -> bool:
    sql = """INSERT INTO spent_assertions (digest, expires_at) VALUES ($1, now() + $2::int * interval '1 second')
             ON CONFLICT (digest) DO NOTHING"""
    status = await db.execute(sql, digest, seconds)
    return status.endswith(" 1")
