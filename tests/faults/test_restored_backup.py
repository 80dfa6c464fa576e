"""A backup is restored under running replicas (FAULTS rows 22 and 23); and a failover that lost its tail (row 4)."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any

import asyncpg
import httpx2
import jwt
import pytest

from authsvc.store.caller import clients
from authsvc_devkit.servers import Servers
from authsvc_verifier import Verifier, VerifierError, require
from tests.cli.conftest import clean_environment
from tests.faults.conftest import admin, honest
from tests.support.backups import Backup
from tests.support.busy import again_when_busy, prompt
from tests.support.calls import LOGIN, login, refresh
from tests.support.faultproxy import FaultProxy
from tests.support.fleet import FOLLOWING, VERIFIER
from tests.support.replicas import Replica, Replicas

pytestmark = pytest.mark.faults

NOTICED_SECONDS = 5.0


async def authsvc(env: dict[str, str], *words: str, code: int = 0) -> str:
    command = [sys.executable, "-m", "authsvc", *words]
    run = partial(subprocess.run, command, env=clean_environment(**env), capture_output=True, text=True, timeout=60)
    done = await asyncio.to_thread(run)
    assert done.returncode == code, (done.stdout, done.stderr)
    return done.stdout


class Hammer:
    """Refreshes what had ended, at every replica, all the time; counts what it is told."""

    def __init__(self, replicas: list[Replica], *tokens: dict[str, Any]) -> None:
        self.replicas, self.tokens = replicas, tokens
        self.answers: dict[int, int] = {}

    async def run(self) -> None:
        async with httpx2.AsyncClient(timeout=10, trust_env=False) as http:
            while True:
                for replica in self.replicas:
                    for tokens in self.tokens:
                        with suppress(httpx2.HTTPError):
                            form = {"client_id": "customer", "refresh_token": tokens["refresh_token"]}
                            answer = await http.post(
                                f"{replica.url}/token", data={**form, "grant_type": "refresh_token"}
                            )
                            self.answers[answer.status_code] = self.answers.get(answer.status_code, 0) + 1
                await asyncio.sleep(0.02)

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.run())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        # 408: this process stood still between a head and its body, while it put the backup back.
        assert set(self.answers) <= {503, 400, 408}, f"somebody who had logged out is back: {self.answers}"
        assert self.answers.get(503)


async def problems(replica: Replica) -> list[str]:
    async with httpx2.AsyncClient(trust_env=False) as http:
        with suppress(httpx2.HTTPError):
            return (await http.get(f"{replica.url}/readyz")).json()["problems"]
    return ["silent"]


async def until(replicas: list[Replica], wanted: list[str], seconds: float) -> None:
    async with asyncio.timeout(max(60, seconds)):
        started = monotonic()
        while any([await problems(replica) != wanted for replica in replicas]):
            await asyncio.sleep(0.05)
        prompt(monotonic() - started < seconds, f"{wanted} after {monotonic() - started:.1f} s")


async def key_after_this(connection: asyncpg.Connection) -> str:
    """The kid of the key that is announced."""
    async with asyncio.timeout(20):
        while True:
            kid = await connection.fetchval("SELECT kid FROM signing_keys WHERE signs_from > now() ORDER BY signs_from")
            if kid is not None:
                return str(kid)
            await asyncio.sleep(0.1)


async def switch_to(connection: asyncpg.Connection, kid: str) -> None:
    """The announced key signs from now on: as in its time."""
    await connection.execute("UPDATE signing_keys SET signs_until = now() WHERE signs_from < now()")
    await connection.execute("UPDATE signing_keys SET signs_from = now() WHERE kid = $1", kid)


async def leave(http: httpx2.AsyncClient, tokens: dict[str, Any]) -> None:
    """Log out, as somebody does whom a restart of PostgreSQL keeps waiting."""
    form = {"refresh_token": tokens["refresh_token"]}
    while (answer := await http.post("/api/auth/logout", json=form)).status_code != 204:
        assert honest(answer)
        await asyncio.sleep(0.2)


@dataclass
class Place:
    """Three replicas, each with a state directory, the balancer that is their issuer, and who verifies."""

    running: list[Replica]
    http: httpx2.AsyncClient
    verifier: Verifier
    env: dict[str, str]


@pytest.fixture
async def place(
    replicas: Replicas, settings_env: dict[str, str], sql: asyncpg.Connection, tmp_path: Path
) -> AsyncIterator[Place]:
    await clients.add(sql, VERIFIER)
    async with FaultProxy([], tcp=True) as balancer:
        issuer = settings_env["AUTHSVC_ISSUER"] = f"http://127.0.0.1:{balancer.port}"
        for number in range(3):
            state = tmp_path / f"state{number}"
            state.mkdir()
            replicas.all.append(Replica({**settings_env, "AUTHSVC_STATE_DIR": str(state)}))
        balancer.upstream = [("127.0.0.1", replica.port) for replica in replicas.all]
        await asyncio.to_thread(lambda: [replica.wait_ready() for replica in replicas.all])
        async with (
            httpx2.AsyncClient(base_url=issuer, timeout=10, trust_env=False) as http,
            Verifier(issuer, issuer, **FOLLOWING) as verifier,
        ):
            yield Place(replicas.all[:], http, verifier, settings_env)


def kid_of(tokens: dict[str, Any]) -> str:
    return str(jwt.get_unverified_header(tokens["access_token"])["kid"])


async def said(verifier: Verifier, tokens: dict[str, Any], stale: Any = "refuse") -> str:
    try:
        await verifier.verify(tokens["access_token"], require(stale=stale))
    except VerifierError as error:
        return error.reason
    return "good"


@again_when_busy
async def test_row_22_yesterdays_backup_is_noticed_and_nobody_who_had_logged_out_is_back(
    place: Place, servers: Servers, sql: asyncpg.Connection, database_url: str, tmp_path: Path
) -> None:
    running, http, verifier = place.running, place.http, place.verifier
    gone, stays = [await login(http) for _ in range(2)]
    second_key = await key_after_this(sql)
    yesterday = Backup(servers)
    await until(running, [], 20)
    await leave(http, gone)
    changes = await asyncpg.connect(database_url)
    await switch_to(changes, second_key)
    await changes.close()
    await asyncio.sleep(1.5)
    async with asyncio.timeout(20):
        while (answer := await http.post("/api/auth/login", json=LOGIN)).status_code != 200:
            await asyncio.sleep(0.2)
    later = answer.json()
    assert kid_of(later) == second_key != kid_of(stays)
    async with asyncio.timeout(20):
        while await said(verifier, gone) != "revoked_session":
            await asyncio.sleep(0.1)
    assert await said(verifier, later) == "good"

    async with Hammer(running, gone).at_work():
        yesterday.restore()
        restored = monotonic()
        await until(running, ["rollback_suspected"], NOTICED_SECONDS)
        async with asyncio.timeout(20):
            while await said(verifier, later) != "revocations_stale":
                await asyncio.sleep(0.05)
        prompt(monotonic() - restored < NOTICED_SECONDS, "the verifier")
        assert await said(verifier, gone, stale="accept") == "revoked_session", "what it knows to be revoked stays so"
        # Whoever comes now, with no memory of its own, hears it from Redis and from the database.
        fresh = Replica(place.env)
        try:
            await until([fresh], ["rollback_suspected"], 30)
            for replica in (*running, fresh):
                async with httpx2.AsyncClient(base_url=replica.url, trust_env=False) as one:
                    keys = jwt.PyJWKSet.from_dict((await one.get("/.well-known/jwks.json")).json())
                    for tokens in (gone, stays, later):
                        jwt.decode(
                            tokens["access_token"],
                            keys[kid_of(tokens)],
                            algorithms=["RS256"],
                            options={"verify_aud": False},
                        )
                    assert (await one.get("/.well-known/openid-configuration")).status_code == 200
                    answer = await refresh(one, stays["refresh_token"])
                    assert honest(answer)
                    assert honest(await one.post("/api/auth/login", json=LOGIN))
                    text = (await one.get("/metrics")).text
                    assert "authsvc_rollback_suspected 1.0" in text
        finally:
            fresh.stop()
        shown = await authsvc(place.env, "restore", "show")
        assert "are lost" in shown
        assert "went backwards" in await authsvc(place.env, "doctor", code=1)
        told = await authsvc(place.env, "restore", "fence", "--end-sessions", "--yes")
        assert "Ended 1 session;" in told, told  # of the two of the backup, Redis knew one to have ended
        await until(running, [], 10)
        await asyncio.sleep(0.5)
    assert (await refresh(http, stays["refresh_token"])).json()["error"] == "invalid_grant"
    anew = await login(http)
    async with asyncio.timeout(20):
        while await said(verifier, anew) != "good":
            await asyncio.sleep(0.1)
    assert await said(verifier, gone) == "revoked_session"
    assert await said(verifier, stays) == "revoked_session"
    assert await said(verifier, later) == "good", "row 23: the key of a token that the backup does not know is in it"


@again_when_busy
async def test_row_4_a_failover_that_lost_its_tail_is_no_restore_and_is_healed(
    place: Place, servers: Servers, database_url: str
) -> None:
    running, http = place.running, place.http
    gone, stays = [await login(http) for _ in range(2)]
    standby = Backup(servers)
    await until(running, [], 20)
    await leave(http, gone)
    async with Hammer(running, gone).at_work():
        standby.restore(promoted=True)
        async with admin(servers) as connection:
            assert await connection.fetchval("SELECT pg_promote()")
        await asyncio.sleep(0.5)  # for so long a replica is ready by what it heard before
        await until(running, [], 10)
        await asyncio.sleep(0.5)
    connection = await asyncpg.connect(database_url)
    assert await connection.fetchval("SELECT feed_database() LIKE '%.2'")
    reasons = await connection.fetch("SELECT end_reason FROM user_sessions WHERE NOT is_active")
    assert [row["end_reason"] for row in reasons] == ["healed"]
    await connection.close()
    assert (await refresh(http, stays["refresh_token"])).status_code == 200
