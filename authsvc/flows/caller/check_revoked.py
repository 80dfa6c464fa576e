"""Is this access token still good? Redis while it proves whole, else PostgreSQL, else 503: never a guess."""

from __future__ import annotations

from time import monotonic

from authsvc.runtime import Runtime
from authsvc.store.errors import StoreUnavailable
from authsvc.store.revocation import revocations
from authsvc.store.revocation.revocation_set import Answer
from authsvc.store.revocation.revocations import Bearer

LIVE_SECONDS = 0.5
"""How long PostgreSQL's "live" is remembered: half of the second in which a revocation must be known everywhere."""
LIVE_TOKENS = 10_000


async def is_revoked(runtime: Runtime, token: Bearer) -> bool:
    """Raises StoreUnavailable when no store can tell."""
    if runtime.may_trust_redis():
        try:
            answer = await runtime.revocation_set.find(token)
        except StoreUnavailable:
            answer = Answer.UNTRUSTED
        if answer is not Answer.UNTRUSTED:
            return answer is Answer.REVOKED
    return await _ask_truth(runtime, token)


async def _ask_truth(runtime: Runtime, token: Bearer) -> bool:
    remembered = runtime.known_live.get(token.jti)
    if remembered is not None and monotonic() < remembered:
        return False
    async with runtime.truth_slots:
        asked_at = monotonic()
        revoked = await revocations.is_revoked(runtime.db, token)
    if not revoked:
        if len(runtime.known_live) >= LIVE_TOKENS:
            runtime.known_live.clear()
        runtime.known_live[token.jti] = asked_at + LIVE_SECONDS
    return revoked
