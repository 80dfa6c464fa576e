"""A leaked key, from the operator's terminal to the last verifier: asked about, gone at once, told to all."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import asyncpg
import httpx2
import jwt
import pytest

from tests.cli.conftest import Cli, answer, clean_environment
from tests.flows.revocation.feed.conftest import Listener, until
from tests.support.replicas import Replica, Replicas
from tests.support.service import BACKEND, LOGIN

PATIENCE = 5
"""Seconds: it takes one, but tests may share a busy machine."""


def at_a_terminal(words: list[str], env: dict[str, str], typed: str) -> tuple[int, str]:
    """Exit code, and what was shown. Whoever types sits at a real terminal."""
    master, slave = pty.openpty()
    try:
        process = subprocess.Popen(
            [sys.executable, "-m", "authsvc", *words],
            env=clean_environment(**env),
            stdin=slave,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        os.write(master, f"{typed}\n".encode())
        shown, _ = process.communicate(timeout=30)
        return process.returncode, shown
    finally:
        os.close(slave)
        os.close(master)


@pytest.fixture
def env(settings_env: dict[str, str], tmp_path: Path) -> dict[str, str]:
    file = tmp_path / "policy.toml"
    file.write_text('algorithms = ["RS256", "ES256"]')
    settings_env["AUTHSVC_KEY_POLICY_FILE"] = str(file)
    return settings_env


def kid_of(token: str) -> str:
    return str(jwt.get_unverified_header(token)["kid"])


async def login(replica: Replica, client_id: str) -> dict[str, Any]:
    async with httpx2.AsyncClient(base_url=replica.url) as http:
        done = await http.post("/api/auth/login", json={**LOGIN, "client_id": client_id})
    assert done.status_code == 200, done.text
    found: dict[str, Any] = done.json()
    return found


async def kids(replica: Replica) -> set[str]:
    async with httpx2.AsyncClient(base_url=replica.url) as http:
        return {key["kid"] for key in (await http.get("/.well-known/jwks.json")).json()["keys"]}


async def active(replica: Replica, token: str) -> bool:
    async with httpx2.AsyncClient(base_url=replica.url) as http:
        said = await http.post("/introspect", data={"token": token}, auth=BACKEND)
        me = await http.get("/api/profile/me", headers={"Authorization": f"Bearer {token}"})
    assert me.status_code == 401 or (me.status_code == 200 and said.json()["active"])  # the end may come in between
    return me.status_code == 200


async def a_line_of(alg: str, cli: Cli, sql: asyncpg.Connection) -> None:
    """One key that signs and one that is announced, as the replicas make them; the first announcement is cut short."""
    listed: list[dict[str, Any]] = []
    async with asyncio.timeout(15):
        while len(listed) < 2:
            await asyncio.sleep(0.1)
            found = answer(await asyncio.to_thread(cli, "keys", "list", "--json"))
            listed = [key for key in found if key["alg"] == alg]
    if not any(key["phase"] == "signing" for key in listed):
        first = min(listed, key=lambda key: str(key["signs_from"]))
        await sql.execute(
            "UPDATE signing_keys SET announced_at = now() - interval '2 d', signs_from = now() - interval '1 min' "
            "WHERE kid = $1",
            first["kid"],
        )
        await asyncio.sleep(1.2)


async def test_a_leaked_key_is_withdrawn_everywhere_at_once(
    replicas: Replicas, env: dict[str, str], cli: Cli, sql: asyncpg.Connection
) -> None:
    """Of either algorithm: the key that signs for most clients, and one that a client chose."""
    one, two = await asyncio.to_thread(replicas.start, 2)
    for alg in ("RS256", "ES256"):
        words = "clients add CLIENT --public --first-party --scope openid --redirect-uri http://localhost:5173/callback"
        await asyncio.to_thread(cli, *words.replace("CLIENT", alg).split(), "--access-token-alg", alg)
        await a_line_of(alg, cli, sql)
        before = await login(one, alg)
        stolen = kid_of(before["access_token"])
        assert await active(two, before["access_token"])
        async with Listener([two.url]).listening() as listener:
            if alg == "RS256":
                await asking_first_and_no_is_no(env, one, before["access_token"])
            code, shown = await asyncio.to_thread(at_a_terminal, ["keys", "withdraw", stolen], env, "y")
            assert code == 0, shown
            async with asyncio.timeout(PATIENCE):
                for replica in (one, two):
                    while await active(replica, before["access_token"]) or stolen in await kids(replica):
                        await asyncio.sleep(0.02)
            await until(lambda: ("key", stolen) in [(e["kind"], e["subject"]) for e in listener.of("revocation")])  # noqa: B023
            await until(lambda: len(listener.of("jwks")) >= 2)
        await what_follows(before, alg, stolen, shown, one, two, sql)


async def asking_first_and_no_is_no(env: dict[str, str], replica: Replica, token: str) -> None:
    kid = kid_of(token)
    code, shown = await asyncio.to_thread(at_a_terminal, ["keys", "withdraw", kid], env, "n")
    assert code == 1
    assert f"Every access token that {kid} signed becomes invalid. Withdraw it? [y/N]" in shown
    await asyncio.sleep(0.6)
    assert await active(replica, token)
    assert kid in await kids(replica)


async def what_follows(
    before: dict[str, Any], client_id: str, stolen: str, shown: str, one: Replica, two: Replica, sql: asyncpg.Connection
) -> None:
    """The announced key signs, sessions go on, it is on record, and the next spare is made by itself."""
    after = kid_of((await login(two, client_id))["access_token"])
    assert f"Key {stolen} is withdrawn. Key {after} signs now." in shown
    form = {"grant_type": "refresh_token", "refresh_token": before["refresh_token"], "client_id": client_id}
    async with httpx2.AsyncClient(base_url=one.url) as http:
        fresh = await http.post("/token", data=form)
    assert kid_of(fresh.json()["access_token"]) == after
    event = await sql.fetchrow(
        "SELECT actor, detail FROM audit_events WHERE event = 'key_withdrawn' ORDER BY id DESC LIMIT 1"
    )
    assert event["actor"].startswith("cli:")
    assert json.loads(event["detail"]) == {"kid": stolen, "successor": after}
    async with asyncio.timeout(PATIENCE):
        while await sql.fetchval("SELECT count(*) FROM signing_keys WHERE alg = $1", client_id) < 3:
            await asyncio.sleep(0.1)


async def test_with_yes_nobody_is_asked(cli: Cli, env: dict[str, str], sql: asyncpg.Connection) -> None:
    await asyncio.to_thread(cli, "keys", "generate")
    kid = await sql.fetchval("SELECT kid FROM signing_keys ORDER BY signs_from LIMIT 1")
    code, shown = await asyncio.to_thread(at_a_terminal, ["keys", "withdraw", kid, "--yes"], env, "n")
    assert code == 0
    assert "?" not in shown
    assert await sql.fetchval("SELECT withdrawn_at IS NOT NULL FROM signing_keys WHERE kid = $1", kid)
    code, shown = await asyncio.to_thread(at_a_terminal, ["keys", "withdraw", kid, "--yes"], env, "")
    assert (code, shown.count("\n")) == (1, 1)
    assert "withdrawn already" in shown
