"""What a process promised to end and did not finish, because it died or its time was over, any replica finishes."""

from __future__ import annotations

import asyncio
import random

from authsvc.flows.session.end_all import resume_ending
from authsvc.logs import get_logger
from authsvc.runtime import Runtime
from authsvc.store.errors import StoreUnavailable
from authsvc.store.session import endings

PAUSE_SECONDS = 10.0

log = get_logger()


async def finish_once(runtime: Runtime) -> int:
    """End what is left of promises that nobody works on; how many sessions. Raises StoreUnavailable."""
    return sum([await resume_ending(runtime, user_id) for user_id in await endings.left_over(runtime.db)])


async def finish_for_ever(runtime: Runtime) -> None:
    """Look for such promises, until cancelled; with jitter, so that replicas do not look in step."""
    while True:
        await asyncio.sleep(PAUSE_SECONDS * random.uniform(0.8, 1.2))  # noqa: S311
        try:
            if ended := await finish_once(runtime):
                log.info("endings_finished", count=ended)
        except StoreUnavailable as error:
            log.warning("endings_postponed", reason=error.kind)
        except Exception as error:
            log.error("endings_failed", error_type=type(error).__name__, exc_info=True)
