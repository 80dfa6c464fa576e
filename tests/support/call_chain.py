"""The chain of functions that a reader follows from an endpoint to an SQL statement, found in the source.

An arrow is a mention: a function that names another one calls it or hands it on. What a module builds at its top level
(tables of grants, records of them) is looked through, and a class stands for its methods. Annotations and decorators
are no arrows. Where several chains exist, the shortest is the one that is shown.
"""

from __future__ import annotations

import ast
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.house import Function, Module


@dataclass
class _Node:
    """A definition: a function or method (a hop), or what is looked through on the way. `names`: what it mentions."""

    is_hop: bool
    names: set[str] = field(default_factory=set)
    methods: set[str] = field(default_factory=set)
    texts: list[str] = field(default_factory=list)


class Chains:
    """The definitions of a package and who mentions whom."""

    def __init__(self, modules: list[Module], package: Path) -> None:
        self._package = package.name
        self._modules = {f"{package.name}.{module.name}": module for module in modules}
        self._nodes: dict[str, _Node] = {}
        self._methods: dict[str, list[str]] = {}
        for name, module in self._modules.items():
            self._read_module(name, module)

    def from_route(self, method: str, path: str, statement: str) -> list[str]:
        """Names of the functions from the endpoint of a route to the first that runs SQL in which `statement` stands.

        How the SQL is broken into lines does not matter. Empty where there is no such route, or no such way.
        """
        goals = {
            name
            for name, node in self._nodes.items()
            if any(statement in " ".join(text.split()) for text in node.texts)
        }
        for start in self._endpoints(method, path):
            if chain := self._shortest(start, goals):
                return chain
        return []

    def _endpoints(self, method: str, path: str) -> Iterator[str]:
        """Handlers in records of routes: `Route(path, {method: handler})`."""
        for name, module in self._modules.items():
            known = _imported(module)
            for node in module.nodes:
                if isinstance(node, ast.Call) and len(node.args) > 1 and _constant(node.args[0]) == path:
                    for handler in _values(node.args[1], method):
                        target = self._resolve(_dotted(handler), name, known)
                        if target in self._nodes:
                            yield target

    def _shortest(self, start: str, goals: set[str]) -> list[str]:
        """Breadth first, where passing through what is no hop costs nothing."""
        before: dict[str, str] = {start: ""}
        ways = deque([start])
        while ways:
            name = ways.popleft()
            if name in goals:
                return self._walked(name, before)
            for following in sorted(self._arrows(name)):
                if following not in before:
                    before[following] = name
                    (ways.append if self._nodes[following].is_hop else ways.appendleft)(following)
        return []

    def _walked(self, name: str, before: dict[str, str]) -> list[str]:
        """The hops up to `name`. An SQL text at the top level of a module belongs to the function that mentions it."""
        chain: list[str] = []
        while name:
            if self._nodes[name].is_hop:
                chain.append(name.removeprefix(f"{self._package}."))
            name = before[name]
        return chain[::-1]

    def _arrows(self, name: str) -> set[str]:
        node = self._nodes[name]
        found = {target for target in node.names if target in self._nodes}
        for method in node.methods:
            owners = self._methods.get(method, [])
            if len(owners) == 1:  # with several owners, nothing in the source says whose it is
                found.add(owners[0])
        return found

    def _read_module(self, name: str, module: Module) -> None:
        known = _imported(module)
        for node in module.tree.body:
            if isinstance(node, Function):
                self._add(f"{name}.{node.name}", node.body, name, known, is_hop=True)
            elif isinstance(node, ast.ClassDef):
                own = self._nodes.setdefault(f"{name}.{node.name}", _Node(is_hop=False))
                for inner in node.body:
                    if isinstance(inner, Function):
                        full = f"{name}.{node.name}.{inner.name}"
                        self._add(full, inner.body, name, known, is_hop=True)
                        if inner.name.startswith("__"):
                            own.names.add(full)
                        else:
                            self._methods.setdefault(inner.name, []).append(full)
            elif isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
                for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                    if isinstance(target, ast.Name):
                        self._add(f"{name}.{target.id}", [node.value], name, known, is_hop=False)

    def _add(
        self, full: str, body: list[ast.stmt] | list[ast.expr], module: str, known: dict[str, str], *, is_hop: bool
    ) -> None:
        entry = self._nodes.setdefault(full, _Node(is_hop))
        for part in body:
            for node in _walk(part):
                if isinstance(node, ast.Name | ast.Attribute):
                    entry.names.add(self._resolve(_dotted(node), module, known))
                    if isinstance(node, ast.Attribute):
                        entry.methods.add(node.attr)
                elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                    entry.texts.append(node.value)

    @staticmethod
    def _resolve(dotted: str, module: str, known: dict[str, str]) -> str:
        head, _, rest = dotted.partition(".")
        base = known.get(head, f"{module}.{head}")
        return f"{base}.{rest}" if rest else base


def _imported(module: Module) -> dict[str, str]:
    """Name in the file -> full name."""
    found = {}
    for node in module.nodes:
        if isinstance(node, ast.ImportFrom):
            found.update({alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names})
        elif isinstance(node, ast.Import):
            found.update({alias.asname or alias.name: alias.name for alias in node.names})
    return found


def _dotted(node: ast.AST) -> str:
    """`a.b.c` as text; empty for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        inner = _dotted(node.value)
        return f"{inner}.{node.attr}" if inner else ""
    return ""


def _walk(node: ast.AST) -> Iterator[ast.AST]:
    """`ast.walk` without annotations."""
    yield node
    for name, value in ast.iter_fields(node):
        if name not in ("annotation", "returns", "decorator_list"):
            for part in value if isinstance(value, list) else [value]:
                if isinstance(part, ast.AST):
                    yield from _walk(part)


def _values(node: ast.AST, key: str) -> list[ast.expr]:
    """What stands under a constant key of a dictionary's display."""
    if not isinstance(node, ast.Dict):
        return []
    pairs = zip(node.keys, node.values, strict=True)
    return [value for name, value in pairs if _constant(name) == key]


def _constant(node: ast.expr | None) -> object:
    return node.value if isinstance(node, ast.Constant) else None
