"""The papers say what is so: no dead link, no file that is gone, no number that nobody gave."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import authsvc
from tests.support.house import Function, read_package
from tests.support.reference import PLACE
from tests.support.source_words import kept_from, rows_of
from tests.support.yaml_file import read_yaml

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "authsvc"
HISTORY = {"CHANGELOG.md"}
"""Papers that tell what was: files that they name may be gone."""
MADE_LATER = {"keys/master.key", "clients/browser/authsvc.js"}
"""Paths that the papers tell the reader to make."""
NO_MODULES = {"authsvc.claims", "authsvc.d.ts", "authsvc.js"}
"""A key of WSGI's environment, and files of the browser module."""


def tracked(pattern: str) -> list[str]:
    done = subprocess.run(["git", "ls-files", "-z", pattern], cwd=ROOT, capture_output=True)
    if done.returncode:
        pytest.skip("not a git checkout: which files are tracked cannot be known")
    return [name for name in done.stdout.decode().split("\0") if name and (ROOT / name).is_file()]


# Links

_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)


def anchors(text: str) -> set[str]:
    """What GitHub makes of the headings: lower case, no punctuation, hyphens for spaces."""
    titles = re.findall(r"^#+ +(.+?) *$", _FENCE.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def dead_links(name: str, text: str) -> list[str]:
    dead = []
    for link in _LINK.findall(_FENCE.sub("", text)):
        path, _, anchor = link.partition("#")
        if re.match(r"[a-z]+:", link):
            continue
        target = (ROOT / name).parent / path if path else ROOT / name
        gone = not target.exists() or (anchor and anchor not in anchors(text if not path else target.read_text()))
        dead += [link] if gone else []
    return dead


def test_no_link_is_dead() -> None:
    found = {name: dead_links(name, (ROOT / name).read_text()) for name in tracked("*.md")}
    assert {name: dead for name, dead in found.items() if dead} == {}


def test_a_dead_link_would_be_found() -> None:
    text = (
        "# One `two`\n[a](#one-two) [b](#three) [c](README.md) [d](gone.md) [e](README.md#gone) [f](https://x.example)"
    )
    assert dead_links("SECURITY.md", text) == ["#three", "gone.md", "README.md#gone"]


# Names of files, modules and what is in them

_TOP = ("authsvc", "tests", "devkit", "clients", "bench", "scripts", "docs", "deploy", "keys")
_PATH = re.compile(rf"(?<![\w./:-])((?:{'|'.join(_TOP)})/[\w./-]*\w)")
_MODULE = re.compile(r"(?<![\w./-])(authsvc(?:\.[a-z_]\w*)+)(?![\w(])")
_TEST = re.compile(r"(?<![\w/])(test_\w+\.py)")


@cache
def rooms() -> list[str]:
    return sorted(path.name for path in PACKAGE.iterdir() if path.is_dir() and path.name != "__pycache__")


def short_paths(text: str) -> list[str]:
    """`rules/scope.py`, `store/token/grants.refresh`: in code spans, what begins with a room of the package."""
    spans = re.findall(r"`([^`\n]+)`", _FENCE.sub("", text))
    return [span for span in spans if re.fullmatch(rf"(?:{'|'.join(rooms())})/[\w./-]*\w", span)]


def _is_in(base: Path, path: str) -> bool:
    """A file, a directory, a module without its ending, or a name of a module (`plans.plan_step`)."""
    if (base / path).exists() or (base / f"{path}.py").exists():
        return True
    module, _, name = path.rpartition(".")
    files = [base / f"{module}.py", base / module / "__init__.py"]
    defined = rf"^\s*(?:(?:async )?def |class )?{re.escape(name)}\b"
    return any(file.is_file() and re.search(defined, file.read_text(), re.MULTILINE) for file in files)


@cache
def files_of_tests() -> set[str]:
    return {path.name for path in (*ROOT.glob("tests/**/test_*.py"), *ROOT.glob("clients/*/tests/test_*.py"))}


def gone(text: str) -> list[str]:
    paths = [path for path in _PATH.findall(text) if not _is_in(ROOT, path) and not _is_in(PACKAGE, path)]
    paths += [path for path in short_paths(text) if not _is_in(PACKAGE, path) and not _is_in(ROOT, path)]
    paths += [
        name
        for name in _MODULE.findall(text)
        if not _is_in(ROOT, name.replace(".", "/"))
        and not _is_in(ROOT, ".".join(name.rsplit(".", 1)).replace(".", "/", name.count(".") - 1))
    ]
    paths += [name for name in _TEST.findall(text) if name not in files_of_tests()]
    return sorted(set(paths) - MADE_LATER - NO_MODULES)


def test_whatever_the_papers_name_is_there() -> None:
    found = {name: gone((ROOT / name).read_text()) for name in tracked("*.md") if name not in HISTORY}
    assert {name: paths for name, paths in found.items() if paths} == {}


def test_what_is_gone_would_be_found() -> None:
    text = "tests/test_docs.py tests/gone.py `rules/scope.py` `rules/gone.py` `rules/scope.narrow` `rules/scope.gone`"
    text += " test_gone.py"
    assert gone(text) == ["rules/gone.py", "rules/scope.gone", "test_gone.py", "tests/gone.py"]


# What a module says of itself

_DOTTED = re.compile(r"[A-Za-z_]\w*(?:[./]\w+)+")
_ROW = re.compile(r"^ {4}(\w+(?:, \w+)*)/? {2,}\S", re.MULTILINE)
"""A row of the map that a package may open with: `    head         what is wrong with a request's head`."""


def unknown_names(path: Path, tree: ast.Module) -> list[str]:
    """Files, modules, classes and what is in them: in code spans of the module's docstring, and not there."""
    spans = re.findall(r"`([^`\n]+)`", ast.get_docstring(tree) or "")
    return [name for name in spans if _DOTTED.fullmatch(name) and not _is_known(name, path, tree)]


def _is_known(name: str, path: Path, tree: ast.Module) -> bool:
    *around, last = name.split(".")
    if "/" in name:
        return any(_is_in(base, name) for base in (ROOT, PACKAGE, path.parent))
    if any(PACKAGE.rglob(name)):
        return True
    inside = "/".join(around)
    return (
        any(_is_in(base, f"{inside}/{last}") or _is_in(base, f"{inside}.{last}") for base in folders())
        or last in classes().get(around[-1], ())
        or hasattr(_imported(around[0], tree), last)
    )


@cache
def folders() -> tuple[Path, ...]:
    return (PACKAGE, *(path.parent for path in PACKAGE.rglob("__init__.py")))


@cache
def classes() -> dict[str, set[str]]:
    """Class of the package -> fields and methods of its own."""
    nodes = [node for _, _, tree in of_package() for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    found: dict[str, set[str]] = {node.name: set() for node in nodes}
    for node in nodes:
        found[node.name] |= {part.name for part in node.body if isinstance(part, Function)}
        found[node.name] |= {ast.unparse(part.target) for part in node.body if isinstance(part, ast.AnnAssign)}
    return found


def _imported(name: str, tree: ast.Module) -> object:
    """What a file imports under this name; None: nothing."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and name in {alias.name for alias in node.names}:
            return getattr(import_module(str(node.module)), name)
    return None


@cache
def of_package() -> tuple[tuple[str, Path, ast.Module], ...]:
    """Name, place and content of every module."""
    return tuple((str(one.path.relative_to(PACKAGE)), one.path, one.tree) for one in read_package(PACKAGE))


def test_whatever_a_module_names_is_there() -> None:
    found = {name: unknown_names(path, tree) for name, path, tree in of_package()}
    assert {name: names for name, names in found.items() if names} == {}


def test_a_name_of_nothing_would_be_found() -> None:
    known = "`rules/scope.py` `rules/scope.narrow` `rules.scope` `scope.narrow` `Issuance.run` `Path.exists` `no name`"
    unknown = ["rules/gone.py", "rules/scope.gone", "rules.gone", "scope.gone", "gone.narrow", "Issuance.gone"]
    unknown += ["Path.gone"]
    text = f'"""{known} {" ".join(f"`{name}`" for name in unknown)}"""\nfrom pathlib import Path'
    assert unknown_names(PACKAGE / "app.py", ast.parse(text)) == unknown


def map_of(tree: ast.Module) -> set[str]:
    """The modules and folders that a package's docstring lists; empty: it has no map."""
    return {name for row in _ROW.findall(ast.get_docstring(tree, clean=False) or "") for name in row.split(", ")}


def test_the_map_of_a_package_names_all_that_is_in_it_and_nothing_else() -> None:
    found = {}
    for name, path, tree in of_package():
        if path.name == "__init__.py" and (listed := map_of(tree)):
            inside = {one.stem for one in path.parent.iterdir()} - {"__init__", "__pycache__"}
            found[name] = listed ^ inside
    assert {name: wrong for name, wrong in found.items() if wrong} == {}
    assert len(found) > 4


def test_the_picture_of_the_architecture_has_every_wing_of_the_flows() -> None:
    picture = (ROOT / "docs/architecture.md").read_text().partition("│ flows ")[2].partition("└")[0]
    wings = {path.parent.name for path in PACKAGE.glob("flows/*/__init__.py")}
    assert wings - set(re.findall(r"\w+", picture)) == set()


# References from the code

_SECURITY = re.compile(r"SECURITY\.md(?: items? (\d+(?:,\s+\d+)*))?")


def security_items() -> list[tuple[int, str]]:
    """Numbers and texts, as they stand."""
    text = (ROOT / "SECURITY.md").read_text()
    parts = re.split(r"^(\d+)\. ", text.partition("## What is not defended")[0], flags=re.MULTILINE)
    return [(int(number), body) for number, body in zip(parts[1::2], parts[2::2], strict=True)]


def wrong_references(text: str, items: set[int]) -> Iterator[str]:
    for match in _SECURITY.finditer(text):
        numbers = {int(number) for number in re.findall(r"\d+", match[1] or "")}
        if not numbers or numbers - items:
            yield match[0]


def test_security_items_are_numbered_and_each_names_its_tests() -> None:
    items = security_items()
    assert [number for number, _ in items] == list(range(1, len(items) + 1))
    assert [number for number, body in items if not re.search(r"Tests: \S+test_\w+\.py", body)] == []


def test_references_to_security_items_are_to_items_that_exist() -> None:
    items = {number for number, _ in security_items()}
    found = {}
    for name in tracked("*.py"):
        if name != "tests/test_docs.py" and (wrong := list(wrong_references((ROOT / name).read_text(), items))):
            found[name] = wrong
    assert found == {}


def test_a_wrong_reference_would_be_found() -> None:
    text = "SECURITY.md item 1, SECURITY.md items 1, 3, SECURITY.md, SECURITY.md items 1,\n2"
    assert list(wrong_references(text, {1, 2})) == ["SECURITY.md items 1, 3", "SECURITY.md"]


def test_papers_that_the_code_names_are_there() -> None:
    found = {}
    for name in tracked("*.py"):
        if name == "tests/test_docs.py":
            continue
        bases = (
            ROOT,
            PLACE,
            (ROOT / name).parent,
            *(ROOT / place for place in DISTRIBUTIONS if name.startswith(place)),
        )
        papers = re.findall(r"[\w./-]*\w\.md\b", (ROOT / name).read_text())
        if missing := [paper for paper in papers if not any((base / paper).exists() for base in bases)]:
            found[name] = missing
    assert found == {}


# docs/reference


def test_the_reference_is_what_the_code_says() -> None:
    """In a process of its own: series of metrics that other tests began are not there from the start."""
    done = subprocess.run([sys.executable, "-m", "tests.support.reference", "--check"], cwd=ROOT, capture_output=True)
    assert (done.stdout.decode(), done.returncode) == ("", 0), done.stderr.decode()


@pytest.mark.parametrize("name", ["log-events.md", "audit-events.md", "errors.md", "settings.md", "metrics.md"])
def test_every_row_of_the_reference_says_what_it_means(name: str) -> None:
    rows = list(rows_of((PLACE / name).read_text()))
    assert len(rows) > 20
    assert [row[0] for row in rows if not row[-1]] == []


def test_what_a_person_wrote_is_kept_and_what_is_new_is_empty() -> None:
    kept = kept_from("| event | meaning |\n|---|---|\n| `a` | what `a` \\| means |\n")
    assert (kept("`a`"), kept("`b`")) == ("what `a` | means", "")


def test_reasons_are_found_wherever_something_has_one() -> None:
    """One of each kind: an exception, a rule's value, a condition, a store, a text that is put together, a verdict,
    what a function returns, a row of a table in one, what a page says of its request."""
    found = {row[0] for row in rows_of((PLACE / "reasons.md").read_text())}
    expected = (
        "refresh_token_missing",
        "pkce_missing",
        "dpop_missing",
        "postgresql_breaker_open",
        "{name}_length",
        "code_burnt",
        "request_object_client",
        "passkey_type",
        "recovery_codes_made",
    )
    assert {f"`{reason}`" for reason in expected} <= found


@cache
def openapi() -> dict[str, Any]:
    return dict(read_yaml(ROOT / "openapi.yaml"))


def test_the_list_of_endpoints_is_that_of_openapi() -> None:
    """Which tests/test_openapi.py holds to the routes. What stands below a listed page is not listed again."""
    described = set(openapi()["paths"])
    cells = [row[0] for row in rows_of((PLACE / "endpoints.md").read_text())]
    listed = {path for cell in cells for path in re.findall(r"(/[^\s`]*)`", cell)}
    assert listed <= described
    assert {
        path for path in described - listed if not any(path.startswith(f"{page}/") for page in listed - {"/"})
    } == set()


def test_each_specification_names_its_tests() -> None:
    rows = list(rows_of((PLACE / "specifications.md").read_text()))[1:]
    assert len(rows) > 20
    assert [row[0] for row in rows if "tests/" not in row[-1]] == []


# Versions


def test_the_newest_release_in_the_changelog_is_this_version() -> None:
    versions = re.findall(
        r"^## (\d+\.\d+\.\d+) - (\d{4}-\d\d-\d\d)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE
    )
    assert versions[0][0] == authsvc.__version__
    assert openapi()["info"]["version"] == authsvc.__version__
    assert f'version = "{authsvc.__version__}"' in (ROOT / "devkit/pyproject.toml").read_text()


# The licence

DISTRIBUTIONS = ("devkit", "clients/jws", "clients/verifier", "clients/browser")


def test_every_distribution_carries_the_licence() -> None:
    """A wheel or an npm package is built from its own directory, so each has a copy."""
    text = (ROOT / "LICENSE").read_text()
    assert "Apache License" in text
    assert "APPENDIX: How to apply the Apache License to your work." in text
    assert [place for place in DISTRIBUTIONS if (ROOT / place / "LICENSE").read_text() != text] == []
    for place in (".", "devkit", "clients/jws", "clients/verifier"):
        assert 'license-files = ["LICENSE"]' in (ROOT / place / "pyproject.toml").read_text(), place
