"""Ending tasks so that they have ended."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

AGAIN_SECONDS = 0.5


async def end_tasks(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel them and wait until all have ended, whatever they end with.

    Asked again every half second, for a cancellation may be lost: where a clean-up of the task fails at that moment,
    its error takes the cancellation's place, and a loop that goes on after errors goes on.
    """
    pending = {task for task in tasks if not task.done()}
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=AGAIN_SECONDS)
