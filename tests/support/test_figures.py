"""What would make a figure of the house grow is found."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import figures
from tests.support.call_chain import Chains
from tests.support.figures import Figure, duplicate_runs
from tests.support.house import Module, read_package

APP = """
from authsvc.web import token
ROUTES = (
    Route("/revoke", {"POST": token.revoke}),
    Route("/token", {"POST": token.token}),
)
"""
TOKEN = """
from authsvc.flows import refresh
def revoke(): refresh.turn
def token(): TABLE
TABLE = {"refresh": refresh.turn}
"""
REFRESH = """
from authsvc.store.grants import rotate
def turn(runtime): return runtime.turns.run(partial(_more))
def _more(): rotate()
"""
GRANTS = f"""
SQL = '''{figures.REFRESH_SQL.replace(" ", chr(10))} ...'''
def rotate(db): return db.fetchrow(SQL)
"""
RUN = [f"    a{number} = {number}" for number in range(6)]


def read(folder: Path, files: dict[str, str]) -> list[Module]:
    for name, text in files.items():
        path = folder / "authsvc" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return read_package(folder / "authsvc")


def test_a_refresh_is_followed_through_a_table_to_its_statement(tmp_path: Path) -> None:
    files = {"app.py": APP, "web/token.py": TOKEN, "flows/refresh.py": REFRESH, "store/grants.py": GRANTS}
    chains = Chains(read(tmp_path, files), tmp_path / "authsvc")
    assert chains.from_route("POST", "/token", figures.REFRESH_SQL) == [
        "web.token.token",
        "flows.refresh.turn",
        "flows.refresh._more",
        "store.grants.rotate",
    ]
    assert chains.from_route("POST", "/par", figures.REFRESH_SQL) == []


def test_a_run_of_lines_that_stands_twice_is_found(tmp_path: Path) -> None:
    """Whatever imports and blank lines stand around it."""
    left = read(tmp_path / "left", {"one.py": "\n".join(["import a", "def f():", *RUN])})
    right = read(tmp_path / "right", {"two.py": "\n".join(["import b", "if c:", *RUN[:3], "", *RUN[3:]])})
    ((_, line, _, other, length),) = duplicate_runs(left, right)
    assert (line, other, length) == (3, 3, 6)


def test_lines_that_differ_in_one_letter_are_no_run(tmp_path: Path) -> None:
    left = read(tmp_path / "left", {"one.py": "\n".join(["def f():", *RUN])})
    right = read(tmp_path / "right", {"two.py": "\n".join(["if c:", *RUN[:5], "    a5 = 6"])})
    assert duplicate_runs(left, right) == []


@pytest.mark.parametrize(
    ("value", "limit", "holds"), [(7, 7, True), (8, 7, False), (None, 7, False), (8, None, None), (None, None, None)]
)
def test_what_could_not_be_measured_holds_nothing(value: float | None, limit: float | None, holds: bool | None) -> None:
    assert Figure("x", value, limit).holds is holds


@pytest.mark.parametrize(
    ("text", "reads"),
    [
        ("import time\ntime.time(); time.sleep(1)", 1),
        ("from time import monotonic\nfield(default_factory=monotonic)\nmonotonic()", 2),
        ("from datetime import datetime\ndatetime.now(UTC)", 1),
        ("asyncio.get_running_loop().time(); self.loop.time()", 2),
        ("now = clock.now()\nbeat.time - event.time", 0),
    ],
)
def test_reads_of_a_clock_are_counted(tmp_path: Path, text: str, reads: int) -> None:
    (module,) = read(tmp_path, {"one.py": text})
    assert figures.clock_reads(module) == reads


def test_a_checkout_without_wings_is_measured_too(tmp_path: Path) -> None:
    """Flat folders, no Runtime, no git: what cannot be known is told as unknown, and nothing fails."""
    read(
        tmp_path, {"__init__.py": "x = 1", "web.py": "import time\n", "dev/servers.py": "from authsvc import web\n" * 9}
    )
    found = {figure.name: figure for figure in figures.measure(tmp_path)}
    assert found["lines of authsvc"].value == 2, "the devkit is none of it"
    assert found["hops of a refresh"].value is found["fields of Runtime"].value is found["fmt: skip"].value is None
