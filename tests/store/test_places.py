"""Who has a connection, and who waits for one."""

from __future__ import annotations

import asyncio
import random

import pytest

from authsvc.runtime import open_runtime
from authsvc.settings import load
from authsvc.store.places import Places


async def test_places_are_taken_up_to_their_number_and_then_in_turn() -> None:
    places = Places[str](2)
    assert [await places.take(0), await places.take(0)] == [None, None]
    turns = [asyncio.create_task(places.take(5)) for _ in range(3)]
    await asyncio.sleep(0)
    assert (places.taken, places.waiting) == (2, 3)
    places.give("a")
    places.leave()
    places.give("b")
    assert await asyncio.gather(*turns) == ["a", None, "b"]
    assert (places.taken, places.waiting, places.at_hand) == (2, 0, [])


async def test_what_nobody_waits_for_is_at_hand_and_a_place_that_is_left_is_free() -> None:
    places = Places[str](1)
    assert await places.take(0) is None
    places.give("a")
    assert (places.at_hand, places.taken) == (["a"], 1)
    assert await places.take(0) == "a"
    places.leave()
    assert (places.at_hand, places.taken) == ([], 0)
    assert await places.take(0) is None


async def test_whoever_waits_too_long_is_passed_over() -> None:
    places = Places[str](1)
    await places.take(0)
    impatient, patient = asyncio.create_task(places.take(0.01)), asyncio.create_task(places.take(5))
    with pytest.raises(TimeoutError):
        await impatient
    assert places.waiting == 1
    places.give("a")
    assert await patient == "a"


@pytest.mark.parametrize("handed", ["a", None])
@pytest.mark.parametrize("first", ["cancelled", "handed"])
async def test_a_turn_that_comes_as_its_caller_is_cancelled_is_the_next_ones(first: str, handed: str | None) -> None:
    places = Places[str](1)
    await places.take(0)
    cancelled, following = asyncio.create_task(places.take(5)), asyncio.create_task(places.take(5))
    await asyncio.sleep(0)
    if first == "cancelled":
        cancelled.cancel()
    places.give(handed) if handed else places.leave()
    cancelled.cancel()
    with pytest.raises(asyncio.CancelledError):
        await cancelled
    assert await following == handed


async def test_a_caller_who_is_cancelled_in_the_line_leaves_it() -> None:
    places = Places[str](1)
    await places.take(0)
    waiting = asyncio.create_task(places.take(5))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert places.waiting == 0
    places.give("a")
    assert places.at_hand == ["a"]


async def test_all_who_wait_can_be_turned_away() -> None:
    places = Places[str](1)
    await places.take(0)
    turns = [asyncio.create_task(places.take(5)) for _ in range(3)]
    await asyncio.sleep(0)
    places.turn_away()
    assert [type(turn) for turn in await asyncio.gather(*turns, return_exceptions=True)] == [TimeoutError] * 3
    assert places.waiting == 0


async def test_no_place_is_lost_or_doubled_whatever_is_cancelled() -> None:
    """Three hundred callers and four places: connections are made, break, are passed on; callers give up or go."""
    drawn = random.Random(20261129)
    places = Places[int](4)
    using: set[int] = set()
    served = 0

    async def call(number: int) -> None:
        nonlocal served
        await asyncio.sleep(drawn.random() * 0.05)
        connection = await places.take(drawn.choice((0.001, 0.02, 60, 60, 60, 60)))
        if connection is None:
            try:
                await asyncio.sleep(drawn.random() * 0.002)
                connection = number
            except asyncio.CancelledError:
                places.leave()
                raise
        assert connection not in using and len(using) < 4
        using.add(connection)
        try:
            await asyncio.sleep(drawn.random() * 0.002)
            served += 1
        finally:
            using.remove(connection)
            places.leave() if drawn.random() < 0.2 else places.give(connection)

    calls = [asyncio.create_task(call(number)) for number in range(300)]
    for task in drawn.sample(calls, 100):
        asyncio.get_running_loop().call_later(drawn.random() * 0.1, task.cancel)
    done = await asyncio.gather(*calls, return_exceptions=True)
    assert {type(one) for one in done} <= {type(None), TimeoutError, asyncio.CancelledError}
    assert served > 80, "of the two hundred who wait as long as it takes, half may go away"
    assert (places.waiting, using) == (0, set())
    assert places.taken == len(places.at_hand) <= 4


async def test_whoever_waited_asks_before_the_one_who_has_done_goes_on(
    settings_env: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What comes next is often a signature, and PostgreSQL need not wait for that."""
    runtime = open_runtime(load({**settings_env, "AUTHSVC_DB_POOL_SIZE": "1"}))
    told: list[str] = []
    acquire = runtime.db._acquire

    async def has_its_turn() -> object:
        connection = await acquire()
        told.append("asks")
        return connection

    async def asks_and_goes_on() -> None:
        await runtime.db.fetchval("SELECT 1")
        told.append("goes on")

    monkeypatch.setattr(runtime.db, "_acquire", has_its_turn)
    await asyncio.gather(asks_and_goes_on(), asks_and_goes_on(), asks_and_goes_on())
    await runtime.close()
    assert told == ["asks", "asks", "goes on", "asks", "goes on", "goes on"]
