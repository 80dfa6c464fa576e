"""Tasks that end when they are told to, and tasks that several wait for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, Generic, TypeVar

AGAIN_SECONDS = 0.5
Key = TypeVar("Key")
Result = TypeVar("Result")


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
