"""A passkey beside the password: only where something demands it, and as high as it reaches."""

from __future__ import annotations

import json
import re
from html import unescape
from typing import Any

import httpx2
import pytest
from jwt import decode

from authsvc.rules.levels import MFA_ACR, PHR_ACR, PHRH_ACR
from tests.support.authenticator import Authenticator
from tests.support.factors import app_of, person
from tests.support.login_steps import Pkce, authorize_url, enter, fields, is_page, redeem, redirected
from tests.support.passkeys import enrolled, logged_in
from tests.support.service import LOGIN, Service


def essential(*acrs: str) -> str:
    return json.dumps({"id_token": {"acr": {"essential": True, "values": list(acrs)}}})


async def holder(house: Service, email: str, key: Authenticator | None = None) -> Authenticator:
    """A new person with a password and a passkey."""
    await person(house, email)
    return await enrolled(await logged_in(house.caller(), email), key)


def asked_on(page: httpx2.Response) -> dict[str, Any]:
    assert is_page(page, "/login/second"), page.text
    found = re.search(r'id="second-passkey".*?data-options="([^"]*)"', page.text)
    assert found, page.text
    options: dict[str, Any] = json.loads(unescape(found[1]))
    return options


async def answer(http: httpx2.AsyncClient, page: httpx2.Response, credential: str, **changed: str) -> httpx2.Response:
    way = re.search(r'name="way" value="(\w*passkey)"', page.text)
    assert way
    return await http.post("/login/second", data={**fields(page), "way": way[1], "credential": credential, **changed})


async def claims_of(http: httpx2.AsyncClient, done: httpx2.Response, pkce: Pkce) -> dict[str, Any]:
    tokens = (await redeem(http, redirected(done)["code"], pkce)).json()
    claims: dict[str, Any] = decode(tokens["access_token"], options={"verify_signature": False})
    return claims


async def test_nobody_is_asked_for_it_where_nothing_demands_it(house: Service, email: str) -> None:
    """The password way remains, also on a device without the passkey and without scripts."""
    await holder(house, email)
    answer = await enter(house.caller(), await house.caller().get("/login"), email)
    assert answer.status_code in (303, 403)
    http = house.caller()
    assert (await enter(http, await http.get("/login?next=/account"), email)).headers["location"] == "/account"
    assert (await house.login(email=email))["access_token"]


async def test_a_client_that_demands_a_rung_gets_it_and_the_password_alone_does_not_do(
    house: Service, email: str
) -> None:
    key = await holder(house, email)
    http, pkce = house.caller(), Pkce()
    page = await enter(http, await http.get(authorize_url(pkce, claims=essential(PHRH_ACR))), email)
    options = asked_on(page)
    assert [one["type"] for one in options["allowCredentials"]] == ["public-key"]
    done = await answer(http, page, key.get(options))
    claims = await claims_of(http, done, pkce)
    assert (claims["acr"], claims["amr"]) == (PHRH_ACR, ["pwd", "hwk", "user", "mfa"])
    credentials = await house.sql.fetchval(
        "SELECT credentials FROM user_sessions WHERE id = $1::text::uuid", claims["sid"]
    )
    assert sorted(one.partition(":")[0] for one in credentials) == ["passkey", "password"]


async def test_a_session_is_stepped_up_and_keeps_its_time(house: Service, email: str) -> None:
    key = await holder(house, email)
    http, pkce = await logged_in(house.caller(), email), Pkce()
    await house.sql.execute("UPDATE user_sessions SET auth_time = now() - interval '1 hour' WHERE is_active")
    page = await http.get(authorize_url(pkce, acr_values=PHRH_ACR))
    claims = await claims_of(http, await answer(http, page, key.get(asked_on(page))), pkce)
    assert claims["acr"] == PHRH_ACR
    assert claims["auth_time"] < claims["iat"] - 3000


async def test_a_synced_passkey_reaches_its_rung_and_no_higher(house: Service, email: str) -> None:
    key = await holder(house, email, Authenticator(synced=True))
    http, pkce = await logged_in(house.caller(), email), Pkce()
    refused = redirected(await http.get(authorize_url(pkce, claims=essential(PHRH_ACR))))
    assert refused["error"] == "unmet_authentication_requirements"
    page = await http.get(authorize_url(pkce, claims=essential(PHR_ACR)))
    assert (await claims_of(http, await answer(http, page, key.get(asked_on(page))), pkce))["acr"] == PHR_ACR


