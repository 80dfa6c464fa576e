"""Redis evicts or forgets revocations at the worst of times: PostgreSQL is away, the set is being filled."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit, urlunsplit

import pytest
import redis.asyncio

from authsvc.flows.upkeep import watch_redis
from authsvc.runtime import open_runtime
from authsvc.settings import load
from authsvc.store.errors import StoreUnavailable
from authsvc.store.revocation.revocation_set import JUDGED_SECONDS, Answer, Judgement, RevocationSet
from authsvc.store.revocation.revocations import Bearer, Revocation
from authsvc.tasks import end_tasks
from authsvc_devkit.servers import Servers
from tests.conftest import following
from tests.faults.conftest import (
    Service,
    active,
    database_proxy,
    epoch_in,
    evict_revocations,
    logout,
    on_database,
    serving,
    until_trusted,
)
from tests.support.busy import again_when_busy
from tests.support.calls import login

pytestmark = pytest.mark.faults


@again_when_busy
async def test_evictions_are_noticed_while_postgresql_is_away(
    env: dict[str, str], servers: Servers, valkey: redis.asyncio.Redis
) -> None:
    """What Redis was told is all that anybody knows then, and who follows changes waits for PostgreSQL."""
    async with database_proxy(servers) as link:
        env["AUTHSVC_DATABASE_URL"] = on_database(env["AUTHSVC_DATABASE_URL"], link)
        async with serving(env) as service:
            people = [await login(service.http) for _ in range(3)]
            await until_trusted(valkey, service)
            for tokens in people[:2]:
                assert (await logout(service.http, tokens)).status_code == 204
            assert await active(service.http, people[2]) is True  # which remembers the client that asks
            await asyncio.sleep(0.6)  # it was looked at since it was filled
            link.blackhole()
            assert [await active(service.http, tokens) for tokens in people] == [False, False, True]
            await evict_revocations(valkey)
            await asyncio.sleep(1)
            said = [await active(service.http, tokens) for tokens in people]
            assert said == [None] * 3
            link.heal()
            await until_trusted(valkey, service)
            assert [await active(service.http, tokens) for tokens in people] == [False, False, True]
    await valkey.flushall()


async def test_a_set_whose_count_of_evictions_is_gone_is_not_believed(
    service: Service, valkey: redis.asyncio.Redis
) -> None:
    key = service.runtime.redis.key
    await until_trusted(valkey, service)
    epoch = await epoch_in(valkey, service)
    await valkey.delete(key("rev", "evicted"))
    while await epoch_in(valkey, service) == epoch:
        assert (await service.runtime.revocation_set.judge()).holes in ("evicted", None)
        await asyncio.sleep(0.02)
    await until_trusted(valkey, service)
    assert await valkey.get(key("rev", "evicted")) is not None


async def _forget(valkey: redis.asyncio.Redis) -> None:
    await valkey.flushall()


LATE = Bearer("late", "x", 0, None, None)


@pytest.mark.parametrize("lose", [_forget, evict_revocations])
async def test_a_set_that_lost_something_while_it_was_filled_is_not_ended(
    lose: Callable[[redis.asyncio.Redis], Awaitable[None]], env: dict[str, str], valkey: redis.asyncio.Redis
) -> None:
    """A revocation is put in after PostgreSQL was read for it, and is gone again. The claim goes with it."""
    runtime = open_runtime(load(env))
    revocation_set = runtime.revocation_set
    revocation_set.require("new")
    claim = await revocation_set.claim_rebuild()
    assert claim is not None
    assert await revocation_set.claim_rebuild() is None
    await revocation_set.add([Revocation("token", "late", 1, 600)])
    await lose(valkey)
    assert await revocation_set.rebuild([], claim, epoch="new", mark=5) is False
    assert await revocation_set.judge() == (None, None)
    assert await revocation_set.find(LATE) is Answer.UNTRUSTED
    await runtime.close()
    await valkey.flushall()


async def test_what_was_evicted_since_a_rebuild_was_begun_is_a_hole_in_it(env: dict[str, str]) -> None:
    runtime = open_runtime(load(env))
    revocation_set = runtime.revocation_set
    revocation_set.require("new")
    claim = await revocation_set.claim_rebuild()
    assert claim is not None
    assert await revocation_set.rebuild([], claim._replace(evicted=claim.evicted - 1), epoch="new", mark=5)
    assert (await revocation_set.judge()).holes == "evicted"
    assert await revocation_set.find(LATE) is Answer.UNTRUSTED
    await runtime.close()


async def test_a_look_stands_for_a_second(env: dict[str, str], valkey: redis.asyncio.Redis) -> None:
    """A worker that stood still, or cannot look, does not know what was lost meanwhile."""
    async with following(env) as runtime:
        live = Bearer("live", "x", 0, None, None)
        while await runtime.revocation_set.find(live) is not Answer.LIVE:
            await asyncio.sleep(0.02)
    again = open_runtime(load(env))
    again.revocation_set.require(str(await valkey.get(again.redis.key("rev", "epoch"))))
    assert await again.revocation_set.judge() == (None, None)
    assert await again.revocation_set.find(live) is Answer.LIVE
    await asyncio.sleep(JUDGED_SECONDS + 0.01)
    assert await again.revocation_set.find(live) is Answer.UNTRUSTED
    await again.close()


async def test_a_server_that_refuses_info_is_believed_by_epoch_and_mark(
    env: dict[str, str], valkey: redis.asyncio.Redis
) -> None:
    """As some managed ones do; their policy is their own affair."""
    await valkey.execute_command("ACL", "SETUSER", "careful", "on", ">secret", "~*", "&*", "+@all", "-info")
    env["AUTHSVC_REDIS_URL"] = urlunsplit(urlsplit(env["AUTHSVC_REDIS_URL"])._replace(netloc="careful:secret@"))
    try:
        async with serving(env) as service:
            await until_trusted(valkey, service)
            revocation_set = service.runtime.revocation_set
            assert await revocation_set.judge() == (None, None)
            assert await revocation_set.find(LATE) is Answer.LIVE
            await revocation_set.add([Revocation("token", "late", 1, 600)])
            assert await revocation_set.find(LATE) is Answer.REVOKED
            with pytest.raises(StoreUnavailable, match="refused"):
                await service.runtime.redis.command("INFO", "memory")
    finally:
        await valkey.execute_command("ACL", "DELUSER", "careful")
        await valkey.flushall()


async def test_an_unforeseen_error_does_not_end_the_looking(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = 0

    async def fails(_: RevocationSet) -> Judgement:
        nonlocal looks
        looks += 1
        raise ValueError

    monkeypatch.setattr(RevocationSet, "judge", fails)
    monkeypatch.setattr(watch_redis, "LOOK_SECONDS", 0.01)
    watching = asyncio.create_task(watch_redis.watch_redis(service.runtime))
    async with asyncio.timeout(10):
        while looks < 5:
            await asyncio.sleep(0.01)
    assert not watching.done()
    await end_tasks([watching])
