"""The optional idle end of sessions."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from authsvc.flows.upkeep import end_idle
from authsvc.settings import SettingsError, load
from authsvc_devkit.servers import Servers
from tests.support.login_steps import tokens_for
from tests.support.service import Service, service

IDLE = 7200


@pytest_asyncio.fixture
async def house(servers: Servers, base_env: dict[str, str]) -> AsyncIterator[Service]:
    async with service(servers, base_env, session_idle_seconds=IDLE) as running:
        yield running


async def unused_for(house: Service, seconds: int) -> None:
    await house.sql.execute("UPDATE user_sessions SET last_activity = now() - $1::int * interval '1 second'", seconds)


async def test_a_session_that_nobody_used_ends_and_others_do_not(house: Service) -> None:
    idle = await house.login()
    await unused_for(house, IDLE + 1)
    used = await house.login()
    assert await end_idle.end_idle_once(house.runtime) == 1
    assert [await house.active(one["access_token"]) for one in (idle, used)] == [False, True]
    assert (await house.refresh(idle["refresh_token"])).status_code == 400
    assert await house.sql.fetchval("SELECT end_reason FROM user_sessions WHERE NOT is_active") == "idle"
    assert await end_idle.end_idle_once(house.runtime) == 0


async def test_a_refresh_is_use(house: Service) -> None:
    tokens = await house.login()
    await unused_for(house, IDLE - 60)
    assert (await house.refresh(tokens["refresh_token"])).status_code == 200
    await house.sql.execute("UPDATE user_sessions SET last_activity = last_activity - interval '2 minutes'")
    assert await end_idle.end_idle_once(house.runtime) == 0


async def test_a_browser_that_comes_by_uses_its_session_and_an_idle_one_is_nobodys(house: Service) -> None:
    http = house.caller()
    await tokens_for(http)
    await unused_for(house, IDLE - 60)
    assert (await http.get("/account")).status_code == 200
    fresh = "SELECT last_activity > now() - interval '1 minute' FROM user_sessions"
    assert await house.sql.fetchval(fresh)
    await unused_for(house, IDLE + 1)
    assert (await http.get("/account")).headers["location"] == "/login?next=/account"
    assert not await house.sql.fetchval(fresh)


async def test_without_the_setting_no_session_is_idle(servers: Servers, base_env: dict[str, str]) -> None:
    async with service(servers, base_env) as house:
        http = house.caller()
        await tokens_for(http)
        await unused_for(house, 6 * 86_400)
        assert (await http.get("/account")).status_code == 200
        assert await house.sql.fetchval("SELECT last_activity > now() - interval '1 minute' FROM user_sessions")


def test_an_idle_time_shorter_than_an_access_token_is_refused(base_env: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match="longer than an access token lives"):
        load({**base_env, "AUTHSVC_SESSION_IDLE_SECONDS": "1800"})
    assert load({**base_env, "AUTHSVC_SESSION_IDLE_SECONDS": "1801"}).session_idle_seconds == 1801
