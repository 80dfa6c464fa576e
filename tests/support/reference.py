"""The pages of docs/reference, made from the code: `python -m tests.support.reference [--check]`. With them are written
the files that tests/support/sight makes of the same catalogue: rules for Prometheus and their tests.

Names, levels, fields and files are read from the source or from the objects themselves. What only a person can say
(what an event means) stands in the last column of a page, and is kept from the page that is there; for a new row it is
empty, and tests/test_docs.py fails until somebody has written it.
"""

from __future__ import annotations

import ast
import importlib
import sys
from collections.abc import Callable, Iterator
from functools import partial

from authsvc.flows.proofs.tell_person import Place
from tests.support.house import Function, Module, read_package
from tests.support.reasons import reasons
from tests.support.sight import FILES, catalogue
from tests.support.source_words import PACKAGE, ROOT, Kept, calls, code, constants, kept_from, table, where, words
from tests.support.yaml_file import read_yaml

PLACE = ROOT / "docs/reference"
LEVELS = ("debug", "info", "warning", "error")


# Pages


def settings(kept: Kept) -> str:
    load = importlib.import_module("authsvc.settings").load
    given = {
        "AUTHSVC_ISSUER": "https://auth.example.com",
        "AUTHSVC_DATABASE_URL": "postgresql://x",
        "AUTHSVC_REDIS_URL": "redis://x",
        "AUTHSVC_MASTER_KEY": "x",
    }
    rows = []
    for name, value, meaning in load(given).table():
        default = "**required**" if name in given else code(value) if value else "empty"
        rows.append((code(name), default, meaning))
    return table(("variable", "default", "meaning"), rows)


def metrics(kept: Kept) -> str:
    rows = []
    for metric in catalogue.metrics():
        shown = "; ".join(
            f"{label}: {', '.join(map(code, values))}" if values and label != "version" else label
            for label, values in metric.labels.items()
        )
        rows.append((code(metric.name), metric.kind, shown or "none", metric.help))
    return table(("metric", "type", "labels, and the values that are there from the start", "meaning"), sorted(rows))


def log_events(kept: Kept) -> str:
    found: dict[str, tuple[set[str], set[str], list[Module]]] = {}
    for module in read_package(PACKAGE):
        known = constants(module)
        for name, call in calls(module):
            if name not in LEVELS or not call.args:
                continue
            for event in words(call.args[0], known):
                levels, fields, modules = found.setdefault(event, (set(), set(), []))
                levels.add(name)
                fields |= {keyword.arg for keyword in call.keywords if keyword.arg} - {"exc_info"}
                if any(keyword.arg == "exc_info" for keyword in call.keywords):
                    fields |= {"frames", "caused_by"}
                modules.append(module)
    rows = [
        (
            code(event),
            ", ".join(sorted(levels, key=LEVELS.index)),
            ", ".join(map(code, sorted(fields))) or "none",
            where(modules),
            kept(code(event)),
        )
        for event, (levels, fields, modules) in sorted(found.items())
    ]
    return table(("event", "level", "fields", "where", "meaning"), rows)


def audit_events(kept: Kept) -> str:
    found: dict[str, tuple[set[str], list[Module]]] = {}
    for module in read_package(PACKAGE):
        for event, names in _audited(module):
            fields, modules = found.setdefault(event, (set(), []))
            fields |= names
            modules.append(module)
    rows = [
        (code(event), ", ".join(map(code, sorted(fields))) or "none", where(modules), kept(code(event)))
        for event, (fields, modules) in sorted(found.items())
    ]
    return table(("event", "fields", "where", "meaning"), rows)


def _audited(module: Module) -> Iterator[tuple[str, set[str]]]:
    """(event, names of its fields), also where a function of the module takes the event as its argument."""
    known = constants(module)
    for name, call in calls(module):
        if name != "record" or "audit" not in ast.unparse(call.func) or len(call.args) < 3:
            continue
        names = {keyword.arg for keyword in call.keywords if keyword.arg not in (None, "once_a_day")}
        if any(keyword.arg is None and ast.unparse(keyword.value).endswith(".recorded") for keyword in call.keywords):
            names |= Place().recorded.keys()
        for event in words(call.args[1], known):
            yield event, names
        if ast.unparse(call.args[1]) != "event":
            continue
        function = _around(module, call)
        at = [arg.arg for arg in function.args.args].index("event")
        for called, other in calls(module):
            if called == function.name and len(other.args) > at:
                for event in words(other.args[at], known):
                    yield event, names | _keys_told(module, other)


def _around(module: Module, node: ast.Call) -> Function:
    """The innermost function that a call stands in."""
    return [one for one in module.functions() if one.lineno <= node.lineno <= (one.end_lineno or one.lineno)][-1]


