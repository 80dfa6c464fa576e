"""What is public, what is secret, who may read answers, and what is installed."""

from __future__ import annotations

import ast
import io
import json
import re
import sys
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import UUID

import asyncpg
import httpx2
import pytest

from authsvc import logs
from authsvc.metrics import exposition
from authsvc.store.account import users
from authsvc_devkit.servers import Servers
from tests.support.service import BACKEND, Service, bearer, service
from tests.support.spoilt import spoilt

ROOT = Path(__file__).parents[2]

# Operators' things


PRIVATE = [
    "/keys",
    "/keys/rotate",
    "/admin",
    "/admin/keys",
    "/api/keys",
    "/api/admin",
    "/users",
    "/api/users",
    "/clients",
    "/api/clients",
    "/sweep",
    "/settings",
    "/env",
    "/debug",
    "/debug/pprof",
    "/docs",
    "/redoc",
    "/openapi.json",
    "/swagger",
    "/config",
    "/server-status",
    "/actuator",
    "/health",
    "/.git/HEAD",
    "/pyproject.toml",
    "/authsvc/app.py",
    "/static/",
]


@pytest.mark.parametrize("path", PRIVATE)
async def test_nothing_of_the_operators_is_reachable(house: Service, path: str) -> None:
    token = (await house.login(email="admin@example.com", client_id="admin"))["access_token"]
    for method in ("GET", "POST", "PUT", "DELETE"):
        for headers in ({}, bearer(token)):
            assert (await house.http.request(method, path, headers=headers)).status_code == 404


async def test_metrics_are_not_on_the_public_port_by_default(servers: Servers, base_env: dict[str, str]) -> None:
    env = {name: value for name, value in base_env.items() if name != "AUTHSVC_METRICS"}
    async with service(servers, env) as house:
        answer = await house.http.get("/metrics", headers={"X-Forwarded-For": "127.0.0.1", "Host": "127.0.0.1:9464"})
        assert (answer.status_code, answer.json()["error"]) == (404, "not_found")


async def test_a_key_that_may_verify_living_tokens_cannot_be_deleted(house: Service) -> None:
    before = await house.content()
    for statement in ("DELETE FROM signing_keys", "DELETE FROM signing_keys WHERE withdrawn_at IS NULL"):
        with pytest.raises(asyncpg.CheckViolationError, match="withdraw it first"):
            await house.sql.execute(statement)
    assert await house.content() == before


async def test_a_failure_of_ours_shows_a_number_and_nothing_else(house: Service, log: io.StringIO) -> None:
    tokens = await house.login()
    await house.sql.execute("ALTER TABLE users RENAME TO canary_gone")
    try:
        answer = await house.http.get("/api/profile/me", headers=bearer(tokens["access_token"]))
    finally:
        await house.sql.execute("ALTER TABLE canary_gone RENAME TO users")
    assert answer.status_code == 500
    assert set(answer.json()) == {"error", "error_description"}
    assert answer.json()["error"] == "server_error"
    assert answer.headers["x-request-id"] in answer.json()["error_description"]
    assert answer.headers["cache-control"] == "no-store"
    for leak in ("Traceback", "users", "asyncpg", "SELECT", ".py", "relation"):
        assert leak not in answer.text
    assert logs.flush(5)
    told = [line for line in map(json.loads, log.getvalue().splitlines()) if line["event"] == "request_failed"]
    assert [line["request_id"] for line in told] == [answer.headers["x-request-id"]]
    assert told[0]["frames"]


# Keys and secrets


async def test_the_jwks_holds_public_members_only(house: Service) -> None:
    document = (await house.http.get("/.well-known/jwks.json")).json()
    assert set(document) == {"keys"}
    for key in document["keys"]:
        assert set(key) == {"kty", "n", "e", "kid", "use", "alg"}
    sealed = await house.sql.fetch("SELECT sealed, public_jwk FROM signing_keys")
    for row in sealed:
        assert not {"d", "p", "q", "dp", "dq", "qi"} & set(json.loads(row["public_jwk"]))
        assert b"PRIVATE KEY" not in row["sealed"]
        assert not row["sealed"].startswith(b"\x30\x82"), "DER"


