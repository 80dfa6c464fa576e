"""Pairs of client and network that failed too often: how long, and how much of them is looked at."""

from __future__ import annotations

from authsvc.flows.caller.client_failures import LOOKS_A_SECOND, MOST_BLOCKED, Blocks


def test_a_block_leaves_memory_when_its_time_is_over() -> None:
    blocks = Blocks()
    for number in range(10):
        blocks.add(f"pair {number}", 900, now=100)
    assert [blocks.seconds_left("pair 0", now) for now in (100, 999, 1000)] == [900, 1, 0]
    assert len(blocks) == 9
    for number in range(9):  # those that nobody asks for leave, too
        blocks.add(f"other {number}", 900, now=1000)
    assert len(blocks) == 9


def test_the_memory_of_blocks_is_bounded_and_forgets_the_oldest() -> None:
    blocks = Blocks()
    for number in range(MOST_BLOCKED + 5):
        blocks.add(f"pair {number}", 900, now=number / 1000)
    assert len(blocks) <= MOST_BLOCKED
    assert not blocks.seconds_left("pair 0", now=11)
    assert blocks.seconds_left(f"pair {MOST_BLOCKED + 4}", now=11)


def test_a_blocked_pair_is_looked_at_so_often_a_second() -> None:
    blocks = Blocks()
    assert all(blocks.take_look("pair", now=0) for _ in range(3 * LOOKS_A_SECOND))
    blocks.add("pair", 900, now=0)
    for now in (0, 1, 2.5):
        assert sum(blocks.take_look("pair", now) for _ in range(3 * LOOKS_A_SECOND)) == LOOKS_A_SECOND
    assert blocks.take_look("another", now=0)
