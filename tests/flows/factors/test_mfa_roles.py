"""AUTHSVC_MFA_ROLES: a person with such a role gets no token below a second factor (SECURITY.md item 76)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import count
from typing import Any

import httpx2
import pytest_asyncio
from jwt import decode

from authsvc.rules.levels import MFA_ACR, PASSWORD_ACR
from authsvc_devkit.servers import Servers
from tests.support.factors import PASSWORD, App, app_of, person
from tests.support.login_steps import Pkce, authorize_url, enter, fields, is_page, redeem, redirected, tokens_for
from tests.support.service import Service, bearer, service

_numbers = count(1)


@pytest_asyncio.fixture(scope="module")
async def house(servers: Servers, base_env: dict[str, str]) -> AsyncIterator[Service]:
    async with service(servers, base_env, mfa_roles="manager") as running:
        yield running


async def somebody(house: Service, *roles: str) -> tuple[str, App]:
    """A new person with these roles, and the app that they may set up: it is no factor before `set_up`."""
    email = f"manager{next(_numbers)}@example.com"
    return email, App(house, await person(house, email, roles))


async def set_up(app: App) -> App:
    return await app_of(app.service, app.user_id)


async def by_json(http: httpx2.AsyncClient, email: str) -> httpx2.Response:
    return await http.post("/api/auth/login", json={"email": email, "password": PASSWORD})


async def sessions_of(house: Service, app: App) -> int:
    found: int = await house.sql.fetchval("SELECT count(*) FROM user_sessions WHERE user_id = $1", app.user_id)
    return found


def acr(tokens: dict[str, Any]) -> str:
    said: str = decode(tokens["access_token"], options={"verify_signature": False})["acr"]
    return said


async def test_whoever_lacks_the_role_is_asked_for_nothing_more(house: Service) -> None:
    email, _ = await somebody(house, "customer")
    assert acr((await by_json(house.caller(), email)).json()) == PASSWORD_ACR


async def test_json_gives_nothing_where_no_factor_is_set_up(house: Service) -> None:
    email, app = await somebody(house, "customer", "manager")
    answer = await by_json(house.caller(), email)
    assert (answer.status_code, answer.json()["error"]) == (403, "unmet_authentication_requirements")
    assert await sessions_of(house, app) == 0


async def test_json_gives_tokens_after_the_factor_and_refreshes_at_its_level(house: Service) -> None:
    email, app = await somebody(house, "customer", "manager")
    app = await set_up(app)
    http = house.caller()
    asked = await by_json(http, email)
    assert (asked.status_code, asked.json()["error"]) == (401, "mfa_required")
    assert await sessions_of(house, app) == 0
    step = {"mfa_challenge": asked.json()["mfa_challenge"], "way": "otp", "code": app.code()}
    tokens = (await http.post("/api/auth/login/second", json=step)).json()
    assert acr(tokens) == MFA_ACR
    for _ in range(2):
        tokens = (await house.refresh(tokens["refresh_token"])).json()
        assert acr(tokens) == MFA_ACR


async def test_the_hosted_login_gives_no_code_where_no_factor_is_set_up(house: Service) -> None:
    """But a page that leads to where one is: the person is let in there by their password."""
    email, _ = await somebody(house, "customer", "manager")
    http, pkce = house.caller(), Pkce()
    page = await enter(http, await http.get(authorize_url(pkce)), email)
    assert page.status_code != 303, page.headers.get("location")
    assert "/account/factors" in page.text
    again = await http.get(authorize_url(pkce, prompt="none"))
    assert redirected(again)["error"] == "interaction_required"
    assert (await http.get("/account/factors")).status_code == 200


async def test_the_hosted_login_asks_for_the_factor_and_the_code_gives_no_less(house: Service) -> None:
    email, app = await somebody(house, "customer", "manager")
    app = await set_up(app)
    http, pkce = house.caller(), Pkce()
    second = await enter(http, await http.get(authorize_url(pkce)), email)
    assert is_page(second, "/login/second")
    assert redirected(await http.get(authorize_url(pkce, prompt="none")))["error"] == "login_required"
    done = await http.post("/login/second", data={**fields(second), "way": "otp", "code": app.code()})
    tokens = (await redeem(http, redirected(done)["code"], pkce)).json()
    assert acr(tokens) == MFA_ACR
    assert acr((await house.refresh(tokens["refresh_token"])).json()) == MFA_ACR


async def test_a_session_from_before_the_role_goes_on_without_it_until_the_factor_is_proved(house: Service) -> None:
    """What was given before goes on: its tokens, userinfo and profile have the other roles alone."""
    email, app = await somebody(house, "customer")
    http, pkce = house.caller(), Pkce()
    await house.sql.execute("UPDATE clients SET scopes = scopes || '{roles}' WHERE id = 'customer'")
    house.runtime.clients._entries.clear()
    wants = {"claims": '{"id_token": {"roles": null}, "userinfo": {"roles": null}}'}
    done = await enter(http, await http.get(authorize_url(pkce, **wants)), email)
    await house.sql.execute("UPDATE users SET roles = '{customer,manager}' WHERE id = $1", app.user_id)
    tokens = (await redeem(http, redirected(done)["code"], pkce)).json()
    app = await set_up(app)
    id_token = decode(tokens["id_token"], options={"verify_signature": False})
    assert id_token["roles"] == ["customer"], "a code from before"
    for _ in range(2):
        assert (acr(tokens), roles(tokens)) == (PASSWORD_ACR, ["customer"])
        assert await known_roles(house, tokens) == [["customer"]] * 2
        tokens = (await house.refresh(tokens["refresh_token"])).json()
    assert redirected(await http.get(authorize_url(pkce, prompt="none")))["error"] == "interaction_required"
    pkce = Pkce()
    second = await http.get(authorize_url(pkce, **wants))
    assert is_page(second, "/login/second"), second.text
    done = await http.post("/login/second", data={**fields(second), "way": "otp", "code": app.code()})
    stepped = (await redeem(http, redirected(done)["code"], pkce)).json()
    for found in (stepped, (await house.refresh(tokens["refresh_token"])).json()):
        assert (acr(found), roles(found)) == (MFA_ACR, ["customer", "manager"]), "of one session, which is stepped up"
        assert await known_roles(house, found) == [["customer", "manager"]] * 2


def roles(tokens: dict[str, Any]) -> list[str]:
    found: list[str] = decode(tokens["access_token"], options={"verify_signature": False})["roles"]
    return found


async def known_roles(house: Service, tokens: dict[str, Any]) -> list[list[str]]:
    """What userinfo and the profile say."""
    headers = bearer(tokens["access_token"])
    answers = [await house.caller().get(path, headers=headers) for path in ("/userinfo", "/api/profile/me")]
    return [answer.json()["roles"] for answer in answers]


async def test_groups_hold_a_role_of_the_setting_no_more_than_roles_do(house: Service) -> None:
    """A role that was given to somebody who is logged in without a second factor (claim_aliases)."""
    await house.sql.execute(
        """UPDATE clients SET scopes = '{openid,roles}', id_token_claims = true, id_token_on_refresh = true,
           claim_aliases = true WHERE id = 'customer'"""
    )
    await house.clients_known()
    email, app = await somebody(house, "customer")
    tokens = await tokens_for(house.caller(), email=email, scope="openid roles")
    await house.sql.execute("UPDATE users SET roles = '{customer,manager}' WHERE id = $1", app.user_id)
    refreshed = (await house.refresh(tokens["refresh_token"])).json()
    person = await house.http.get("/userinfo", headers=bearer(refreshed["access_token"]))
    for told in (person.json(), decode(refreshed["id_token"], options={"verify_signature": False})):
        assert (told["roles"], told["groups"]) == (["customer"], ["customer"])