def _given(answer: httpx2.Response) -> dict[str, str]:
    assert answer.status_code == 200, answer.text
    given: dict[str, str] = answer.json()
    return given


async def test_canaries_appear_nowhere(house: Service, servers: Servers, log: io.StringIO) -> None:
    """A password, a secret, tokens and cookies: not in logs, metrics, errors, PostgreSQL, its log, or Redis."""
    password, secret = "canary-password-ä-91", "canary-client-secret-17"
    async with house.runtime.db.transaction() as connection:
        await users.add(
            connection, "canary@example.com", "C", ["customer"], await house.runtime.passwords.hash(password)
        )
    http = house.caller()
    body = {"email": "canary@example.com", "password": password}
    tokens = _given(await http.post("/api/auth/login", json=body))
    device = http.cookies["authsvc_device"]
    answer = await house.http.post("/token", data={"grant_type": "client_credentials"}, auth=BACKEND)
    own = _given(answer)["access_token"]
    renewed = _given(await house.refresh(tokens["refresh_token"]))
    answers = [
        await http.post("/api/auth/login", json={**body, "password": password + "x"}),
        await http.post("/api/auth/login", json={**body, "email": password}),
        await http.post("/api/auth/login", json={**body, "client_secret": secret}),
        await house.http.post("/token", data={"grant_type": "client_credentials"}, auth=("backend", secret)),
        await house.http.post("/token", data={"grant_type": secret, "client_id": "backend", "client_secret": secret}),
        await house.http.post("/introspect", data={"token": renewed["access_token"] + "x"}, auth=BACKEND),
        await house.http.post("/revoke", data={"client_id": "admin", "token": renewed["refresh_token"]}),
        await house.refresh(spoilt(tokens["refresh_token"])),
        await house.http.get(f"/api/profile/me?access_token={own}", headers=bearer(tokens["access_token"] + "x")),
        await house.http.get("/nothing", headers={"Cookie": f"authsvc_device={device}", "X-Secret": secret}),
        await http.post("/api/auth/logout", json={"refresh_token": renewed["refresh_token"]}),
    ]
    # The worst case: a statement that fails with all of it among its parameters.
    await house.sql.execute("ALTER TABLE user_sessions ADD CONSTRAINT canary CHECK (device_info <> 'break') NOT VALID")
    answers.append(await http.post("/api/auth/login", json={**body, "device_info": "break"}))
    await house.sql.execute("ALTER TABLE user_sessions DROP CONSTRAINT canary")
    assert answers[-1].status_code == 500

    hidden = [password, secret, "backend-secret", device, own, house.env["AUTHSVC_MASTER_KEY"].split()[-1]]
    hidden += [answer[kind] for answer in (tokens, renewed) for kind in ("access_token", "refresh_token")]
    hidden += [token.split(".")[2] for token in (own, tokens["access_token"]) if "." in token]
    hidden += [
        house.env["AUTHSVC_DATABASE_URL"].split(":")[2].split("@")[0],
        quote(password),
        json.dumps(password)[1:-1],
    ]
    assert logs.flush(5)
    places = {
        "log": log.getvalue(),
        "errors": "".join(answer.text + str(answer.headers) for answer in answers),
        "metrics": exposition.render()[0].decode(),
        "tables": await _dump(house),
        "activity": str(await house.sql.fetch("SELECT query FROM pg_stat_activity")),
        "postgres.log": (servers.data_dir / "postgres.log").read_text(errors="replace"),
        "redis": await _redis_dump(house),
        "redis.log": (servers.data_dir / "redis.log").read_text(errors="replace"),
    }
    for place, content in places.items():
        for value in hidden:
            assert value not in content, f"{value[:12]}… is in {place}"


