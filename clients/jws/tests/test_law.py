"""The law of this package: pure, and on the standard library alone."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "authsvc_jws"
PURE = {"__future__", "base64", "binascii", "collections", "dataclasses", "hashlib", "json", "typing", "urllib"}


def test_it_imports_itself_and_what_is_pure() -> None:
    for path in PACKAGE.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            assert not isinstance(node, ast.AsyncFunctionDef | ast.Await | ast.Global), path.name
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                assert not node.level, path.name
                names = [node.module or ""]
            else:
                continue
            assert {name.partition(".")[0] for name in names} <= PURE | {"authsvc_jws"}, path.name
    assert set(sys.stdlib_module_names) >= PURE
