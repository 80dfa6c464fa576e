"""The life of signing keys goes on by itself, on whichever replica comes first."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from pathlib import Path

import asyncpg
import httpx2
import pytest

from authsvc.cli.command_runtime import open_from
from authsvc.flows.keys import manage_keys
from authsvc.flows.keys.keep_keys import Known, keep_once
from authsvc.flows.keys.served_settings import in_force
from authsvc.flows.upkeep.sweep import sweep_once
from authsvc.keys.plans import WithdrawPlan, plan_generate
from authsvc.runtime import Runtime
from authsvc.store.keys import signing_keys
from tests.cli.conftest import Cli
from tests.support.replicas import Replicas


async def until(true: Callable[[], object], seconds: float = 5) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


async def test_a_withdrawal_waits_for_whoever_makes_a_key_just_now(
    settings_env: dict[str, str], sql: asyncpg.Connection
) -> None:
    """Longer than a request would, which is 1 s for the lock and 1.5 s in all: a leaked key must go."""
    runtime = open_from(settings_env)
    [first] = await signing_keys.everything(runtime.db)
    await manage_keys.generate(runtime, "tests")
    async with sql.transaction():
        await signing_keys.lock(sql)
        withdrawal = asyncio.create_task(manage_keys.withdraw(runtime, "tests", first.kid))
        await asyncio.sleep(2)
        assert not withdrawal.done()
    assert isinstance(await withdrawal, WithdrawPlan)
    await runtime.close()


async def test_three_replicas_at_once_make_one_key(runtime: Runtime) -> None:
    policy = (await in_force(runtime)).policy
    [first] = await signing_keys.everything(runtime.db)
    done = await asyncio.gather(*(manage_keys.step(runtime, policy, "tests") for _ in range(3)))
    assert sum(isinstance(made, manage_keys.Generated) for made in done) == 1
    rows = await signing_keys.everything(runtime.db)
    assert [row.signs_from for row in rows] == [first.signs_until, first.signs_from]
    assert await manage_keys.step(runtime, policy, "tests") is None


async def test_who_holds_the_lock_is_not_waited_for(runtime: Runtime) -> None:
    policy = (await in_force(runtime)).policy
    async with runtime.db.transaction() as connection:
        await signing_keys.lock(connection)
        assert await manage_keys.step(runtime, policy, "tests") is None
    assert isinstance(await manage_keys.step(runtime, policy, "tests"), manage_keys.Generated)


async def test_a_worker_does_what_is_due_and_then_nothing(runtime: Runtime, sql: asyncpg.Connection) -> None:
    known = Known()
    made = await keep_once(runtime, known)
    assert made is not None
    await until(lambda: len(runtime.following.keys) == 2)
    assert await keep_once(runtime, known) is None
    event = await sql.fetchrow("SELECT actor, detail FROM audit_events WHERE event = 'key_announced' ORDER BY id DESC")
    assert event["actor"] == "authsvc"
    assert json.loads(event["detail"])["kid"] == made.kid


async def test_the_last_key_of_an_algorithm_stays_to_tell_that_it_was_used(
    runtime: Runtime, sql: asyncpg.Connection
) -> None:
    """After months without any replica, clients that chose it wait for no announcement."""
    await sql.execute(
        """INSERT INTO signing_keys (kid, alg, public_jwk, sealed, announced_at, signs_from, signs_until, drop_after)
           SELECT alg || n, alg, '{}', '', now() - n * interval '100 days', now() - n * interval '99 days',
                  now() - n * interval '9 days', now() - n * interval '7 days'
           FROM generate_series(1, 3) AS n, unnest(ARRAY['ES256', 'RS256']) AS alg"""
    )
    await sweep_once(runtime)
    rows = await signing_keys.everything(runtime.db)
    assert [row.kid for row in rows if row.alg == "ES256"] == ["ES2561"]
    assert not [row.kid for row in rows if row.kid.startswith("RS256")]
    policy = (await in_force(runtime)).policy
    now = runtime.clock.now()
    assert plan_generate(rows, now, policy, "ES256").signs_from == now
    assert plan_generate(rows, now, policy, "PS256").signs_from == now + policy.wait


async def test_a_client_with_longer_tokens_makes_the_keys_stay(runtime: Runtime, sql: asyncpg.Connection) -> None:
    known = Known()
    await keep_once(runtime, known)
    version = runtime.clients.version
    await sql.execute("UPDATE clients SET access_token_seconds = 86400 WHERE id = 'backend'")
    await sql.execute("UPDATE signing_keys SET drop_after = signs_until + interval '1 hour'")
    await until(lambda: runtime.clients.version != version and len(runtime.following.keys) == 2)
    await asyncio.sleep(0.6)  # the worker reads what the test wrote
    await keep_once(runtime, known)
    assert await sql.fetchval("SELECT bool_and(drop_after - signs_until >= interval '1 day') FROM signing_keys")


def test_replicas_make_the_first_key_and_its_successor_by_themselves(
    replicas: Replicas,
    settings_env: dict[str, str],
    cli: Cli,
) -> None:
    first, second = replicas.start(2)
    deadline = time.monotonic() + 10
    while len(found := json.loads(cli("keys", "list", "--json").stdout)) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert sorted(key["phase"] for key in found) == ["announced", "signing"]
    time.sleep(1.2)
    published = [httpx2.get(replica.url + "/.well-known/jwks.json").json() for replica in (first, second)]
    assert published[0] == published[1]
    assert {key["kid"] for key in published[0]["keys"]} == {key["kid"] for key in found}


@pytest.mark.parametrize(
    ("policy", "says"),
    [
        ('announce = "1 min"\nbackup = "0 s"', "announce: 1 min is less than 6 min 25 s (JWKS max-age 5 min + clock"),
        ('sign = "soon"', "sign: 'soon' is not a duration"),
    ],
)
def test_a_policy_that_would_break_a_promise_is_refused_with_the_sum(
    cli: Cli,
    settings_env: dict[str, str],
    tmp_path: Path,
    policy: str,
    says: str,
) -> None:
    file = tmp_path / "policy.toml"
    file.write_text(policy)
    settings_env["AUTHSVC_KEY_POLICY_FILE"] = str(file)
    for words in (("keys", "list"), ("serve", "--port", "0")):
        assert f"AUTHSVC_KEY_POLICY_FILE: {says}" in cli(*words, code=2).stderr
    settings_env["AUTHSVC_KEY_POLICY_FILE"] = str(tmp_path / "none")
    assert "cannot read" in cli("keys", "list", code=2).stderr
