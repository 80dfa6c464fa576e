"""What pages of docs/reference are made of: tables, and what the source says."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from tests.support.house import Module

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "authsvc"

Row = tuple[str, ...]
Kept = Callable[[str], str]
"""What a person wrote in the row with this name, '' where nobody did."""


# Tables


def table(head: Row, rows: Iterable[Row]) -> str:
    lines = ["| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in row) + " |" for row in rows]
    return "\n".join(["| " + " | ".join(head) + " |", "|" + "---|" * len(head), *lines]) + "\n"


def rows_of(text: str) -> Iterator[Row]:
    """The rows of all tables in a page, without their heads."""
    for line in text.splitlines():
        if line.startswith("| ") and not line.startswith("|---"):
            yield tuple(cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line)[1:-1])


def kept_from(text: str) -> Kept:
    written = {row[0]: row[-1] for row in rows_of(text)}
    return lambda name: written.get(name, "")


def code(word: str) -> str:
    return f"`{word}`"


# What the source says


def constants(module: Module) -> dict[str, str]:
    """Names that a module gives to texts."""
    return {
        target.id: node.value.value
        for node in module.tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def words(node: ast.expr, known: dict[str, str]) -> list[str]:
    """The texts that an expression may be: a constant, a name for one, either branch of a condition. What is put
    together when it runs shows as `prefix_{name}`."""
    if isinstance(node, ast.Constant):
        return [node.value] if isinstance(node.value, str) else []
    if isinstance(node, ast.Name):
        return [known[node.id]] if node.id in known else []
    if isinstance(node, ast.IfExp):
        return words(node.body, known) + words(node.orelse, known)
    if isinstance(node, ast.BoolOp):
        return [word for value in node.values for word in words(value, known)]
    if isinstance(node, ast.JoinedStr):
        parts = (part.value if isinstance(part, ast.Constant) else f"{{{_last(part)}}}" for part in node.values)
        return ["".join(str(part) for part in parts)]
    return []


def _last(node: ast.AST) -> str:
    names = re.findall(r"[a-z_]\w*", ast.unparse(node))
    return names[-1] if names else "…"


def calls(module: Module) -> Iterator[tuple[str, ast.Call]]:
    """(name of what is called, the call), in the order of the file."""
    found = [node for node in module.nodes if isinstance(node, ast.Call)]
    for node in sorted(found, key=lambda call: (call.lineno, call.col_offset)):
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        yield name, node


def where(modules: Iterable[Module]) -> str:
    return ", ".join(sorted({code(str(module.path.relative_to(PACKAGE))) for module in modules}))
