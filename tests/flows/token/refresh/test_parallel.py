"""Many at once, on real processes: parallel calls of one token, ends racing refreshes, no deadlock anywhere."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from time import monotonic
from typing import Any

import httpx2
import pytest

from authsvc.rules.token.refresh_token import RefreshToken, decode, encode
from authsvc.runtime import Runtime, open_runtime
from authsvc.serving.protocol import DeadlineProtocol
from authsvc.settings import load
from tests.flows.token.refresh.bench import Bench
from tests.support.busy import again_when_busy, none_turned_away, prompt
from tests.support.calls import bearer, login, refresh
from tests.support.replicas import Replicas

LOGOUT_ROUNDS = int(os.environ.get("REFRESH_LOGOUT_ROUNDS", "200"))
ENDED = (400, "invalid_grant")


@dataclass
class Fleet:
    """Two processes of the service, and a way to make and read tokens."""

    https: list[httpx2.AsyncClient]
    runtime: Runtime

    def one(self, number: int) -> httpx2.AsyncClient:
        return self.https[number % len(self.https)]

    def token(self, text: str, client_id: str = "customer") -> RefreshToken:
        found = decode(text, self.runtime.refresh_mac_key, client_id)
        assert found is not None
        return found


@pytest.fixture(scope="module")
def fleet_env(base_env: dict[str, str], module_database_url: str) -> dict[str, str]:
    return {
        **base_env,
        "AUTHSVC_DATABASE_URL": module_database_url,
        "AUTHSVC_REDIS_PREFIX": f"fleet{os.getpid()}",
        "AUTHSVC_LOGIN_ACCOUNT_FAILURES": "1000",  # logins of somebody who is being disabled count as failures
    }


@pytest.fixture(scope="module")
def replicas(fleet_env: dict[str, str]) -> Iterator[Replicas]:
    running = Replicas(fleet_env)
    yield running
    whole = running.whole_log()
    running.stop()
    assert "request_failed" not in whole  # of the last test, written after its answers


@pytest.fixture(scope="module")
def urls(replicas: Replicas) -> dict[str, list[str]]:
    two, one = replicas.start(2), replicas.start(1, workers=2)
    return {"two replicas": [replica.url for replica in two], "two workers": [one[0].url]}


@pytest.fixture
async def fleet(
    request: pytest.FixtureRequest, urls: dict[str, list[str]], fleet_env: dict[str, str], replicas: Replicas
) -> AsyncIterator[Fleet]:
    """Of the test's parameter, or two replicas."""
    said_before = len(replicas.logs())
    kind = getattr(request, "param", "two replicas")
    limits = httpx2.Limits(max_connections=None, max_keepalive_connections=None)
    async with AsyncExitStack() as stack:
        https = [
            await stack.enter_async_context(httpx2.AsyncClient(base_url=url, limits=limits, timeout=30))
            for url in urls[kind]
        ]
        yield Fleet(https, open_runtime(load(fleet_env)))
    said = replicas.logs()[said_before:]
    assert "request_failed" not in said  # a 500 leaves its stack there
    for line in said.splitlines():
        if '"status":503' in line:
            print(line)


both_kinds = pytest.mark.parametrize("fleet", ["two replicas", "two workers"], indirect=True)


async def at_once(fleet: Fleet, token: str, number: int, client_id: str = "customer") -> list[httpx2.Response]:
    started = monotonic()
    try:
        return await asyncio.gather(*(refresh(fleet.one(n), token, client_id) for n in range(number)))
    except httpx2.ReadError:  # closed unused: we connected, and sent nothing for so long
        prompt(monotonic() - started < DeadlineProtocol.head_seconds, "we were too slow to send")
        raise


def outcome(answer: httpx2.Response) -> tuple[int, str | None]:
    return answer.status_code, answer.json().get("error")


