"""Redis is gone, stopped, paused, or refuses what managed ones refuse: it is in nobody's way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic
from typing import Any

import pytest
import redis.asyncio

from authsvc.store.caller.attempts import Bucket
from authsvc_devkit.servers import Servers
from tests.faults.conftest import Service, active, logout, profile, serving, timed
from tests.support.busy import again_when_busy, prompt
from tests.support.calls import LOGIN, login, refresh

pytestmark = pytest.mark.faults


@asynccontextmanager
async def broken(how: str, servers: Servers, valkey: redis.asyncio.Redis) -> AsyncIterator[None]:
    if how == "killed":
        servers.redis.kill()
    elif how == "stopped":
        servers.redis.freeze()
    else:
        await valkey.execute_command("CLIENT", "PAUSE", "3000", "ALL")
    over = monotonic() + 3
    yield
    if how == "paused":  # not even UNPAUSE is heard
        await asyncio.sleep(over - monotonic())
    servers.redis.thaw()
    servers.redis.start()


@again_when_busy
@pytest.mark.parametrize("how", ["killed", "stopped", "paused"])
async def test_without_redis_everything_works_and_only_the_first_logout_waits(
    service: Service, servers: Servers, valkey: redis.asyncio.Redis, how: str
) -> None:
    http = service.http
    people = [await login(http) for _ in range(8)]
    assert await active(http, people[0]) is True
    async with broken(how, servers, valkey):
        answer, took = await timed(refresh(http, people[0]["refresh_token"]))
        assert answer.status_code == 200
        prompt(took < 0.1, took)
        answer, took = await timed(http.post("/api/auth/login", json=LOGIN))
        assert answer.status_code == 200
        prompt(took < 0.7, took)
        assert (await profile(http, people[0])).status_code == 200
        assert await active(http, people[0]) is True
        started = monotonic()
        answer, first = await timed(logout(http, people[1]))
        assert answer.status_code == 204
        assert monotonic() - started >= 1, "acknowledged before every replica had stopped to believe Redis"
        assert first < 1.6, first
        assert await active(http, people[1]) is False
        times = []
        for tokens in people[2:6]:
            answer, took = await timed(logout(http, tokens))
            assert answer.status_code == 204
            assert await active(http, tokens) is False
            times.append(took)
        prompt(max(times) < 0.3, times)
        assert (await http.get("/readyz")).json() == {"status": "ready", "problems": [], "degraded": ["redis"]}
    await _trusted_again(service)
    assert [await active(http, tokens) for tokens in people] == [True] + [False] * 5 + [True] * 2


async def _trusted_again(service: Service, seconds: float = 3) -> float:
    started = monotonic()
    while (await service.http.get("/readyz")).json()["degraded"] or not await service.runtime.redis.command(
        "GET", service.runtime.redis.key("rev", "epoch")
    ):
        assert monotonic() - started < seconds
        await asyncio.sleep(0.02)
    return monotonic() - started


@pytest.mark.parametrize("several", ["AUTHSVC_REPLICAS", "AUTHSVC_WORKERS"])
async def test_the_limiter_still_limits_in_memory_at_one_workers_share(
    several: str, env: dict[str, str], servers: Servers
) -> None:
    env[several] = "2"
    async with serving(env) as service:
        servers.redis.kill()
        wrong = {**LOGIN, "password": "wrong"}
        statuses = [(await service.http.post("/api/auth/login", json=wrong)).status_code for _ in range(8)]
        assert statuses == [401] * 5 + [429] * 3
        assert (await service.http.post("/api/auth/login", json=LOGIN)).status_code == 429


async def test_the_limiter_has_no_hole_while_redis_goes_and_comes(service: Service, servers: Servers) -> None:
    attempts, bucket = service.runtime.attempts, [Bucket("hole", 5)]
    taken = 0
    for number in range(60):
        if number == 20:
            servers.redis.freeze()
        if number == 40:
            servers.redis.thaw()
        taken += await attempts.take(bucket, str(number)) == 0
        await asyncio.sleep(0.03)
    assert taken <= 10, "never more than one window in Redis and one in memory"


async def test_a_success_that_redis_was_not_told_of_is_told_with_the_next_call(service: Service) -> None:
    """A failover between a log-in's beginning and its end: else it would count as a failure for the whole window."""
    attempts, route = service.runtime.attempts, service.runtime.redis.route
    mine, others = [Bucket("owed", 2)], [Bucket("another", 2)]
    assert [await attempts.take(mine, attempt) for attempt in ("1", "2")] == [0, 0]
    route._open_until = float("inf")
    for attempt in ("1", "2"):
        await attempts.give_back(mine, attempt)
    route._open_until = 0.0
    assert await attempts.take(mine, "3") == 0, "two successes were counted as failures"
    assert await attempts.take(others, "4") == 0
    route._open_until = float("inf")
    await attempts.give_back(mine, "3")
    route._open_until = 0.0
    await attempts.give_back(others, "4")
    assert await service.runtime.redis.command("ZCARD", service.runtime.redis.key("fail", "owed")) == 0


@again_when_busy
async def test_a_redis_that_refuses_info_and_config_holds_the_set_all_the_same(
    env: dict[str, str], servers: Servers, valkey: redis.asyncio.Redis
) -> None:
    """As managed ones do. Nothing but the wish to look at its settings is given up."""
    await valkey.execute_command("ACL", "SETUSER", "managed", "on", ">secret", "~*", "+@all", "-info", "-config")
    env["AUTHSVC_REDIS_URL"] = f"unix://managed:secret@{servers.redis.socket_path}?db=0"
    async with serving(env) as service:
        await _trusted_again(service)
        tokens = await login(service.http)
        asked: list[Any] = []
        database, service.runtime.db.fetchval = service.runtime.db.fetchval, lambda *a: asked.append(a)  # type: ignore[method-assign]
        assert await active(service.http, tokens) is True
        service.runtime.db.fetchval = database  # type: ignore[method-assign]
        assert not asked, "Redis was not believed"
        answer, took = await timed(logout(service.http, tokens))
        assert answer.status_code == 204
        prompt(took < 0.5, took)
        assert await active(service.http, tokens) is False


@again_when_busy
async def test_more_calls_at_once_than_connections_are_busy_not_broken(service: Service) -> None:
    store = service.runtime.redis
    answers = await asyncio.gather(*(store.command("ECHO", str(n)) for n in range(300)), return_exceptions=True)
    told = [answer for answer in answers if isinstance(answer, str)]
    prompt(len(told) >= 50, answers[:5])
    assert await store.command("ECHO", "after") == "after", "the breaker is open"