async def test_where_only_a_device_will_do_a_synced_one_does_not(house: Service, email: str) -> None:
    bound = await holder(house, email)
    synced = await enrolled(await logged_in(house.caller(), email), Authenticator(synced=True))
    http, pkce = await logged_in(house.caller(), email), Pkce()
    page = await http.get(authorize_url(pkce, claims=essential(PHRH_ACR)))
    options = asked_on(page)
    assert len(options["allowCredentials"]) == 1
    assert 'value="device_bound_passkey"' in page.text
    wrong = await answer(http, page, synced.get(options))
    assert wrong.status_code == 400
    claims = await claims_of(http, await answer(http, wrong, bound.get(asked_on(wrong))), pkce)
    assert claims["acr"] == PHRH_ACR


async def test_whoever_has_an_app_too_may_use_either(house: Service, email: str) -> None:
    key = await holder(house, email)
    user_id = await house.sql.fetchval("SELECT id FROM users WHERE email = $1", email)
    app = await app_of(house, user_id)
    http = house.caller()
    page = await enter(http, await http.get("/login?next=/account"), email)
    assert 'value="otp"' in page.text
    assert (await answer(http, page, key.get(asked_on(page)))).headers["location"] == "/account"
    http = house.caller()
    page = await enter(http, await http.get("/login?next=/account"), email)
    done = await http.post("/login/second", data={**fields(page), "way": "otp", "code": app.code()})
    assert done.headers["location"] == "/account"


@pytest.mark.parametrize("wrong", ["another person", "unverified", "another challenge", "nothing"])
async def test_what_is_wrong_is_refused_and_counted(house: Service, email: str, wrong: str) -> None:
    key = await holder(house, email)
    other = await holder(house, f"other-{wrong[:3]}-{email}")
    http, pkce = house.caller(), Pkce()
    page = await enter(http, await http.get(authorize_url(pkce, claims=essential(MFA_ACR))), email)
    options = asked_on(page)
    if wrong == "another person":
        sent = other.get(options)
    elif wrong == "unverified":
        key.verified = False
        sent = key.get(options)
    else:
        sent = key.get({**options, "challenge": "AAAA"}) if wrong == "another challenge" else ""
    key.verified = True
    refused = await answer(http, page, sent)
    assert refused.status_code == 400
    assert "authsvc_session" not in str(refused.headers.get_list("set-cookie"))
    claims = await claims_of(http, await answer(http, refused, key.get(asked_on(refused))), pkce)
    assert (claims["acr"], claims["amr"]) == (MFA_ACR, ["pwd", "hwk", "user", "mfa"])  # the rung that was asked for


async def test_an_answer_is_good_once(house: Service, email: str) -> None:
    key = await holder(house, email)
    http, pkce = house.caller(), Pkce()
    page = await enter(http, await http.get(authorize_url(pkce, claims=essential(MFA_ACR))), email)
    sent = key.get(asked_on(page))
    assert (await answer(http, page, sent)).status_code == 303
    http.cookies.delete("authsvc_session")
    again = await answer(http, page, sent)
    assert again.status_code == 400


async def test_the_json_login_takes_one_too(house: Service, email: str) -> None:
    key = await holder(house, email)
    await house.sql.execute("UPDATE clients SET required_acr = $1 WHERE id = 'strict'", PHR_ACR)
    http = house.caller()
    members = {"email": email, "password": LOGIN["password"], "client_id": "strict"}
    for _ in range(40):  # until the change is known
        asked = await http.post("/api/auth/login", json=members)
        if asked.status_code == 401:
            break
    said = asked.json()
    assert (said["error"], said["ways"]) == ("mfa_required", ["passkey", "device_bound_passkey"])
    second = {"mfa_challenge": said["mfa_challenge"], "way": "passkey", "client_id": "strict"}
    done = await http.post("/api/auth/login/second", json={**second, "credential": key.get(said["passkey"]["options"])})
    assert done.status_code == 200, done.text
    assert decode(done.json()["access_token"], options={"verify_signature": False})["acr"] == PHRH_ACR
