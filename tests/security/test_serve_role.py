"""The role that serves has rights to rows, and nothing else (SECURITY.md item 55)."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
import yaml

from authsvc_devkit.servers import Servers
from tests.cli.conftest import terminal
from tests.conftest import following, with_database
from tests.support.calls import alive, login, refresh
from tests.support.roles import as_role, let_serve, role
from tests.support.service import Service

DEPLOY = Path(__file__).parents[2] / "deploy"
PERSON = ("users", "add", "ann@example.com", "--role", "customer", "--password-stdin")


@pytest.fixture
async def env(
    settings_env: dict[str, str], database_url: str, sql: asyncpg.Connection
) -> AsyncIterator[dict[str, str]]:
    """As the role of deploy/serve-role.sql."""
    async with role(database_url, "serve") as name:
        await let_serve(sql, name)
        yield {**settings_env, "AUTHSVC_DATABASE_URL": as_role(database_url, name)}


async def test_it_serves_login_tokens_revocations_feed_people_and_clean_up(
    env: dict[str, str], sql: asyncpg.Connection
) -> None:
    cli = terminal(env)
    async with following(env) as runtime:
        http = Service(runtime, sql, env).http
        tokens, other = await login(http), await login(http)
        successor = (await refresh(http, tokens["refresh_token"])).json()
        assert await alive(http, successor)
        assert (await http.post("/api/auth/logout", json={"refresh_token": other["refresh_token"]})).status_code == 204
        assert not await alive(http, other)
        feed = (await http.get("/revocations")).json()
        assert other["session_id"] in {entry["subject"] for entry in feed["revocations"]}
        form = {"grant_type": "client_credentials", "scope": "api"}
        assert (await http.post("/token", data=form, auth=("backend", "backend-secret"))).status_code == 200
        await asyncio.to_thread(cli, "keys", "generate")
        await asyncio.to_thread(cli, *PERSON, input="a long enough password")
        await asyncio.to_thread(cli, "users", "disable", "ann@example.com")
        await asyncio.to_thread(cli, "sweep")
        await asyncio.to_thread(cli, "doctor")
        assert (await http.get("/readyz")).json()["status"] == "ready"


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE mine ()",
        "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "ALTER TABLE users DISABLE TRIGGER ALL",
        "DROP TABLE audit_events",
        "TRUNCATE revocations",
        "CREATE OR REPLACE FUNCTION revoke(kind text, subject text, reason text) RETURNS void LANGUAGE sql AS ''",
        "CREATE ROLE mine SUPERUSER",
        "SELECT pg_read_file('/etc/passwd')",
        "COPY users TO PROGRAM 'cat'",
        "ALTER SYSTEM SET log_statement = 'all'",
    ],
)
async def test_it_can_change_no_table_function_or_role(env: dict[str, str], statement: str) -> None:
    connection = await asyncpg.connect(env["AUTHSVC_DATABASE_URL"])
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.execute(statement)
    await connection.close()


async def test_it_has_what_later_migrations_make(env: dict[str, str], sql: asyncpg.Connection) -> None:
    """As the owner ran deploy/serve-role.sql before."""
    await sql.execute("CREATE TABLE later (id bigint GENERATED ALWAYS AS IDENTITY, word text)")
    connection = await asyncpg.connect(env["AUTHSVC_DATABASE_URL"])
    await connection.execute("INSERT INTO later (word) VALUES ('x'); UPDATE later SET word = 'y'; DELETE FROM later")
    await connection.close()


def test_compose_serves_as_that_role_and_migrates_as_the_owner() -> None:
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    services = compose["services"]
    assert services["authsvc"]["environment"]["AUTHSVC_DATABASE_URL_FILE"] == "/run/secrets/database_url"
    assert services["migrate"]["environment"]["AUTHSVC_DATABASE_URL_FILE"] == "/run/secrets/owner_url"
    assert "owner_url" not in services["authsvc"]["secrets"]
    assert services["postgres"]["environment"]["POSTGRES_USER"] not in ("authsvc", "authsvc_serve")
    for service in services.values():
        assert set(service.get("secrets", [])) <= set(compose["secrets"])
    head = (DEPLOY / "compose.yaml").read_text().partition("name: authsvc")[0]
    assert 'postgresql://authsvc_serve:$(cat secrets/serve_password)@postgres/authsvc" > secrets/database_url' in head


@pytest.mark.skipif(shutil.which("psql") is None, reason="runs the file as the image does, with psql")
async def test_the_roles_that_compose_makes_migrate_and_serve(
    servers: Servers, settings_env: dict[str, str], tmp_path: Path
) -> None:
    name = f"made_{os.getpid()}"
    for secret in ("owner_password", "serve_password"):
        (tmp_path / secret).write_text(f"{secret}-of-{name}")
    (tmp_path / "serve-role.sql").write_text(
        (DEPLOY / "serve-role.sql").read_text().replace("authsvc_serve", f"{name}_serve")
    )
    text = re.sub(r"\bauthsvc(?=\b|_serve)", name, (DEPLOY / "roles.sql").read_text())
    text = text.replace("/run/secrets", str(tmp_path)).replace("/serve-role.sql", str(tmp_path / "serve-role.sql"))
    (tmp_path / "roles.sql").write_text(text)
    url = with_database(servers.database_url, name)
    admin = await asyncpg.connect(servers.admin_url)
    await admin.execute(f"CREATE DATABASE {name}")
    try:
        command = ["psql", "-v", "ON_ERROR_STOP=1", "--no-psqlrc", url, "-f", str(tmp_path / "roles.sql")]
        subprocess.run(command, check=True, capture_output=True)

        def of(role_name: str, secret: str) -> dict[str, str]:
            own = as_role(url, role_name).replace(f":{role_name}@", f":{secret}-of-{name}@")
            return {**settings_env, "AUTHSVC_DATABASE_URL": own}

        owner, serve = of(name, "owner_password"), of(f"{name}_serve", "serve_password")
        await asyncio.to_thread(terminal(owner), "migrate")
        await asyncio.to_thread(terminal(owner), "keys", "generate", "--first")
        await asyncio.to_thread(terminal(serve), *PERSON, input="a long enough password")
        async with following(serve) as runtime:
            assert (await Service(runtime, admin, serve).http.get("/readyz")).status_code == 200
        assert "permission denied" in (await asyncio.to_thread(terminal(serve), "migrate", code=1)).stderr
    finally:
        await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await admin.execute(f"DROP ROLE IF EXISTS {name}_serve; DROP ROLE IF EXISTS {name}")
        await admin.close()
