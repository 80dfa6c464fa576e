"""/revoke ends what a client has from a login (RFC 7009); whether that logs the person out of the browser, too."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import httpx2
import jwt
import pytest

from authsvc.flows.authorize import authorize
from authsvc.flows.operator import manage_clients
from authsvc_devkit.servers import Servers
from tests.support import devices
from tests.support.login_steps import PARTNER, Pkce, authorize_url, press, redirected, tokens_for
from tests.support.seconds import second_begins
from tests.support.service import Service, service


async def revoke(house: Service, client_id: str, token: str) -> None:
    form = {"token": token} if client_id == "partner" else {"token": token, "client_id": client_id}
    answer = await house.http.post("/revoke", data=form, auth=PARTNER if client_id == "partner" else None)
    assert answer.status_code == 200, answer.text


async def logged_in(http: httpx2.AsyncClient) -> bool:
    return "code" in redirected(await http.get(authorize_url(Pkce(), prompt="none")))


async def test_the_browsers_session_outlives_the_last_grant_of_a_client_that_is_not_of_the_house(
    house: Service,
) -> None:
    http = house.caller()
    tokens = await tokens_for(http, "partner", scope="openid offline_access")
    await revoke(house, "partner", tokens["refresh_token"])
    assert not await house.active(tokens["access_token"])
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    again = await house.http.post("/token", data=form, auth=PARTNER)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
    assert await logged_in(http)
    await revoke(house, "partner", tokens["refresh_token"])  # once more is no more
    assert await logged_in(http)
    fresh = await tokens_for(http, "partner", scope="openid")
    assert await house.active(fresh["access_token"])


async def test_revoking_once_more_leaves_alone_what_the_client_got_since(house: Service) -> None:
    """A job that clears up says it again, when the person has long logged in anew."""
    http = house.caller()
    old = await tokens_for(http, "partner", scope="openid offline_access")
    await revoke(house, "partner", old["refresh_token"])
    fresh = await tokens_for(http, "partner", scope="openid offline_access")
    await revoke(house, "partner", old["refresh_token"])
    assert await house.active(fresh["access_token"])
    assert not await house.active(old["access_token"])


@pytest.mark.parametrize("way", ["/revoke", "/account/apps/revoke"])
async def test_a_refresh_that_comes_between_an_end_and_its_locks_gives_nothing_that_lives(
    house: Service, way: str
) -> None:
    """The end began in one second, and waits for a lock; the refresh is of the next."""
    http = house.caller()
    tokens = await tokens_for(http, "partner", scope="openid offline_access")
    await tokens_for(http)
    async with house.sql.transaction():
        await house.sql.execute("SELECT FROM grants WHERE client_id = 'customer' FOR UPDATE")
        await house.sql.execute("SELECT FROM consents FOR UPDATE")
        await second_begins(house, 0.4)
        if way == "/revoke":
            ending: asyncio.Task[Any] = asyncio.create_task(revoke(house, "partner", tokens["refresh_token"]))
        else:
            ending = asyncio.create_task(press(http, way, client_id="partner"))
        await second_begins(house)
        form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
        fresh = (await house.http.post("/token", data=form, auth=PARTNER)).json()
        assert not ending.done()
    await ending
    issued = jwt.decode(fresh["access_token"], options={"verify_signature": False})["iat"]
    sql = "SELECT max(not_before) FROM revocations WHERE kind = 'grant' AND subject LIKE '%:partner'"
    assert (await house.sql.fetchval(sql)).timestamp() >= issued, "verifiers read that"
    assert not await house.active(fresh["access_token"])


async def test_the_end_of_a_client_counts_from_when_it_is_gone(servers: Servers, base_env: dict[str, str]) -> None:
    """Two seconds ahead of that, whatever its removal waited for."""
    async with service(servers, base_env) as house:
        async with house.sql.transaction():
            await house.sql.execute("SELECT FROM clients WHERE id = 'backend' FOR KEY SHARE")
            removing = asyncio.create_task(manage_clients.remove(house.runtime, "tests", "backend"))
            await asyncio.sleep(0.3)
            assert not removing.done()
            held_until = await house.sql.fetchval("SELECT clock_timestamp()")
        assert await removing is None
        void = await house.sql.fetchval("SELECT not_before FROM revocations WHERE kind = 'client'")
        assert void >= held_until + timedelta(seconds=2)


async def test_a_login_within_the_second_of_a_revoke_gets_tokens_that_live(house: Service) -> None:
    """What was issued in that second is void, and nothing else."""
    http = house.caller()
    tokens = await tokens_for(http, "partner", scope="openid offline_access")
    await second_begins(house)
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    before = (await house.http.post("/token", data=form, auth=PARTNER)).json()
    await revoke(house, "partner", before["refresh_token"])
    for _ in range(2):
        fresh = await tokens_for(http, "partner", scope="openid")
        assert await house.active(fresh["access_token"])
    assert not await house.active(before["access_token"])


async def test_a_pause_that_ends_early_is_made_up_for(house: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """uvloop's clock counts milliseconds: who waits for the end of the second may be back before it, and
    would be shown the consent page once more."""
    http, pause, pauses = house.caller(), asyncio.sleep, []

    async def early(seconds: float) -> None:
        pauses.append(seconds)
        await pause(seconds if len(pauses) > 1 else max(0, seconds - 0.2))

    tokens = await tokens_for(http, "partner", scope="openid offline_access")
    await second_begins(house)
    await revoke(house, "partner", tokens["refresh_token"])
    monkeypatch.setattr(authorize, "asyncio", SimpleNamespace(sleep=early))
    fresh = await tokens_for(http, "partner", scope="openid", prompt="consent")
    assert await house.active(fresh["access_token"])
    assert [seconds > 0.1 for seconds in pauses] == [True, True]


async def test_a_login_within_the_second_of_the_end_of_an_app_gets_tokens_that_live(house: Service) -> None:
    http = house.caller()
    before = await tokens_for(http, "partner", scope="openid")
    await second_begins(house)
    answer = await press(http, "/account/apps/revoke", client_id="partner")
    assert answer.status_code == 303, answer.text
    fresh = await tokens_for(http, "partner", scope="openid")
    assert await house.active(fresh["access_token"])
    assert not await house.active(before["access_token"])


async def test_a_frontend_of_the_house_logs_out_by_revoking_its_last_grant(house: Service) -> None:
    http = house.caller()
    mine, others = await tokens_for(http), await tokens_for(http, "strict")
    await revoke(house, "customer", mine["refresh_token"])
    assert await logged_in(http), "another client has something from this login"
    await revoke(house, "strict", others["refresh_token"])
    assert not await logged_in(http)


async def test_a_session_that_no_browser_holds_ends_with_its_last_grant_whoevers_it_was(house: Service) -> None:
    asked = await devices.ask(house)
    await devices.decide(await devices.browser(house), asked["user_code"])
    tokens = (await devices.poll(house.http, asked["device_code"])).json()
    await house.sql.execute("UPDATE clients SET first_party = false WHERE id = 'terminal'")
    await revoke(house, "terminal", tokens["refresh_token"])
    session = jwt.decode(tokens["access_token"], options={"verify_signature": False})["sid"]
    assert not await house.sql.fetchval("SELECT is_active FROM user_sessions WHERE id = $1", session)


async def test_a_login_without_a_browser_ends_with_its_last_grant(house: Service) -> None:
    """Nothing else holds it: for a frontend with the JSON login, /revoke is the log-out."""
    tokens = await house.login()
    await revoke(house, "customer", tokens["refresh_token"])
    assert not await house.sql.fetchval("SELECT is_active FROM user_sessions WHERE id = $1", tokens["session_id"])


@pytest.mark.parametrize("path", ["/api/auth/logout", "/logout"])
async def test_logging_out_ends_the_browsers_session(house: Service, path: str) -> None:
    http = house.caller()
    tokens = await tokens_for(http)
    if path == "/logout":
        answer = await http.get(path, params={"id_token_hint": tokens["id_token"]})
    else:
        answer = await http.post(path, json={"refresh_token": tokens["refresh_token"]})
    assert answer.status_code in (200, 204), answer.text
    error = redirected(await http.get(authorize_url(Pkce(), prompt="none")))["error"]
    assert error == "login_required"
    assert not await house.active(tokens["access_token"])


async def test_a_client_that_is_not_of_the_house_logs_nobody_out_of_the_browser(house: Service) -> None:
    """Its refresh token is worth as much at /api/auth/logout as at /revoke."""
    http = house.caller()
    tokens = await tokens_for(http, "partner", scope="openid offline_access")
    members = {"client_id": "partner", "client_secret": PARTNER[1], "refresh_token": tokens["refresh_token"]}
    answer = await house.http.post("/api/auth/logout", json=members)
    assert answer.status_code == 204, answer.text
    assert not await house.active(tokens["access_token"])
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    again = await house.http.post("/token", data=form, auth=PARTNER)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
    assert await logged_in(http)


async def test_revoking_and_logging_out_at_once_leave_nothing_alive(house: Service) -> None:
    for _ in range(15):
        http = house.caller()
        tokens = await tokens_for(http)
        await asyncio.gather(
            revoke(house, "customer", tokens["refresh_token"]),
            house.http.post("/api/auth/logout", json={"refresh_token": tokens["refresh_token"]}),
        )
        assert not await house.active(tokens["access_token"])
        session = await house.sql.fetchrow(
            "SELECT s.is_active, g.ended FROM user_sessions s JOIN grants g ON g.session_id = s.id "
            "ORDER BY s.created_at DESC LIMIT 1"
        )
        assert tuple(session) == (False, True)
