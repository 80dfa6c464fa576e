"""scripts/faults as it is called, without a server; and what its table says."""

from __future__ import annotations

import json

import pytest

from tests.laboratory.__main__ import main
from tests.laboratory.breakages import BREAKAGES
from tests.laboratory.campaign import Report
from tests.laboratory.commands import COMMANDS
from tests.laboratory.history import History
from tests.laboratory.invariants import Violation
from tests.laboratory.schedule import Outcome, drawn


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
