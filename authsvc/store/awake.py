"""Deadlines that count the time in which this process ran, and not the time in which it stood still.

A machine that is moved, a container over its share of CPU: a process may stand still for a second. When it goes on, all
its deadlines are over, and the answers that came meanwhile lie unread. A deadline that is found to be late is therefore
given once more as long as it is late.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType

LATE_SECONDS = 0.01
"""What a loop that has much to do is late by all the time."""


class AwakeTimer:
    """Calls `over()` after so many seconds, unless it is cancelled before."""

    __slots__ = ("_due", "_handle", "_loop", "_over")

    def __init__(self, seconds: float, over: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._due = self._loop.time() + seconds
        self._over = over
        self._handle = self._loop.call_later(seconds, self._look)

    def cancel(self) -> None:
        self._handle.cancel()

    def _look(self) -> None:
        late = self._loop.time() - self._due
        if late < LATE_SECONDS:
            self._over()
        else:
            self._handle = self._loop.call_later(late, self._over)


class awake_timeout:  # as asyncio.timeout
    """`async with`: as asyncio.timeout, by such a timer. Raises TimeoutError."""

    __slots__ = ("_seconds", "_timeout", "_timer")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._timeout = asyncio.timeout(None)

    async def __aenter__(self) -> None:
        await self._timeout.__aenter__()
        self._timer = AwakeTimer(self._seconds, self._end)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._timer.cancel()
        await self._timeout.__aexit__(kind, error, traceback)

    def _end(self) -> None:
        self._timeout.reschedule(0)
