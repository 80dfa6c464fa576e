"""The store's time, carried forward: never ahead of it by the length of an answer, which nobody could believe yet."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from authsvc import clock as module
from authsvc.clock import Clock

START = datetime(2026, 1, 1, tzinfo=UTC)


class World:
    """The store's clock, which is right, beside a monotonic one that began at another moment and may run otherwise."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clock = Clock()
        self.true = 0.0
        self.rate = 1.0
        self.jump = 0.0
        monkeypatch.setattr(module, "monotonic", lambda: 5000 + self.true * self.rate)

    def read(self, there: float, back: float) -> None:
        """Ask; the answer is made after `there` seconds and is heard `back` seconds later."""
        asked = module.monotonic()
        self.true += there
        said = START + timedelta(seconds=self.true + self.jump)
        self.true += back
        self.clock.align(said, asked, module.monotonic())

    @property
    def ahead(self) -> float:
        return (self.clock.now() - START).total_seconds() - self.true


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(monkeypatch)


def test_a_slow_answer_makes_it_late_never_early(world: World) -> None:
    world.read(there=0.2, back=0.001)
    assert -0.0011 < world.ahead <= 1e-6
    world.read(there=0.001, back=0.2)
    assert -0.0011 < world.ahead <= 1e-6


def test_what_was_known_better_stays(world: World) -> None:
    world.read(there=0.1, back=0.1)
    assert -0.101 < world.ahead < -0.099
    world.read(there=0.0005, back=0.0005)
    for _ in range(20):
        world.read(there=0.3, back=0.3)
        assert -0.00051 < world.ahead <= 1e-6


def test_it_follows_a_clock_that_was_set(world: World) -> None:
    world.read(there=0.001, back=0.001)
    for jump in (3600, 0, -3600):
        world.jump = jump
        world.read(there=0.001, back=0.001)
        assert abs(world.ahead - jump) < 0.003


@pytest.mark.parametrize("rate", [0.999, 1.001])
def test_a_monotonic_clock_that_runs_wrong_is_caught_up_with(world: World, rate: float) -> None:
    world.rate = rate
    for _ in range(1000):
        world.true += 1
        world.read(there=0.001, back=0.001)
        assert abs(world.ahead) < 0.005
