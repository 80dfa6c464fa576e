"""Tasks that are ended have ended."""

from __future__ import annotations

import asyncio
from time import monotonic

from authsvc.tasks import AGAIN_SECONDS, end_tasks


async def loses(cancellations: int) -> None:
    while True:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancellations -= 1
            if cancellations < 0:
                raise


async def fails() -> None:
    try:
        await asyncio.sleep(60)
    finally:
        raise OSError


async def test_whoever_loses_a_cancellation_is_asked_again() -> None:
    tasks = [asyncio.create_task(call) for call in (loses(0), loses(2), fails(), asyncio.sleep(0))]
    await asyncio.sleep(0.01)
    began = monotonic()
    await end_tasks(tasks)
    assert [task.done() for task in tasks] == [True] * 4
    assert monotonic() - began >= 2 * AGAIN_SECONDS
    assert isinstance(tasks[2].exception(), OSError)


async def test_nothing_to_end_is_no_trouble() -> None:
    await end_tasks([])
