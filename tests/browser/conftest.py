"""Chromium, frontends, apps and real servers for the whole directory; without Chromium or npm its tests are skipped."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from authsvc.store.caller import clients
from authsvc_devkit.servers import Servers
from tests.browser.frontend import App, Frontend
from tests.browser.readme import pages_shown
from tests.conftest import TEMPLATE, with_database
from tests.support.clients import changed_client, flat_client
from tests.support.faultproxy import FaultProxy
from tests.support.npm import installed
from tests.support.replicas import Replicas

HERE = Path(__file__).parent
PACKAGES = ("playwright-core@1", "axe-core@4", "oidc-client-ts@3", "axios@1", "typescript@5")
Play = Callable[[str], dict[str, Any]]


@pytest.fixture(scope="session")
def chromium() -> str:
    found = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        pytest.skip("Chromium is not installed: nothing was tried in a real browser")
    return found


@pytest.fixture(scope="session")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with npm's packages."""
    return installed(tmp_path_factory.mktemp("browser"), PACKAGES)


@pytest.fixture(scope="session")
def stage(chromium: str, packages: Path) -> Path:
    """The scripts of this directory, with npm's packages beside them."""
    for script in HERE.glob("*.mjs"):
        shutil.copy(script, packages)
    return packages


@pytest.fixture(scope="session")
def browser(chromium: str, stage: Path) -> Iterator[str]:
    """The address of the one Chromium of the run; each visitor in it has cookies and storage of his own."""
    command = ["node", "chromium.mjs", chromium]
    with subprocess.Popen(command, cwd=stage, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin and process.stdout
        yield process.stdout.readline().strip()
        process.stdin.close()
        process.wait(10)


@pytest.fixture(scope="session")
def frontends() -> Iterator[dict[str, Frontend]]:
    """shop is somebody else's, and asks for consent; bar and till are the house's own."""
    made = {name: Frontend(name) for name in ("shop", "bar", "till")}
    yield made
    for frontend in made.values():
        frontend.close()


@pytest.fixture(scope="session")
def play(
    browser: str, stage: Path, frontends: dict[str, Frontend], servers: Servers, base_env: dict[str, str]
) -> Iterator[Play]:
    """Runs a script of this directory against the server; its report."""
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
            "browser": browser,
            "issuer": replica.url,
            **{name: frontend.url for name, frontend in frontends.items()},
        }
        yield lambda script: played(stage, script, job)
    finally:
        replicas.stop()
        asyncio.run(_command(servers.admin_url, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))


def played(stage: Path, script: str, job: dict[str, Any], *, seconds: float = 90) -> dict[str, Any]:
    """The report of a script. What the browser complained of fails the test."""
    done = subprocess.run(
        ["node", script, json.dumps(job)], cwd=stage, capture_output=True, text=True, timeout=seconds, check=False
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
        client = flat_client(
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


class Scenes(dict[str, Any]):
    """The reports of the scenes of one script."""

    def __getitem__(self, name: str) -> Any:
        said = super().__getitem__(name)
        assert not (isinstance(said, dict) and "failed" in said), said["failed"]
        return said


@dataclass
class Apps:
    """Pages with the module, the service behind a proxy that can break the network, and scripts of this directory.

    `play` gives the script's report; what the browser complained of fails the test, but for requests that failed.
    """

    job: dict[str, str]
    stage: Path
    proxy: FaultProxy
    sql: asyncpg.Connection

    async def play(self, script: str, *, seconds: float = 90, **more: Any) -> Scenes:
        return Scenes(await asyncio.to_thread(played, self.stage, script, {**self.job, **more}, seconds=seconds))

    async def lineage(self, session_id: str) -> tuple[int, int, bool]:
        """Of the one grant of a session: its generation, the repeats of that, whether it has ended."""
        row = await self.sql.fetchrow("SELECT generation, repeats, ended FROM grants WHERE session_id = $1", session_id)
        return tuple(row)

    async def active(self, session_id: str) -> bool:
        return bool(await self.sql.fetchval("SELECT is_active FROM user_sessions WHERE id = $1", session_id))

    @contextmanager
    def losing_answers(self, number: int) -> Iterator[None]:
        """The first so many refreshes are done, and nobody hears of it. Chromium itself repeats a request once, where a
        connection that it had used before is cut."""
        self.proxy.cut_after_request(b"grant_type=refresh_token", times=number)
        try:
            yield
        finally:
            self.proxy.heal()


@pytest_asyncio.fixture(scope="session")
async def apps(browser: str, stage: Path, servers: Servers, base_env: dict[str, str]) -> AsyncIterator[Apps]:
    """Two replicas behind a proxy that is the issuer's address; the clients that `App` has pages for."""
    app = App()
    name = f"apps{os.getpid()}"
    await _command(servers.admin_url, f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY file_copy")
    database_url = with_database(servers.database_url, name)
    sql = await asyncpg.connect(database_url)
    proxy = FaultProxy(("127.0.0.1", 0), tcp=True)
    async with proxy:
        issuer = f"http://localhost:{proxy.port}"
        env = {**base_env, "AUTHSVC_DATABASE_URL": database_url, "AUTHSVC_REDIS_PREFIX": name, "AUTHSVC_ISSUER": issuer}
        replicas = Replicas(env)
        try:
            await _register_apps(sql, app)
            started = await asyncio.to_thread(replicas.start, 2)
            proxy.upstream = [("127.0.0.1", replica.port) for replica in started]
            app.serve(issuer, stage, pages_shown(app.url, issuer))
            yield Apps({"browser": browser, "issuer": issuer, "app": app.url}, stage, proxy, sql)
        finally:
            app.close()
            await asyncio.to_thread(replicas.stop)
            await sql.close()
            await _command(servers.admin_url, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


async def _register_apps(connection: asyncpg.Connection, app: App) -> None:
    house = flat_client(
        id="house",
        name="House",
        kind="public",
        redirect_uris=app.redirect_uris("house"),
        grant_types=frozenset({"authorization_code", "refresh_token"}),
        scopes=("openid", "profile", "email", "offline_access"),
        first_party=True,
    )
    for client in (
        house,
        replace(house, id="till", name="Till"),
        changed_client(house, id="brief", name="Brief", access_token_seconds=10, refresh_grace_seconds=1),
        changed_client(house, id="bound", name="Bound", dpop_bound_access_tokens=True),
        replace(house, id="guest", name="Guest", first_party=False),
    ):
        assert await clients.add(connection, changed_client(client, redirect_uris=app.redirect_uris(client.id)))
    for known in ("customer", "bartender", "strict"):
        uris = list(app.redirect_uris(known))
        await connection.execute("UPDATE clients SET redirect_uris = $2 WHERE id = $1", known, uris)
