"""Behind a real PgBouncer as deploy/pgbouncer.ini sets it up, by connections that change hands."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from time import monotonic
from urllib.parse import urlsplit

import asyncpg
import pytest

from authsvc.store.postgres import OF_COMMANDS, Database
from authsvc_devkit.servers import Servers
from tests.cli.conftest import answer, terminal
from tests.conftest import with_database
from tests.faults.conftest import active, honest, logout, serving
from tests.support.busy import again_when_busy, none_turned_away, prompt
from tests.support.calls import alive, login, refresh
from tests.support.pgbouncer import pgbouncer, through, version
from tests.support.roles import as_role, let_serve, role
from tests.support.standby import on_hosts, standby_of

pytestmark = pytest.mark.faults

FEW = "2"
"""Connections to PostgreSQL, for many of clients: what one leaves behind, the next one meets."""


def password(servers: Servers) -> str:
    return (servers.data_dir / "password").read_text()


@pytest.fixture(scope="module")
def pooler(servers: Servers) -> Iterator[Path]:
    """For the superuser; a role of a test has one of its own."""
    with pgbouncer(servers.socket_dir, {"authsvc": password(servers)}, default_pool_size=FEW) as place:
        yield place


@pytest.fixture
async def serve_env(env: dict[str, str], servers: Servers, database_url: str) -> AsyncIterator[dict[str, str]]:
    """As the role of deploy/serve-role.sql, by way of a pooler."""
    async with role(database_url, "serve") as name:
        sql = await asyncpg.connect(database_url)
        await let_serve(sql, name)
        await sql.close()
        with pgbouncer(servers.socket_dir, {name: name}, default_pool_size=FEW) as place:
            yield {**env, "AUTHSVC_DATABASE_URL": through(as_role(database_url, name), place)}


async def test_the_main_job_of_two_workers_with_the_rights_of_serve(serve_env: dict[str, str]) -> None:
    cli = terminal(serve_env)
    async with serving(serve_env) as one, serving(serve_env) as two:
        people = [await login(one.http) for _ in range(6)]
        for _ in range(3):
            answers = await asyncio.gather(
                *(refresh(http, tokens["refresh_token"]) for tokens in people for http in (one.http, two.http))
            )
            none_turned_away(answers)
            assert Counter(found.status_code for found in answers) == {200: 12}
            people = [found.json() for found in answers[::2]]
        ended, *others = people
        assert (await logout(one.http, ended)).status_code == 204
        assert not await alive(two.http, ended)
        assert (await refresh(two.http, ended["refresh_token"])).json()["error"] == "invalid_grant"
        old = (await one.http.get("/.well-known/jwks.json")).json()
        await asyncio.to_thread(cli, "keys", "rotate")
        while (await two.http.get("/.well-known/jwks.json")).json() == old:
            await asyncio.sleep(0.05)
        await asyncio.to_thread(cli, "users", "add", "ann@example.com", "--password-stdin", input="a long enough one")
        await asyncio.to_thread(cli, "users", "disable", "ann@example.com")
        await asyncio.to_thread(cli, "sweep")
        assert all([await alive(two.http, tokens) for tokens in others])
        assert (await two.http.get("/readyz")).json()["status"] == "ready"
    said = {finding["check"]: finding for finding in answer(await asyncio.to_thread(cli, "doctor", "--json"))}
    assert (said["pooler"]["state"], said["rights"]["state"]) == ("ok", "ok")
    assert said["pooler"]["found"] == "behind PgBouncer or another pooler; prepared statements are not kept"


async def test_migrations_run_through_it_and_wait_for_each_other(
    env: dict[str, str], servers: Servers, database_url: str, pooler: Path
) -> None:
    name = f"{urlsplit(database_url).path[1:]}_empty"
    admin = await asyncpg.connect(servers.admin_url)
    await admin.execute(f"CREATE DATABASE {name}")
    env["AUTHSVC_DATABASE_URL"] = through(with_database(database_url, name), pooler)
    cli = terminal(env)
    applied = [answer(await asyncio.to_thread(cli, "migrate", "--json"))["applied"] for _ in range(2)]
    assert applied[0]
    assert not applied[1]
    await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await admin.close()


async def test_statements_that_were_to_be_kept_are_given_up_where_they_get_lost(
    servers: Servers, database_url: str
) -> None:
    if version() >= (1, 21):
        pytest.skip("this PgBouncer knows prepared statements")
    with pgbouncer(servers.socket_dir, {"authsvc": password(servers)}, default_pool_size=FEW) as place:
        url = through(database_url, place)
        workers = [Database(url, size=4, statement_cache_size=100, deadlines=OF_COMMANDS) for _ in range(3)]
        found = Counter[str]()
        for number in range(12):
            sql = f"SELECT {number % 3} + $1::int"
            calls = (worker.fetchval(sql, 1) for worker in workers for _ in range(4))
            answers = await asyncio.gather(*calls, return_exceptions=True)
            found = Counter(getattr(one, "kind", "answered") for one in answers)
            assert set(found) <= {"answered", "statement_lost"}
        assert found == {"answered": 12}
        for worker in workers:
            await worker.close()


async def test_in_session_mode_statements_may_be_kept(env: dict[str, str], servers: Servers, database_url: str) -> None:
    roles = {"authsvc": password(servers)}
    with pgbouncer(servers.socket_dir, roles, pool_mode="session", server_reset_query="DISCARD ALL") as place:
        env |= {"AUTHSVC_DATABASE_URL": through(database_url, place), "AUTHSVC_DB_STATEMENT_CACHE_SIZE": "100"}
        async with serving(env) as service:
            tokens = await login(service.http)
            for _ in range(3):
                tokens = (await refresh(service.http, tokens["refresh_token"])).json()
            assert await active(service.http, tokens) is True
            assert await service.runtime.db.fetchval("SELECT count(*) FROM pg_prepared_statements") > 2


async def test_from_1_21_on_statements_are_kept_in_transaction_mode(
    env: dict[str, str], servers: Servers, database_url: str
) -> None:
    if version() < (1, 21):
        pytest.skip("this PgBouncer is older than 1.21, and knows no prepared statements in transaction mode")
    more = {"default_pool_size": FEW, "max_prepared_statements": "200"}
    with pgbouncer(servers.socket_dir, {"authsvc": password(servers)}, **more) as place:
        env |= {"AUTHSVC_DATABASE_URL": through(database_url, place), "AUTHSVC_DB_STATEMENT_CACHE_SIZE": "100"}
        async with serving(env) as one, serving(env) as two:
            people = [await login(one.http) for _ in range(6)]
            for _ in range(4):
                calls = (refresh(http, t["refresh_token"]) for t in people for http in (one.http, two.http))
                answers = await asyncio.gather(*calls)
                none_turned_away(answers)
                assert Counter(found.status_code for found in answers) == {200: 12}
                people = [found.json() for found in answers[::2]]
            assert await two.runtime.db.fetchval("SELECT count(*) FROM pg_prepared_statements") > 2


async def test_the_doctor_misses_the_deadlines_of_a_pooler_that_sets_none(
    env: dict[str, str], servers: Servers, database_url: str
) -> None:
    with pgbouncer(servers.socket_dir, {"authsvc": password(servers)}) as place:
        env["AUTHSVC_DATABASE_URL"] = through(database_url, place)
        with_them = answer(await asyncio.to_thread(terminal(env), "doctor", "--json"))
    with pgbouncer(servers.socket_dir, {"authsvc": password(servers)}, deadlines=False) as place:
        env["AUTHSVC_DATABASE_URL"] = through(database_url, place)
        without = answer(await asyncio.to_thread(terminal(env), "doctor", "--json"))
    states = [next(one for one in found if one["check"] == "pooler") for found in (with_them, without)]
    assert [one["state"] for one in states] == ["ok", "warn"]
    assert states[1]["found"].endswith("have no idle_in_transaction_session_timeout, lock_timeout, statement_timeout")


@again_when_busy
async def test_it_recovers_with_postgresql_within_a_second(
    env: dict[str, str], servers: Servers, database_url: str, pooler: Path
) -> None:
    env["AUTHSVC_DATABASE_URL"] = through(database_url, pooler)
    async with serving(env) as service:
        tokens = await login(service.http)
        servers.postgres.kill()
        assert honest(await refresh(service.http, tokens["refresh_token"]))
        servers.postgres.start()
        started = monotonic()
        while (found := await refresh(service.http, tokens["refresh_token"])).status_code != 200:
            assert honest(found)
            await asyncio.sleep(0.01)
        prompt(monotonic() - started < 1, f"{monotonic() - started:.2f} s")


@again_when_busy
async def test_of_poolers_beside_each_server_the_one_with_the_primary_is_found(
    env: dict[str, str], servers: Servers, database_url: str, pooler: Path
) -> None:
    roles = {"authsvc": password(servers)}
    with standby_of(servers) as standby, pgbouncer(standby.socket_path.parent, roles) as second:
        env["AUTHSVC_DATABASE_URL"] = on_hosts(database_url, second, pooler)
        async with serving(env) as service:
            tokens = await login(service.http)
            await asyncio.sleep(0.3)
            servers.postgres.kill()
            assert honest(await refresh(service.http, tokens["refresh_token"]))
            promoting = await asyncpg.connect(on_hosts(database_url, standby.socket_path.parent))
            assert await promoting.fetchval("SELECT pg_promote()")
            await promoting.close()
            started = monotonic()
            while (found := await refresh(service.http, tokens["refresh_token"])).status_code != 200:
                assert honest(found)
                await asyncio.sleep(0.01)
            prompt(monotonic() - started < 1.5, f"{monotonic() - started:.2f} s")
