"""A replica dies by SIGKILL at every step of a rotation, one after the other: whoever asks again elsewhere is given the
same successor. `scripts/faults fail-points` kills each of three replicas at each step; the suite kills two."""

from __future__ import annotations

import random

import pytest

from tests.laboratory.doomed import ROTATION
from tests.laboratory.fail_points import Fell, kill_at
from tests.laboratory.world import World, in_world

KILLS = 2
"""Of three replicas: one is left to answer."""

pytestmark = pytest.mark.faults


def test_a_rotation_has_twelve_steps_at_least() -> None:
    assert len(ROTATION) >= 12


def test_a_replica_that_dies_at_a_step_costs_one_call_and_no_session() -> None:
    points = random.sample(list(ROTATION), KILLS)

    async def work(world: World) -> list[Fell]:
        return [await kill_at(world, point, number) for number, point in enumerate(points)]

    for fell in in_world(work):
        assert fell.died, f"nobody passed {fell.point}"
        assert fell.wrong == "", f"{fell.point}: {fell.wrong}"
