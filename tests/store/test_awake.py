"""A process that stood still reads what came meanwhile before it says that nothing came."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterator

import pytest

from authsvc.store.awake import awake_timeout
from authsvc.store.places import Places


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    here, there = socket.socketpair()
    with here, there:
        here.setblocking(False)
        yield here, there


def stand_still(seconds: float, there: socket.socket) -> None:
    """The answer comes in the middle of it."""
    time.sleep(seconds / 2)
    there.send(b"answer")
    time.sleep(seconds / 2)


async def test_an_answer_that_came_while_we_stood_still_is_read(pair: tuple[socket.socket, socket.socket]) -> None:
    here, there = pair
    loop = asyncio.get_running_loop()
    loop.call_later(0.01, stand_still, 0.3, there)
    async with awake_timeout(0.1):
        assert await loop.sock_recv(here, 100) == b"answer"
        await asyncio.sleep(0)  # and the loop's next turn still belongs to it


@pytest.mark.parametrize("stands_still", [False, True])
async def test_an_answer_that_never_comes_is_waited_for_so_long(stands_still: bool) -> None:
    loop = asyncio.get_running_loop()
    if stands_still:
        loop.call_later(0.01, time.sleep, 0.3)
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        async with awake_timeout(0.1):
            await asyncio.sleep(10)
    took = time.monotonic() - began
    # Late by 0.21 s, and once more as long.
    assert (0.5 if stands_still else 0.09) < took < (2 if stands_still else 0.3)


async def test_what_is_done_in_time_has_no_deadline_any_more() -> None:
    async with awake_timeout(0.02):
        pass
    await asyncio.sleep(0.1)


async def test_a_call_that_is_cancelled_from_outside_is_no_timeout() -> None:
    async def wait() -> None:
        async with awake_timeout(10):
            await asyncio.sleep(10)

    task = asyncio.create_task(wait())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_whoever_waits_for_a_connection_is_not_passed_over_because_we_stood_still(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    """Its user had its answer long ago, and we did not read it."""
    here, there = pair
    loop, places = asyncio.get_running_loop(), Places[str](1)
    assert places.claim()

    async def user() -> None:
        await loop.sock_recv(here, 100)
        places.give("a")

    using = asyncio.create_task(user())
    loop.call_later(0.01, stand_still, 0.3, there)
    assert await places.wait(0.1) == "a"
    await using
