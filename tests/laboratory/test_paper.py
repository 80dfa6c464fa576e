"""docs/faults.md: every row of its table names tests that are there, and every fault of the laboratory."""

from __future__ import annotations

import re
from pathlib import Path

from tests.laboratory.breakages import BREAKAGES
from tests.laboratory.invariants import INVARIANTS

ROOT = Path(__file__).parents[2]
PAPER = (ROOT / "docs/faults.md").read_text()
ROWS = [line for line in PAPER.splitlines() if re.match(r"\| \d+ \|", line)]


def test_the_table_has_every_fault() -> None:
    assert [int(row.split("|")[1]) for row in ROWS] == list(range(1, 41))


def test_every_row_names_a_test_that_is_there() -> None:
    for row in ROWS:
        named = re.findall(r"`([\w/]+\.py)::(test_\w+)`", row)
        assert named, row
        for file, test in named:
            assert re.search(rf"def {test}\(", (ROOT / file).read_text()), f"{file}::{test}"


def test_every_fault_of_the_laboratory_is_in_a_row() -> None:
    named = {
        word.strip() for row in ROWS for said in re.findall(r"laboratory: ([^|`]*)", row) for word in said.split(",")
    }
    assert named == set(BREAKAGES) - {"nothing"}


def test_every_invariant_is_explained() -> None:
    assert set(re.findall(r"^\| (I\d+) \|", PAPER, re.MULTILINE)) >= set(INVARIANTS)
