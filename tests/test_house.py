"""The rules of the house: who may import whom, how long a file or a function may be, what no file may name."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import pytest

from tests.support import house
from tests.support.figures import Figure, measure
from tests.support.house import Module, circles, imports, is_within, read_package

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "authsvc"

# Who may import whom: a room of the house, and the modules of authsvc that it may know besides its own.
LEAVES = {
    "clock",
    "compact_json",
    "device_name",
    "logs",
    "machine",
    "metrics",
    "outgoing",
    "passwords",
    "settings",
    "tasks",
    "traces",
    "webauthn",
}
CORE = {"rules", "jose", "keys", "store"}
# As if it were the standard library's: every room may use it, and it knows nobody.
EVERYWHERE = {"records", "reason"}
ROOMS: dict[str, set[str]] = {
    "__init__": set(),
    "__main__": {"cli"},
    "cli": {"serving", "flows", "runtime"} | CORE | LEAVES,
    "serving": {"app", "web.http", "web.wellknown", "runtime", "jose.algorithms", "keys.master", "keys.seal"}
    | {"store.errors", "store.health", "store.migrate"}
    | LEAVES,
    "app": {"web", "flows", "runtime"} | CORE | LEAVES,
    "web": {"flows", "runtime", "rules", "jose.verify", "keys.ring", "store.errors"} | LEAVES,
    "flows": {"runtime"} | CORE | LEAVES,
    "runtime": {"store", "jose", "keys"} | (LEAVES - {"compact_json", "device_name", "logs", "tasks"}),
    "rules": set(),
    "jose": set(),
    "keys": {"jose", "compact_json"},
    "store": {
        "clock",
        "compact_json",
        "rules.client_record",
        "rules.person_record",
        "rules.confirmation",
        "rules.factors.passkey_record",
        "keys.records",
        "tasks",
        "traces",
    },
    "store.account.own_events": {"rules.people.recorded_event"},
    "store.authorize.codes": {"rules.authorize.redemption"},
    "store.device.requests": {"rules.device.polling"},
    "store.restore.life": {"rules.restore.position"},
    "store.revocation.revocations": {"rules.revocation.token_entries"},
    "store.token.grants": {"rules.token.refresh_rotation", "rules.token.refresh_token"},
    "passwords": {"rules.errors", "traces"},
    "records": set(),
    "reason": set(),
    "clock": set(),
    "compact_json": set(),
    "device_name": set(),
    "logs": {"traces"},
    "machine": set(),
    "metrics": {"logs", "rules.token.refresh_rotation"},
    "outgoing": {"traces"},
    "outgoing.mail": {"settings.mail"},
    "settings": {"rules.readable_text", "rules.scope", "rules.factors.rp_id", "traces.sampling"},
    "tasks": set(),
    "traces": set(),
    "webauthn": {"rules.factors.passkey_record"},
}

# Inside a room that others may know, but nobody's: the simulation of keys, for the one command that shows it.
CLOSED = ("keys.simulation",)
CLOSED_KNOW = {"cli.keys.run_simulation"}

# Who may use what is not ours. Every package from outside stands here, with the rooms that it may enter.
OUTSIDE: dict[str, set[str]] = {
    "authsvc_jws": {"flows", "jose", "keys", "rules", "web", "webauthn"},
    "starlette": {"app", "web"},
    "uvicorn": {"serving"},
    "httptools": {"serving"},
    "uvloop": {"serving"},
    "click": {"cli"},
    "asyncpg": {"store"},
    "redis": {"store"},
    "hiredis": {"store"},
    "authlib": {"rules"},
    "jwt": {"jose"},
    "cryptography": {"jose", "keys", "webauthn"},
    "fido2": {"webauthn"},
    "argon2": {"passwords", "rules"},
    "idna": {"rules"},
    "bcrypt": {"passwords"},
    "structlog": {"logs"},
    "orjson": {"compact_json"},
    "prometheus_client": {"metrics"},
    "opentelemetry": {"traces"},
    "ua_parser": {"device_name"},
    "jinja2": {"web"},
    "segno": {"web"},
    "httpcore2": {"outgoing"},
    "aiosmtplib": {"outgoing"},
    "markupsafe": {"web"},
}

BAR = ROOT / "clients/browser/examples/bar"
STARTS_THE_DEMO = {"__main__", "demo", "service"}
MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 60


@cache
def modules() -> list[Module]:
    return read_package(PACKAGE)


def arrows(room: str) -> dict[str, set[str]]:
    return house.arrows(modules(), PACKAGE, room)


def breaches(name: str, imported: Iterable[str]) -> list[str]:
    room = name.partition(".")[0]
    allowed = ROOMS[room] | ROOMS.get(name, set()) | {room} | EVERYWHERE
    wrong = []
    for module in imported:
        top, _, inside = module.partition(".")
        if top == "authsvc":
            closed = is_within(inside, set(CLOSED)) and not is_within(name, set(CLOSED) | CLOSED_KNOW)
            if inside and (closed or not is_within(inside, allowed)):
                wrong.append(f"{name} imports {module}")
        elif top not in sys.stdlib_module_names and room not in OUTSIDE.get(top, set()):
            wrong.append(f"{name} imports {module}")
    return wrong


def test_nobody_imports_what_is_above_or_outside() -> None:
    found = [breach for module in modules() for breach in breaches(module.name, imports(module.import_nodes, ROOT))]
    assert found == []


@pytest.mark.parametrize(
    ("name", "module"),
    [
        ("store.users", "authsvc.flows.login.json_login"),
        ("store.users", "authsvc.rules.errors"),
        ("store.keys", "authsvc.keys.ring"),
        ("rules.scope", "authsvc.store.account.users"),
        ("rules.scope", "jwt"),
        ("keys.ring", "authsvc.rules.token.access_token"),
        ("jose.verify", "authsvc.keys.ring"),
        ("flows.login", "starlette.routing"),
        ("flows.login", "asyncpg"),
        ("flows.login", "redis.asyncio"),
        ("flows.login", "authsvc.web.http.request"),
        ("flows.login", "authlib.oauth2"),
        ("web.first_party_json", "authsvc.store.account.users"),
        ("web.first_party_json", "authsvc.app"),
        ("serving.worker", "authsvc.cli.console"),
        ("web.first_party_json", "uvicorn"),
        ("serving.protocol", "authsvc.flows.session.browser"),
        ("app", "authsvc.cli.serve"),
        ("cli.serve", "authsvc_devkit.servers"),
        ("runtime", "authsvc.flows.login.json_login"),
        ("settings", "authsvc.logs"),
        ("web.first_party_json", "requests"),
        ("cli.users", "asyncpg"),
        ("flows.manage_keys", "authsvc.keys.simulation.run"),
        ("keys.plans", "authsvc.keys.simulation.run"),
        ("app", "authsvc.keys.simulation"),
        ("keys.simulation.world", "authsvc.store.keys.signing_keys"),
        ("keys.simulation.world", "jwt"),
    ],
)
def test_a_breach_would_be_found(name: str, module: str) -> None:
    assert breaches(name, [module])


# Within one room, wings never know each other in a circle.


@pytest.mark.parametrize("room", ["flows", "rules", "store"])
def test_wings_know_each_other_in_no_circle(room: str) -> None:
    known = arrows(room)
    assert len(known) > 5
    assert circles(known) == []


def test_a_circle_between_wings_would_be_found() -> None:
    known = arrows("flows")
    assert "session" in known["token"]
    assert {"session", "token"} <= set(circles({**known, "session": known["session"] | {"token"}}))


def test_nothing_of_the_service_knows_the_devkit() -> None:
    """But for the command line, by name: it says where `authsvc dev` is where the devkit is missing."""
    assert breaches("cli.serve", ["authsvc_devkit.servers"])
    named = [module.name for module in modules() if "authsvc_devkit" in module.text]
    assert named == ["cli"]


def test_the_bar_knows_authsvc_by_its_verifier_alone() -> None:
    """But for what starts the demo; and the verifier's distribution is all that its API needs."""
    users = {
        path.stem
        for path in BAR.glob("*.py")
        if any(is_within(module, {"authsvc"}) for module in imports(ast.walk(ast.parse(path.read_text())), ROOT))
    }
    assert users == STARTS_THE_DEMO


