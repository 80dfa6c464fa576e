"""Registration without a token, where an operator opens it: within limits, with consent every time, not for long."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx2
import jwt
import pytest_asyncio

from authsvc.store.upkeep import sweep
from authsvc_devkit.servers import Servers
from tests.support.login_steps import Pkce, authorize_url, enter, is_page, redirected, submit
from tests.support.registration import CALLBACK, SHOP, at, initial, is_error, register, same, tokens_of
from tests.support.service import Service, service

MCP = "https://mcp.example.com"
POLICY = {
    "client_registration": "open",
    "client_registration_network": 3,
    "stranger_audiences": MCP,
    "stranger_scopes": "notes.read",
    "stranger_refresh_tokens": "on",
}


@pytest_asyncio.fixture(scope="module")
async def house(servers: Servers, base_env: dict[str, str]) -> AsyncIterator[Service]:
    async with service(servers, base_env, **POLICY) as running:
        yield running


async def opened(house: Service, address: str, **members: Any) -> httpx2.Response:
    return await house.caller(address).post("/register", json={**SHOP, **members})


async def agent(house: Service, address: str, **members: Any) -> dict[str, Any]:
    grants = ["authorization_code", "refresh_token"]
    answer = await opened(house, address, token_endpoint_auth_method="none", grant_types=grants, **members)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_anybody_registers_and_gets_what_strangers_may_have(house: Service) -> None:
    client = await agent(house, "203.0.113.1", client_name="Agent")
    assert client["scope"] == "openid profile email offline_access notes.read"
    tokens = await tokens_of(house, client, scope="notes.read", resource=MCP)
    assert jwt.decode(tokens["access_token"], options={"verify_signature": False})["aud"] == MCP
    assert "refresh_token" in tokens, "without offline_access, as the operator lets strangers"
    refreshed = await house.refresh(tokens["refresh_token"], client["client_id"])
    assert refreshed.status_code == 200
    uri, headers = at(client)
    assert (await house.http.delete(uri, headers=headers)).status_code == 204


async def test_a_person_is_asked_every_time_and_told_that_nobody_knows_it(house: Service) -> None:
    client = await agent(house, "203.0.113.2")
    http, url = house.caller(), authorize_url(Pkce(), client_id=client["client_id"], redirect_uri=CALLBACK)
    page = await enter(http, await http.get(url))
    for _ in range(2):
        assert is_page(page, "/consent")
        assert "Nobody here knows this app" in page.text
        assert "code" in redirected(await submit(http, page, "/consent", decision="allow"))
        page = await http.get(url)


async def test_a_network_registers_only_so_many(house: Service) -> None:
    statuses = [(await opened(house, "203.0.113.3", redirect_uris=["javascript:x"])).status_code]
    statuses += [(await opened(house, "203.0.113.3")).status_code for _ in range(4)]
    assert statuses == [400, 201, 201, 429, 429], "a try counts, or looking for what is taken would cost nothing"
    assert (await opened(house, "203.0.113.4")).status_code == 201


async def test_a_stranger_does_not_become_more_by_a_change(house: Service) -> None:
    client = await agent(house, "203.0.113.5")
    uri, headers = at(client)
    more = same(client, backchannel_logout_uri="https://shop.example/logout")
    is_error(await house.http.put(uri, json=more, headers=headers), 400, "invalid_client_metadata")
    assert (await house.http.put(uri, json=same(client, client_name="Other"), headers=headers)).status_code == 200
    assert await house.sql.fetchval("SELECT stranger FROM clients WHERE id = $1", client["client_id"])


async def test_who_has_a_token_registers_as_before(house: Service) -> None:
    answer = await register(house, await initial(house), backchannel_logout_uri="https://shop.example/logout")
    assert answer.status_code == 201
    assert not await house.sql.fetchval("SELECT stranger FROM clients WHERE id = $1", answer.json()["client_id"])
    is_error(await register(house, "A" * 43), 401, "invalid_token")


async def test_any_page_may_register(house: Service) -> None:
    origin = {"Origin": "https://inspector.example"}
    asked = {**origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
    preflight = await house.http.options("/register", headers=asked)
    assert preflight.headers["access-control-allow-origin"] == "https://inspector.example"
    assert "access-control-allow-credentials" not in preflight.headers
    answer = await house.caller("203.0.113.6").post("/register", json=SHOP, headers=origin)
    assert answer.headers["access-control-allow-origin"] == "https://inspector.example"


async def test_what_nobody_used_is_gone_after_a_day(house: Service) -> None:
    used, unused = await agent(house, "203.0.113.7"), await agent(house, "203.0.113.7")
    await tokens_of(house, used, scope="openid")
    await house.sql.execute("UPDATE stranger_clients SET read_at = now() - interval '2 days'")
    async for _ in sweep.sweep(house.runtime.db, rest=0):
        pass
    left = await house.sql.fetch("SELECT id FROM clients WHERE stranger")
    assert used["client_id"] in {row["id"] for row in left}
    assert unused["client_id"] not in {row["id"] for row in left}


async def test_without_a_token_nobody_registers_where_it_is_not_open(http: httpx2.AsyncClient) -> None:
    is_error(await http.post("/register", json=SHOP), 401, "invalid_request")
