"""FAPI 2.0 Security Profile: requests of modules that once found something. Each test names its module."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from authsvc_devkit.servers import Servers
from tests.support.login_steps import (
    CALLBACK,
    Pkce,
    authorize_parameters,
    enter,
    is_page,
    opened,
    pushed_url,
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
