"""The primary dies and its standby takes over: nothing is read from a standby, and nobody is logged out."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from time import monotonic

import asyncpg
import pytest

from authsvc.store import health
from authsvc.store.errors import StoreUnavailable
from authsvc_devkit.processes import Server
from authsvc_devkit.servers import Servers
from tests.faults.conftest import Service, active, database_proxy, honest, logout, on_database, serving, timed
from tests.support.busy import again_when_busy, none_turned_away, prompt
from tests.support.calls import login, refresh
from tests.support.standby import on_hosts, standby_of

pytestmark = pytest.mark.faults


@pytest.fixture
def standby(servers: Servers, database_url: str) -> Iterator[Server]:
    with standby_of(servers) as server:
        yield server


async def caught_up(database_url: str, standby: Server) -> None:
    """The standby has all that was committed."""
    primary = await asyncpg.connect(database_url)
    second = await asyncpg.connect(on_hosts(database_url, standby.socket_path.parent))
    last = await primary.fetchval("SELECT pg_current_wal_lsn()::text")
    while not await second.fetchval("SELECT pg_last_wal_replay_lsn() >= $1::text::pg_lsn", last):
        await asyncio.sleep(0.01)
    await primary.close()
    await second.close()


async def promote(database_url: str, standby: Server) -> None:
    connection = await asyncpg.connect(on_hosts(database_url, standby.socket_path.parent))
    assert await connection.fetchval("SELECT pg_promote()")
    await connection.close()


@again_when_busy
async def test_the_promoted_standby_is_used_within_a_second_and_nobody_is_logged_out(
    env: dict[str, str], database_url: str, servers: Servers, standby: Server
) -> None:
    url = on_hosts(database_url, standby.socket_path.parent, servers.socket_dir, target_session_attrs="read-write")
    async with serving({**env, "AUTHSVC_DATABASE_URL": url}) as service:
        http = service.http
        people = [await login(http) for _ in range(12)]
        ended = people.pop()
        await logout(http, ended)
        await caught_up(database_url, standby)
        servers.postgres.kill()
        for tokens in people:
            answer, took = await timed(refresh(http, tokens["refresh_token"]))
            assert honest(answer)
            prompt(took < 2, f"{took:.2f} s")
        await service.until(503)
        await promote(database_url, standby)
        promoted = monotonic()
        back = await service.until(200)
        while (await refresh(http, people[0]["refresh_token"])).status_code != 200:
            await asyncio.sleep(0.01)
        prompt(monotonic() - promoted < 1, f"{monotonic() - promoted:.2f} s, {back:.2f} s to be ready")
        answers = await asyncio.gather(*(refresh(http, tokens["refresh_token"]) for tokens in people))
        none_turned_away(answers)
        assert Counter(answer.status_code for answer in answers) == {200: 11}
        assert (await refresh(http, ended["refresh_token"])).json()["error"] == "invalid_grant"
        assert await active(http, ended) is False


async def test_a_host_that_is_cut_off_costs_no_request_more_than_a_head_start(
    env: dict[str, str], database_url: str, servers: Servers
) -> None:
    async with database_proxy(servers) as proxy:
        proxy.blackhole()
        env["AUTHSVC_DATABASE_URL"] = on_hosts(database_url, proxy.directory, servers.socket_dir)
        async with serving(env) as service:
            tokens = await login(service.http)
            for _ in range(3):  # each by a new connection
                service.runtime.db._connector.leave()
                answer, took = await timed(refresh(service.http, tokens["refresh_token"]))
                assert answer.status_code == 200
                prompt(took < 0.25, f"{took:.2f} s")
            assert proxy.connections == 1, "the last primary is asked first"


async def test_a_standby_alone_is_never_read(env: dict[str, str], database_url: str, standby: Server) -> None:
    env["AUTHSVC_DATABASE_URL"] = on_hosts(database_url, standby.socket_path.parent)
    async with serving(env) as service:
        assert (await service.http.get("/readyz")).json()["problems"][0] == "postgresql_silent"
        with pytest.raises(StoreUnavailable) as caught:
            await service.runtime.db.fetchval("SELECT 1")
        assert (caught.value.kind, health.cause(caught.value)) == ("standby", "it is a standby")
        await asyncio.sleep(0.6)
        await promote(database_url, standby)
        await service.until(200, seconds=2)


async def test_a_server_that_becomes_a_standby_behind_a_connection_is_left(
    env: dict[str, str], database_url: str, servers: Servers, standby: Server
) -> None:
    """A proxy leads new connections to a standby, as one does whose checks are slow."""
    async with database_proxy(servers) as proxy:
        env["AUTHSVC_DATABASE_URL"] = on_database(database_url, proxy)
        async with serving(env) as service:
            tokens = await login(service.http)
            await caught_up(database_url, standby)
            proxy.upstream = standby.socket_path
            proxy.cut()
            assert honest(await refresh(service.http, tokens["refresh_token"]))
            assert honest(await refresh(service.http, tokens["refresh_token"]))
            proxy.upstream = servers.postgres.socket_path
            while (await refresh(service.http, tokens["refresh_token"])).status_code != 200:
                await asyncio.sleep(0.01)


@again_when_busy
async def test_a_server_that_takes_no_writes_is_asked_anew_and_its_readers_go_on(
    service: Service, database_url: str
) -> None:
    tokens = await login(service.http)
    sql = await asyncpg.connect(database_url)
    name = await sql.fetchval("SELECT current_database()")
    await sql.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    service.runtime.db._connector.leave()
    for _ in range(8):
        assert honest(await refresh(service.http, tokens["refresh_token"]))
    assert await service.runtime.db.fetchval("SELECT 1") == 1, "the breaker is for a server that does not answer"
    await sql.execute(
        f"SET default_transaction_read_only = off; ALTER DATABASE {name} RESET default_transaction_read_only"
    )
    first = await refresh(service.http, tokens["refresh_token"])
    prompt(first.status_code != 200, "another connection was made meanwhile")
    assert honest(first), "its session was begun before"
    assert (await refresh(service.http, tokens["refresh_token"])).status_code == 200
    await sql.close()


async def test_what_is_wrong_is_said_of_each_host(env: dict[str, str], database_url: str, servers: Servers) -> None:
    nowhere = servers.socket_dir / "nowhere"
    env["AUTHSVC_DATABASE_URL"] = on_hosts(database_url, nowhere, nowhere.with_name("neither"))
    async with serving(env) as service:
        with pytest.raises(StoreUnavailable) as caught:
            await service.runtime.db.fetchval("SELECT 1")
        said = health.cause(caught.value)
        assert caught.value.kind == "gone"
        assert said.startswith("no host is a primary: ")
        assert f"{nowhere}:5432 " in said
