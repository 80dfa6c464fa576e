"""Asks the programs of `.venv-deploy` (`scripts/setup deploy`) about deploy/."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
CHART = ROOT / "deploy/helm/authsvc"
EXAMPLES = ROOT / "deploy/helm/examples"
PROGRAMS = ROOT / ".venv-deploy/bin"
NOT_TRIED = "`scripts/setup deploy` was not run: it was not tried"


@dataclass(frozen=True)
class Rendered:
    """What Helm makes of the chart. `refused`: what it says against the values; `wrong`: what Kubernetes would say."""

    documents: list[dict[str, Any]]
    notes: str
    refused: list[str]
    wrong: list[str]

    def one(self, kind: str, name: str = "authsvc") -> dict[str, Any]:
        [found] = [one for one in self.documents if (one["kind"], one["metadata"]["name"]) == (kind, name)]
        return found

    def names(self) -> set[tuple[str, str]]:
        return {(one["kind"], one["metadata"]["name"]) for one in self.documents}

    def pods(self) -> dict[str, dict[str, Any]]:
        """Kind and name -> spec of its pods."""
        found = {}
        for one in self.documents:
            spec = one if one["kind"] == "Pod" else one.get("spec", {}).get("template")
            if spec:
                found[f"{one['kind']} {one['metadata']['name']}"] = spec["spec"]
        return found


@cache
def _engine() -> subprocess.Popen[str]:
    """One for the whole run: it takes a second to start. It ends when nobody can ask any more."""
    command = [str(PROGRAMS / "python"), str(Path(__file__).with_name("engine.py"))]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def ask(question: dict[str, Any]) -> dict[str, Any]:
    if not (PROGRAMS / "python").exists():
        pytest.skip(NOT_TRIED)
    engine = _engine()
    assert engine.stdin and engine.stdout
    print(json.dumps(question), file=engine.stdin, flush=True)
    answer: dict[str, Any] = json.loads(engine.stdout.readline())
    return answer


def dismiss() -> None:
    """Once nobody asks any more."""
    if _engine.cache_info().currsize:
        with _engine() as engine:
            assert engine.stdin
            engine.stdin.close()
        _engine.cache_clear()


def render(values: dict[str, Any], *, upgrade: bool = False) -> Rendered:
    answer = ask({"chart": str(CHART), "values": values, "upgrade": upgrade})
    return Rendered(answer.get("documents", []), answer.get("notes", ""), answer["refused"], answer.get("wrong", []))


def example(name: str, **changed: Any) -> dict[str, Any]:
    """The values of deploy/helm/examples, changed at their top."""
    values: dict[str, Any] = yaml.safe_load((EXAMPLES / f"{name}.yaml").read_text())
    return values | changed
