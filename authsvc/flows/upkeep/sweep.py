"""Clean-up, hourly, by whichever replica comes first. Nothing depends on its having run."""

from __future__ import annotations

import asyncio
import random
from collections import Counter

from authsvc import metrics
from authsvc.clock import monotonic
from authsvc.logs import get_logger
from authsvc.runtime import Runtime
from authsvc.store.errors import StoreUnavailable
from authsvc.store.upkeep import sweep as store

log = get_logger()


async def sweep_once(runtime: Runtime) -> Counter[str]:
    """Delete what is over; rows deleted by table. Raises StoreUnavailable."""
    started = monotonic()
    deleted: Counter[str] = Counter()
    async for table, rows in store.sweep(runtime.db):
        deleted[table] += rows
        metrics.sweep_deleted.labels(table).inc(rows)
    metrics.sweep_seconds.observe(monotonic() - started)
    return deleted


async def sweep_for_ever(runtime: Runtime) -> None:
    """Clean up, until cancelled. Every interval, with jitter, so that replicas do not start in step."""
    while True:
        await asyncio.sleep(runtime.settings.sweep_interval_seconds * random.uniform(0.9, 1.1))  # noqa: S311
        try:
            deleted = await sweep_once(runtime)
            if deleted:
                log.info("swept", count=sum(deleted.values()))
        except StoreUnavailable as error:
            log.warning("sweep_postponed", reason=error.kind)
        except Exception as error:
            log.error("sweep_failed", error_type=type(error).__name__, exc_info=True)
