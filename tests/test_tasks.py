"""Tasks that are ended have ended."""

from __future__ import annotations

import asyncio
from time import monotonic

from authsvc.tasks import AGAIN_SECONDS, SharedTasks, end_tasks


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
    assert monotonic() - began >= 2 * (AGAIN_SECONDS - 0.01)  # its loop's clock knows milliseconds
    assert isinstance(tasks[2].exception(), OSError)


async def test_nothing_to_end_is_no_trouble() -> None:
    await end_tasks([])


async def test_who_asks_together_shares_one_task_and_who_gives_up_ends_it_for_nobody() -> None:
    shared: SharedTasks[str, int] = SharedTasks()
    begun = 0

    async def work() -> int:
        nonlocal begun
        begun += 1
        await asyncio.sleep(0.05)
        return begun

    waiting = [asyncio.create_task(shared.run("key", work)) for _ in range(3)]
    await asyncio.sleep(0.01)
    waiting[0].cancel()
    assert await asyncio.gather(*waiting[1:]) == [1, 1]
    assert not shared.running
    assert await shared.run("key", work) == 2
