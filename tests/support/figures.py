"""The figures of the house, measured in the source of a checkout: `scripts/house`.

    scripts/house                 a table, with the limit where there is one
    scripts/house --json          the same for programs
    scripts/house --tree DIR      another checkout, also one whose folders have no wings

Only the standard library is used, and nothing of the checkout is imported or changed.
"""

from __future__ import annotations

import argparse
import ast
import json
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tests.support.call_chain import Chains
from tests.support.house import Module, arrows, circles, read_package, tracked

REFRESH_SQL = "UPDATE grants AS g SET (verdict, generation, parent"
"""How the statement that rotates a refresh token begins (`store/token/grants`)."""
DEVKIT = "dev."
"""Once a room of the package, today a distribution beside it: never counted."""
RUN = 6
FMT_SKIP = re.compile(r"[#] fmt: skip\b")
_CLOCKS = frozenset({"time", "monotonic", "perf_counter", "time_ns", "monotonic_ns", "perf_counter_ns"})
_DATES = frozenset({"now", "utcnow", "today"})


@dataclass(frozen=True)
class Figure:
    """One measured number. `limit`: the most it may be, None where it is only told; `detail`: where it comes from."""

    name: str
    value: float | None
    limit: float | None = None
    detail: str = ""

    @property
    def holds(self) -> bool | None:
        """Whether the limit holds; None without one. What could not be measured holds nothing."""
        return None if self.limit is None else self.value is not None and self.value <= self.limit


def measure(root: Path) -> list[Figure]:
    """All figures of the checkout at `root`, in the order of the table."""
    package = root / "authsvc"
    modules = [module for module in read_package(package) if not module.name.startswith(DEVKIT)]
    verifier = read_package(root / "clients" / "verifier" / "authsvc_verifier")
    chain = Chains(modules, package).from_route("POST", "/token", REFRESH_SQL)
    return [
        *_sizes(modules),
        Figure("hops of a refresh", len(chain) or None, 7, " > ".join(chain)),
        *_wings(modules, package),
        Figure("fields of Runtime", _fields(modules, "Runtime"), 14),
        Figure("fields of Client", _fields(modules, "Client"), 14),
        *_clocks(modules),
        _duplicates(modules, verifier, root),
        *_whole_checkout(root),
    ]


def _sizes(modules: list[Module]) -> list[Figure]:
    files = [module.lines for module in modules]
    functions = [
        (node.end_lineno or node.lineno) - node.lineno + 1 for module in modules for node in module.functions()
    ]
    return [
        Figure("lines of authsvc", sum(files)),
        *_spread("files", files, None),
        *_spread("functions", functions, 60),
    ]


