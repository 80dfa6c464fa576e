"""Who loses the role that a client wants gets no more tokens there, and goes on once they have it back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from tests.support.login_steps import Pkce, code_for, redeem, tokens_for
from tests.support.service import Service

WHO = {"email": "bartender@example.com"}
REFUSED = {"error": "invalid_grant", "error_description": "The account may not use this client."}


async def roles(house: Service, *now: str) -> None:
    await house.sql.execute("UPDATE users SET roles = $1 WHERE email = $2", list(now), WHO["email"])


@pytest.fixture(autouse=True)
async def as_before(house: Service) -> AsyncIterator[None]:
    yield
    await roles(house, "bartender")


def said(answer: httpx2.Response) -> tuple[int, dict[str, Any]]:
    return answer.status_code, answer.json()


async def test_a_lost_role_refuses_the_refresh_and_spends_nothing(house: Service) -> None:
    by_code = await tokens_for(house.caller(), "bartender", **WHO)
    by_json = await house.login(client_id="bartender", **WHO)
    for tokens in (by_code, by_json):
        await roles(house, "customer")
        row = "SELECT generation, parent, rotated_at FROM grants WHERE client_id = 'bartender' ORDER BY created_at"
        before = await house.sql.fetch(row)
        for _ in range(2):
            assert said(await house.refresh(tokens["refresh_token"], "bartender")) == (400, REFUSED)
        assert await house.sql.fetch(row) == before
        await roles(house, "customer", "bartender")
        assert (await house.refresh(tokens["refresh_token"], "bartender")).status_code == 200


async def test_a_lost_role_refuses_the_code_and_does_not_burn_it(house: Service) -> None:
    http, pkce = house.caller(), Pkce()
    code = await code_for(http, pkce, "bartender", **WHO)
    await roles(house, "customer")
    for _ in range(2):
        assert said(await redeem(http, code, pkce, "bartender")) == (400, REFUSED)
    await roles(house, "bartender")
    assert (await redeem(http, code, pkce, "bartender")).status_code == 200


async def test_a_role_that_the_client_does_not_want_may_go(house: Service) -> None:
    tokens = await tokens_for(house.caller(), **WHO)
    await roles(house)
    assert (await house.refresh(tokens["refresh_token"])).status_code == 200
