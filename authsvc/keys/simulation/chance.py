"""Chance: one `Random` of a seed, for the whole world."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from random import Random
from typing import Final, TypeVar

Thing = TypeVar("Thing")

EDGE_WIDTH: Final = 0.02
"""How wide an edge is."""
EDGE_SHARE: Final = 0.3
"""How often chance falls on one."""


class Chance:
    """Draws of one seeded generator: the same seed makes the same world."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed).random  # noqa: S311 - a world, no secret

    def happens(self, chance: float) -> bool:
        return self._random() < chance

    def share(self) -> float:
        """From 0 to 1, and often next to either: what goes wrong goes wrong at the edges."""
        kind = self._random()
        if kind >= EDGE_SHARE:
            return (kind - EDGE_SHARE) / (1 - EDGE_SHARE)
        edge = EDGE_WIDTH * self._random()
        return edge if kind < EDGE_SHARE / 2 else 1 - edge

    def within(self, least: timedelta, most: timedelta) -> timedelta:
        return least + (most - least) * self.share()

    def one_of(self, things: Sequence[Thing]) -> Thing:
        return things[int(self._random() * len(things))]
