"""Failed attempts in memory: exact windows, in few bytes, for as long as they count."""

from __future__ import annotations

import random
import tracemalloc

from authsvc.store.caller.attempt_memory import MOST_BUCKETS, AttemptMemory, Bucket


def take(memory: AttemptMemory, *names: str, attempt: str = "x", limit: int = 3, share: int = 1, now: float) -> float:
    return memory.take([Bucket(name, limit) for name in names], attempt, share=share, now=now)


def test_a_flood_of_failing_names_costs_less_than_8_mb_and_leaves_when_its_time_is_over() -> None:
    names = [f"login-account:{number:064x}" for number in range(MOST_BUCKETS + 5000)]
    tracemalloc.start()
    memory = AttemptMemory(900)
    for number, name in enumerate(names):
        assert not take(memory, name, now=100 + number / 1000)
    taken = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert taken < 8_000_000
    assert len(memory) == MOST_BUCKETS
    for number in range(MOST_BUCKETS // 4):
        take(memory, f"later {number % 10}", limit=100_000, now=2000)
    assert len(memory) == 10


def test_a_bucket_in_use_is_not_forgotten_for_new_ones() -> None:
    memory = AttemptMemory(900)
    assert not any(take(memory, "victim", now=100) for _ in range(3))
    for number in range(2 * MOST_BUCKETS):
        take(memory, f"flood {number}", now=100)
        if number % (MOST_BUCKETS // 2) == 0:
            assert take(memory, "victim", now=100) == 900


def test_an_attempt_takes_a_place_in_every_bucket_or_in_none() -> None:
    memory = AttemptMemory(900)
    for now in (100, 200, 300):
        assert not take(memory, "full", now=now)
    assert take(memory, "full", "free", now=400) == 600
    for now in (400, 400, 400):
        assert not take(memory, "free", now=now)
    assert take(memory, "full", "free", now=999.5) == 300.5, "the longest wait of them"
    assert not take(memory, "full", now=1000)
    assert take(memory, "full", now=1000) == 100


def test_one_replica_of_several_fills_its_share_and_one_place_at_least() -> None:
    memory = AttemptMemory(900)
    assert [bool(take(memory, "a", limit=10, share=4, now=1)) for _ in range(3)] == [False, False, True]
    assert [bool(take(memory, "b", limit=2, share=4, now=1)) for _ in range(2)] == [False, True]


def test_a_place_that_is_given_back_can_be_taken_again() -> None:
    memory = AttemptMemory(900)
    for attempt in "abc":
        take(memory, "one", "two", attempt=attempt, now=100)
    buckets = [Bucket("one", 3), Bucket("two", 3)]
    memory.give_back(buckets, "unknown")
    assert take(memory, "one", now=100)
    memory.give_back(buckets, "b")
    memory.give_back(buckets, "b")
    assert not take(memory, "one", "two", now=100)
    assert take(memory, "one", now=100)
    for attempt in "acx":
        memory.give_back(buckets, attempt)
    assert len(memory) == 0


def test_it_counts_as_a_list_of_times_would() -> None:
    chance, memory = random.Random(1), AttemptMemory(10)
    model: dict[str, list[tuple[float, str]]] = {name: [] for name in "abc"}
    now = 100.0
    for step in range(5000):
        now += chance.choice((0, 0.25, 1.5))
        names, attempt = chance.sample("abc", chance.choice((1, 2))), str(step)
        kept = {name: [item for item in model[name] if item[0] > now - 10] for name in model}
        room = all(len(kept[name]) < 3 for name in names)
        assert bool(take(memory, *names, attempt=attempt, now=now)) is not room
        if room:
            for name in names:
                kept[name].append((now, attempt))
            if chance.random() < 0.3:
                memory.give_back([Bucket(name, 3) for name in names], attempt)
                for name in names:
                    kept[name].remove((now, attempt))
        model = kept