async def _dump(house: Service) -> str:
    names = await house.sql.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    return "".join([str(await house.sql.fetch(f'SELECT t::text FROM "{name}" t')) for (name,) in names])


async def _redis_dump(house: Service) -> str:
    found = []
    for key in await house.redis_keys("*"):
        kind = await house.runtime.redis.command("TYPE", key)
        words = {"string": ["GET", key], "zset": ["ZRANGE", key, 0, -1], "hash": ["HGETALL", key]}[kind]
        found.append(f"{key}={await house.runtime.redis.command(*words)}")
    return "\n".join(found)


async def test_tokens_are_never_stored(house: Service) -> None:
    tokens = await house.login()
    row = await house.sql.fetchrow("SELECT * FROM grants WHERE session_id = $1", UUID(tokens["session_id"]))
    assert len(row["secret_hash"]) == 32
    from base64 import urlsafe_b64decode

    raw = urlsafe_b64decode(tokens["refresh_token"])
    assert raw[22:38].hex() not in str(dict(row)).lower()


# Other origins (what needs credentials: test_cors.py)

ORIGINS = ["https://attacker.example", "null", "http://localhost:5173", "http://localhost:8000.attacker.example", "*"]


@pytest.mark.parametrize("origin", ORIGINS)
async def test_public_documents_are_for_every_origin_and_without_credentials(house: Service, origin: str) -> None:
    for path in ("/.well-known/jwks.json", "/.well-known/openid-configuration", "/openapi.yaml"):
        answer = await house.http.get(path, headers={"Origin": origin})
        assert answer.headers["access-control-allow-origin"] == "*"
        assert "access-control-allow-credentials" not in answer.headers
        assert "set-cookie" not in answer.headers


# What is installed


def _locked(name: str) -> dict[str, list[str]]:
    """Package -> its hashes."""
    found: dict[str, list[str]] = {}
    text = (ROOT / name).read_text().replace("\\\n", " ")
    for line in text.splitlines():
        if line.strip() and not line.lstrip().startswith("#"):
            match = re.match(r"([A-Za-z0-9._-]+)(?:\[[^]]*\])?==(\S+)\s(.*)", line)
            assert match, f"{name}: not pinned: {line[:80]}"
            found[_normal(match[1])] = re.findall(r"--hash=sha256:[0-9a-f]{64}", match[3])
    return found


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_every_dependency_is_pinned_with_hashes(name: str) -> None:
    locked = _locked(name)
    assert locked
    assert not [package for package, hashes in locked.items() if not hashes]


def _imports(directory: str) -> set[str]:
    found: set[str] = set()
    for path in (ROOT / directory).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module.partition(".")[0])
    return (
        found
        - set(sys.stdlib_module_names)
        - {
            "authsvc",
            "authsvc_devkit",
            "authsvc_jws",
            "authsvc_verifier",
            "bar",
            "tests",
            "bench",
            "started",  # of clients/verifier/tests
        }
    )


@pytest.mark.parametrize(
    ("directory", "names"),
    [
        ("authsvc", ("requirements.txt",)),
        ("devkit", ("requirements-dev.txt",)),
        ("tests", ("requirements-dev.txt", "requirements-deploy.txt", "requirements-mcp.txt")),
        ("clients/browser/examples", ("requirements-dev.txt",)),
    ],
)
def test_every_module_that_is_imported_is_locked(directory: str, names: tuple[str, ...]) -> None:
    locked = {package for name in names for package in _locked(name)}
    owners: dict[str, Any] = dict(packages_distributions())
    for module in _imports(directory):
        distributions = {_normal(owner) for owner in owners.get(module, ())}
        if not distributions:  # it is not installed here, but in .venv-deploy, and its name begins as its module's does
            distributions = {package for package in locked if package.startswith(_normal(module))}
        assert distributions & locked, f"{directory} imports {module}, which {' and '.join(names)} do not lock"