@again_when_busy
@both_kinds
async def test_two_hundred_parallel_refreshes_are_one_rotation_and_two_hundred_equal_tokens(
    fleet: Fleet, bench: Bench
) -> None:
    first = await login(fleet.one(0))
    answers = await at_once(fleet, first["refresh_token"], 200)
    none_turned_away(answers)
    assert Counter(map(outcome, answers)) == {(200, None): 200}
    (successor,) = {answer.json()["refresh_token"] for answer in answers}
    bench.grant_id = fleet.token(successor).grant_id
    row = await bench.row()
    assert (row["generation"], row["parent"], row["repeats"]) == (1, 0, 199)
    assert len({answer.json()["access_token"] for answer in answers}) == 200
    assert (await refresh(fleet.one(1), successor)).status_code == 200


@again_when_busy
@both_kinds
async def test_fifty_parallel_refreshes_of_a_strict_client_are_one_success(fleet: Fleet, bench: Bench) -> None:
    first = await login(fleet.one(0), client_id="strict")
    answers = await at_once(fleet, first["refresh_token"], 50, "strict")
    none_turned_away(answers)
    assert Counter(map(outcome, answers)) == {(200, None): 1, ENDED: 49}
    (winner,) = (answer.json() for answer in answers if answer.status_code == 200)
    bench.grant_id = fleet.token(winner["refresh_token"], "strict").grant_id
    row = await bench.row()
    assert (row["generation"], row["ended"]) == (1, True)  # RFC 9700 section 4.14.2: who was the thief is not known


@again_when_busy
async def test_three_hundred_parallel_refreshes_are_a_loop_that_is_told_to_wait_and_the_session_lives(
    fleet: Fleet,
) -> None:
    first = await login(fleet.one(0))
    answers = await at_once(fleet, first["refresh_token"], 300)
    found = Counter(map(outcome, answers))
    assert set(found) == {(200, None), (503, "temporarily_unavailable")}
    assert found[200, None] <= 257
    assert all(int(answer.headers["retry-after"]) >= 1 for answer in answers if answer.status_code == 503)
    (successor,) = {answer.json()["refresh_token"] for answer in answers if answer.status_code == 200}
    assert (await refresh(fleet.one(1), successor)).status_code == 200


