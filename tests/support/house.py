"""What stands where in a checkout: the modules of a package, whom they import, which wings know each other.

Read from the source alone, so that any checkout can be read. `tests/test_house.py` holds the laws over it,
`tests/support/figures.py` counts.
"""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Module:
    """One file of a package. `name` is without the package's own: `rules.scope`, or `rules` for its `__init__`."""

    name: str
    path: Path
    text: str = field(repr=False)
    tree: ast.Module = field(repr=False)

    @cached_property
    def nodes(self) -> tuple[ast.AST, ...]:
        """Everything in the file, as `ast.walk` tells it."""
        return tuple(ast.walk(self.tree))

    @cached_property
    def import_nodes(self) -> tuple[ast.AST, ...]:
        return tuple(node for node in self.nodes if isinstance(node, ast.Import | ast.ImportFrom))

    @property
    def lines(self) -> int:
        return len(self.text.splitlines())

    def functions(self) -> Iterator[Function]:
        """Every function and method, inner ones too."""
        return (node for node in self.nodes if isinstance(node, Function))


def read_package(folder: Path) -> list[Module]:
    """Every module below `folder`, by name."""
    found = []
    for path in sorted(folder.rglob("*.py")):
        name = ".".join(path.relative_to(folder).with_suffix("").parts)
        found.append(module_of(name.removesuffix(".__init__"), path, path.read_text()))
    return found


@cache
def module_of(name: str, path: Path, text: str) -> Module:
    """Read once for many who look at it; nobody changes it."""
    return Module(name, path, text, ast.parse(text))


def imports(nodes: Iterable[ast.AST], root: Path) -> Iterator[str]:
    """Full names of the modules that are imported anywhere in a file, also below a function or TYPE_CHECKING.

    `root`: where packages lie, to tell a module from a name inside one. A relative import raises ValueError, because
    it hides which room it enters.
    """
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                raise ValueError(f"line {node.lineno}: a relative import")
            base = node.module or ""
            for alias in node.names:
                full = f"{base}.{alias.name}"
                yield full if _is_module(root, full) else base


@cache
def _is_module(root: Path, name: str) -> bool:
    place = root.joinpath(*name.split("."))
    return place.with_suffix(".py").exists() or place.is_dir()


def is_within(module: str, rooms: set[str]) -> bool:
    return any(module == room or module.startswith(room + ".") for room in rooms)


def arrows(modules: list[Module], package: Path, room: str = "") -> dict[str, set[str]]:
    """Which wings of a room know which: {wing: wings}. Without a room: which rooms of the package know which."""
    inside = f"{room}." if room else ""
    known: dict[str, set[str]] = {}
    for module in modules:
        if module.name.startswith(inside) and (module.name.count(".") > inside.count(".") or not room):
            wing = module.name.removeprefix(inside).partition(".")[0]
            others = {
                found.removeprefix(f"{package.name}.{inside}").partition(".")[0]
                for found in imports(module.import_nodes, package.parent)
                if found.startswith(f"{package.name}.{inside}")
                and (not room or (package / room / found.split(".")[2]).is_dir())
            }
            known.setdefault(wing, set()).update(others - {wing})
    return known


def circles(known: dict[str, set[str]]) -> list[str]:
    """The wings that can be reached from themselves."""

    def reached(start: str) -> set[str]:
        found: set[str] = set()
        ways = list(known.get(start, ()))
        while ways:
            wing = ways.pop()
            if wing not in found:
                found.add(wing)
                ways += known.get(wing, ())
        return found

    return sorted(wing for wing in known if wing in reached(wing))


def tracked(root: Path) -> list[Path]:
    """The files, and links to whatever, that git knows in a checkout. Raises ValueError where `root` is none."""
    done = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True)
    if done.returncode:
        raise ValueError(f"not a git checkout: {root}")
    paths = [root / name for name in done.stdout.decode().split("\0") if name]
    return [path for path in paths if path.is_file() or path.is_symlink()]
