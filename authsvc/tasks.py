"""Tasks that end when they are told to, tasks that a loop has begun, and tasks that several wait for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from contextlib import suppress
from typing import Any, Generic, TypeVar

AGAIN_SECONDS = 0.5
Key = TypeVar("Key")
Result = TypeVar("Result")
Work = TypeVar("Work")


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


class UnderWay(Generic[Work]):
    """Pieces of work that a loop has begun, each a task of its own; the end of one wakes the loop."""

    def __init__(self) -> None:
        self._tasks: dict[asyncio.Task[None], Work] = {}
        self._ended = asyncio.Event()

    def __len__(self) -> int:
        return len(self._tasks)

    def pieces(self) -> list[Work]:
        """What has not ended."""
        return list(self._tasks.values())

    def begin(self, piece: Work, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks[task] = piece
        task.add_done_callback(self._has_ended)

    def begin_round(self) -> None:
        """Whatever ends from now on wakes the next `wait`."""
        self._ended.clear()

    async def wait(self, seconds: float) -> None:
        """Until a piece ends, or so long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._ended.wait()

    async def end(self) -> None:
        """Cancel what has not ended, and wait until it has."""
        await end_tasks(self._tasks)

    def _has_ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.pop(task, None)
        self._ended.set()


class SharedTasks(Generic[Key, Result]):
    """Work that is done once for all who ask for it meanwhile, by its key."""

    def __init__(self) -> None:
        self.running: dict[Key, asyncio.Task[Result]] = {}

    async def run(self, key: Key, work: Callable[[], Coroutine[Any, Any, Result]]) -> Result:
        """What `work` returns or raises. It goes on though those who wait may not."""
        task = self.running.get(key)
        if task is None:
            task = self.running[key] = asyncio.create_task(work())
            task.add_done_callback(lambda _: self.running.pop(key, None))
            task.add_done_callback(_heard)
        return await asyncio.shield(task)

    def close(self) -> None:
        for task in list(self.running.values()):
            task.cancel()


def _heard(done: asyncio.Task[Any]) -> None:
    """Everybody who asked may have gone: an error that nobody awaits is none for the log."""
    if not done.cancelled():
        done.exception()
