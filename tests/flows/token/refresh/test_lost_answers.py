"""Whatever is lost on the way, a client that tries again goes on: no session is lost, no lineage forks."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlencode, urlsplit, urlunsplit

import asyncpg
import httpx2
import pytest

from authsvc import metrics
from authsvc.app import App, start
from authsvc.flows.upkeep.follow_changes import follow_once
from authsvc.rules.token.refresh_token import RefreshToken, decode
from authsvc.runtime import Runtime, open_runtime
from authsvc.settings import load
from authsvc_devkit.servers import Servers
from tests.conftest import ISSUER
from tests.flows.token.refresh.wire import SOCKET
from tests.support.calls import login, refresh
from tests.support.faultproxy import FaultProxy
from tests.support.gone import SERVER_GONE
from tests.support.replicas import Replica, Replicas

CHAINS = 24
KILLS = 3
GRACE = 30
LOST_ANSWER = 259_200
REUSE = (400, "invalid_grant")


@pytest.fixture
def own_replicas(own_env: dict[str, str]) -> Iterator[list[Replica]]:
    running = Replicas(own_env)
    try:
        yield running.start(2)
        assert "request_failed" not in running.whole_log()
    finally:
        running.stop()


@dataclass
class Chain:
    """A client that keeps its token until it has heard of the next one."""

    token: str
    heard: dict[str, str] = field(default_factory=dict)
    rotations: int = 0
    unheard: int = 0

    async def go_on(self, https: list[httpx2.AsyncClient], over: asyncio.Event) -> None:
        while not over.is_set():
            await self.step(random.choice(https))

    async def step(self, http: httpx2.AsyncClient) -> None:
        try:
            answer = await refresh(http, self.token)
        except SERVER_GONE:
            self.unheard += 1
            return
        if answer.status_code == 503:
            self.unheard += 1
            await asyncio.sleep(0.02)  # a client of the wild would take Retry-After
            return
        assert answer.status_code == 200, answer.text
        successor = answer.json()["refresh_token"]
        assert self.heard.setdefault(self.token, successor) == successor
        self.token = successor
        self.rotations += 1


@pytest.mark.faults
@pytest.mark.timeout(120)
async def test_killing_postgresql_under_load_loses_no_session_and_forks_none(
    own_servers: Servers, own_replicas: list[Replica], own_env: dict[str, str]
) -> None:
    async with (
        httpx2.AsyncClient(base_url=own_replicas[0].url) as one,
        httpx2.AsyncClient(base_url=own_replicas[1].url) as two,
    ):
        https = [one, two]
        chains = [Chain((await login(https[n % 2]))["refresh_token"]) for n in range(CHAINS)]
        over = asyncio.Event()
        load_ = [asyncio.create_task(chain.go_on(https, over)) for chain in chains]
        for _ in range(KILLS):
            await asyncio.sleep(random.uniform(0.4, 0.8))
            await asyncio.to_thread(own_servers.postgres.kill)
            await asyncio.sleep(random.uniform(0, 0.3))
            own_servers.postgres.start()
        await asyncio.sleep(0.5)
        over.set()
        await asyncio.gather(*load_)
        before = [chain.rotations for chain in chains]
        async with asyncio.timeout(10):
            for chain, rotations in zip(chains, before, strict=True):
                while chain.rotations == rotations:
                    await chain.step(random.choice(https))
    assert all(rotations > 0 for rotations in before)
    assert sum(chain.unheard for chain in chains) > KILLS
    sql = await asyncpg.connect(own_env["AUTHSVC_DATABASE_URL"])
    assert await sql.fetchval("SELECT count(*) FROM user_sessions WHERE is_active") == CHAINS
    assert await sql.fetchval("SELECT count(*) FROM grants WHERE ended") == 0
    # As many generations as rotations that were heard of, and no more than one a chain beyond: nothing was skipped.
    assert await sql.fetchval("SELECT sum(generation) FROM grants") == sum(chain.rotations for chain in chains)
    await sql.close()
    print(f"{sum(before)} rotations, {sum(chain.unheard for chain in chains)} answers unheard, {KILLS} kills")


# Between the commit and the answer


@pytest.fixture
async def broken_line(servers: Servers) -> AsyncIterator[FaultProxy]:
    async with FaultProxy(servers.postgres.socket_path, name=SOCKET) as proxy:
        yield proxy


@asynccontextmanager
async def behind(env: dict[str, str], proxy: FaultProxy) -> AsyncIterator[tuple[Runtime, httpx2.AsyncClient]]:
    url = urlsplit(env["AUTHSVC_DATABASE_URL"])
    through = urlunsplit(url._replace(query=urlencode({"host": str(proxy.directory)})))
    runtime = open_runtime(load({**env, "AUTHSVC_DATABASE_URL": through}))
    await start(runtime)
    transport = httpx2.ASGITransport(app=App(runtime), client=("192.0.2.7", 4711))
    async with httpx2.AsyncClient(transport=transport, base_url=ISSUER) as http:
        yield runtime, http
    await runtime.close()


def opened(runtime: Runtime, text: str) -> RefreshToken:
    token = decode(text, runtime.refresh_mac_key, "customer")
    assert token is not None
    return token


@pytest.mark.faults
@pytest.mark.parametrize("how", ["cut", "silent"])
async def test_a_commit_whose_answer_was_lost_is_repeated_to_the_retry(
    settings_env: dict[str, str], sql: asyncpg.Connection, broken_line: FaultProxy, how: str
) -> None:
    async with behind(settings_env, broken_line) as (runtime, http):
        text = (await login(http))["refresh_token"]
        text = (await refresh(http, text)).json()["refresh_token"]  # the statement is prepared: one answer is all of it
        for turn in range(1, 9 if how == "cut" else 2):
            mine = opened(runtime, text)
            if how == "cut":
                broken_line.cut_after_request(mine.secret_hash)
            else:
                broken_line.drop_next_answer()
            lost = await refresh(http, text)
            assert (lost.status_code, lost.json()["error"]) == (503, "temporarily_unavailable")
            assert int(lost.headers["retry-after"]) >= 1
            stored = await sql.fetchrow("SELECT generation, repeats FROM grants WHERE id = $1", mine.grant_id)
            assert tuple(stored) == (turn + 1, 0)  # it was committed all the same
            again = await refresh(http, text)
            assert again.status_code == 200, again.text
            text = again.json()["refresh_token"]
            assert opened(runtime, text).generation == turn + 1
        assert (await refresh(http, text)).status_code == 200


# Between the service and the client


async def pass_time(sql: asyncpg.Connection, seconds: float) -> None:
    await sql.execute("UPDATE grants SET rotated_at = rotated_at - $1::float8 * interval '1 second'", float(seconds))


@pytest.mark.parametrize("after", [0, GRACE - 1])
async def test_a_client_that_never_got_its_answer_is_given_it_again_within_the_grace(
    http: httpx2.AsyncClient, sql: asyncpg.Connection, after: int
) -> None:
    first = (await login(http))["refresh_token"]
    lost = (await refresh(http, first)).json()["refresh_token"]
    await pass_time(sql, after)
    again = await refresh(http, first)
    assert (again.status_code, again.json()["refresh_token"]) == (200, lost)
    assert (await refresh(http, lost)).status_code == 200


@pytest.mark.parametrize("after", [GRACE + 1, 86_400, LOST_ANSWER - 5])
async def test_a_client_that_comes_back_later_gets_a_new_successor_and_the_unused_one_is_void(
    http: httpx2.AsyncClient, sql: asyncpg.Connection, runtime: Runtime, after: int
) -> None:
    first = (await login(http))["refresh_token"]
    lost = (await refresh(http, first)).json()["refresh_token"]
    await pass_time(sql, after)
    superseding = (await refresh(http, first)).json()["refresh_token"]
    assert superseding != lost
    assert opened(runtime, superseding).generation == opened(runtime, lost).generation + 1
    repeated = await refresh(http, first)  # and its answer may be lost too
    assert repeated.json()["refresh_token"] == superseding
    void = await refresh(http, lost)
    assert (void.status_code, void.json()["error"]) == REUSE
    for token in (superseding, first):
        ended = await refresh(http, token)
        assert (ended.status_code, ended.json()["error"]) == REUSE
    assert await sql.fetchval("SELECT end_reason FROM user_sessions") == "refresh_token_reuse"
    assert await sql.fetchval("SELECT count(*) FROM audit_events WHERE event = 'refresh_token_reuse'") == 1


async def test_a_used_token_that_comes_after_three_days_is_taken_for_stolen_and_ends_the_session(
    http: httpx2.AsyncClient, sql: asyncpg.Connection
) -> None:
    first = (await login(http))["refresh_token"]
    unused = (await refresh(http, first)).json()["refresh_token"]
    await pass_time(sql, LOST_ANSWER + 1)
    found = await refresh(http, first)
    assert (found.status_code, found.json()["error"]) == REUSE
    assert await sql.fetchval("SELECT end_reason FROM user_sessions") == "refresh_token_reuse"
    assert (await refresh(http, unused)).status_code == 400


async def test_the_live_token_serves_however_long_nobody_came(
    http: httpx2.AsyncClient, sql: asyncpg.Connection
) -> None:
    first = (await login(http))["refresh_token"]
    live = (await refresh(http, first)).json()["refresh_token"]
    await pass_time(sql, LOST_ANSWER + 1)
    assert (await refresh(http, live)).status_code == 200


async def test_a_client_may_be_given_another_time_for_lost_answers(
    http: httpx2.AsyncClient, sql: asyncpg.Connection, runtime: Runtime
) -> None:
    for seconds, after, status in ((3600, 3601, 400), (604_800, LOST_ANSWER + 1, 200), (0, GRACE + 1, 400)):
        await sql.execute("UPDATE clients SET refresh_lost_answer_seconds = $1 WHERE id = 'customer'", seconds)
        await follow_once(runtime)
        first = (await login(http))["refresh_token"]
        await refresh(http, first)
        await pass_time(sql, after)
        assert (await refresh(http, first)).status_code == status, seconds


async def test_a_successor_that_was_used_cannot_be_superseded(
    http: httpx2.AsyncClient, sql: asyncpg.Connection
) -> None:
    first = (await login(http))["refresh_token"]
    second = (await refresh(http, first)).json()["refresh_token"]
    assert (await refresh(http, second)).status_code == 200
    await pass_time(sql, GRACE + 1)
    found = await refresh(http, first)
    assert (found.status_code, found.json()["error"]) == REUSE
    assert not await sql.fetchval("SELECT is_active FROM user_sessions")


# PostgreSQL forgets what it had committed


async def test_a_token_one_ahead_of_a_database_that_lost_its_last_commit_rotates_and_is_counted(
    http: httpx2.AsyncClient, sql: asyncpg.Connection, runtime: Runtime
) -> None:
    first = (await login(http))["refresh_token"]
    before = await sql.fetchrow("SELECT generation, parent, rotated_at, repeats FROM grants")
    second = (await refresh(http, first)).json()["refresh_token"]
    await sql.execute("UPDATE grants SET (generation, parent, rotated_at, repeats) = ($1, $2, $3, $4)", *before)
    counted = _rollbacks()
    third = await refresh(http, second)
    assert third.status_code == 200
    assert opened(runtime, third.json()["refresh_token"]).generation == 2
    assert _rollbacks() == counted + 1
    assert (await refresh(http, second)).json()["refresh_token"] == third.json()["refresh_token"]
    assert _rollbacks() == counted + 1
    late = await refresh(http, first)  # what the lost commit had spent stays spent
    assert late.status_code == 503


async def test_a_token_two_ahead_is_refused_and_ends_nothing(http: httpx2.AsyncClient, sql: asyncpg.Connection) -> None:
    token = (await login(http))["refresh_token"]
    tokens = [token]
    for _ in range(2):
        tokens.append((await refresh(http, tokens[-1])).json()["refresh_token"])
    await sql.execute("UPDATE grants SET generation = 0, parent = -1")
    refused = await refresh(http, tokens[2])
    assert (refused.status_code, refused.json()["error"]) == REUSE
    assert await sql.fetchval("SELECT is_active FROM user_sessions")
    assert (await refresh(http, tokens[1])).status_code == 200


def _rollbacks() -> float:
    return metrics.REGISTRY.get_sample_value("authsvc_state_rollback_total") or 0.0