def test_rules_wait_for_nothing_and_know_no_time() -> None:
    """rules, keys.simulation: no await, no clock, no randomness (but for a world's seed), no I/O."""
    rules = {"asyncio", "time", "random", "secrets", "os", "socket", "pathlib", "threading", "logging"}
    for module in modules():
        name = module.name
        if name.startswith(("rules", "keys.simulation")):
            forbidden = rules - ({"random"} if name == "keys.simulation.chance" else set())
            assert not forbidden & {imported.partition(".")[0] for imported in imports(module.import_nodes, ROOT)}, name
            assert not [node for node in module.nodes if isinstance(node, ast.AsyncFunctionDef | ast.Await)], name
            called = [node.func for node in module.nodes if isinstance(node, ast.Call)]
            calls = {function.attr for function in called if isinstance(function, ast.Attribute)}
            assert not calls & {"now", "utcnow", "today"}, name


def test_every_package_opens_with_its_law() -> None:
    for path in PACKAGE.rglob("__init__.py"):
        if path.parent.name != "migrations":
            assert ast.get_docstring(ast.parse(path.read_text())), path


def test_a_record_shares_what_all_records_can_share() -> None:
    """`@frozen` of records.py: the standard library compiles six functions for each class that it freezes."""
    own = {module.name for module in modules() if module.name != "records" and "@dataclass(frozen=" in module.text}
    assert own == set()


