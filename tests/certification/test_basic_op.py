"""Basic OP with clients that register themselves: requests of modules that once found something."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest_asyncio

from authsvc_devkit.servers import Servers
from tests.support.login_steps import Pkce, authorize_url, enter, redirected, submit
from tests.support.registration import CALLBACK, at, initial, is_error, register, same
from tests.support.service import Service, service


@pytest_asyncio.fixture(scope="module")
async def house(servers: Servers, base_env: dict[str, str]) -> AsyncIterator[Service]:
    async with service(servers, base_env, client_registration="token") as running:
        yield running


def without_pkce(client: dict[str, Any], **changed: Any) -> str:
    nothing = {"code_challenge": None, "code_challenge_method": None, "nonce": None}
    return authorize_url(Pkce(), client_id=client["client_id"], redirect_uri=CALLBACK, **(nothing | changed))


async def first_answer(house: Service, client: dict[str, Any]) -> httpx2.Response:
    return await house.caller().get(without_pkce(client))


async def test_a_client_that_registers_with_a_token_of_that_policy_needs_no_pkce(house: Service) -> None:
    """oidcc-server, client_registration=dynamic_client: the suite sends none, and one module has no nonce either."""
    client = (await register(house, await initial(house, pkce="optional"))).json()
    browser = house.caller()
    page = await enter(browser, await browser.get(without_pkce(client)))
    got = redirected(await submit(browser, page, "/consent", decision="allow"), CALLBACK)
    form = {"grant_type": "authorization_code", "code": got["code"], "redirect_uri": CALLBACK}
    answer = await house.http.post("/token", data=form, auth=(client["client_id"], client["client_secret"]))
    assert answer.status_code == 200, answer.text
    assert answer.json()["id_token"]


async def test_nobody_else_is_let_off(house: Service) -> None:
    token = await initial(house, uses=2, pkce="optional")
    public = (await register(house, token, token_endpoint_auth_method="none")).json()
    usual = (await register(house)).json()
    for client in (public, usual):
        assert redirected(await first_answer(house, client), CALLBACK)["error"] == "invalid_request"
    let_off = (await register(house, token)).json()
    uri, headers = at(let_off)
    answer = await house.http.put(uri, json=same(let_off), headers=headers)
    assert answer.status_code == 200, answer.text
    await house.clients_known()
    assert (await first_answer(house, let_off)).status_code == 200, "a change leaves the policy as it is"
    members = same(let_off, token_endpoint_auth_method="none", client_secret=...)
    is_error(await house.http.put(uri, json=members, headers=headers), 400, "invalid_client_metadata")