def _spread(what: str, lengths: list[int], longest: int | None) -> list[Figure]:
    ordered = sorted(lengths)
    if not ordered:
        return [Figure(what, 0)]
    return [
        Figure(what, len(ordered)),
        Figure(f"{what}: median lines", ordered[len(ordered) // 2]),
        Figure(f"{what}: p90 lines", ordered[len(ordered) * 9 // 10]),
        Figure(f"{what}: longest", ordered[-1], longest),
    ]


def _wings(modules: list[Module], package: Path) -> Iterator[Figure]:
    rooms = arrows(modules, package)
    yield _arrows_figure("rooms", rooms)
    yield _circles_figure("rooms", rooms)
    for room in sorted(rooms):
        wings = arrows(modules, package, room)
        if len(wings) > 1:
            yield _arrows_figure(f"wings of {room}", wings)
            yield _circles_figure(f"wings of {room}", wings)


def _arrows_figure(what: str, known: dict[str, set[str]]) -> Figure:
    return Figure(f"{what}: arrows", sum(map(len, known.values())), None, f"{len(known)} in all")


def _circles_figure(what: str, known: dict[str, set[str]]) -> Figure:
    found = circles(known)
    return Figure(f"{what}: in a circle", len(found), 0, " ".join(found))


def _fields(modules: list[Module], name: str) -> int | None:
    """Annotated fields of the class, wherever it stands."""
    for module in modules:
        for node in module.tree.body:
            if isinstance(node, ast.ClassDef) and node.name == name:
                return sum(isinstance(part, ast.AnnAssign) for part in node.body)
    return None


def _clocks(modules: list[Module]) -> list[Figure]:
    places = {module.name: count for module in modules if (count := clock_reads(module))}
    detail = ", ".join(
        f"{name} {count}" for name, count in sorted(places.items(), key=lambda place: (-place[1], place))
    )
    return [
        Figure("reads of a clock", sum(places.values())),
        Figure("files that read clocks", len(places), None, detail),
    ]


def clock_reads(module: Module) -> int:
    """Calls of `time.time` and its like, `datetime.now`, and the `time` of a loop; also where one is handed on."""
    bare = {
        alias.asname or alias.name
        for node in module.nodes
        if isinstance(node, ast.ImportFrom) and node.module == "time"
        for alias in node.names
        if alias.name in _CLOCKS
    }
    found = 0
    for node in module.nodes:
        if isinstance(node, ast.Name):
            found += node.id in bare
        elif isinstance(node, ast.Attribute):
            owner = ast.unparse(node.value) if node.attr in _CLOCKS | _DATES else ""
            found += owner == "time" and node.attr in _CLOCKS
            found += owner == "datetime" and node.attr in _DATES
            found += node.attr == "time" and "loop" in owner
    return found


def _duplicates(modules: list[Module], others: list[Module], root: Path) -> Figure:
    found = duplicate_runs(modules, others)
    named = [
        f"{a.path.relative_to(root)}:{line} = {b.path.relative_to(root)}:{other} ({length})"
        for a, line, b, other, length in found
    ]
    return Figure(f"runs of {RUN} lines in authsvc and in the verifier", len(found), 0, "; ".join(named))


def duplicate_runs(left: list[Module], right: list[Module]) -> list[tuple[Module, int, Module, int, int]]:
    """(module, line, module, line, length) of runs of at least RUN equal lines. Indentation counts; blank lines and
    imports do not."""
    texts = [(module, _telling_lines(module)) for module in left]
    seen: dict[tuple[str, ...], list[tuple[int, int]]] = {}
    for index, (_, lines) in enumerate(texts):
        for start in range(len(lines) - RUN + 1):
            seen.setdefault(tuple(text for _, text in lines[start : start + RUN]), []).append((index, start))
    found = []
    for module in right:
        lines = _telling_lines(module)
        start = 0
        while start <= len(lines) - RUN:
            places = seen.get(tuple(text for _, text in lines[start : start + RUN]))
            if not places:
                start += 1
                continue
            other, (index, at) = max(((_equal(texts[index][1], at, lines, start), (index, at)) for index, at in places))
            found.append((texts[index][0], texts[index][1][at][0], module, lines[start][0], other))
            start += other
    return found


def _equal(left: list[tuple[int, str]], at: int, right: list[tuple[int, str]], start: int) -> int:
    length = 0
    for (_, one), (_, other) in zip(left[at:], right[start:], strict=False):
        if one != other:
            break
        length += 1
    return length


def _telling_lines(module: Module) -> list[tuple[int, str]]:
    """(number, text) of every line but blank ones and imports."""
    skipped: set[int] = set()
    for node in module.nodes:
        if isinstance(node, ast.Import | ast.ImportFrom):
            skipped.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return [
        (number, line.rstrip())
        for number, line in enumerate(module.text.splitlines(), 1)
        if line.strip() and number not in skipped
    ]


def _whole_checkout(root: Path) -> list[Figure]:
    """Of every Python file that git knows."""
    try:
        texts = {path.relative_to(root).as_posix(): path.read_text() for path in tracked(root) if path.suffix == ".py"}
    except ValueError as error:
        return [Figure("fmt: skip", None, 10, str(error))]
    skips = {name: count for name, text in texts.items() if (count := len(FMT_SKIP.findall(text)))}
    tests = sum(len(text.splitlines()) for name, text in texts.items() if _is_test(name))
    source = sum(len(text.splitlines()) for name, text in texts.items() if _is_source(name))
    return [
        Figure("fmt: skip", sum(skips.values()), 10, f"in {len(skips)} files" if skips else ""),
        Figure("lines of tests", tests),
        Figure("lines of source", source, None, "authsvc, the devkit, the Python clients"),
        Figure("tests to source", round(tests / source, 2)),
    ]


def _is_test(name: str) -> bool:
    return "tests" in name.split("/")[:-1]


def _is_source(name: str) -> bool:
    return not _is_test(name) and re.match(r"authsvc/|devkit/|clients/\w+/authsvc_", name) is not None


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="scripts/house", description="The figures of the house.")
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.add_argument("--tree", type=Path, default=Path(__file__).parents[2], help="another checkout")
    options = parser.parse_args(arguments)
    root = options.tree.resolve()
    if not (root / "authsvc" / "__init__.py").is_file():
        parser.error(f"no authsvc in {root}")
    figures = measure(root)
    if options.json:
        rows: list[dict[str, Any]] = [{**asdict(figure), "holds": figure.holds} for figure in figures]
        print(json.dumps(rows, indent=2))
    else:
        print("\n".join(_table(figures)))
    return 0


def _table(figures: list[Figure]) -> Iterator[str]:
    width = max(len(figure.name) for figure in figures)
    for figure in figures:
        value = "?" if figure.value is None else f"{figure.value:g}"
        limit = "" if figure.limit is None else f"<= {figure.limit:g}{'' if figure.holds else '  EXCEEDED'}"
        yield f"{figure.name:{width}}  {value:>7}  {limit:16}  {figure.detail}".rstrip()


if __name__ == "__main__":
    sys.exit(main())
