"""So many places for connections: who has one, and who waits for one, first come, first served.

A connection that comes free goes straight to whoever has waited longest. asyncpg's pool makes two tasks for each turn,
and looks after places by a queue of its own: with 16 callers and 10 connections a statement took twice the CPU.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Generic, TypeVar

from authsvc.store.awake import AwakeTimer

T = TypeVar("T")


class Places(Generic[T]):
    """`taken`: places whose connection is in use, at hand, or under way. `waiting`: callers in the line."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.taken = 0
        self.at_hand: list[T] = []
        self._line: deque[asyncio.Future[T]] = deque()

    @property
    def waiting(self) -> int:
        return len(self._line)

    def claim(self) -> bool:
        """Take a free place for a connection that is to be made: then `give` it, or `leave`. False: there is none."""
        if self.taken >= self.size:
            return False
        self.taken += 1
        return True

    async def wait(self, seconds: float, longer: Callable[[], float] = lambda: 0) -> T:
        """The next connection that nobody has waited longer for; `longer` is asked when the seconds are over how many
        more they may be. Raises TimeoutError, and what `turn_away` is given."""
        turn: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._line.append(turn)
        timer = AwakeTimer(seconds, partial(self._over, turn, longer))
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                with suppress(ValueError):  # it was passed over already
                    self._line.remove(turn)
            elif turn.exception() is None:  # its turn had come in this very moment
                self.give(turn.result())
            raise
        finally:
            timer.cancel()

    def give(self, connection: T) -> bool:
        """Its user has done: it is the next one's (True), or at hand."""
        while self._line:
            turn = self._line.popleft()
            if not turn.done():
                turn.set_result(connection)
                return True
        self.at_hand.append(connection)
        return False

    def leave(self) -> None:
        """The connection of a place is gone, or was never made."""
        self.taken -= 1

    def turn_away(self, error: BaseException) -> None:
        """Whoever waits now does so in vain."""
        for turn in [*self._line]:
            self._give_up(turn, error)

    def _over(self, turn: asyncio.Future[T], longer: Callable[[], float]) -> None:
        if (more := longer()) > 0:
            AwakeTimer(more, partial(self._give_up, turn, TimeoutError()))
        else:
            self._give_up(turn, TimeoutError())

    def _give_up(self, turn: asyncio.Future[T], error: BaseException) -> None:
        if not turn.done():
            self._line.remove(turn)
            turn.set_exception(error)
