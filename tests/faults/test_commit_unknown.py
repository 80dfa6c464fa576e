"""The connection dies between the commit and its answer: nobody knows what happened, and asking again is safe."""

from __future__ import annotations

import asyncpg
import pytest

from authsvc_devkit.servers import Servers
from tests.faults.conftest import Service, active, database_proxy, honest, logout, on_database, serving
from tests.support.calls import LOGIN, login, refresh
from tests.support.faultproxy import FaultProxy

pytestmark = pytest.mark.faults


@pytest.mark.parametrize("word", [b"generation", b"is_active"], ids=["refresh", "revoke"])
async def test_a_commit_that_nobody_heard_of_is_healed_by_asking_again(
    env: dict[str, str], servers: Servers, sql: asyncpg.Connection, word: bytes
) -> None:
    env["AUTHSVC_DB_STATEMENT_CACHE_SIZE"] = "0"  # the text of each statement passes the proxy
    async with database_proxy(servers) as proxy:
        env["AUTHSVC_DATABASE_URL"] = on_database(env["AUTHSVC_DATABASE_URL"], proxy)
        async with serving(env) as service:
            for _ in range(15):
                await _cut_and_ask_again(service, proxy, sql, word)
            assert proxy.cuts >= 15


async def _cut_and_ask_again(service: Service, proxy: FaultProxy, sql: asyncpg.Connection, word: bytes) -> None:
    tokens = await login(service.http)
    # Parameters travel in binary: the next request that names this grant is the one whose answer is lost.
    grant = await sql.fetchrow("SELECT id, session_id FROM grants ORDER BY created_at DESC LIMIT 1")
    proxy.cut_after_request(grant["id"].bytes)
    if word == b"generation":
        honest(await refresh(service.http, tokens["refresh_token"]))
        assert await sql.fetchval("SELECT generation FROM grants WHERE id = $1", grant["id"]) == 1, "it had committed"
        renewed = (await refresh(service.http, tokens["refresh_token"])).json()
        again = (await refresh(service.http, tokens["refresh_token"])).json()
        assert renewed["refresh_token"] == again["refresh_token"], "two branches of one session"
        assert (await refresh(service.http, renewed["refresh_token"])).status_code == 200
    else:
        form = {"client_id": "customer", "token": tokens["refresh_token"]}
        honest(await service.http.post("/revoke", data=form))
        assert (await service.http.post("/revoke", data=form)).status_code == 200
        assert await active(service.http, tokens) is False
        assert (await refresh(service.http, tokens["refresh_token"])).json()["error"] == "invalid_grant"


async def test_a_logout_whose_commit_was_lost_sight_of_is_not_acknowledged_until_redis_knows(
    env: dict[str, str], servers: Servers, sql: asyncpg.Connection
) -> None:
    async with database_proxy(servers) as proxy:
        env["AUTHSVC_DATABASE_URL"] = on_database(env["AUTHSVC_DATABASE_URL"], proxy)
        async with serving(env) as service:
            await logout(service.http, await login(service.http))
            tokens = await login(service.http)
            session = await sql.fetchval("SELECT session_id FROM grants WHERE NOT ended")
            proxy.cut_after_request(session.bytes)
            honest(await logout(service.http, tokens))
            assert not await sql.fetchval("SELECT is_active FROM user_sessions WHERE id = $1", session)
            assert (await logout(service.http, tokens)).status_code == 204
            assert await active(service.http, tokens) is False


async def test_a_login_whose_commit_is_unknown_gives_no_token_and_leaves_no_half_session(
    env: dict[str, str], servers: Servers, sql: asyncpg.Connection
) -> None:
    async with database_proxy(servers) as proxy:
        env["AUTHSVC_DATABASE_URL"] = on_database(env["AUTHSVC_DATABASE_URL"], proxy)
        async with serving(env) as service:
            await login(service.http)
            for _ in range(10):
                proxy.cut_after_request(b"Bar tablet")
                honest(await service.http.post("/api/auth/login", json={**LOGIN, "device_info": "Bar tablet"}))
            await login(service.http)
    assert await sql.fetchval("SELECT count(*) FROM user_sessions") == 12
    assert await sql.fetchval(
        "SELECT bool_and(EXISTS (SELECT FROM grants g WHERE g.session_id = s.id AND NOT ended)) FROM user_sessions s"
    )
