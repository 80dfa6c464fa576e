"""The connection dies while a code is redeemed: the person who tries again is no thief, and a thief is still one."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import asyncpg
import httpx2
import pytest

from authsvc_devkit.servers import Servers
from tests.faults.conftest import Service, database_proxy, honest, on_database, serving
from tests.support.calls import refresh
from tests.support.faultproxy import FaultProxy
from tests.support.login_steps import Pkce, authorize_url, code_for, redeem, redirected

pytestmark = pytest.mark.faults


async def a_code(service: Service, sql: asyncpg.Connection) -> tuple[Pkce, str, bytes]:
    """A fresh code, and what of it passes the proxy."""
    pkce = Pkce()
    code = await code_for(service.http, pkce)
    grant = await sql.fetchval("SELECT id FROM grants WHERE code_state = 'issued' ORDER BY created_at DESC LIMIT 1")
    return pkce, code, grant.bytes


async def unheard(
    service: Service, sql: asyncpg.Connection, proxy: FaultProxy, *, times: int
) -> tuple[Pkce, str, httpx2.Response]:
    """A redemption that is committed, and of which `times` tries get no answer."""
    pkce, code, named = await a_code(service, sql)
    cuts = proxy.cuts

    async def cutting() -> None:
        for done in range(times):
            while proxy.cuts < cuts + done:
                await asyncio.sleep(0)
            proxy.cut_after_request(named)

    task = asyncio.create_task(cutting())
    try:
        answer = await redeem(service.http, code, pkce)
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        proxy.heal()
    assert proxy.cuts == cuts + times
    state = await sql.fetchval("SELECT code_state FROM grants ORDER BY created_at DESC LIMIT 1")
    assert state == "redeemed", "it had committed"
    return pkce, code, answer


async def logged_in(service: Service) -> bool:
    return "code" in redirected(await service.http.get(authorize_url(Pkce(), prompt="none")))


async def test_a_redemption_that_nobody_heard_of_is_asked_for_again_and_nobody_notices(
    env: dict[str, str], servers: Servers, sql: asyncpg.Connection
) -> None:
    async with database_proxy(servers) as proxy:
        env["AUTHSVC_DATABASE_URL"] = on_database(env["AUTHSVC_DATABASE_URL"], proxy)
        async with serving(env) as service:
            for _ in range(10):
                pkce, code, answer = await unheard(service, sql, proxy, times=1)
                assert answer.status_code == 200, answer.text
                again = await refresh(service.http, answer.json()["refresh_token"])
                assert again.status_code == 200, again.text
            assert await logged_in(service)
            assert (await redeem(service.http, code, pkce)).json()["error"] == "invalid_grant"
            assert not await logged_in(service), "a second use is still a replay"


async def test_who_tries_again_after_a_503_gets_the_tokens_and_only_once(
    env: dict[str, str], servers: Servers, sql: asyncpg.Connection
) -> None:
    async with database_proxy(servers) as proxy:
        env["AUTHSVC_DATABASE_URL"] = on_database(env["AUTHSVC_DATABASE_URL"], proxy)
        async with serving(env) as service:
            for _ in range(5):
                pkce, code, answer = await unheard(service, sql, proxy, times=2)
                honest(answer)
                answers = await asyncio.gather(*(redeem(service.http, code, pkce) for _ in range(3)))
                assert sorted(answer.status_code for answer in answers) == [200, 400, 400]
                tokens = next(answer.json() for answer in answers if answer.status_code == 200)
                assert (await refresh(service.http, tokens["refresh_token"])).status_code == 400, (
                    "the others were replays"
                )
            pkce, code, answer = await unheard(service, sql, proxy, times=2)
            honest(answer)
            tokens = (await redeem(service.http, code, pkce)).json()
            assert (await refresh(service.http, tokens["refresh_token"])).status_code == 200
            assert await logged_in(service)


async def test_who_tries_again_at_another_replica_is_refused_and_stays_logged_in(
    env: dict[str, str], servers: Servers, sql: asyncpg.Connection
) -> None:
    direct = dict(env)
    async with database_proxy(servers) as proxy:
        env["AUTHSVC_DATABASE_URL"] = on_database(env["AUTHSVC_DATABASE_URL"], proxy)
        async with serving(env) as service, serving(direct) as other:
            pkce, code, answer = await unheard(service, sql, proxy, times=2)
            honest(answer)
            refused = await redeem(other.http, code, pkce)
            assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
            assert await logged_in(service)
            # Once: whoever comes with it now is no person who waited for an answer.
            assert (await redeem(other.http, code, pkce)).json()["error"] == "invalid_grant"
            assert not await logged_in(service)


async def test_a_replay_elsewhere_is_found_after_the_second_try_has_succeeded(
    env: dict[str, str], servers: Servers, sql: asyncpg.Connection
) -> None:
    direct = dict(env)
    async with database_proxy(servers) as proxy:
        env["AUTHSVC_DATABASE_URL"] = on_database(env["AUTHSVC_DATABASE_URL"], proxy)
        async with serving(env) as service, serving(direct) as other:
            pkce, code, answer = await unheard(service, sql, proxy, times=2)
            honest(answer)
            tokens = (await redeem(service.http, code, pkce)).json()
            assert (await redeem(other.http, code, pkce)).json()["error"] == "invalid_grant"
            assert not await logged_in(service)
            assert (await refresh(service.http, tokens["refresh_token"])).status_code == 400


async def test_an_outage_before_the_commit_costs_nothing_at_another_replica(
    env: dict[str, str], servers: Servers, sql: asyncpg.Connection
) -> None:
    direct = dict(env)
    async with database_proxy(servers) as proxy:
        env["AUTHSVC_DATABASE_URL"] = on_database(env["AUTHSVC_DATABASE_URL"], proxy)
        async with serving(env) as service, serving(direct) as other:
            pkce, code, _ = await a_code(service, sql)
            proxy.refuse()
            proxy.cut()
            honest(await redeem(service.http, code, pkce))
            answer = await redeem(other.http, code, pkce)
            assert answer.status_code == 200, answer.text
            proxy.heal()
            # Not a trace of the outage makes this second use harmless.
            assert (await redeem(other.http, code, pkce)).json()["error"] == "invalid_grant"
            assert (await refresh(other.http, answer.json()["refresh_token"])).status_code == 400


async def test_a_wrong_verifier_after_an_outage_gets_nothing(
    env: dict[str, str], servers: Servers, sql: asyncpg.Connection
) -> None:
    async with database_proxy(servers) as proxy:
        env["AUTHSVC_DATABASE_URL"] = on_database(env["AUTHSVC_DATABASE_URL"], proxy)
        async with serving(env) as service:
            pkce, code, answer = await unheard(service, sql, proxy, times=2)
            honest(answer)
            assert (await redeem(service.http, code, Pkce())).json()["error"] == "invalid_grant"
            assert (await redeem(service.http, code, pkce, "strict")).json()["error"] == "invalid_grant"
            assert await logged_in(service)
            answer = await redeem(service.http, code, pkce)
            assert answer.status_code == 200, answer.text
