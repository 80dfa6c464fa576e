"""One login, several clients: prompts, hints, lifetimes, consent, roles."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta

import httpx2
import jwt
import pytest

from tests.support.login_steps import (
    PARTNER_CALLBACK,
    Pkce,
    authorize_url,
    code_for,
    enter,
    fields,
    is_page,
    log_in,
    redeem,
    redirected,
    submit,
    tokens_for,
)
from tests.support.service import Service
from tests.support.spoilt import spoilt


def claims_of(token: str) -> dict[str, object]:
    claims: dict[str, object] = jwt.decode(token, options={"verify_signature": False})
    return claims


async def silent(http: httpx2.AsyncClient, **changed: str) -> str:
    """`code`, or the error of a silent request."""
    query = redirected(await http.get(authorize_url(Pkce(), prompt="none", **changed)))
    return query.get("error", "code")


async def test_two_frontends_share_a_login_and_have_a_grant_each(house: Service) -> None:
    http = house.caller()
    one, two = await tokens_for(http), await tokens_for(http, "strict")
    assert claims_of(one["access_token"])["sid"] == claims_of(two["access_token"])["sid"]
    assert claims_of(one["access_token"])["auth_time"] == claims_of(two["access_token"])["auth_time"]
    assert (await house.refresh(one["refresh_token"], "strict")).status_code == 400
    sid = claims_of(one["access_token"])["sid"]
    await house.sql.execute("UPDATE user_sessions SET is_active = false WHERE id = $1::uuid", str(sid))
    await asyncio.sleep(1)
    for tokens in (one, two):
        assert not await house.active(tokens["access_token"])
    assert await silent(http) == "login_required"


@pytest.mark.parametrize("prompt", ["login", "select_account"])
async def test_a_prompt_asks_again_once(house: Service, prompt: str) -> None:
    http = house.caller()
    before = claims_of((await tokens_for(http))["id_token"])
    page = await http.get(authorize_url(Pkce(), prompt=prompt))
    assert is_page(page, "/login")
    assert fields(page).get("username", "") == ("test@example.com" if prompt == "login" else "")
    pkce = Pkce()
    page = await http.get(authorize_url(pkce, prompt=prompt))
    query = redirected(await enter(http, page))
    after = claims_of((await redeem(http, query["code"], pkce)).json()["id_token"])
    assert after["sid"] == before["sid"]
    assert int(str(after["auth_time"])) >= int(str(before["auth_time"]))
    assert is_page(await http.get(authorize_url(Pkce(), prompt=prompt)), "/login"), "each request anew"


async def test_max_age_zero_asks_once_and_the_answer_is_fresh(house: Service) -> None:
    http = house.caller()
    await tokens_for(http)
    page = await http.get(authorize_url(Pkce(), max_age="0"))
    assert is_page(page, "/login")
    assert "code" in redirected(await enter(http, page))
    assert "code" in redirected(await http.get(authorize_url(Pkce(), max_age="1000")))


async def test_a_hint_of_another_person_asks_for_that_one(house: Service) -> None:
    hint = (await tokens_for(house.caller(), email="admin@example.com"))["id_token"]
    http = house.caller()
    own = (await tokens_for(http))["id_token"]
    assert await silent(http, id_token_hint=own) == "code"
    assert await silent(http, id_token_hint=hint) == "login_required"
    page = await http.get(authorize_url(Pkce(), id_token_hint=hint))
    assert is_page(page, "/login")
    wrong = redirected(await enter(http, page))
    assert wrong["error"] == "login_required", "the same person again: no loop"
    page = await http.get(authorize_url(Pkce(), id_token_hint=hint))
    assert "code" in redirected(await enter(http, page, "admin@example.com"))


async def test_an_expired_hint_is_good_and_a_foreign_one_is_not(house: Service) -> None:
    http = house.caller()
    tokens = await tokens_for(http)
    old = dict(claims_of(tokens["id_token"]))
    old |= {"iat": int(str(old["iat"])) - 90 * 86_400, "exp": int(str(old["exp"])) - 90 * 86_400}
    expired = await house.runtime.keyring.sign(old, typ="JWT", now=house.runtime.clock.now())
    assert await silent(http, id_token_hint=expired) == "code"
    foreign = (await tokens_for(http, "strict"))["id_token"]
    for hint in (foreign, tokens["access_token"], "x.y.z", spoilt(expired)):
        assert await silent(http, id_token_hint=hint) == "login_required"
    assert "code" in redirected(await http.get(authorize_url(Pkce(), id_token_hint="x.y.z")))


async def test_another_person_in_the_same_browser_ends_the_first_ones_session(house: Service) -> None:
    http = house.caller()
    first = await tokens_for(http)
    page = await http.get(authorize_url(Pkce(), prompt="select_account"))
    assert "code" in redirected(await enter(http, page, "admin@example.com"))
    assert not await house.active(first["access_token"])


async def test_a_missing_role_turns_away_and_lets_another_account_in(house: Service) -> None:
    http = house.caller()
    page = await enter(http, await http.get(authorize_url(Pkce(), client_id="bartender")))
    assert page.status_code == 403
    assert is_page(page, "/login")
    denied = await submit(http, page, "/login", decision="deny")
    assert redirected(denied)["error"] == "access_denied"
    login = await submit(http, page, "/login", decision="another")
    assert is_page(login, "/login")
    assert "code" in redirected(await enter(http, login, "bartender@example.com"))


# Consent


async def test_consent_is_asked_for_refused_given_and_remembered(house: Service) -> None:
    http = house.caller()
    url = authorize_url(Pkce(), client_id="partner", redirect_uri=PARTNER_CALLBACK, scope="openid")
    page = await enter(http, await http.get(url))
    assert is_page(page, "/consent")
    assert redirected(await submit(http, page, "/consent", decision="deny"))["error"] == "access_denied"
    page = await http.get(url)
    assert is_page(page, "/consent"), "a no is not remembered"
    assert "code" in redirected(await submit(http, page, "/consent", decision="allow"))
    assert "code" in redirected(await http.get(url))
    wider = authorize_url(Pkce(), client_id="partner", redirect_uri=PARTNER_CALLBACK, scope="openid email")
    assert is_page(await http.get(wider), "/consent"), "more than was allowed"
    assert is_page(await http.get(url + "&prompt=consent"), "/consent")
    await house.sql.execute("DELETE FROM consents")
    assert is_page(await http.get(url), "/consent")


async def test_an_unknown_scope_is_left_out_and_the_answer_says_what_was_granted(house: Service) -> None:
    await house.sql.execute("DELETE FROM consents")
    http, pkce = house.caller(), Pkce()
    changed = {"client_id": "partner", "redirect_uri": PARTNER_CALLBACK}
    page = await enter(http, await http.get(authorize_url(pkce, **changed, scope="openid groups email roles:admin")))
    assert is_page(page, "/consent")
    assert "groups" not in page.text
    answer = redirected(await submit(http, page, "/consent", decision="allow"))
    tokens = (await redeem(http, answer["code"], pkce, "partner")).json()
    assert tokens["scope"] == "openid email"
    assert claims_of(tokens["access_token"])["scope"] == "openid email"
    assert sorted(await house.sql.fetchval("SELECT scope FROM consents")) == ["email", "openid"]
    nothing = redirected(await http.get(authorize_url(pkce, **changed, scope="groups")))
    assert nothing["error"] == "invalid_scope"


async def test_a_client_without_consent_cannot_find_out_who_is_logged_in(house: Service) -> None:
    await house.sql.execute("DELETE FROM consents")
    http, nobody = house.caller(), house.caller()
    sub = str(claims_of((await tokens_for(http))["id_token"])["sub"])
    changed = {"client_id": "partner", "redirect_uri": PARTNER_CALLBACK, "scope": "openid"}
    heard = set()
    for person in (sub, "00000000-0000-0000-0000-000000000000"):
        claims = json.dumps({"id_token": {"sub": {"value": person}}})
        for browser in (http, nobody):
            url = authorize_url(Pkce(), prompt="none", claims=claims, **changed)
            heard.add(tuple(sorted(redirected(await browser.get(url)).items())))
    assert len(heard) == 1, heard
    assert dict(heard.pop())["error"] == "login_required"


async def test_consent_counts_for_the_person_to_whom_the_page_was_shown(house: Service) -> None:
    http = house.caller()
    await house.sql.execute("DELETE FROM consents")
    url = authorize_url(Pkce(), client_id="partner", redirect_uri=PARTNER_CALLBACK)
    shown_to_test = await enter(http, await http.get(url))
    other = await http.get(authorize_url(Pkce(), prompt="select_account"))
    await enter(http, other, "admin@example.com")
    answer = await submit(http, shown_to_test, "/consent", decision="allow")
    assert is_page(answer, "/consent"), "asked anew"
    assert await house.sql.fetchval("SELECT count(*) FROM consents") == 0


async def test_an_unverifiable_client_is_consented_to_each_time(house: Service) -> None:
    """SECURITY.md item 34."""
    await house.sql.execute(
        """INSERT INTO clients (id, name, kind, redirect_uris, grant_types, scopes, application_type)
           VALUES ('unknown', 'Unknown', 'public', '{http://127.0.0.1/cb}', '{authorization_code}', '{openid}',
                   'native')"""
    )
    http = house.caller()
    changed = {"client_id": "unknown", "redirect_uri": "http://127.0.0.1:4444/cb", "scope": "openid"}
    assert "code" in await log_in(http, authorize_url(Pkce(), **changed))
    assert is_page(await http.get(authorize_url(Pkce(), **changed)), "/consent")
    assert await silent(http, **changed) == "consent_required"


async def test_an_app_of_the_house_that_anybody_can_pose_as_gets_no_code_in_silence(house: Service) -> None:
    """Any program on the device may claim its scheme, and open the browser with a verifier of its own."""
    await house.sql.execute(
        """INSERT INTO clients (id, name, kind, redirect_uris, grant_types, scopes, application_type, first_party)
           VALUES ('house-app', 'House app', 'public', '{com.example.house:/cb}',
                   '{authorization_code,refresh_token}', '{openid}', 'native', true)"""
    )
    changed = {"client_id": "house-app", "redirect_uri": "com.example.house:/cb", "scope": "openid"}
    http, pkce = house.caller(), Pkce()
    await tokens_for(http)
    assert await silent(http, **changed) == "interaction_required"
    page = await http.get(authorize_url(pkce, **changed))
    assert is_page(page, "/consent")
    assert "Continue to" in page.text
    assert "test@example.com" in page.text
    assert redirected(await submit(http, page, "/consent", decision="deny"))["error"] == "access_denied"
    answer = redirected(await submit(http, page, "/consent", decision="allow"), "com.example.house:/cb")
    tokens = await redeem(http, answer["code"], pkce, "house-app", redirect_uri="com.example.house:/cb")
    assert tokens.status_code == 200
    page = await http.get(authorize_url(pkce, **changed))
    assert is_page(page, "/consent"), "each time"
    http.cookies.delete("authsvc_browser")
    expired = await submit(http, page, "/consent", decision="allow")
    assert (expired.status_code, "Continue to" in expired.text) == (403, True)
    sql = "SELECT count(*) FROM consents WHERE client_id = 'house-app'"
    assert await house.sql.fetchval(sql) == 0, "nothing to take back"
    fresh = house.caller()
    assert "code" in redirected(await enter(fresh, await fresh.get(authorize_url(pkce, **changed))))
    assert is_page(await fresh.get(authorize_url(pkce, **changed)), "/consent")


async def test_a_page_that_waited_too_long_has_expired(house: Service) -> None:
    http = house.caller()
    page = await http.get(authorize_url(Pkce()))
    for box in ("x", fields(page)["request"][:-4], fields(page)["request"].swapcase()):
        answer = await submit(http, page, "/login", request=box, username="test@example.com", password="password")
        assert answer.status_code == 400
        assert is_page(answer)
        assert "authsvc_session" not in answer.cookies


# Lifetimes


async def lives(house: Service, tokens: dict[str, object]) -> float:
    sid, client_id = claims_of(str(tokens["access_token"]))["sid"], claims_of(str(tokens["access_token"]))["client_id"]
    found: timedelta = await house.sql.fetchval(
        """SELECT g.expires_at - s.auth_time FROM grants g JOIN user_sessions s ON s.id = g.session_id
           WHERE s.id = $1::uuid AND g.client_id = $2 AND g.code_state = 'redeemed' ORDER BY g.created_at DESC""",
        sid,
        client_id,
    )
    return found.total_seconds() / 86_400


async def test_remember_me_is_each_clients_own(house: Service) -> None:
    http = house.caller()
    long = await tokens_for(http, email="admin@example.com", remember_me=True)
    short = await tokens_for(http, "admin", email="admin@example.com")
    assert round(await lives(house, long)) == 30
    assert round(await lives(house, short)) == 7
    assert round(long["refresh_token_expires_in"] / 86_400) == 30
    await house.sql.execute(
        "UPDATE user_sessions SET auth_time = now() - interval '8 days' WHERE id = $1::uuid",
        claims_of(long["access_token"])["sid"],
    )
    assert await silent(http) == "code"
    assert await silent(http, client_id="admin") == "login_required", "an older login than this client lets stand"
    page = await http.get(authorize_url(Pkce(), client_id="admin"))
    assert 'name="remember_me"' not in page.text
    assert "code" in redirected(await enter(http, page, "admin@example.com"))
    assert await silent(http, client_id="admin") == "code"


async def test_a_longer_session_does_not_prolong_a_shorter_grant(house: Service) -> None:
    http = house.caller()
    long = await tokens_for(http, email="admin@example.com", remember_me=True)
    short = await tokens_for(http, "admin", email="admin@example.com")
    sid = claims_of(long["access_token"])["sid"]
    await house.sql.execute(
        "UPDATE user_sessions SET expires_at = expires_at + interval '30 days' WHERE id = $1::uuid", sid
    )
    assert round(await lives(house, long)) == 60
    assert round(await lives(house, short)) == 7
    await house.sql.execute("UPDATE user_sessions SET expires_at = now() WHERE id = $1::uuid", sid)
    assert (await house.refresh(short["refresh_token"], "admin")).status_code == 400


async def test_remember_me_decides_how_long_the_cookie_lives(house: Service) -> None:
    for remember_me in (False, True):
        http = house.caller()
        answer = await enter(http, await http.get(authorize_url(Pkce())), remember_me=remember_me)
        set_cookie = next(v for v in answer.headers.get_list("set-cookie") if v.startswith("authsvc_session="))
        assert ("Max-Age=" in set_cookie) is remember_me
    page = await house.caller().get(authorize_url(Pkce(), client_id="admin"))
    assert "remember_me" not in page.text


# Our own pages


async def test_login_without_a_request_leads_to_our_own_page_and_nowhere_else(house: Service) -> None:
    for query, target in (
        ("", "/account"),
        ("?next=/account", "/account"),
        ("?next=/device", "/device"),
        ("?next=https://evil.example", "/account"),
        ("?next=//evil.example", "/account"),
        ("?next=/device%0d%0aX: y", "/account"),
        ("?next=/account/../x", "/account"),
        ("?request=x", "/account"),
    ):
        http = house.caller()
        page = await http.get("/login" + query)
        assert is_page(page, "/login"), query
        answer = await enter(http, page)
        assert (answer.status_code, answer.headers["location"]) == (303, target), query
        again = await http.get("/login" + query)
        assert (again.status_code, again.headers["location"]) == (303, target), query


async def test_a_code_for_the_login_of_an_own_page(house: Service) -> None:
    http = house.caller()
    await enter(http, await http.get("/login"))
    assert await silent(http) == "code"
    assert await code_for(http, Pkce())
