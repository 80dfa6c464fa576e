"""FAPI 2.0 Security Profile: requests of modules that once found something. Each test names its module."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest_asyncio

from authsvc_devkit.servers import Servers
from tests.support.login_steps import (
    CALLBACK,
    Pkce,
    authorize_parameters,
    authorize_url,
    enter,
    is_page,
    log_in,
    opened,
    pushed_url,
    redeem,
    redirected,
)
from tests.support.service import Service, service


@pytest_asyncio.fixture(scope="module")
async def house(servers: Servers, base_env: dict[str, str]) -> AsyncIterator[Service]:
    async with service(servers, base_env) as running:
        yield running


async def test_a_request_uri_is_spent_when_the_code_is_given_and_not_when_the_page_is_loaded(house: Service) -> None:
    """par-ensure-reused-request-uri-prior-to-auth-completion-succeeds (section 5.3.2.2 note 3)."""
    answer = await house.http.post("/par", data=authorize_parameters(Pkce()))
    url, browser = pushed_url(answer.json()["request_uri"]), house.caller()
    assert is_page(await opened(browser, url), "/login")
    assert "code" in redirected(await enter(browser, await opened(browser, url)), CALLBACK)
    assert (await browser.get(url)).status_code == 400


async def test_a_claim_of_the_metadata_can_be_asked_for_by_its_name(house: Service) -> None:
    """test-claims-parameter-identity-claims (OpenID Connect Core section 5.5)."""
    await house.sql.execute("UPDATE clients SET claim_aliases = true WHERE id = 'customer'")
    await house.sql.execute("UPDATE users SET locale = 'en' WHERE email = 'test@example.com'")
    await house.clients_known()
    known = (await house.http.get("/.well-known/openid-configuration")).json()["claims_supported"]
    asked = {"name", "locale", "email", "email_verified", "preferred_username"}
    assert asked <= set(known)
    claims = json.dumps({"userinfo": dict.fromkeys(asked)})
    pkce, browser = Pkce(), house.caller()
    got = await log_in(browser, authorize_url(pkce, scope="openid", claims=claims))
    tokens = (await redeem(browser, got["code"], pkce)).json()
    person = await browser.get("/userinfo", headers={"Authorization": f"Bearer {tokens['access_token']}"})
    assert asked <= set(person.json())
    assert person.json()["preferred_username"] == "test@example.com"
