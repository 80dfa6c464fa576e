"""Every `reason` that a request may get, as the source says it: docs/reference/reasons.md."""

from __future__ import annotations

import ast

from authsvc.rules.authorize.redemption import RedemptionVerdict
from authsvc.rules.device.polling import PollVerdict
from authsvc.rules.token.refresh_rotation import ACCEPTED, RefreshVerdict
from tests.support.house import Module, read_package
from tests.support.source_words import PACKAGE, Kept, calls, code, constants, table, where, words


def reasons(kept: Kept) -> str:
    found: dict[str, tuple[set[str], list[Module]]] = {}
    modules = [module for module in read_package(PACKAGE) if module.name.partition(".")[0] in _SAY_NO]
    signatures, texts_of = _signatures(modules), _constant_texts(modules)
    for module in modules:
        known, named = constants(module), _named(module)
        for name, call in calls(module):
            at = signatures.get(named.get(name, (module.name, name)))
            values = [*call.args, *(keyword.value for keyword in call.keywords)]
            texts = {word for value in values for word in words(value, known) if " " in word}
            texts |= texts_of.get(named.get(name, (module.name, name)), set())
            for reason in _reasons(name, call, at, known):
                told, places = found.setdefault(reason, (set(), []))
                told |= texts
                places.append(module)
        for reason in _returned(module, known) + _set(module, known):
            found.setdefault(reason, (set(), []))[1].append(module)
    for module in modules:
        for verdict in _REFUSING.get(module.name, ()):
            found.setdefault(verdict.reason, (set(), []))[1].append(module)
    rows = [
        (code(reason), " / ".join(sorted(told)) or "the text of its code", where(places))
        for reason, (told, places) in sorted(found.items())
    ]
    return table(("reason", "what the caller is told", "where"), rows)


def _returned(module: Module, known: dict[str, str]) -> list[str]:
    """What functions return that return a `Reason`, and what ends the rows of their tables."""
    found = []
    for function in module.functions():
        if function.returns is None or "Reason" not in ast.unparse(function.returns):
            continue
        for node in ast.walk(function):
            if isinstance(node, ast.Return) and node.value is not None:
                found += words(node.value, known)
            elif isinstance(node, ast.Tuple) and all(isinstance(row, ast.Tuple) and row.elts for row in node.elts):
                found += [word for row in node.elts for word in words(row.elts[-1], known)]  # type: ignore[attr-defined]
    return found


def _set(module: Module, known: dict[str, str]) -> list[str]:
    """What a page says of its own request, and what a variable is given that is a `Reason`."""
    given = [
        node.value
        for node in module.nodes
        if (isinstance(node, ast.Assign) and any(ast.unparse(target) == "request.reason" for target in node.targets))
        or (isinstance(node, ast.AnnAssign) and ast.unparse(node.annotation) == "Reason")
    ]
    return [word for value in given if value is not None for word in words(value, known)]


_REFUSING = {
    "rules.token.refresh_rotation": set(RefreshVerdict) - ACCEPTED,
    "rules.authorize.redemption": set(RedemptionVerdict) - {RedemptionVerdict.REDEEMED},
    "rules.device.polling": set(PollVerdict) - {PollVerdict.REDEEMED},
}
"""The verdicts of the rules that a statement carries out: each knows its own reason."""


_SAY_NO = {"app", "web", "flows", "rules", "jose", "store", "runtime", "passwords"}
"""Rooms whose reasons a caller's request may meet."""


def _signatures(modules: list[Module]) -> dict[tuple[str, str], int]:
    """(module, name) -> where `reason` stands among the arguments of a class or function that has one. Functions of
    the store, and some that wait, have another one, which is no `Reason`: why a session ended."""
    found = {}
    for module in modules:
        for node in ast.walk(module.tree):
            names: list[str] = []
            if isinstance(node, ast.ClassDef):
                made = [item for item in node.body if isinstance(item, ast.FunctionDef) and item.name == "__init__"]
                fields = [
                    item.target.id
                    for item in node.body
                    if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name)
                ]
                names = [arg.arg for arg in made[0].args.args[1:]] if made else fields
            elif isinstance(node, ast.FunctionDef) and not module.name.startswith("store"):
                names = [arg.arg for arg in node.args.args if arg.arg != "self"]
            elif isinstance(node, ast.AsyncFunctionDef) and any(map(_is_reason, node.args.args)):
                names = [arg.arg for arg in node.args.args]
            if "reason" in names:
                found[module.name, node.name] = names.index("reason")  # type: ignore[attr-defined]
    return found


def _is_reason(argument: ast.arg) -> bool:
    return argument.annotation is not None and ast.unparse(argument.annotation) == "Reason"


def _constant_texts(modules: list[Module]) -> dict[tuple[str, str], set[str]]:
    """(module, name) -> the texts that a function which takes a `reason` tells itself."""
    return {
        (module.name, function.name): {
            word
            for call in ast.walk(function)
            if isinstance(call, ast.Call)
            for value in [*call.args, *(keyword.value for keyword in call.keywords)]
            for word in words(value, constants(module))
            if " " in word
        }
        for module in modules
        for function in module.functions()
        if "reason" in [arg.arg for arg in function.args.args]
    }


def _named(module: Module) -> dict[str, tuple[str, str]]:
    """What a name means that a module imports from another one of authsvc: (module, name there)."""
    return {
        alias.asname or alias.name: ((node.module or "").removeprefix("authsvc."), alias.name)
        for node in module.nodes
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


def _reasons(name: str, call: ast.Call, at: int | None, known: dict[str, str]) -> list[str]:
    if name == "StoreUnavailable" and len(call.args) == 2:
        stores, kinds = words(call.args[0], known) or ["{store}"], words(call.args[1], known) or ["{kind}"]
        return [f"{store}_{kind}" for store in stores for kind in kinds]
    given = {keyword.arg: keyword.value for keyword in call.keywords}
    value = given.get("reason") or (next(iter(call.args[at:]), None) if at is not None else None)
    return words(value, known) if value is not None and at is not None else []
