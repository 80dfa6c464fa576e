"""pytest rewrites the asserts of a test module when it is first imported, and keeps the result; every process of a run
imports all of them. In a fresh clone each would rewrite everything at the same time: so each begins with a share."""

from __future__ import annotations

import importlib
import os
import sys
from contextlib import suppress
from pathlib import Path

import pytest


def rewrite_share(config: pytest.Config) -> None:
    """Import this process's share of the test modules, where the run is of all of them."""
    name = os.environ.get("PYTEST_XDIST_WORKER")
    everything = [str(config.rootpath / path) for path in config.getini("testpaths")]
    if name is None or sys.dont_write_bytecode or [str(config.rootpath / path) for path in config.args] != everything:
        return
    ignored = [config.rootpath / path for path in config.getoption("ignore") or ()]
    files = sorted((config.rootpath / "tests").rglob("test_*.py"))
    wanted = [path for path in files if not any(path.is_relative_to(other) for other in ignored)]
    for path in wanted[int(name.removeprefix("gw")) :: int(os.environ["PYTEST_XDIST_WORKER_COUNT"])]:
        _import(path.relative_to(config.rootpath))


def _import(path: Path) -> None:
    with suppress(Exception, pytest.skip.Exception):  # its collection will say what is wrong
        importlib.import_module(".".join(path.with_suffix("").parts))
