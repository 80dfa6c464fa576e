"""The rules of this small house: what the core may import, how long a file may be, what waits for what."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "authsvc_verifier"
OUTSIDE = {"authsvc_jws", "jwt", "cryptography", "httpx2"}
ADAPTERS = {
    "starlette": {"starlette"},
    "flask": {"flask"},
    "django": {"django"},
}
EFFECTS = {"wire", "list_keeper", "verifier", "sync"}
EFFECTFUL = {"asyncio", "socket", "httpx2", "os", "random", "logging"}


def imported(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "")
    return found


def test_each_file_imports_what_it_may() -> None:
    for path in PACKAGE.glob("*.py"):
        tops = {name.partition(".")[0] for name in imported(path)} - {"authsvc_verifier"} - set(sys.stdlib_module_names)
        assert tops <= OUTSIDE | ADAPTERS.get(path.stem, set()), path.name
        inside = {name.partition(".")[2] for name in imported(path) if name.startswith("authsvc_verifier.")}
        adapters = {"asgi", "wsgi", *ADAPTERS}
        if path.stem not in adapters:
            assert not inside & adapters, path.name
        if path.stem not in adapters | EFFECTS | {"__init__"}:
            assert not inside & EFFECTS, path.name
            assert not {name.partition(".")[0] for name in imported(path)} & EFFECTFUL, path.name


def test_files_and_functions_are_short() -> None:
    for path in PACKAGE.glob("*.py"):
        text = path.read_text()
        assert len(text.splitlines()) < 400, path.name
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                assert (node.end_lineno or 0) - node.lineno < 60, f"{path.name}: {node.name}"


def test_the_core_loads_no_framework() -> None:
    code = "import sys, authsvc_verifier, authsvc_verifier.asgi, authsvc_verifier.wsgi; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"starlette", "fastapi", "flask", "django", "authsvc"} & set(done.stdout.split())