@pytest.mark.parametrize("how", ["logout", "revoke", "end session"])
async def test_nothing_refreshes_after_the_2xx_to_a_logout_that_raced_refreshes(fleet: Fleet, how: str) -> None:
    async def play(number: int) -> None:
        for _ in range(LOGOUT_ROUNDS // 3 // 4 + 1):
            await race(number)

    async def race(number: int) -> None:
        first = await login(fleet.one(number))
        seen = [first["refresh_token"]]
        over = asyncio.Event()
        racing = [asyncio.create_task(keep_refreshing(fleet.one(number + n), seen, over)) for n in range(2)]
        await asyncio.sleep(0.001 * (number % 4))
        answer = await end(fleet.one(number + 1), how, first, seen[-1])
        assert answer.status_code in (200, 204)
        said = len(seen)
        late = [await refresh(fleet.one(n), token) for n, token in enumerate(reversed(seen[-4:]))]
        assert {outcome(one) for one in late} == {ENDED}
        over.set()
        await asyncio.gather(*racing)
        # Whoever was answered after the 2xx had been judged before it: what was given is worth nothing.
        assert {outcome(await refresh(fleet.one(n), token)) for n, token in enumerate(seen[said - 1 :])} == {ENDED}

    await asyncio.gather(*(play(number) for number in range(4)))


async def keep_refreshing(http: httpx2.AsyncClient, seen: list[str], over: asyncio.Event) -> None:
    token = seen[-1]
    while not over.is_set():
        answer = await refresh(http, token)
        assert answer.status_code in (200, 400, 503), answer.text  # 503: late by two, the other tab was quicker
        if answer.status_code == 400:
            return
        if answer.status_code == 200:
            token = answer.json()["refresh_token"]
            seen.append(token)
        else:
            token = seen[-1]


async def end(http: httpx2.AsyncClient, how: str, tokens: dict[str, Any], newest: str) -> httpx2.Response:
    if how == "logout":
        return await http.post("/api/auth/logout", json={"refresh_token": newest})
    if how == "revoke":
        return await http.post("/revoke", data={"client_id": "customer", "token": newest})
    return await http.delete(f"/api/auth/sessions/{tokens['session_id']}", headers=bearer(tokens))


async def test_reuse_found_beside_a_rightful_refresh_ends_the_session_for_both(fleet: Fleet) -> None:
    async def race(number: int) -> None:
        tokens = [(await login(fleet.one(number)))["refresh_token"]]
        for n in range(5):
            tokens.append((await refresh(fleet.one(n), tokens[-1])).json()["refresh_token"])
        stolen, rightful = await asyncio.gather(
            refresh(fleet.one(number), tokens[0]), refresh(fleet.one(number + 1), tokens[-1])
        )
        assert outcome(stolen) == ENDED
        assert outcome(rightful) in {(200, None), ENDED}
        if rightful.status_code == 200:
            tokens.append(rightful.json()["refresh_token"])
        after = [await refresh(fleet.one(n), token) for n, token in enumerate(tokens)]
        assert {outcome(answer) for answer in after} == {ENDED}

    for start in range(0, 40, 4):
        await asyncio.gather(*(race(start + n) for n in range(4)))


async def test_two_revokes_of_the_two_grants_of_a_session_leave_no_session_behind(fleet: Fleet, bench: Bench) -> None:
    for number in range(50):
        first = await login(fleet.one(number))
        mine = fleet.token(first["refresh_token"])
        bench.session_id = first["session_id"]
        other = RefreshToken(mine.key_id, *await second_grant(bench))
        text = encode(other, fleet.runtime.refresh_mac_key, "strict")
        done = await asyncio.gather(
            fleet.one(0).post("/revoke", data={"client_id": "customer", "token": first["refresh_token"]}),
            fleet.one(1).post("/revoke", data={"client_id": "strict", "token": text}),
        )
        assert [answer.status_code for answer in done] == [200, 200]
        assert not await bench.sql.fetchval("SELECT is_active FROM user_sessions WHERE id = $1", first["session_id"])


async def second_grant(bench: Bench) -> tuple[Any, int, bytes]:
    secret = os.urandom(16)
    grant_id, _ = await bench.add_grant("strict", secret)
    return grant_id, 0, secret


async def test_whatever_ends_sessions_runs_into_no_deadlock_and_no_500(fleet: Fleet, bench: Bench) -> None:
    """Every end in every order at once: one, the others, all of a person, and refreshes through all of it."""
    statuses: Counter[int] = Counter()

    async def live(number: int) -> None:
        http = fleet.one(number)
        for turn in range(12):
            begun = await http.post("/api/auth/login", json={"email": "test@example.com", "password": "password"})
            statuses[begun.status_code] += 1
            if begun.status_code != 200:
                continue
            mine = begun.json()
            token = mine["refresh_token"]
            for _ in range(3):
                answers = [await refresh(http, token), await refresh(fleet.one(number + 1), token)]
                statuses.update(answer.status_code for answer in answers)
                token = answers[0].json().get("refresh_token", token)
            ends = [
                lambda h, t, m=mine: h.post("/api/auth/logout", json={"refresh_token": t}),
                lambda h, t, m=mine: h.delete("/api/auth/sessions", headers=bearer(m)),
                lambda h, t, m=mine: h.post("/revoke", data={"client_id": "customer", "token": t}),
                lambda h, t, m=mine: h.delete(f"/api/auth/sessions/{m['session_id']}", headers=bearer(m)),
            ]
            chosen = [ends[(turn + number) % 4], ends[(turn + number + 1) % 4]]
            done = await asyncio.gather(*(way(fleet.one(n), token) for n, way in enumerate(chosen)))
            statuses.update(answer.status_code for answer in done)

    async def operate() -> None:
        for _ in range(15):
            await bench.sql.execute("UPDATE users SET disabled_at = now() WHERE email = 'test@example.com'")
            await bench.sql.execute("UPDATE users SET disabled_at = NULL WHERE email = 'test@example.com'")
            await bench.sql.execute("UPDATE user_sessions SET is_active = false WHERE is_active AND random() < 0.3")
            await asyncio.sleep(0.03)

    counted = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    before = await bench.sql.fetchval(counted)
    await asyncio.gather(operate(), *(live(number) for number in range(8)))
    assert set(statuses) <= {200, 204, 400, 401, 404, 429}, statuses
    assert statuses[200] > 100
    await asyncio.sleep(0.2)
    assert await bench.sql.fetchval(counted) == before
