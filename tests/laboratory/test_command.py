"""scripts/faults as it is called, without a server; and what its table says."""

from __future__ import annotations

import asyncio
import json
import random
from types import SimpleNamespace
from typing import cast
from unittest.mock import AsyncMock, Mock

import pytest

from tests.laboratory.__main__ import main
from tests.laboratory.breakages import BREAKAGES, replica_drained
from tests.laboratory.campaign import Report
from tests.laboratory.commands import COMMANDS
from tests.laboratory.history import History
from tests.laboratory.invariants import Violation
from tests.laboratory.people import Desk
from tests.laboratory.schedule import Outcome, drawn
from tests.laboratory.world import World


def test_the_faults_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list"]) == 0
    assert capsys.readouterr().out.splitlines() == list(BREAKAGES)


@pytest.mark.parametrize("arguments", [["--help"], *([name, "--help"] for name in COMMANDS)])
def test_help_is_given(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 0
    assert "usage: scripts/faults" in capsys.readouterr().out


def test_a_seed_draws_the_same_faults_again() -> None:
    assert [drawn(f"7-{n}")[0] for n in range(50)] == [drawn(f"7-{n}")[0] for n in range(50)]
    assert {name for n in range(400) for name in drawn(f"7-{n}")[0]} == set(BREAKAGES)


def test_a_violation_is_counted_at_each_of_its_faults_and_kept(capsys: pytest.CaptureFixture[str]) -> None:
    report = Report("7")
    report.add(Outcome("7-0", ["swept", "nothing"], History()))
    assert report.good
    report.add(Outcome("7-1", ["swept"], History(), 0.5, [Violation("I3", "ab", "refreshed")]))
    assert not report.good
    assert "FAILED 7-1: I3 ab: refreshed" in report.text()
    found = json.loads(report.as_json())
    assert {name: (one["schedules"], one["violations"]) for name, one in found["tallies"].items()} == {
        "swept": (2, 1),
        "nothing": (1, 0),
    }


class _Place:
    """Of a replica whose old process ended with this code as it was drained."""

    def __init__(self, code: int, armed: int) -> None:
        self.changing, self.alive, self.armed = asyncio.Lock(), True, armed
        self.replica = Mock(**{"process.wait.return_value": code})
        self.start = self.until_ready = AsyncMock()


@pytest.mark.parametrize(
    ("code", "armed", "well"), [(0, 0, True), (0, 1, True), (-9, 1, True), (-9, 0, False), (1, 1, False)]
)
async def test_who_is_drained_ends_well_or_dies_at_a_step_that_was_armed(code: int, armed: int, well: bool) -> None:
    world = cast(World, SimpleNamespace(places=[_Place(code, armed)]))
    draining = replica_drained(world, cast(Desk, None), random.Random(1))
    if well:
        await draining
    else:
        with pytest.raises(AssertionError, match=f"ended with {code}"):
            await draining
