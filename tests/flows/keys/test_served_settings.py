"""Replicas record what they serve by, and commands judge by the strictest of that and their own environment."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

import asyncpg
import httpx2

from authsvc.app import start
from authsvc.cli.command_runtime import open_from
from authsvc.flows.keys.keep_keys import Known, keep_once
from authsvc.flows.keys.served_settings import in_force
from authsvc.flows.upkeep.follow_changes import follow_once
from authsvc.flows.upkeep.sweep import sweep_once
from authsvc.runtime import Runtime
from authsvc.store.keys import served_settings
from tests.cli.conftest import Cli, answer, terminal
from tests.support.replicas import Replicas

AGED = "UPDATE signing_keys SET announced_at = announced_at - $1::float8 * interval '1 second'"


async def rows(sql: asyncpg.Connection) -> list[tuple[str, int]]:
    found = await sql.fetch("SELECT replica, settings->>'jwks_max_age' AS age FROM served_settings ORDER BY 1, 2")
    return [(row["replica"].rpartition(":")[2], int(row["age"])) for row in found]


async def test_a_replica_records_before_it_serves_and_again_without_a_second_row(
    runtime: Runtime, sql: asyncpg.Connection
) -> None:
    assert await rows(sql) == [("8000", 300)]
    await follow_once(runtime)  # of the epoch that its start gave Redis, which would be a reason to record again
    await sql.execute("UPDATE served_settings SET heard_at = heard_at - interval '1 hour'")
    known = Known()
    await keep_once(runtime, known)
    assert await rows(sql) == [("8000", 300)]
    assert await sql.fetchval("SELECT heard_at > now() - interval '1 minute' FROM served_settings")
    await sql.execute("UPDATE served_settings SET heard_at = heard_at - interval '1 hour'")
    await keep_once(runtime, known)
    assert not await sql.fetchval("SELECT heard_at > now() - interval '1 minute' FROM served_settings")  # not each time


async def test_other_settings_add_a_row_and_the_old_one_grows_stale_and_is_swept(
    runtime: Runtime, settings_env: dict[str, str], sql: asyncpg.Connection
) -> None:
    again = open_from({**settings_env, "AUTHSVC_JWKS_MAX_AGE": "600"})
    await start(again)
    await again.close()
    assert await rows(sql) == [("8000", 300), ("8000", 600)]
    for ago, left in (("47 hours", 2), ("49 hours", 1)):
        await sql.execute(
            "UPDATE served_settings SET heard_at = now() - $1::text::interval WHERE settings->>'jwks_max_age' = '300'",
            ago,
        )
        await sweep_once(runtime)
        assert len(await rows(sql)) == left


async def test_what_was_recorded_is_read_as_it_was_said(runtime: Runtime) -> None:
    said = await served_settings.record(runtime.db, "other:1", {"jwks_max_age": 1})
    assert {(record.replica, record.settings["jwks_max_age"]) for record in said} >= {("other:1", 1)}
    read = await served_settings.everything(runtime.db)
    assert sorted(read, key=lambda record: record.replica) == sorted(said, key=lambda record: record.replica)


async def test_a_replica_waits_as_long_as_the_strictest_of_all_replicas(
    runtime: Runtime, sql: asyncpg.Connection
) -> None:
    strict = {"jwks_max_age": 86_400, "announce": 200_000}
    await served_settings.record(runtime.db, "other:1", strict)
    made = await keep_once(runtime, Known())
    assert made is not None
    row = await sql.fetchrow("SELECT signs_from - announced_at AS wait FROM signing_keys WHERE kid = $1", made.kid)
    assert row["wait"].total_seconds() >= 200_000


async def test_without_a_service_the_environment_alone_counts(settings_env: dict[str, str]) -> None:
    alone = open_from({**settings_env, "AUTHSVC_JWKS_MAX_AGE": "77"})
    found = await in_force(alone)
    await alone.close()
    assert found.around.jwks_max_age.total_seconds() == 77
    assert (found.replicas, found.disagreements) == ((), {})


def test_a_shell_with_laxer_settings_cannot_let_a_key_sign_that_caches_lack(
    replicas: Replicas, settings_env: dict[str, str], tmp_path: Path
) -> None:
    """The service says max-age 1 h; the shell, from which `rotate --now` is typed, knows of 1 s."""
    lax = tmp_path / "policy.toml"
    lax.write_text('announce = "2 min"\nbackup = "0 s"\nkeep = "2 d"')
    strict = tmp_path / "strict.toml"
    strict.write_text('announce = "2 h"\nbackup = "0 s"\nkeep = "2 d"')
    shell = terminal({**settings_env, "AUTHSVC_JWKS_MAX_AGE": "1", "AUTHSVC_KEY_POLICY_FILE": str(lax)})
    [replica] = replicas.start(AUTHSVC_JWKS_MAX_AGE="3600", AUTHSVC_KEY_POLICY_FILE=str(strict))
    cached = httpx2.get(replica.url + "/.well-known/jwks.json")
    assert "max-age=3600" in cached.headers["cache-control"]
    announced = _announced(shell)
    asyncio.run(_age(settings_env, 600))  # longer than the shell would wait, shorter than caches live

    refused = shell("keys", "rotate", "--now", code=1).stderr
    assert "caches may lack it" in refused
    age, announce, last = refused.splitlines()
    assert age.startswith("authsvc: AUTHSVC_JWKS_MAX_AGE: here 1 s, the service 1 h (")
    assert age.endswith("; 1 h counts")
    assert announce.startswith("authsvc: AUTHSVC_KEY_POLICY_FILE, announce: here 2 min, the service 2 h (")
    assert announced in last
    for words in (("plan",), ("rotate",), ("generate",)):
        result = shell("keys", *words, "--json")
        assert result.stderr.count("AUTHSVC_JWKS_MAX_AGE: here 1 s, the service 1 h") == 1, words
        answer(result)
    findings = [found for found in answer(shell("doctor", "--json")) if found["check"] == "settings of replicas"]
    assert [found["state"] for found in findings] == ["warn", "warn"]
    assert findings[0]["found"].endswith("1 h counts")

    replica.stop()
    assert "caches may lack it" in shell("keys", "rotate", "--now", code=1).stderr
    asyncio.run(_age(settings_env, 3600))
    assert _first_signer(shell("keys", "rotate", "--now", "--json").stdout) == announced


def test_a_shell_gives_no_client_an_algorithm_that_the_service_lacks(
    replicas: Replicas, settings_env: dict[str, str], tmp_path: Path
) -> None:
    """No key of the service would ever sign its tokens: 503 for each of them."""
    wide = tmp_path / "policy.toml"
    wide.write_text('algorithms = ["RS256", "ES256"]')
    shell = terminal({**settings_env, "AUTHSVC_KEY_POLICY_FILE": str(wide), "AUTHSVC_JWKS_MAX_AGE": "1"})
    replicas.start()
    add = ("clients", "add", "shop", "--public", "--redirect-uri", "https://shop.example/callback")
    for words, code in (
        ((*add, "--id-token-alg", "ES256"), 2),
        (("clients", "choose-alg", "customer", "--access-token-alg", "ES256"), 1),
    ):
        refused = shell(*words, code=code).stderr
        assert "AUTHSVC_KEY_POLICY_FILE, algorithms: here RS256 ES256, the service RS256 (" in refused, words
        assert "the key policy has no ES256, but RS256" in refused
        assert "JWKS_MAX_AGE" not in refused, "which says nothing about clients"
    assert shell(*add).stderr.count("authsvc: ") == 1


def _announced(shell: Cli) -> str:
    """The next key, which the replica makes by itself; one that is made here beside it would race with that one."""
    for _ in range(50):
        for key in answer(shell("keys", "list", "--json")):
            if key["phase"] == "announced":
                return str(key["kid"])
        time.sleep(0.2)
    raise AssertionError("the replica announced no key")


def _first_signer(said: str) -> str:
    return str(json.loads(said)["kid"])


async def _age(env: dict[str, str], seconds: float) -> None:
    connection = await asyncpg.connect(env["AUTHSVC_DATABASE_URL"])
    await connection.execute(AGED, seconds)
    await connection.close()


def test_a_replica_that_disagrees_says_so_at_its_start(replicas: Replicas) -> None:
    replicas.start(AUTHSVC_CLOCK_SKEW_SECONDS="30")
    assert "replicas_disagree" not in replicas.logs()
    replicas.start(AUTHSVC_CLOCK_SKEW_SECONDS="30")
    assert "replicas_disagree" not in replicas.logs()
    [third] = replicas.start(AUTHSVC_CLOCK_SKEW_SECONDS="90")
    deadline = time.monotonic() + 10  # it is ready before its log is written
    while not (lines := [one for one in third.log.read_text().splitlines() if "replicas_disagree" in one]):
        assert time.monotonic() < deadline, third.log.read_text()
        time.sleep(0.05)
    lines = [json.loads(line) for line in lines]
    assert len(lines) == 1
    assert lines[0]["level"] == "warning"
    assert lines[0]["reason"].startswith("AUTHSVC_CLOCK_SKEW_SECONDS: here 1 min 30 s, the service 30 s (")
    assert lines[0]["reason"].endswith("and 1 more); 1 min 30 s counts")
