"""Chromium, two frontends and a real server for the whole directory; without Chromium or npm its tests are skipped."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from authsvc.dev.servers import Servers
from authsvc.oauth.records import Client
from authsvc.store import clients
from tests.browser.frontend import Frontend
from tests.conftest import TEMPLATE, with_database
from tests.npm import installed
from tests.replicas import Replicas

HERE = Path(__file__).parent
PACKAGES = ("playwright-core@1", "axe-core@4", "oidc-client-ts@3")
Play = Callable[[str], dict[str, Any]]


@pytest.fixture(scope="session")
def chromium() -> str:
    found = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        pytest.skip("Chromium is not installed: nothing was tried in a real browser")
    return found


@pytest.fixture(scope="session")
def stage(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The scripts of this directory, with npm's packages beside them."""
    directory = installed(tmp_path_factory.mktemp("browser"), PACKAGES)
    for script in HERE.glob("*.mjs"):
        shutil.copy(script, directory)
    return directory


@pytest.fixture(scope="session")
def frontends() -> Iterator[dict[str, Frontend]]:
    """shop is somebody else's, and asks for consent; bar and till are the house's own."""
    made = {name: Frontend(name) for name in ("shop", "bar", "till")}
    yield made
    for frontend in made.values():
        frontend.close()


@pytest.fixture(scope="session")
def play(
    chromium: str, stage: Path, frontends: dict[str, Frontend], servers: Servers, base_env: dict[str, str]
) -> Iterator[Play]:
    """Runs a script of this directory against the server; its report. What the browser complained of fails the test."""
    name = f"browser{os.getpid()}"
    asyncio.run(_command(servers.admin_url, f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY file_copy"))
    database_url = with_database(servers.database_url, name)
    replicas = Replicas({**base_env, "AUTHSVC_DATABASE_URL": database_url, "AUTHSVC_REDIS_PREFIX": name})
    try:
        asyncio.run(_register(database_url, list(frontends.values())))
        [replica] = replicas.start(workers=2, own_issuer=True)
        for frontend in frontends.values():
            frontend.serve(replica.url, stage)
        job = {
            "chromium": chromium,
            "issuer": replica.url,
            **{name: frontend.url for name, frontend in frontends.items()},
        }
        yield lambda script: _played(stage, script, job)
    finally:
        replicas.stop()
        asyncio.run(_command(servers.admin_url, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))


def _played(stage: Path, script: str, job: dict[str, str]) -> dict[str, Any]:
    done = subprocess.run(
        ["node", script, json.dumps(job)], cwd=stage, capture_output=True, text=True, timeout=90, check=False
    )
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    assert not report["faults"], "\n".join(report["faults"])
    return report


async def _command(url: str, command: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(command)
    await connection.close()


async def _register(database_url: str, frontends: list[Frontend]) -> None:
    connection = await asyncpg.connect(database_url)
    for frontend in frontends:
        client = Client(
            id=frontend.client_id,
            name=frontend.client_id.title(),
            kind="public",
            redirect_uris=frontend.redirect_uris,
            post_logout_redirect_uris=(frontend.signed_out,),
            grant_types=frozenset({"authorization_code", "refresh_token"}),
            scopes=("openid", "profile", "email", "offline_access"),
            first_party=frontend.client_id != "shop",
            policy_uri=f"{frontend.url}/privacy",
        )
        assert await clients.add(connection, client)
    await connection.close()
