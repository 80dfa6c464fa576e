"""A run names at its end what failed and was run again."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.outcomes import repeated

ROOT = Path(__file__).parents[1]
TESTS = """
from pathlib import Path
from tests.support.busy import again_when_busy, prompt
tries = Path(__file__).with_name("tries")

@again_when_busy
def test_slow():
    tries.write_text(tries.read_text() + "x" if tries.exists() else "x")
    prompt(len(tries.read_text()) > 1, "took 3 s")

def test_broken():
    assert not tries.with_name("broken").exists(), "two\\nlines"

def test_good():
    pass
"""


def run(directory: Path, *options: str) -> subprocess.CompletedProcess[str]:
    words = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "--rootdir",
        str(directory),
        "-c",
        "/dev/null",
        *options,
        "test_it.py",
    ]
    return subprocess.run(words, cwd=directory, capture_output=True, text=True, env={"PYTHONPATH": str(ROOT)})


@pytest.mark.parametrize("options", [("-p", "no:xdist"), ("--numprocesses", "1")])
def test_what_was_run_again_and_what_failed_is_named_with_the_reason(tmp_path: Path, options: tuple[str, ...]) -> None:
    (tmp_path / "conftest.py").write_text("from tests.support.outcomes import pytest_terminal_summary\n")
    (tmp_path / "test_it.py").write_text(TESTS)
    (tmp_path / "broken").touch()
    first = run(tmp_path, *options)
    assert first.returncode == 1
    lines = first.stdout.splitlines()
    said = [line for line in lines if line.startswith("busy, run again")]
    assert said == ["busy, run again: test_it.py::test_slow: test_it.py:9: tests.support.busy.Busy: took 3 s"]
    shutil.copytree(tmp_path / ".pytest_cache", tmp_path / "kept")
    (tmp_path / "broken").unlink()
    again = run(tmp_path, "-p", "no:xdist", "--last-failed", "--last-failed-no-failures", "none")
    assert again.returncode == 0, again.stdout
    [line] = repeated(tmp_path / "kept")
    assert line == "ci: repeated: test_it.py::test_broken (first failure: test_it.py:12: AssertionError: two)"
    assert json.loads((tmp_path / ".pytest_cache/v/authsvc/failures").read_text()) == {}
