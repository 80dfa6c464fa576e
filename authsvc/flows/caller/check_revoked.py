"""Is this access token still good? Redis while it proves whole, else PostgreSQL, else 503: never a guess."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from authsvc.clock import monotonic
from authsvc.runtime import Memory, Runtime
from authsvc.store.errors import StoreUnavailable
from authsvc.store.revocation import revocations
from authsvc.store.revocation.revocation_set import Answer

LIVE_SECONDS = 0.5
"""How long PostgreSQL's "live" is remembered: half of the second in which a revocation must be known everywhere."""
LIVE_TOKENS = 10_000
READERS = 50
"""Requests that may ask PostgreSQL at once, or wait for a connection to do so."""


@dataclass(slots=True)
class AskedPostgres:
    """What PostgreSQL said in place of Redis: until when (monotonic s) a token counts as live, by its `jti`."""

    live_until: dict[str, float] = field(default_factory=dict)
    readers: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(READERS))


asked_postgres = Memory(AskedPostgres)


async def is_revoked(runtime: Runtime, token: revocations.Bearer) -> bool:
    """Raises StoreUnavailable when no store can tell."""
    if runtime.may_trust_redis():
        try:
            answer = await runtime.revocation_set.find(token)
        except StoreUnavailable:
            answer = Answer.UNTRUSTED
        if answer is not Answer.UNTRUSTED:
            return answer is Answer.REVOKED
    return await _ask_truth(runtime, token)


async def _ask_truth(runtime: Runtime, token: revocations.Bearer) -> bool:
    asked = asked_postgres.of(runtime)
    if monotonic() < asked.live_until.get(token.jti, 0.0):
        return False
    async with asked.readers:
        asked_at = monotonic()
        revoked = await revocations.is_revoked(runtime.db, token)
    if not revoked:
        if len(asked.live_until) >= LIVE_TOKENS:
            asked.live_until.clear()
        asked.live_until[token.jti] = asked_at + LIVE_SECONDS
    return revoked
