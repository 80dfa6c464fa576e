"""`authsvc migrate`, `settings`, `sweep`, `doctor`."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path

import asyncpg
import pytest
import redis.asyncio

from authsvc.keys.master import MasterKeys
from authsvc_devkit.servers import Servers
from tests.cli.conftest import Cli, answer, terminal
from tests.conftest import with_database
from tests.support.roles import CONTROL_FUNCTIONS, as_role, give_tables, let_serve, role

_numbers = count(1)


@pytest.fixture
async def empty_env(servers: Servers, settings_env: dict[str, str]) -> AsyncIterator[dict[str, str]]:
    """A database that was never migrated."""
    name = f"empty{os.getpid()}_{next(_numbers)}"
    admin = await asyncpg.connect(servers.admin_url)
    await admin.execute(f"CREATE DATABASE {name}")
    yield {**settings_env, "AUTHSVC_DATABASE_URL": with_database(servers.database_url, name)}
    await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await admin.close()


def state(findings: list[dict[str, str]], check: str) -> str:
    return next(finding["state"] for finding in findings if finding["check"] == check)


def test_migrate_says_what_is_pending_applies_it_and_has_nothing_to_do_then(empty_env: dict[str, str]) -> None:
    cli = terminal(empty_env)
    assert "pending  0001" in cli("migrate", "--check", code=1).stdout
    assert answer(cli("migrate", "--json"))["applied"][0] == {"version": 1, "name": "sessions"}
    assert cli("migrate").stdout == "The database is up to date.\n"
    assert answer(cli("migrate", "--check", "--json")) == {"pending": []}


def test_a_new_house_is_made_with_the_commands_that_the_errors_name(empty_env: dict[str, str]) -> None:
    cli = terminal(empty_env)
    assert "authsvc migrate" in cli("doctor", code=1).stdout
    cli("migrate")
    assert "authsvc keys generate" in cli("doctor", code=1).stdout
    assert "authsvc keys generate" in cli("keys", "list").stdout
    assert "signs now" in cli("keys", "generate").stdout
    cli("doctor")


def test_settings_are_shown_resolved_and_masked(settings_env: dict[str, str]) -> None:
    url = "postgresql://ann:hunter2hunter2@db.example.com/authsvc"
    cli = terminal({**settings_env, "AUTHSVC_DATABASE_URL": url, "AUTHSVC_ACCESS_TOKEN_SECONDS": "77"})
    shown = answer(cli("settings", "--json"))
    assert shown["AUTHSVC_ACCESS_TOKEN_SECONDS"] == "77"
    assert shown["AUTHSVC_DATABASE_URL"] == "postgresql://ann:***@db.example.com/authsvc"
    assert shown["AUTHSVC_MASTER_KEY"] == "***"
    text = cli("settings").stdout
    assert "hunter2" not in text
    assert settings_env["AUTHSVC_MASTER_KEY"].split()[-1] not in text


def test_the_help_of_settings_lists_every_name_with_default_and_meaning(settings_env: dict[str, str]) -> None:
    cli = terminal(settings_env)
    text = cli("settings", "--help").stdout
    for name in answer(cli("settings", "--json")):
        assert name in text
    assert "AUTHSVC_MASTER_KEY[_FILE]" in text
    assert "[required]" in text
    assert "[1800]" in text


async def test_sweep_tells_what_it_deleted(cli: Cli, sql: asyncpg.Connection) -> None:
    await sql.execute(
        """INSERT INTO user_sessions (id, user_id, expires_at)
           SELECT gen_random_uuid(), id, now() - interval '2 hours' FROM users"""
    )
    assert answer(await asyncio.to_thread(cli, "sweep", "--json"))["deleted"] == {"user_sessions": 3}
    assert "Nothing had expired." in (await asyncio.to_thread(cli, "sweep")).stdout
    assert await sql.fetchval("SELECT actor FROM audit_events WHERE event = 'swept'") is not None


def test_a_healthy_house_has_nothing_to_fail(cli: Cli, settings_env: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "master.key"
    file.write_text(settings_env["AUTHSVC_MASTER_KEY"])
    file.chmod(0o600)
    env = {name: value for name, value in settings_env.items() if name != "AUTHSVC_MASTER_KEY"}
    healthy = terminal({**env, "AUTHSVC_MASTER_KEY_FILE": str(file)})
    findings = answer(healthy("doctor", "--json"))
    assert {finding["state"] for finding in findings if finding["check"] != "successor"} == {"ok"}
    assert state(findings, "successor") == "warn"
    healthy("keys", "generate")
    assert state(answer(healthy("doctor", "--json")), "successor") == "ok"
    file.chmod(0o644)
    result = healthy("doctor", code=1)
    assert f"chmod 600 {file}" in result.stdout
    file.chmod(0o640)
    assert "its group may use it" in healthy("doctor").stdout


def test_the_doctor_says_what_is_wanted_of_passwords_and_sees_that_nobody_can_join(
    settings_env: dict[str, str], tmp_path: Path
) -> None:
    def found(code: int = 0, **settings: str) -> dict[str, tuple[str, str]]:
        env = {**settings_env, **{f"AUTHSVC_{name.upper()}": value for name, value in settings.items()}}
        told = answer(terminal(env)("doctor", "--json", code=code))
        return {one["check"]: (one["state"], one["found"]) for one in told}

    state, text = found()["passwords"]
    assert state == "ok"
    assert "8 characters at least; NIST SP 800-63B-4 wants 15" in text
    assert "NIST" not in found(password_characters="15")["passwords"][1]
    assert found(1, registration="open")["registration"][0] == "FAIL"
    assert "registration" not in found(registration="open", smtp_url="dev:")
    assert found(1, breached_passwords_dir=str(tmp_path))["leaked passwords"][0] == "FAIL"
    assert found(1, breached_passwords_dir=str(tmp_path / "none"))["leaked passwords"][0] == "FAIL"
    (tmp_path / "00000.txt").write_text("")
    assert found(breached_passwords_dir=str(tmp_path))["leaked passwords"][0] == "ok"


def test_the_doctor_names_each_trouble_and_what_to_do(settings_env: dict[str, str]) -> None:
    stranger = {**settings_env, "AUTHSVC_MASTER_KEY": MasterKeys.generate(os.urandom)}
    assert "restore the master key file" in terminal(stranger)("doctor", code=1).stdout
    away = {
        **settings_env,
        "AUTHSVC_DATABASE_URL": "postgresql://x:hunter2hunter2@127.0.0.1:1/x",
        "AUTHSVC_REDIS_URL": "redis://:hunter2hunter2@127.0.0.1:1",
    }
    result = terminal(away)("doctor", code=1)
    assert "AUTHSVC_DATABASE_URL" in result.stdout
    assert "AUTHSVC_REDIS_URL" in result.stdout
    assert "hunter2" not in result.output
    findings = answer(terminal({})("doctor", "--json", code=1))
    assert {finding["state"] for finding in findings} == {"FAIL"}
    assert len(findings) == 4
    broken = terminal({**settings_env, "AUTHSVC_MASTER_KEY": "nonsense"})("doctor", code=1)
    assert "nonsense" not in broken.output
    assert "generate-master" in broken.stdout


def test_the_doctor_sees_a_state_directory_that_no_snapshot_can_be_written_to(
    settings_env: dict[str, str], tmp_path: Path
) -> None:
    def found(path: Path) -> list[str]:
        findings = answer(terminal({**settings_env, "AUTHSVC_STATE_DIR": str(path)})("doctor", "--json"))
        return [finding["state"] for finding in findings if finding["check"] == "state directory"]

    (tmp_path / "file").touch()
    assert [found(path) for path in (tmp_path, tmp_path / "gone", tmp_path / "file")] == [[], ["warn"], ["warn"]]


def test_the_doctor_sees_a_clock_that_is_wrong(settings_env: dict[str, str]) -> None:
    findings = answer(terminal({**settings_env, "AUTHSVC_CLOCK_OFFSET_SECONDS": "120"})("doctor", "--json", code=1))
    assert state(findings, "clock") == "FAIL"
    findings = answer(terminal({**settings_env, "AUTHSVC_CLOCK_OFFSET_SECONDS": "-5"})("doctor", "--json"))
    assert state(findings, "clock") == "warn"


async def test_the_doctor_looks_at_each_algorithm_and_at_what_clients_chose(
    settings_env: dict[str, str], tmp_path: Path, sql: asyncpg.Connection
) -> None:
    file = tmp_path / "policy.toml"
    file.write_text('algorithms = ["RS256", "ES256"]')
    env = {**settings_env, "AUTHSVC_KEY_POLICY_FILE": str(file)}
    cli = terminal(env)

    async def found(using: Cli = cli, code: int = 0) -> dict[str, dict[str, str]]:
        result = await asyncio.to_thread(using, "doctor", "--json", code=code)
        return {finding["check"]: finding for finding in answer(result)}

    assert (await found(code=1))["signing ES256"]["do"] == "authsvc keys generate --alg ES256"
    await asyncio.to_thread(cli, "keys", "generate", "--alg", "ES256")
    await asyncio.to_thread(cli, "clients", "choose-alg", "customer", "--id-token-alg", "ES256")
    await asyncio.to_thread(cli, "clients", "choose-alg", "admin", "--access-token-alg", "ES256")
    young = await found()
    assert young["signing ES256"]["found"].startswith("the first key signs in ")
    assert (young["clients with ES256"]["state"], young["clients with ES256"]["found"]) == (
        "warn",
        "admin customer: no key signs with it: 503",
    )
    await sql.execute(
        "UPDATE signing_keys SET announced_at = now() - interval '2 d', signs_from = now() - interval '1 min' "
        "WHERE alg = 'ES256'"
    )
    grown = await found()
    assert grown["signing ES256"]["state"] == "ok"
    assert grown["successor ES256"]["state"] == "warn"
    assert "clients with ES256" not in grown
    # The policy drops it: the keys that there are run out.
    dropped = await found(terminal(settings_env))
    assert "signing ES256" not in dropped
    assert "its keys run out" in dropped["clients with ES256"]["found"]
    assert "authsvc clients choose-alg" in dropped["clients with ES256"]["do"]


async def test_the_doctor_sees_tokens_that_live_too_long_for_the_key_policy(
    settings_env: dict[str, str], tmp_path: Path, sql: asyncpg.Connection
) -> None:
    file = tmp_path / "policy.toml"
    file.write_text('announce = "1 h"\nsign = "20 min"\nkeep = "90 min"\nbackup = "30 min"')
    cli = terminal({**settings_env, "AUTHSVC_KEY_POLICY_FILE": str(file)})
    assert "JWKS" not in {finding["check"] for finding in answer(await asyncio.to_thread(cli, "doctor", "--json"))}
    await sql.execute("UPDATE clients SET access_token_seconds = 86400 WHERE id = 'backend'")
    findings = answer(await asyncio.to_thread(cli, "doctor", "--json"))
    assert state(findings, "JWKS") == "warn"
    said = next(finding["found"] for finding in findings if finding["check"] == "JWKS")
    assert said.startswith("tokens of a client live 1 d: 78 keys will be in it, more than 60")


async def test_the_doctor_names_missing_rights_before_serve_meets_them(
    settings_env: dict[str, str], database_url: str, sql: asyncpg.Connection
) -> None:
    async with role(database_url, "serve") as name:
        cli = terminal({**settings_env, "AUTHSVC_DATABASE_URL": as_role(database_url, name)})

        async def found(code: int) -> dict[str, dict[str, str]]:
            findings = answer(await asyncio.to_thread(cli, "doctor", "--json", code=code))
            return {finding["check"]: finding for finding in findings}

        nothing = (await found(1))["rights"]
        assert nothing["state"] == "FAIL"
        assert nothing["found"].startswith(f"{name} lacks DELETE on audit_events, ")
        assert "deploy/serve-role.sql" in nothing["do"]
        assert "PostgreSQL refuses: permission denied" in (await asyncio.to_thread(cli, "users", "list", code=1)).stderr
        await let_serve(sql, name)
        assert (await found(0))["rights"]["state"] == "ok"
        await sql.execute(f"REVOKE UPDATE ON grants FROM {name}")
        await sql.execute("REVOKE EXECUTE ON FUNCTION read_feed FROM PUBLIC")
        assert f"{name} lacks EXECUTE on function read_feed, UPDATE on grants" in (await found(1))["rights"]["found"]
        await sql.execute("REVOKE USAGE ON SCHEMA public FROM PUBLIC")
        await sql.execute(f"REVOKE USAGE ON SCHEMA public FROM {name}")
        assert "USAGE on schema public" in (await found(1))["rights"]["found"]


async def test_the_doctor_says_which_right_tells_the_cluster(
    settings_env: dict[str, str], database_url: str, sql: asyncpg.Connection
) -> None:
    cli = terminal(settings_env)
    assert state(answer(await asyncio.to_thread(cli, "doctor", "--json")), "cluster") == "ok"
    await sql.execute(f"REVOKE EXECUTE ON FUNCTION {CONTROL_FUNCTIONS} FROM PUBLIC")
    async with role(database_url, "owner") as owner:
        await give_tables(sql, owner)
        findings = answer(await asyncio.to_thread(cli, "doctor", "--json"))
        assert state(findings, "cluster") == "warn"
        [said] = [finding["do"] for finding in findings if finding["check"] == "cluster"]
        assert CONTROL_FUNCTIONS in said


def test_the_doctor_names_what_is_left_out_of_the_database_url(settings_env: dict[str, str]) -> None:
    url = settings_env["AUTHSVC_DATABASE_URL"]
    url += f"{'&' if '?' in url else '?'}channel_binding=require&connect_timeout=10"
    findings = answer(terminal({**settings_env, "AUTHSVC_DATABASE_URL": url})("doctor", "--json"))
    [said] = [finding for finding in findings if finding["check"] == "database URL"]
    assert (said["state"], said["found"].split(",")[0]) == ("warn", "left out: channel_binding connect_timeout")
    refused = terminal({**settings_env, "AUTHSVC_DATABASE_URL": f"{url}&pgbouncer=true"})
    findings = answer(refused("doctor", "--json", code=1))
    [said] = [finding for finding in findings if finding["check"] == "PostgreSQL"]
    assert said["found"] == 'unrecognized configuration parameter "pgbouncer"'
    assert said["do"].startswith("correct AUTHSVC_DATABASE_URL")
    assert "correct AUTHSVC_DATABASE_URL" in refused("users", "list", code=1).stderr


async def test_the_doctor_counts_passkeys_that_a_move_has_orphaned(
    settings_env: dict[str, str], sql: asyncpg.Connection
) -> None:
    async def said(**env: str) -> dict[str, str]:
        findings = answer(await asyncio.to_thread(terminal({**settings_env, **env}), "doctor", "--json"))
        return next(finding for finding in findings if finding["check"] == "passkeys")

    assert await said() == {"check": "passkeys", "state": "ok", "found": "0, all for localhost", "do": ""}
    await sql.execute(
        """INSERT INTO passkeys (id, user_id, credential_id, public_key, sign_count, backup_eligible, backed_up,
                                 aaguid, rp_id)
           SELECT gen_random_uuid(), id, 'a', 'k', 0, false, false, gen_random_uuid(), 'old.example'
           FROM users LIMIT 1"""
    )
    lost = await said()
    assert (lost["state"], "1 for old.example" in lost["found"]) == ("warn", True)
    assert "AUTHSVC_PASSKEY_RP_ID" in lost["do"]
    assert (await said(AUTHSVC_ISSUER="http://127.0.0.1:8000"))["state"] == "warn"


async def test_the_doctor_says_when_it_is_run_as_owner_or_superuser(
    settings_env: dict[str, str], database_url: str, sql: asyncpg.Connection
) -> None:
    async def found(url: str) -> tuple[str, str]:
        env = {**settings_env, "AUTHSVC_DATABASE_URL": url, "AUTHSVC_DEV_MODE": "false"}
        findings = answer(await asyncio.to_thread(terminal(env), "doctor", "--json"))
        [said] = [finding for finding in findings if finding["check"] == "database role"]
        return said["state"], said["found"]

    assert await found(database_url) == ("warn", "authsvc, a superuser")
    async with role(database_url, "owner") as owner, role(database_url, "serve") as serve:
        await give_tables(sql, owner)
        assert await found(as_role(database_url, owner)) == ("warn", f"{owner}, the owner of the tables")
        await let_serve(sql, serve)
        assert await found(as_role(database_url, serve)) == ("ok", serve)


async def test_the_doctor_names_what_the_user_of_redis_may_not_do(
    settings_env: dict[str, str], servers: Servers
) -> None:
    name, prefix = f"limited{os.getpid()}", settings_env["AUTHSVC_REDIS_PREFIX"]
    admin = redis.asyncio.Redis.from_url(servers.redis_url, decode_responses=True)
    env = {**settings_env, "AUTHSVC_REDIS_URL": f"unix://{name}:secret@{servers.redis.socket_path}?db=0"}

    async def findings(code: int, *rights: str) -> list[dict[str, str]]:
        await admin.execute_command("ACL", "SETUSER", name, "reset", "on", ">secret", *rights)
        found: list[dict[str, str]] = answer(await asyncio.to_thread(terminal(env), "doctor", "--json", code=code))
        return found

    enough = (f"~{prefix}:*", "+@all", "-config")
    assert "Redis rights" not in {finding["check"] for finding in await findings(0, *enough)}
    assert "it does not say" in str(await findings(0, *enough, "-info"))
    assert "its user may not run ZADD ZCARD" in str(await findings(1, *enough, "-zadd", "-zcard"))
    assert f"EVALSHA EVAL', 'do': 'let its user run them on {prefix}:*" in str(await findings(1, "~other:*", "+@all"))
    assert "its user may not run EVALSHA EVAL" in str(await findings(1, *enough, "-@scripting"))
    await admin.execute_command("ACL", "DELUSER", name)
    await admin.aclose()