def test_no_file_is_longer_than_400_lines() -> None:
    lengths = {str(module.path.relative_to(PACKAGE)): module.lines for module in modules()}
    assert {name: length for name, length in lengths.items() if length > MAX_FILE_LINES} == {}


def test_no_function_is_longer_than_60_lines() -> None:
    found = []
    for module in modules():
        for node in module.functions():
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > MAX_FUNCTION_LINES:
                found.append(f"{module.name}.{node.name}: {length} lines")
    assert found == []


# The figures that `scripts/house` prints, and what would make them grow


@cache
def figures() -> dict[str, Figure]:
    return {figure.name: figure for figure in measure(ROOT)}


def test_the_figures_of_the_house_keep_their_limits() -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout: which files are tracked cannot be known")
    assert [name for name, figure in figures().items() if figure.holds is False] == []
    assert figures()["lines of authsvc"].value


def test_what_tests_share_is_in_no_test_module() -> None:
    """It is in tests/support, or beside the tests: then a module of tests can be moved, split and renamed at will."""
    found = []
    for path in (ROOT / "tests").rglob("*.py"):
        for module in imports(ast.walk(ast.parse(path.read_text())), ROOT):
            if module.split(".")[0] == "tests" and any(part.startswith("test_") for part in module.split(".")):
                found.append(f"{path.relative_to(ROOT)} imports {module}")
    assert sorted(found) == []


# What no file may name


def tracked() -> list[Path]:
    try:
        return house.tracked(ROOT)
    except ValueError as error:
        pytest.skip(f"{error}: which files are tracked cannot be known")


def test_no_two_migrations_have_the_same_number() -> None:
    """Two that were begun side by side: neither is seen in the other's tree, and no database can be made with both."""
    files = sorted((PACKAGE / "store/migrations").glob("*.sql"))
    assert [int(file.name[:4]) for file in files] == list(range(1, len(files) + 1))


# Written so that this file does not name them itself.
MACHINE = re.compile(r"(?<![\w.}])/(?:[w]ork|[h]ome/\w+|[U]sers/\w+|[r]oot)/|[.]pyenv/")
REGISTRY = re.compile(
    r"registry[.]npmjs|files[.]python[h]osted|pypi[.]org/[s]imple|--(?:extra-)?[i]ndex-url|[a]rtifactory|[n]exus|"
    r"--[f]ind-links|--trusted-[h]ost",
    re.IGNORECASE,
)


def test_no_tracked_file_names_a_registry_or_a_path_of_one_machine() -> None:
    assert [path for path in tracked() if path.is_symlink()] == []
    found = []
    for path in tracked():
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
            if MACHINE.search(line) or REGISTRY.search(line):
                found.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()[:120]}")
    assert found == []


@pytest.mark.parametrize(
    "name", ["requirements.txt", "requirements-dev.txt", "requirements-deploy.txt", "requirements-mcp.txt"]
)
def test_the_locks_hold_versions_and_hashes_and_no_address(name: str) -> None:
    text = (ROOT / name).read_text()
    assert "://" not in text
    assert " @ " not in text
    assert not re.search(r"^\s*-(?!-hash)", text, re.MULTILINE)
    assert re.search(r"--hash=sha256:[0-9a-f]{64}", text)
