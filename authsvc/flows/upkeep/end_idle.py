"""Sessions that nobody uses end, where the operator set a time for that (`AUTHSVC_SESSION_IDLE_SECONDS`).

A refresh reads its grant alone, so that an idle session is found here and not there: it ends up to a minute late. A
browser's session is judged exactly, whenever its cookie comes.
"""

from __future__ import annotations

import asyncio
import random

from authsvc.flows.session.publish_revocation import publish_revocation
from authsvc.logs import get_logger
from authsvc.runtime import Runtime
from authsvc.store.errors import StoreUnavailable
from authsvc.store.session import endings

PAUSE_SECONDS = 45.0
BATCH_SECONDS = 35.0

log = get_logger()


async def end_idle_once(runtime: Runtime) -> int:
    """End what is idle, in batches; how many. Raises StoreUnavailable."""
    count = 0
    while True:
        async with runtime.db.transaction(seconds=BATCH_SECONDS) as connection:
            ended = await endings.end_idle(connection, runtime.settings.session_idle_seconds)
        if ended is None or not ended.sessions:
            return count
        await publish_revocation(runtime, ended)
        count += len(ended.sessions)


async def end_idle_for_ever(runtime: Runtime) -> None:
    """Until cancelled; with jitter, so that replicas do not look in step. Without an idle time: nothing."""
    while True:
        await asyncio.sleep(PAUSE_SECONDS * random.uniform(0.8, 1.2))  # noqa: S311
        if not runtime.settings.session_idle_seconds:
            continue
        try:
            if ended := await end_idle_once(runtime):
                log.info("idle_sessions_ended", count=ended)
        except StoreUnavailable as error:
            log.warning("idle_sessions_postponed", reason=error.kind)
        except Exception as error:
            log.error("idle_sessions_failed", error_type=type(error).__name__, exc_info=True)
