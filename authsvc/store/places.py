"""So many places for connections: who has one, and who waits for one, first come, first served.

A connection that comes free goes straight to whoever has waited longest. asyncpg's pool makes two tasks for each turn,
and looks after places by a queue of its own: with 16 callers and 10 connections a statement took twice the CPU.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from typing import Generic, TypeVar

T = TypeVar("T")


class Places(Generic[T]):
    """`taken`: places whose connection is in use, at hand, or under way. `waiting`: callers in the line."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.taken = 0
        self.at_hand: list[T] = []
        self._line: deque[asyncio.Future[T | None]] = deque()

    @property
    def waiting(self) -> int:
        return len(self._line)

    async def take(self, seconds: float) -> T | None:
        """A connection; or None: there is a place, and whoever has it makes a connection, or says `leave`. Raises
        TimeoutError."""
        if self.at_hand:
            return self.at_hand.pop()
        if self.taken < self.size:
            self.taken += 1
            return None
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[T | None] = loop.create_future()
        self._line.append(turn)
        timer = loop.call_later(seconds, self._give_up, turn)
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                with suppress(ValueError):  # it was passed over already
                    self._line.remove(turn)
            elif turn.exception() is None:  # its turn had come in this very moment
                self._pass_on(turn.result())
            raise
        finally:
            timer.cancel()

    def give(self, connection: T) -> bool:
        """Its user has done: it is the next one's (True), or at hand."""
        if self._handed_on(connection):
            return True
        self.at_hand.append(connection)
        return False

    def leave(self) -> None:
        """The connection of a place is gone, or was never made: the next one has the place."""
        if not self._handed_on(None):
            self.taken -= 1

    def _handed_on(self, turn: T | None) -> bool:
        while self._line:
            waiting = self._line.popleft()
            if not waiting.done():
                waiting.set_result(turn)
                return True
        return False

    def turn_away(self) -> None:
        """Nobody waits any more: there will be no turn."""
        for turn in [*self._line]:
            self._give_up(turn)

    def _pass_on(self, turn: T | None) -> None:
        if turn is None:
            self.leave()
        else:
            self.give(turn)

    def _give_up(self, turn: asyncio.Future[T | None]) -> None:
        if not turn.done():
            self._line.remove(turn)
            turn.set_exception(TimeoutError())
