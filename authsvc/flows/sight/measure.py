"""What is measured from outside of requests: is the loop late, who waits for what, and what the stores count."""

from __future__ import annotations

import asyncio
import random

from authsvc import metrics
from authsvc.clock import monotonic
from authsvc.logs import get_logger
from authsvc.runtime import Runtime
from authsvc.store.ending import outbox
from authsvc.store.errors import StoreUnavailable
from authsvc.store.upkeep.statistics import hot_update_ratios

PAUSE_SECONDS = 0.5
LOOK_SECONDS = 30.0

log = get_logger()


async def measure_for_ever(runtime: Runtime) -> None:
    """Measure this worker twice a second, until cancelled."""
    while True:
        due = monotonic() + PAUSE_SECONDS
        await asyncio.sleep(PAUSE_SECONDS)
        metrics.loop_lag.observe(max(0.0, monotonic() - due))
        in_use, waiting = runtime.db.load()
        metrics.db_connections.set(in_use)
        metrics.db_waiting.set(waiting)
        metrics.hashes.set(runtime.passwords.under_way)


async def look_for_ever(runtime: Runtime) -> None:
    """Ask PostgreSQL what it counts, until cancelled; with jitter, so that replicas do not ask in step."""
    while True:
        try:
            await look(runtime)
        except StoreUnavailable as error:
            log.debug("look_postponed", reason=error.kind)
        except Exception as error:
            log.error("look_failed", error_type=type(error).__name__, exc_info=True)
        await asyncio.sleep(LOOK_SECONDS * random.uniform(0.8, 1.0))  # noqa: S311


async def look(runtime: Runtime) -> None:
    """Measure the outbox of logouts, and how updates of tables go. Raises StoreUnavailable."""
    waiting = await outbox.waiting(runtime.db)
    metrics.logouts_waiting.set(waiting.count)
    metrics.logouts_oldest.set(waiting.oldest_seconds)
    for table, ratio in (await hot_update_ratios(runtime.db)).items():
        metrics.hot_updates.labels(table).set(ratio)
