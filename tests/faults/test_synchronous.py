"""A standby that commits wait for: logins and ends are there before they are acknowledged; a rotation does not wait for
it, and may be lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from authsvc import metrics
from authsvc_devkit.processes import Server
from authsvc_devkit.servers import Servers
from tests.faults.conftest import Service, active, admin, database_proxy, honest, logout, serving, timed
from tests.support.busy import again_when_busy, prompt
from tests.support.calls import LOGIN, login, refresh
from tests.support.faultproxy import FaultProxy
from tests.support.standby import NAME, on_hosts, standby_of

pytestmark = pytest.mark.faults


@pytest.fixture
async def link(servers: Servers) -> AsyncIterator[FaultProxy]:
    """Between the standby and its primary."""
    async with database_proxy(servers) as proxy:
        proxy.directory.chmod(0o711)  # the servers' user is another one
        proxy.path.chmod(0o666)
        yield proxy


@pytest.fixture
async def standby(servers: Servers, database_url: str, link: FaultProxy) -> AsyncIterator[Server]:
    """One that commits wait for, and that follows."""
    async with admin(servers) as sql:
        await sql.execute(f"ALTER SYSTEM SET synchronous_standby_names = '{NAME}'")
    with standby_of(servers, link.directory) as server:  # which starts the primary anew
        try:
            async with asyncio.timeout(20), admin(servers) as sql:
                while await sql.fetchval("SELECT sync_state FROM pg_stat_replication") != "sync":
                    await asyncio.sleep(0.02)
            yield server
        finally:
            servers.postgres.start()
            async with admin(servers) as sql:
                await sql.execute("ALTER SYSTEM RESET synchronous_standby_names")
                await sql.execute("SELECT pg_reload_conf()")


@pytest.fixture
async def service(env: dict[str, str], database_url: str, servers: Servers, standby: Server) -> AsyncIterator[Service]:
    env["AUTHSVC_DATABASE_URL"] = on_hosts(database_url, servers.socket_dir, standby.socket_path.parent)
    async with serving(env) as running:
        yield running


async def fail_over(servers: Servers, standby: Server, database_url: str) -> None:
    servers.postgres.kill()
    sql = await asyncpg.connect(on_hosts(database_url, standby.socket_path.parent))
    assert await sql.fetchval("SELECT pg_promote()")
    await sql.close()


async def refreshed(service: Service, token: str) -> dict[str, str]:
    """A refresh, tried again while it is told to come back."""
    while (answer := await refresh(service.http, token)).status_code == 503:
        await asyncio.sleep(0.05)
    assert answer.status_code == 200, answer.text
    found: dict[str, str] = answer.json()
    return found


async def logged_out(service: Service, tokens: dict[str, str]) -> None:
    """A log-out, tried again while it is told to come back."""
    while (answer := await logout(service.http, tokens)).status_code != 204:
        assert honest(answer)
        await asyncio.sleep(0.05)


@again_when_busy
async def test_while_the_standby_hangs_refreshes_go_on_and_nothing_else_is_acknowledged(
    service: Service, standby: Server
) -> None:
    http = service.http
    people = [await login(http) for _ in range(3)]
    standby.freeze()
    for tokens in people:
        found, took = await timed(refresh(http, tokens["refresh_token"]))
        assert found.status_code == 200
        prompt(took < 0.5, f"{took:.2f} s")
    waiting = [asyncio.create_task(http.post("/api/auth/login", json=LOGIN))]
    waiting.append(asyncio.create_task(logout(http, people[0])))
    await asyncio.sleep(0.2)
    waiting.append(asyncio.create_task(logout(http, people[0])))  # it has ended here, and nobody else knows yet
    for answer in waiting:
        assert honest(await answer)
    standby.thaw()
    await logged_out(service, people[0])
    assert await active(http, people[0]) is False


async def test_what_was_acknowledged_outlives_the_primary_and_a_lost_rotation_logs_nobody_out(
    service: Service, servers: Servers, standby: Server, database_url: str, link: FaultProxy
) -> None:
    http = service.http
    people = [await login(http) for _ in range(6)]
    ended = people.pop()
    await logged_out(service, ended)
    link.blackhole()
    link.cut()
    ahead = [await refreshed(service, tokens["refresh_token"]) for tokens in people]
    assert honest(await logout(http, ahead[0]))
    before = metrics.REGISTRY.get_sample_value("authsvc_state_rollback_total") or 0
    await fail_over(servers, standby, database_url)
    later = [await refreshed(service, tokens["refresh_token"]) for tokens in ahead]
    assert (metrics.REGISTRY.get_sample_value("authsvc_state_rollback_total") or 0) - before == len(people)
    assert (await refresh(http, ended["refresh_token"])).json()["error"] == "invalid_grant"
    assert await active(http, ended) is False
    await logged_out(service, later[0])
    assert (await refresh(http, later[0]["refresh_token"])).json()["error"] == "invalid_grant"
