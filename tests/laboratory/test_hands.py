"""The main thread works for a loop in another one, and ends it when it is interrupted."""

from __future__ import annotations

import asyncio
import threading

import pytest

from tests.laboratory.hands import Hands


def test_the_main_thread_does_what_the_loop_asks_for() -> None:
    hands = Hands()

    async def main() -> tuple[bool, bool]:
        asked = await hands.do(lambda: threading.current_thread() is threading.main_thread())
        return asked, threading.current_thread() is threading.main_thread()

    assert hands.run(main()) == (True, False)


def test_what_fails_is_raised_where_it_was_asked_for_and_at_the_end() -> None:
    hands = Hands()

    def fails() -> None:
        raise ValueError("here")

    async def main() -> None:
        with pytest.raises(ValueError, match="here"):
            await hands.do(fails)
        raise LookupError("there")

    with pytest.raises(LookupError, match="there"):
        hands.run(main())


def test_an_interruption_ends_the_loop_and_is_raised() -> None:
    hands, ended = Hands(), threading.Event()

    class Interrupting:
        """A queue whose first reader is interrupted."""

        def __init__(self) -> None:
            self.left = 1

        def get(self) -> None:
            if self.left:
                self.left -= 1
                threading.Event().wait(0.1)
                raise KeyboardInterrupt
            ended.wait(5)

        def put(self, item: object) -> None: ...

    async def waiting() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    hands._work = Interrupting()  # type: ignore[assignment]
    with pytest.raises(KeyboardInterrupt):
        hands.run(waiting())
    assert ended.is_set()
