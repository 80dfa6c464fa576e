"""From /authorize to the token, as a browser and a client go: pages, redirects, single sign-on."""

from __future__ import annotations

import httpx2

from tests.support.login_steps import (
    CALLBACK,
    Pkce,
    authorize_url,
    code_for,
    enter,
    is_page,
    log_in,
    redeem,
    redirected,
    submit,
    tokens_for,
)
from tests.support.service import ISSUER


async def test_a_person_logs_in_and_the_client_gets_tokens(http: httpx2.AsyncClient) -> None:
    pkce = Pkce()
    page = await http.get(authorize_url(pkce))
    assert page.status_code == 200
    assert is_page(page, "/login")
    answer = await enter(http, page)
    query = redirected(answer, CALLBACK)
    assert query["iss"] == ISSUER
    assert query["state"] == "state-1"
    assert set(query) == {"code", "state", "iss"}
    tokens = (await redeem(http, query["code"], pkce)).json()
    assert {"access_token", "id_token", "refresh_token"} <= set(tokens)


async def test_a_third_party_needs_consent_once(http: httpx2.AsyncClient) -> None:
    url = authorize_url(Pkce(), client_id="partner", redirect_uri="https://partner.example/callback")
    page = await enter(http, await http.get(url))
    assert is_page(page, "/consent")
    answer = await submit(http, page, "/consent", decision="allow")
    assert "code" in redirected(answer, "https://partner.example/callback")
    assert "code" in redirected(await http.get(url))


async def test_the_second_frontend_is_silent(http: httpx2.AsyncClient) -> None:
    await tokens_for(http)
    answer = redirected(await http.get(authorize_url(Pkce(), client_id="strict", prompt="none")))
    assert "code" in answer


async def test_nobody_logged_in_and_prompt_none(http: httpx2.AsyncClient) -> None:
    answer = redirected(await http.get(authorize_url(Pkce(), prompt="none")), CALLBACK)
    assert answer["error"] == "login_required"
    assert (answer["state"], answer["iss"]) == ("state-1", ISSUER)


async def test_a_code_for_each_login(http: httpx2.AsyncClient) -> None:
    pkce = Pkce()
    assert await code_for(http, pkce) != await code_for(http, pkce)
    assert "code" in await log_in(http, authorize_url(pkce, prompt="login"))
