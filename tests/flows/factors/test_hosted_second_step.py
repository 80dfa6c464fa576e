"""The hosted login of a person with a second factor, and the step up of a session: pages, cookies, and what a thief of
either gets."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import httpx2
import pytest
from jwt import decode

from authsvc.flows.authorize import authorize as flow
from authsvc.rules.levels import MFA_ACR, PASSWORD_ACR
from tests.support.factors import App, app_of, person, recovery_codes_of
from tests.support.login_steps import (
    PARTNER_CALLBACK,
    Pkce,
    authorize_url,
    enter,
    fields,
    is_page,
    log_in,
    redeem,
    redirected,
    submit,
)
from tests.support.service import Service

ESSENTIAL = json.dumps({"id_token": {"acr": {"essential": True, "values": [MFA_ACR]}}})


async def at_second_page(http: httpx2.AsyncClient, email: str, url: str) -> httpx2.Response:
    page = await enter(http, await http.get(url), email)
    assert is_page(page, "/login/second"), page.text
    return page


async def answer(http: httpx2.AsyncClient, page: httpx2.Response, code: str, way: str = "otp") -> httpx2.Response:
    return await http.post("/login/second", data={**fields(page), "way": way, "code": code})


async def claims_after(http: httpx2.AsyncClient, done: httpx2.Response, pkce: Pkce, client: str = "customer") -> Any:
    tokens = (await redeem(http, redirected(done)["code"], pkce, client)).json()
    found = [decode(tokens[name], options={"verify_signature": False}) for name in ("id_token", "access_token")]
    assert found[0]["acr"] == found[1]["acr"]
    assert found[0]["amr"] == found[1]["amr"]
    assert found[0]["auth_time"] == found[1]["auth_time"]
    return found[0]


def cookies(reply: httpx2.Response) -> str:
    return " ".join(reply.headers.get_list("set-cookie"))


async def test_after_the_password_a_second_page_asks_and_nothing_is_given(house: Service, email: str, app: App) -> None:
    http, pkce = house.caller(), Pkce()
    login = await http.get(authorize_url(pkce))
    before = await house.content()
    page = await enter(http, login, email)
    assert page.status_code == 200
    assert await house.content() == before
    assert "authsvc_session" not in cookies(page)
    assert "authsvc_device" not in cookies(page)
    assert redirected(await http.get(authorize_url(Pkce(), prompt="none")))["error"] == "login_required"
    done = await answer(http, page, app.code())
    assert "authsvc_session" in cookies(done)
    assert "authsvc_device" in cookies(done)
    claims = await claims_after(http, done, pkce)
    assert (claims["acr"], claims["amr"]) == (MFA_ACR, ["pwd", "otp", "mfa"])


async def test_a_wrong_code_asks_again_and_a_recovery_code_helps(house: Service, email: str, app: App) -> None:
    codes = await recovery_codes_of(house, app.user_id)
    http, pkce = house.caller(), Pkce()
    page = await at_second_page(http, email, authorize_url(pkce))
    wrong = await answer(http, page, "000000")
    assert wrong.status_code == 400
    assert "problem" in wrong.text
    done = await answer(http, wrong, codes[3], "recovery_code")
    assert (await claims_after(http, done, pkce))["amr"] == ["pwd", "mfa"]


async def test_our_own_pages_ask_too(house: Service, email: str, app: App) -> None:
    http = house.caller()
    page = await at_second_page(http, email, "/login")
    done = await answer(http, page, app.code())
    assert done.headers["location"] == "/account"
    assert (await http.get("/account")).status_code == 200


async def test_the_step_reloaded_begins_anew(house: Service) -> None:
    assert (await house.caller().get("/login/second")).headers["location"] == "/login"


@pytest.mark.parametrize("thief", ["another browser", "another client", "a new password", "another site"])
async def test_a_challenge_is_good_for_nobody_else(house: Service, email: str, app: App, thief: str) -> None:
    http = house.caller()
    page = await at_second_page(http, email, authorize_url(Pkce()))
    form = {**fields(page), "way": "otp", "code": app.code()}
    headers = {}
    if thief == "another browser":
        http = house.caller()
        other = await http.get(authorize_url(Pkce()))
        form |= {name: fields(other)[name] for name in ("csrf", "request")}
    elif thief == "another client":
        form["request"] = fields(await http.get(authorize_url(Pkce(), client_id="strict")))["request"]
    elif thief == "a new password":
        hashed = await house.runtime.passwords.hash("another password of mine")
        await house.sql.execute("UPDATE users SET password_hash = $2 WHERE id = $1", app.user_id, hashed)
    else:
        headers = {"sec-fetch-site": "cross-site"}
    reply = await http.post("/login/second", data=form, headers=headers)
    assert reply.status_code in (400, 403)
    assert "authsvc_session" not in cookies(reply)


async def test_a_form_without_its_token_does_nothing_but_show_the_login_again(
    house: Service, email: str, app: App
) -> None:
    http = house.caller()
    page = await at_second_page(http, email, authorize_url(Pkce()))
    reply = await http.post("/login/second", data={**fields(page), "csrf": "x", "way": "otp", "code": app.code()})
    assert reply.status_code == 403
    assert is_page(reply, "/login")
    assert "authsvc_session" not in cookies(reply)


# Step-up: a session at the level of a password, of a person who has an app meanwhile


async def signed_in(house: Service, email: str) -> tuple[httpx2.AsyncClient, App]:
    user_id = await person(house, email)
    http = house.caller()
    await log_in(http, authorize_url(Pkce()), email)
    return http, await app_of(house, user_id)


@pytest.mark.parametrize("wish", [{"acr_values": MFA_ACR}, {"claims": ESSENTIAL}, {"acr_values": f"phr {MFA_ACR} x"}])
async def test_a_session_is_asked_for_the_missing_factor_alone(
    house: Service, email: str, wish: dict[str, str]
) -> None:
    http, app = await signed_in(house, email)
    row_of = "SELECT * FROM user_sessions WHERE user_id = $1"
    was = await house.sql.fetchrow(row_of, app.user_id)
    pkce = Pkce()
    page = await http.get(authorize_url(pkce, **wish))
    assert is_page(page, "/login/second")
    assert 'type="password"' not in page.text
    claims = await claims_after(http, await answer(http, page, app.code()), pkce)
    assert (claims["acr"], claims["amr"]) == (MFA_ACR, ["pwd", "otp", "mfa"])
    assert claims["auth_time"] == int(was["auth_time"].timestamp()), "the password was proved then"
    now = await house.sql.fetchrow(row_of, app.user_id)
    assert now["id"] == was["id"]
    assert now["cookie_hash"] != was["cookie_hash"], "no fixation"
    assert set(now["credentials"]) == {"password", f"otp:{app.id}"}
    again = await http.get(authorize_url(Pkce(), prompt="none", claims=ESSENTIAL))
    assert "code" in redirected(again), "the session keeps its level"


async def test_who_asks_for_nothing_gets_a_token_that_says_so(house: Service, email: str) -> None:
    """Step-up downgraded by asking without acr_values: the token is of the rung that was reached, and no other."""
    http, _ = await signed_in(house, email)
    pkce = Pkce()
    claims = await claims_after(http, await http.get(authorize_url(pkce)), pkce)
    assert (claims["acr"], claims["amr"]) == (PASSWORD_ACR, ["pwd"])


async def test_a_page_of_a_step_up_does_not_turn_into_another_requests_answer(house: Service, email: str) -> None:
    """Leaving the second page for a request that asks for less gives that request, and the demanding one nothing."""
    http, _ = await signed_in(house, email)
    demanding = await http.get(authorize_url(Pkce(), claims=ESSENTIAL))
    other = await http.get(authorize_url(Pkce()))
    assert "code" in redirected(other)
    sealed = fields(demanding)["request"]
    posted = await http.post("/consent", data={**fields(demanding), "request": sealed, "decision": "allow"})
    assert is_page(posted, "/login/second")


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        ({"acr_values": MFA_ACR}, None),
        ({"claims": ESSENTIAL}, "interaction_required"),
        ({"claims": ESSENTIAL.replace(MFA_ACR, "phr")}, "unmet_authentication_requirements"),
        ({"max_age": "0"}, "login_required"),
    ],
)
async def test_a_silent_request_hears_what_is_missing(
    house: Service, email: str, asked: dict[str, str], error: str | None
) -> None:
    http, _ = await signed_in(house, email)
    said = redirected(await http.get(authorize_url(Pkce(), prompt="none", **asked)))
    assert said.get("error") == error


async def test_an_essential_context_that_the_person_cannot_reach_is_an_error(house: Service, email: str) -> None:
    await person(house, email)
    http = house.caller()
    said = await log_in(http, authorize_url(Pkce(), claims=ESSENTIAL), email)
    assert said["error"] == "unmet_authentication_requirements"
    assert "code" in await log_in(http, authorize_url(Pkce(), acr_values=MFA_ACR), email), "a wish is no demand"


async def require(house: Service, acr: str | None) -> None:
    await house.sql.execute("UPDATE clients SET required_acr = $1 WHERE id = 'strict'", acr)
    while (client := await house.runtime.clients.get("strict")) and client.login.required_acr != acr:
        await asyncio.sleep(0.05)


async def test_a_client_that_requires_a_level_gives_no_code_below_it(house: Service, email: str) -> None:
    await require(house, MFA_ACR)
    user_id = await person(house, email)
    http, pkce = house.caller(), Pkce()
    url = authorize_url(pkce, client_id="strict")
    page = await enter(http, await http.get(url), email)
    assert page.status_code == 403
    assert "/account/factors" in page.text
    said = redirected(await submit(http, page, "/login", decision="deny"))
    assert said["error"] == "access_denied"
    silent = redirected(await http.get(authorize_url(Pkce(), client_id="strict", prompt="none")))
    assert silent["error"] == "interaction_required"
    app = await app_of(house, user_id)
    claims = await claims_after(http, await answer(http, await http.get(url), app.code()), pkce, "strict")
    assert claims["acr"] == MFA_ACR
    await require(house, None)


async def test_a_stranger_does_not_learn_silently_whether_somebody_has_a_factor(house: Service, email: str) -> None:
    http, _ = await signed_in(house, email)
    url = authorize_url(Pkce(), client_id="partner", redirect_uri=PARTNER_CALLBACK, prompt="none", claims=ESSENTIAL)
    assert redirected(await http.get(url))["error"] == "consent_required"


async def test_a_factor_that_goes_between_judgement_and_code_gives_no_code(
    house: Service, email: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The statement that issues a code asks for the login as it was judged; then the request is judged anew."""
    http, app = await signed_in(house, email)
    read = flow.browser_session
    seen = []

    async def stale(runtime: Any, cookie: str | None) -> Any:
        """What was read before the factor was removed."""
        session = await read(runtime, cookie)
        seen.append(session)
        return replace(session, amr=("pwd", "otp", "mfa")) if session and len(seen) == 1 else session

    monkeypatch.setattr(flow, "browser_session", stale)
    await house.sql.execute("DELETE FROM one_time_codes WHERE user_id = $1", app.user_id)
    said = redirected(await http.get(authorize_url(Pkce(), claims=ESSENTIAL)))
    assert said["error"] == "unmet_authentication_requirements"
    assert len(seen) == 2
