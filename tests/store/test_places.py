"""Who has a connection, and who waits for one."""

from __future__ import annotations

import asyncio
import random
from itertools import count

import pytest

from authsvc.runtime import open_runtime
from authsvc.settings import load
from authsvc.store.places import Places


async def test_places_are_claimed_up_to_their_number_and_connections_go_to_who_waits_in_turn() -> None:
    places = Places[str](2)
    assert [places.claim() for _ in range(3)] == [True, True, False]
    turns = [asyncio.create_task(places.wait(5)) for _ in range(2)]
    await asyncio.sleep(0)
    assert (places.taken, places.waiting) == (2, 2)
    assert places.give("a")
    places.leave()
    assert places.claim()
    assert places.give("b")
    assert await asyncio.gather(*turns) == ["a", "b"]
    assert (places.taken, places.waiting, places.at_hand) == (2, 0, [])


async def test_what_nobody_waits_for_is_at_hand_and_a_place_that_is_left_is_free() -> None:
    places = Places[str](1)
    assert places.claim()
    assert not places.give("a")
    assert (places.at_hand, places.taken, places.claim()) == (["a"], 1, False)
    places.at_hand.pop()
    places.leave()
    assert (places.taken, places.claim()) == (0, True)


async def test_whoever_waits_too_long_is_passed_over() -> None:
    places = Places[str](1)
    impatient, patient = asyncio.create_task(places.wait(0.01)), asyncio.create_task(places.wait(5))
    with pytest.raises(TimeoutError):
        await impatient
    assert places.waiting == 1
    places.give("a")
    assert await patient == "a"


@pytest.mark.parametrize(("more", "served"), [(5, True), (0.01, False), (0, False)])
async def test_whoever_waits_may_be_given_more_time_once_and_keeps_the_place(more: float, served: bool) -> None:
    places = Places[str](1)
    asked: list[str] = []

    def longer() -> float:
        asked.append("longer")
        return more

    first, second = asyncio.create_task(places.wait(0.01, longer)), asyncio.create_task(places.wait(5))
    await asyncio.sleep(0.05)
    places.give("a")
    if served:
        assert await first == "a"
        places.give("b")
    else:
        with pytest.raises(TimeoutError):
            await first
    assert await second == ("b" if served else "a")
    assert asked == ["longer"]


@pytest.mark.parametrize("first", ["cancelled", "handed"])
async def test_a_turn_that_comes_as_its_caller_is_cancelled_is_the_next_ones(first: str) -> None:
    places = Places[str](1)
    cancelled, following = asyncio.create_task(places.wait(5)), asyncio.create_task(places.wait(5))
    await asyncio.sleep(0)
    if first == "cancelled":
        cancelled.cancel()
    places.give("a")
    cancelled.cancel()
    with pytest.raises(asyncio.CancelledError):
        await cancelled
    assert await following == "a"


async def test_a_caller_who_is_cancelled_in_the_line_leaves_it() -> None:
    places = Places[str](1)
    waiting = asyncio.create_task(places.wait(5))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert places.waiting == 0
    places.give("a")
    assert places.at_hand == ["a"]


async def test_all_who_wait_can_be_turned_away_with_what_went_wrong() -> None:
    places = Places[str](1)
    turns = [asyncio.create_task(places.wait(5)) for _ in range(3)]
    await asyncio.sleep(0)
    places.turn_away(ConnectionRefusedError())
    said = await asyncio.gather(*turns, return_exceptions=True)
    assert [type(turn) for turn in said] == [ConnectionRefusedError] * 3
    assert places.waiting == 0


async def test_no_place_is_lost_or_doubled_whatever_is_cancelled() -> None:
    """Three hundred callers and four places: connections are made, break, are passed on; callers give up or go."""
    drawn = random.Random(20261129)
    places = Places[int](4)
    using: set[int] = set()
    numbers = count()
    making: set[asyncio.Task[None]] = set()
    served = 0

    async def make() -> None:
        await asyncio.sleep(drawn.random() * 0.002)
        places.give(next(numbers))

    def grow() -> None:
        if places.claim():
            making.add(asyncio.create_task(make()))

    async def call() -> None:
        nonlocal served
        await asyncio.sleep(drawn.random() * 0.05)
        if places.at_hand:
            connection = places.at_hand.pop()
        else:
            grow()
            connection = await places.wait(drawn.choice((0.001, 0.02, 60, 60, 60, 60)))
        assert connection not in using and len(using) < 4
        using.add(connection)
        try:
            await asyncio.sleep(drawn.random() * 0.002)
            served += 1
        finally:
            using.remove(connection)
            if drawn.random() < 0.2:
                places.leave()
                grow()
            else:
                places.give(connection)

    calls = [asyncio.create_task(call()) for _ in range(300)]
    for task in drawn.sample(calls, 100):
        asyncio.get_running_loop().call_later(drawn.random() * 0.1, task.cancel)
    done = await asyncio.gather(*calls, return_exceptions=True)
    assert {type(one) for one in done} <= {type(None), TimeoutError, asyncio.CancelledError}
    assert served > 80, "of the two hundred who wait as long as it takes, half may go away"
    await asyncio.gather(*making)
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
