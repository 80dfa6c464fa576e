"""The release before and this version side by side on one database, under load, upwards and back: nobody is turned
away, nobody is logged out. `scripts/upgrade` runs it; the release comes from this repository's own history."""

from __future__ import annotations

import asyncio
import io
import os
import random
import subprocess
import sys
import tarfile
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import httpx2
import pytest

from authsvc_devkit.servers import Servers
from tests.cli.conftest import clean_environment
from tests.conftest import with_database
from tests.deploy.judges import ROOT
from tests.support.faultproxy import FaultProxy
from tests.support.replicas import Replica

SEED = int(os.environ.get("AUTHSVC_TEST_SEED", "1"))
SECONDS = float(os.environ.get("AUTHSVC_TEST_UPGRADE_SECONDS", "6"))
"""Of load between two changes."""
PEOPLE = 12
LOGIN = {"email": "ann@example.com", "password": "a long enough password"}
asked_for = pytest.mark.skipif("AUTHSVC_TEST_UPGRADE" not in os.environ, reason="scripts/upgrade runs it")


def git(*words: str) -> bytes:
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True)
    if done.returncode:
        pytest.skip(f"git {words[0]}: {done.stderr.decode().strip()[:100]}: the upgrade was not tried")
    return done.stdout


def last_release() -> str:
    """The newest commit whose CHANGELOG has nothing under Unreleased."""
    for commit in git("log", "--format=%H", "--", "CHANGELOG.md").decode().split():
        text = git("show", f"{commit}:CHANGELOG.md").decode()
        if not any(
            line.startswith("- ") for line in text.partition("## Unreleased")[2].partition("\n## ")[0].split("\n")
        ):
            return commit
    pytest.skip("this clone is shallow, and holds no release: the upgrade was not tried")


class Version:
    """A tree of files from which `python -m authsvc` runs."""

    def __init__(self, tree: Path) -> None:
        self.path = f"{tree}:{tree / 'clients/jws'}"
        self.tree = tree

    def run(self, env: dict[str, str], *words: str, input: str = "") -> str:
        command = [sys.executable, "-m", "authsvc", *words]
        whole = clean_environment(**env, PYTHONPATH=self.path)
        done = subprocess.run(
            command, env=whole, cwd=self.tree, capture_output=True, text=True, input=input, timeout=120
        )
        assert done.returncode == 0, (words, done.stdout, done.stderr)
        return done.stdout


@pytest.fixture
def before(tmp_path: Path) -> Version:
    tree = tmp_path / "before"
    tree.mkdir()
    with tarfile.open(fileobj=io.BytesIO(git("archive", "--format=tar", last_release()))) as files:
        files.extractall(tree, filter="data")
    return Version(tree)


@dataclass
class Load:
    """People who log in, refresh, look at themselves and log out by the balancer. `told`: answers by what was asked."""

    url: str
    told: Counter[tuple[str, int]] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)
    held: dict[int, dict[str, Any]] = field(default_factory=dict)

    async def ask(self, what: str, method: str, path: str, **sent: Any) -> httpx2.Response | None:
        """A connection for each request, as a balancer makes them."""
        try:
            async with httpx2.AsyncClient(base_url=self.url, timeout=15, trust_env=False) as http:
                answer = await http.request(method, path, **sent)
        except httpx2.HTTPError as error:
            self.told[f"{what} {type(error).__name__}", 0] += 1
            return None
        self.told[what, answer.status_code] += 1
        return answer

    async def person(self, number: int) -> None:
        chance = random.Random(SEED * 1000 + number)
        while True:
            tokens = self.held.get(number)
            if tokens is None:
                answer = await self.ask("login", "POST", "/api/auth/login", json=LOGIN)
                if answer is not None and answer.status_code == 200:
                    self.held[number] = answer.json()
            elif chance.random() < 0.6:
                form = {
                    "grant_type": "refresh_token",
                    "client_id": "customer",
                    "refresh_token": tokens["refresh_token"],
                }
                answer = await self.ask("refresh", "POST", "/token", data=form)
                if answer is not None and answer.status_code == 200:
                    self.held[number] = tokens | answer.json()
                elif answer is not None and answer.status_code == 400:
                    self.lost.append(answer.text)
                    del self.held[number]
            elif chance.random() < 0.8:
                mine = {"Authorization": f"Bearer {tokens['access_token']}"}
                await self.ask("profile", "GET", "/api/profile/me", headers=mine)
                await self.ask("jwks", "GET", "/.well-known/jwks.json")
            else:
                gone = {"refresh_token": tokens["refresh_token"]}
                answer = await self.ask("logout", "POST", "/api/auth/logout", json=gone)
                if answer is not None and answer.status_code == 204:
                    del self.held[number]
            await asyncio.sleep(chance.uniform(0.02, 0.2))

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(self.person(number)) for number in range(PEOPLE)]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            for task in tasks:
                with suppress(asyncio.CancelledError):
                    await task