def _keys_told(module: Module, call: ast.Call) -> set[str]:
    """The keys of the dictionaries that the arguments of a call make, lambdas and functions beside it included."""
    beside = {node.name: node for node in ast.walk(_around(module, call)) if isinstance(node, ast.FunctionDef)}
    told = [beside[arg.id] if isinstance(arg, ast.Name) and arg.id in beside else arg for arg in call.args]
    dicts = [node for value in told for node in ast.walk(value) if isinstance(node, ast.Dict)]
    return {str(key.value) for node in dicts for key in node.keys if isinstance(key, ast.Constant)}


def known_codes() -> list[str]:
    """Every code that openapi.yaml lists; tests/test_openapi.py holds it to what the service says."""
    document = read_yaml(ROOT / "openapi.yaml")
    codes: list[str] = document["components"]["schemas"]["Error"]["properties"]["error"]["enum"]
    return codes


def errors(kept: Kept) -> str:
    rows = [(code(word), kept(code(word))) for word in known_codes()]
    return table(("`error`", "status, and what the caller does"), rows)


PAGES: dict[str, tuple[str, Callable[[Kept], str]]] = {
    "settings.md": (
        """# Settings

Variables of the environment, read once at start. A name that nobody knows is refused, and every problem is reported at
once. What Kubernetes (`enableServiceLinks`) and Docker set for a Service or container called authsvc counts as absent:
`AUTHSVC_SERVICE_HOST`, `AUTHSVC_PORT=tcp://10.96.12.7:8000` and the like. A secret may come from a file:
`AUTHSVC_DATABASE_URL_FILE`, `AUTHSVC_REDIS_URL_FILE`, `AUTHSVC_MASTER_KEY_FILE`. `authsvc settings` shows what an
environment resolves to. `OTEL_*` are OpenTelemetry's own: those listed are read here, all others of theirs, which say
where and how traces are sent, by the library that sends them ([Sight](../../deploy/README.md#sight)).
""",
        settings,
    ),
    "metrics.md": (
        """# Metrics

Served in the Prometheus text format where `AUTHSVC_METRICS` says, for all workers together. Label values come from
closed sets; none is a name or an address that a caller chose. Beside these, prometheus_client tells the process's
memory, CPU time and open files (`process_...`).
""",
        metrics,
    ),
    "log-events.md": (
        """# Log events

One JSON object a line. Every line has `event`, `level` and `timestamp`; further keys come from an allow-list
(`logs/lines.py`). Besides the events below, each answered request is a line `request` (`logs/access_line.py`):
`request_id`, `method`, `path` (without its query), `status`, `duration_ms`, `ip`, `endpoint`, and where they are known
`client_id`, `grant_type`, `reason`, `user_id`, `session_id` and `trace_id`, which every line of a traced request has;
`log_lines_dropped` says that nobody read the log fast enough; messages of other libraries are `library_log`, or
uvicorn's own text.
""",
        log_events,
    ),
    "audit-events.md": (
        """# Audit events

Rows of `audit_events`: when (`at`), what (`event`), who (`actor`: `cli:root`, `client:backend`, `user:<id>`), and whom
it concerns (`user_id`, `client_id`, `session_id`); everything else is in `detail`. Never a secret, never a token. A row
is written in the transaction of what it records, or right after it where that must not wait.
""",
        audit_events,
    ),
    "errors.md": (
        """# Errors

Every error is JSON, `{"error": ..., "error_description": ...}`, or a page that says the same to a person. Programs
decide by status and `error`. Why exactly a request was refused stands in the log line `request` as `reason`: the
[list of reasons](reasons.md).
""",
        errors,
    ),
    "reasons.md": (
        """# Reasons

The `reason` of a refused request, and of some that were served, as the source says it: in the access log, and on error
pages. The caller is told a constant text. `{...}` stands for a word that is put in when it happens: a verdict, the name
of a parameter, what a driver reported.
""",
        reasons,
    ),
}


def written(name: str) -> str:
    """A page as it should be now."""
    head, body = PAGES[name]
    path = PLACE / name
    before = path.read_text() if path.exists() else ""
    return (
        f"{head}\n{body(kept_from(before))}\nWritten by `scripts/docs`; the last column of events and errors by hand.\n"
    )


def main() -> int:
    files = {PLACE / name: partial(written, name) for name in PAGES} | FILES
    behind = [path for path, made in files.items() if not path.exists() or path.read_text() != made()]
    for path in behind:
        place = path.relative_to(ROOT)
        if "--check" in sys.argv:
            print(f"{place} is behind: run scripts/docs")
            continue
        path.parent.mkdir(exist_ok=True)
        path.write_text(files[path]())
        print(place)
    return bool(behind) if "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
