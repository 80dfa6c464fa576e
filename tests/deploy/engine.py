"""Helm's own engine, schemas of Kubernetes and a parser of PromQL, for `.venv-deploy/bin/python`: requests on standard
input, answers on standard output, a line of JSON each. It knows nothing of the tests' environment, nor they of its
packages.

Request: {"chart": directory, "values": values} for rendering, or {"queries": [PromQL]}.
Answer: {"documents": [...], "notes": text, "refused": what lint or the schema of values says, "wrong": [what Kubernetes
refuses]}, or {"wrong": [what PromQL refuses]}. With arguments it is `scripts/helm`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import helm_python
import kubernetes_validate
import promql_parser
import yaml

CHART = Path(__file__).parents[2] / "deploy/helm/authsvc"
VERSIONS = ("1.29.0", kubernetes_validate.latest_version())
"""The oldest that the chart admits, and the newest."""
OF_AN_OPERATOR = "monitoring.coreos.com/"
"""Kinds that Kubernetes itself does not know."""


def render(chart: str, values: dict[str, Any], upgrade: bool) -> dict[str, Any]:
    try:
        report = helm_python.lint(chart, values, strict=True)
        refused = [said["error"] for said in report["messages"] if said["severity"] > 1] + report["errors"]
        with helm_python.Chart.load(chart) as loaded:
            loaded.validate_schema(values)
            files = loaded.render(values, name="authsvc", namespace="auth", is_upgrade=upgrade, is_install=not upgrade)
    except helm_python.HelmError as error:
        return {"refused": [str(error)]}
    documents = [
        document
        for name, text in sorted(files.items())
        if name.endswith(".yaml")
        for document in yaml.safe_load_all(text)
        if document
    ]
    notes = [text for name, text in files.items() if name.endswith("NOTES.txt")]
    return {"documents": documents, "notes": "".join(notes), "refused": refused, "wrong": list(_wrong(documents))}


def _wrong(documents: list[dict[str, Any]]) -> Iterator[str]:
    for document in documents:
        for version in VERSIONS:
            if document["apiVersion"].startswith(OF_AN_OPERATOR):
                continue
            try:
                kubernetes_validate.validate(document, version, strict=True)
            except kubernetes_validate.ValidationError as error:
                where = ".".join(map(str, error.path))
                yield f"{document['kind']} {document['metadata']['name']}, {version}: {where}: {error.message}"


def _unreadable(queries: list[str]) -> Iterator[str]:
    for query in queries:
        try:
            promql_parser.parse(query)
        except ValueError as error:
            yield f"{query}: {error}"


def _answer(asked: dict[str, Any]) -> dict[str, Any]:
    if "queries" in asked:
        return {"wrong": list(_unreadable(asked["queries"]))}
    return render(asked["chart"], asked["values"], asked["upgrade"])


def _serve() -> None:
    for line in sys.stdin:
        print(json.dumps(_answer(json.loads(line)), default=str), flush=True)


def _show(files: list[Path], whole: bool) -> int:
    """For people (`scripts/helm`): what is wrong, and what Kubernetes would be given."""
    failed = 0
    for file in files:
        made = render(str(CHART), yaml.safe_load(file.read_text()) or {}, False)
        wrong = [*made["refused"], *made.get("wrong", ())]
        print(f"{file.name}: {len(made.get('documents', ()))} objects, {len(wrong)} wrong", file=sys.stderr)
        print("".join(f"  {one}\n" for one in wrong), end="", file=sys.stderr)
        if whole:
            yaml.safe_dump_all(made.get("documents", ()), sys.stdout, sort_keys=False)
        failed |= bool(wrong)
    return failed


if __name__ == "__main__":
    match sys.argv[1:]:
        case []:
            _serve()
        case ["--examples"]:
            sys.exit(_show(sorted(CHART.parent.glob("examples/*.yaml")), whole=False))
        case names:
            sys.exit(_show([Path(name) for name in names], whole=True))