@dataclass
class Place:
    """Replicas behind a balancer, replaced one by one."""

    env: dict[str, str]
    balancer: FaultProxy
    running: list[Replica] = field(default_factory=list)

    async def start(self, version: Version) -> None:
        replica = Replica({**self.env, "PYTHONPATH": version.path, "PYTHONSAFEPATH": "1"})
        self.running.append(replica)
        await asyncio.to_thread(replica.wait_ready)
        self._name()

    def _name(self) -> None:
        self.balancer.upstream = [("127.0.0.1", replica.port) for replica in self.running]

    async def replace_all(self, version: Version) -> None:
        for replica in self.running[:]:
            await self.start(version)
            self.running.remove(replica)
            self._name()
            await asyncio.sleep(0.5)
            assert await asyncio.to_thread(replica.stop) == 0, replica.log.read_text()[-2000:]
            replica.log.unlink()
            await asyncio.sleep(SECONDS)

    def stop(self) -> None:
        for replica in self.running:
            replica.stop()
            replica.log.unlink(missing_ok=True)


@pytest.fixture
async def empty(servers: Servers) -> AsyncIterator[str]:
    name = f"upgrade_{os.getpid()}"
    admin = await asyncpg.connect(servers.admin_url)
    await admin.execute(f"CREATE DATABASE {name}")
    yield with_database(servers.database_url, name)
    await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await admin.close()


@asked_for
@pytest.mark.timeout(600)
async def test_nobody_notices_an_upgrade_nor_the_way_back(
    before: Version, servers: Servers, base_env: dict[str, str], empty: str
) -> None:
    after = Version(ROOT)
    async with FaultProxy([], tcp=True) as balancer:
        env = {
            **{name: text for name, text in base_env.items() if name != "AUTHSVC_CLIENT_REGISTRATION"},
            "AUTHSVC_DATABASE_URL": empty,
            "AUTHSVC_REDIS_PREFIX": empty.rpartition("/")[2].partition("?")[0],
            "AUTHSVC_DRAIN_SECONDS": "1",
            "AUTHSVC_METRICS": "off",
        }
        await asyncio.to_thread(furnish, before, env)
        place, load = Place(env, balancer), Load(f"http://127.0.0.1:{balancer.port}")
        try:
            for _ in range(2):
                await place.start(before)
            async with load.at_work():
                await asyncio.sleep(SECONDS)
                said = await asyncio.to_thread(after.run, env, "migrate")
                assert "0030" in said or "applied" in said.lower(), said
                await asyncio.sleep(SECONDS)
                await place.replace_all(after)
                await opened_in_newer_ways(empty, load)
                await place.replace_all(before)
        finally:
            place.stop()
    print(f"seed {SEED}:", dict(sorted(load.told.items())))
    assert load.lost == [], "somebody was logged out"
    failed = {told: count for told, count in load.told.items() if told[1] not in (200, 204)}
    assert failed == {}, failed
    assert load.told["refresh", 200] > 50


def furnish(version: Version, env: dict[str, str]) -> None:
    """As an operator of that version does."""
    version.run(env, "migrate")
    version.run(env, "keys", "generate", "--first")
    version.run(env, "users", "add", LOGIN["email"], "--password-stdin", input=LOGIN["password"] + "\n")
    version.run(
        env, "clients", "add", "customer", "--public", "--first-party", "--redirect-uri", "http://localhost:5173/callback",
        "--scope", "openid",
    )  # fmt: skip


async def opened_in_newer_ways(url: str, load: Load) -> None:
    """Sessions that a mailed code, a passkey and an authenticator app opened: the version before goes on with them."""
    connection = await asyncpg.connect(url)
    ways = ("{}", "{phr,hwk}", "{pwd,otp,mfa}")
    for (number, tokens), amr in zip(sorted(load.held.items()), ways, strict=False):
        assert number in load.held
        await connection.execute(
            "UPDATE user_sessions SET amr = $1::text::text[] WHERE id = $2::text::uuid", amr, tokens["session_id"]
        )
    await connection.close()
