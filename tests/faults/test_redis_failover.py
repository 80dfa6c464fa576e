"""Redis fails over, by Sentinels or as a cluster: nobody who refreshes or logs in notices, and no revoked token comes
back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from time import monotonic
from typing import Any

import pytest

from authsvc.cli.doctor.redis_nodes import judge_redis_nodes
from authsvc.store import redis_nodes
from authsvc.store.errors import StoreUnavailable
from authsvc.store.redis import RedisStore
from authsvc.store.revocation.revocation_set import Answer, RevocationSet
from authsvc.store.revocation.revocations import Bearer, Revocation
from tests.faults.conftest import Service, active, logout, serving
from tests.faults.watch import Watch
from tests.support.busy import again_when_busy, prompt
from tests.support.calls import LOGIN, login, refresh
from tests.support.cluster import ValkeyCluster
from tests.support.sentinel import MASTER, SentinelSet
from tests.support.valkeys import Valkey

pytestmark = pytest.mark.faults


@pytest.fixture(scope="module")
def sentinel() -> Iterator[SentinelSet]:
    with SentinelSet(servers=2) as group:
        yield group


@pytest.fixture(scope="module")
def cluster() -> Iterator[ValkeyCluster]:
    with ValkeyCluster(replicated=["{rev}"]) as nodes:
        yield nodes


@pytest.fixture(params=["sentinel", "cluster"])
def group(request: pytest.FixtureRequest) -> SentinelSet | ValkeyCluster:
    return request.getfixturevalue(request.param)


def revocations_master(group: SentinelSet | ValkeyCluster) -> Valkey:
    return group.master() if isinstance(group, SentinelSet) else group.owner("{rev}")


@asynccontextmanager
async def honest_load(service: Service) -> AsyncIterator[list[Any]]:
    """Somebody refreshes and somebody logs in, all the time: (status, seconds) of each answer."""
    answers: list[Any] = []

    async def refreshes() -> None:
        token = (await login(service.http))["refresh_token"]
        while True:
            started = monotonic()
            answer = await refresh(service.http, token)
            answers.append((answer.status_code, monotonic() - started))
            token = answer.json().get("refresh_token", token)
            await asyncio.sleep(0.02)

    async def logs_in() -> None:
        while True:
            started = monotonic()
            answers.append(
                ((await service.http.post("/api/auth/login", json=LOGIN)).status_code, monotonic() - started)
            )
            await asyncio.sleep(0.05)

    tasks = [asyncio.create_task(work()) for work in (refreshes, logs_in)]
    try:
        yield answers
    finally:
        for task in tasks:
            task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def until_believed(service: Service, seconds: float = 15) -> float:
    """Until Redis answers for revocations again. The seconds that it took."""
    started = monotonic()
    nobodys = Bearer(jti="x", sid=None, user_id=None, client_id="x", issued_at=0)
    while True:
        with suppress(StoreUnavailable):
            if (
                await service.runtime.revocation_set.find(nobodys) is Answer.LIVE
                and service.runtime.following.redis_trusted
            ):
                return monotonic() - started
        prompt(monotonic() - started < seconds, "Redis is not believed again")
        await asyncio.sleep(0.02)


@again_when_busy
async def test_the_main_job_works_and_each_command_stays_in_one_slot(
    env: dict[str, str], group: SentinelSet | ValkeyCluster
) -> None:
    """A command on keys of two slots would fail in a cluster: nothing may be counted or answered elsewhere instead."""
    async with serving({**env, "AUTHSVC_REDIS_URL": group.url}) as service:
        await until_believed(service)
        failed: list[StoreUnavailable] = []
        command = service.runtime.redis.command

        async def watched(*words: Any) -> Any:
            try:
                return await command(*words)
            except StoreUnavailable as error:
                failed.append(error)
                raise

        service.runtime.redis.command = watched
        people = [await login(service.http) for _ in range(3)]
        assert [await active(service.http, tokens) for tokens in people] == [True] * 3
        assert (await refresh(service.http, people[0]["refresh_token"])).status_code == 200
        wrong = [await service.http.post("/api/auth/login", json={**LOGIN, "password": "no"}) for _ in range(2)]
        assert [answer.status_code for answer in wrong] == [401, 401]
        assert (await logout(service.http, people[1])).status_code == 204
        assert [await active(service.http, tokens) for tokens in people] == [True, False, True]
        held = revocations_master(group).ask()
        assert held.exists(service.runtime.redis.key("rev", "session", people[1]["session_id"]))
        assert (await service.http.get("/readyz")).json()["degraded"] == []
        assert not failed


@again_when_busy
@pytest.mark.parametrize("how", ["killed", "frozen"])
async def test_a_failover_under_load_costs_no_refresh_and_no_login_and_brings_no_token_back(
    env: dict[str, str], group: SentinelSet | ValkeyCluster, how: str
) -> None:
    if (how == "frozen") == isinstance(group, SentinelSet):
        pytest.skip("one way each is enough here; tests/redis_laboratory does both many times")
    async with serving({**env, "AUTHSVC_REDIS_URL": group.url}) as service:
        watch = Watch(service)
        await until_believed(service)
        people = [await login(service.http) for _ in range(12)]
        for tokens in people[:4]:
            await logout(service.http, tokens)
            watch.ended(tokens)
        before = revocations_master(group)
        try:
            async with honest_load(service) as answers, watch.watching():
                await asyncio.sleep(0.2)
                before.kill() if how == "killed" else before.freeze()
                for tokens in people[4:10]:
                    assert (await logout(service.http, tokens)).status_code == 204
                    watch.ended(tokens)
                    assert await active(service.http, tokens) is False, "acknowledged, and still active"
                    await asyncio.sleep(0.3)
                took = await until_believed(service)
                await asyncio.sleep(0.6)
            assert {status for status, _ in answers} == {200}
            prompt(max(seconds for _, seconds in answers) < 1.2, max(answers, key=lambda one: one[1]))
            prompt(took < 8, took)
            assert revocations_master(group) is not before
            held = revocations_master(group).ask()
            names = [service.runtime.redis.key("rev", "session", tokens["session_id"]) for tokens in people[:10]]
            assert held.exists(*names) == 10
            assert [await active(service.http, tokens) for tokens in people] == [False] * 10 + [True] * 2
        finally:
            before.thaw()
            before.start()


async def test_a_demoted_master_is_dropped_with_its_first_refusal(sentinel: SentinelSet) -> None:
    store = RedisStore(sentinel.url, prefix="x")
    sentinel.heal()
    try:
        assert await store.command("SET", store.key("a", "b"), 1)
        before = store.route.serving("")
        sentinel.fail_over()
        async with asyncio.timeout(10):
            while True:
                try:
                    await store.command("SET", store.key("a", "b"), 2)
                    if store.route.serving("") is not before:
                        break
                except StoreUnavailable as error:
                    if error.kind == "read_only":
                        assert store.route.serving("") is not before
                await asyncio.sleep(0.005)
        assert sentinel.master().ask().get(store.key("a", "b")) == "2"
    finally:
        await store.close()


def promote(group: SentinelSet | ValkeyCluster) -> Valkey:
    """As an operator. The new master of the revocation set."""
    before = revocations_master(group)
    if isinstance(group, SentinelSet):
        group.fail_over()
        group.until_master_is_another(before)
    else:
        group.replica_of(before).ask().execute_command("CLUSTER", "FAILOVER")
        group.until_owner_is_another("{rev}", before)
    return revocations_master(group)


async def test_a_promoted_server_is_believed_only_when_it_was_looked_at_and_filled(
    group: SentinelSet | ValkeyCluster,
) -> None:
    """Its predecessor may have evicted revocations a moment ago; it may itself."""
    await asyncio.to_thread(group.heal)
    store = RedisStore(group.url, prefix="promoted")
    held, live = (Bearer(jti=jti, sid=None, user_id=None, client_id="x", issued_at=0) for jti in ("held", "live"))
    revocations = RevocationSet(store)
    revocations.require("epoch")

    async def fill() -> None:
        claim = await revocations.claim_rebuild()
        assert claim is not None
        assert await revocations.rebuild([Revocation("token", "held", 1, 600)], claim, epoch="epoch", mark=5)
        await store.command("DEL", store.key("rev", "rebuilding"))

    look = revocations.judge

    await fill()
    assert [await revocations.find(one) for one in (held, live)] == [Answer.REVOKED, Answer.UNTRUSTED]
    assert await look() == (None, None)
    assert [await revocations.find(one) for one in (held, live)] == [Answer.REVOKED, Answer.LIVE]
    before = store.route.serving(store.key("rev", "epoch"))
    promoted = await asyncio.to_thread(promote, group)
    async with asyncio.timeout(5):
        while store.route.serving(store.key("rev", "epoch")) is before:
            with suppress(StoreUnavailable):
                assert await revocations.find(live) is not Answer.REVOKED
            await asyncio.sleep(0.01)
    assert await revocations.find(live) is Answer.UNTRUSTED
    promoted.ask().config_set("maxmemory-policy", "allkeys-lru")
    assert "allkeys-lru" in str((await look())[0])
    assert await revocations.find(live) is Answer.UNTRUSTED
    promoted.ask().config_set("maxmemory-policy", "noeviction")
    assert await look() == (None, "another_server")
    assert await revocations.find(live) is Answer.UNTRUSTED
    await fill()
    assert await look() == (None, None)
    assert await revocations.find(live) is Answer.LIVE
    await store.close()


async def test_the_doctor_looks_at_sentinels_cluster_and_every_server(group: SentinelSet | ValkeyCluster) -> None:
    await asyncio.to_thread(group.heal)
    store = RedisStore(group.url, prefix="x")

    async def found() -> dict[str, str]:
        return {one.check: f"{one.state} {one.found}" for one in judge_redis_nodes(await redis_nodes.examine(store))}

    said = await found()
    servers = group.servers if isinstance(group, SentinelSet) else group.nodes
    spare = next(node for node in servers if node.ask().role()[0] == "slave")
    if isinstance(group, SentinelSet):
        assert said["Redis Sentinels"] == f"ok all 3 name {group.master()} as {MASTER}"
        assert said["Redis failover"] == "ok 1 replica"
        assert said["Redis servers"] == "ok 2 servers with noeviction"
        group.sentinels[0].kill()
        assert (await found())["Redis Sentinels"].startswith(f"warn 2 of 3 name {group.master()}; the others do not: ")
        group.sentinels[1].kill()
        async with asyncio.timeout(10):  # the last one has to notice
            while not (await found())["Redis failover"].startswith("warn not possible now: NOQUORUM"):
                await asyncio.sleep(0.1)
        await asyncio.to_thread(group.heal)
    else:
        assert said["Redis cluster"].startswith("warn 3 masters, 16384 of 16384 slots served; no replica of 127.0.0.1:")
        assert said["Redis servers"] == "ok 4 servers with noeviction"
    spare.ask().config_set("maxmemory-policy", "allkeys-lru")
    assert (await found())["Redis servers"] == f"FAIL maxmemory-policy: {spare} (allkeys-lru)"
    spare.ask().config_set("maxmemory-policy", "noeviction")
    await store.close()


async def test_a_name_that_no_sentinel_knows_is_said(sentinel: SentinelSet) -> None:
    store = RedisStore(sentinel.url.replace(f"/{MASTER}", "/another"), prefix="x")
    with pytest.raises(StoreUnavailable, match="no_server") as caught:
        await store.command("PING")
    assert str(caught.value.__cause__) == "no Sentinel knows another"
    await store.close()


async def test_commands_are_answered_while_a_slot_moves(cluster: ValkeyCluster) -> None:
    """A script whose keys are on both sides is told to come back: its caller does without, and at once."""
    await asyncio.to_thread(cluster.heal)
    store = RedisStore(cluster.url, prefix="x")
    source = cluster.owner("{moving}")
    masters = [node for node in cluster.nodes if node.ask().role()[0] == "master"]
    target = next(node for node in masters if node is not source)
    names = [node.ask().execute_command("CLUSTER", "MYID") for node in (source, target)]
    keys = [store.key("moving", str(number)) for number in range(20)]
    slot = source.ask().execute_command("CLUSTER", "KEYSLOT", keys[0])
    for key in keys[:10]:
        await store.command("SET", key, "held")
    target.ask().execute_command("CLUSTER", "SETSLOT", slot, "IMPORTING", names[0])
    source.ask().execute_command("CLUSTER", "SETSLOT", slot, "MIGRATING", names[1])
    try:
        for number, key in enumerate(keys[:10]):
            assert await store.command("GET", key) == "held"
            assert await store.command("SET", store.key("moving", f"new{number}"), "x"), "ASK was not followed"
            source.ask().execute_command(
                "MIGRATE", target.host, target.port, "", 0, 1000, "AUTH", cluster.password, "KEYS", key
            )
            assert await store.command("GET", key) == "held", "where it went"
            started = monotonic()
            if number < 9:
                with pytest.raises(StoreUnavailable, match="moving"):
                    await store.command("MGET", *keys[:10])
                prompt(monotonic() - started < 0.15)
    finally:
        for node in (target, source, *masters):
            node.ask().execute_command("CLUSTER", "SETSLOT", slot, "NODE", names[1])
    assert await store.command("MGET", *keys[:10]) == ["held"] * 10, "MOVED was not followed"
    assert store.route.serving(keys[0]) is not None
    await store.close()
