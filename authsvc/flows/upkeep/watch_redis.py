"""Is Redis still what its revocation set needs? Asked twice a second, whatever PostgreSQL does.

Whoever follows changes asks, too, before the set is brought up to date (`follow_changes`). But that waits for
PostgreSQL, and while PostgreSQL is away the set is all that anybody knows: just then an eviction must be noticed.
"""

from __future__ import annotations

import asyncio

from authsvc.logs import get_logger
from authsvc.runtime import Runtime
from authsvc.store.errors import StoreUnavailable
from authsvc.store.revocation.revocation_set import Judgement

LOOK_SECONDS = 0.5
"""At most so long after a look the next one begins: half of the time for which one is believed."""

log = get_logger()


async def judge(runtime: Runtime) -> Judgement:
    """Look at Redis once, and say what is new. Raises StoreUnavailable."""
    following, found = runtime.following, await runtime.revocation_set.judge()
    if found.unfit and found.unfit != following.redis_unfit:
        log.error("redis_unfit", reason=found.unfit)
    if found.holes and found.holes != following.redis_holes:
        if found.holes == "evicted":
            log.error("redis_evicted_revocations")
        else:
            log.warning("redis_server_changed")
    following.redis_unfit, following.redis_holes = found
    if found != (None, None):
        following.redis_trusted = False
    return found


async def watch_redis(runtime: Runtime) -> None:
    """Look twice a second, where nobody else did, until cancelled."""
    while True:
        await asyncio.sleep(LOOK_SECONDS / 4)
        if runtime.revocation_set.judged_since < LOOK_SECONDS:
            continue
        try:
            await judge(runtime)
            continue
        except StoreUnavailable:
            pass  # it is not believed for long
        except Exception as error:
            log.error("follow_failed", error_type=type(error).__name__, exc_info=True)
        await asyncio.sleep(LOOK_SECONDS)
