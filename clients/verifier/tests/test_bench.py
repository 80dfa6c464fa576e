"""The goals of bench.py, in a process of its own: a ratio, a sum of bytes and a count, whatever the machine."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def figures() -> dict[str, float]:
    bench = Path(__file__).parents[1] / "bench.py"
    done = subprocess.run([sys.executable, str(bench), "--json"], capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    found: dict[str, float] = json.loads(done.stdout)
    return found


def test_a_token_costs_no_more_than_bare_decoding(figures: dict[str, float]) -> None:
    assert figures["verify_us"] <= 1.05 * figures["bare_us"]


def test_a_hundred_thousand_live_revocations_fit_in_32_mb(figures: dict[str, float]) -> None:
    assert figures["held_mb"] <= 32


def test_ten_thousand_forged_kids_are_one_request(figures: dict[str, float]) -> None:
    assert figures["refused"] == 10_000
    assert figures["requests"] == 1
