"""A loop of the service that runs beside a test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any

from authsvc.runtime import Runtime


@asynccontextmanager
async def beside(loop: Callable[[Runtime], Coroutine[Any, Any, None]], runtime: Runtime) -> AsyncIterator[None]:
    """The worker's task, as in the lifespan."""
    task = asyncio.create_task(loop(runtime))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
