"""The main thread starts servers, for Linux ends them with the thread that did it; the laboratory's loop runs in
another one, so that the load goes on while a server starts."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

import uvloop

T = TypeVar("T")


class Hands:
    """`run` a coroutine from the main thread; within it, `await hands.do(work)` has the main thread do the work."""

    def __init__(self) -> None:
        self._work: queue.SimpleQueue[tuple[Callable[[], Any], Future[Any]] | None] = queue.SimpleQueue()

    async def do(self, work: Callable[[], T]) -> T:
        done: Future[T] = Future()
        self._work.put((work, done))
        return await asyncio.wrap_future(done)

    def run(self, main: Coroutine[Any, Any, T]) -> T:
        result: Future[T] = Future()

        def loop() -> None:
            try:
                with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                    self._task_loop = runner.get_loop()
                    result.set_result(runner.run(self._cancellable(main)))
            except BaseException as error:  # it is raised in the main thread
                result.set_exception(error)
            finally:
                self._work.put(None)

        thread = threading.Thread(target=loop, name="laboratory")
        thread.start()
        interrupted = self._work_until_the_end()
        thread.join()
        if interrupted is not None:
            raise interrupted
        return result.result()

    def _work_until_the_end(self) -> BaseException | None:
        """What interrupted us, Ctrl-C or the alarm of a test: the loop is told to end, and ended it must be, for
        whatever it started."""
        interrupted: BaseException | None = None
        while True:
            try:
                item = self._work.get()
            except BaseException as error:
                interrupted = error
                self._task_loop.call_soon_threadsafe(self._task.cancel)
                continue
            if item is None:
                return interrupted
            work, done = item
            try:
                done.set_result(work())
            except BaseException as error:
                done.set_exception(error)

    async def _cancellable(self, main: Coroutine[Any, Any, T]) -> T:
        self._task = asyncio.ensure_future(main)
        return await self._task
