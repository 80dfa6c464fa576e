"""The browser's side under attack: cookies, forms from elsewhere, frames, caches, what stands in pages and logs
(SECURITY.md items 27, 28, 29, 32, 33, 46)."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from hashlib import sha256
from typing import Any

import httpx2
import pytest
import pytest_asyncio

from authsvc.flows.upkeep.follow_changes import follow_once
from authsvc_devkit.servers import Servers
from tests.support.login_steps import (
    PARTNER_CALLBACK,
    Pkce,
    authorize_url,
    enter,
    fields,
    is_page,
    log_in,
    redirected,
    submit,
    tokens_for,
)
from tests.support.passkeys import OUR_SCRIPT
from tests.support.replicas import Replicas
from tests.support.service import Service, service


def session_cookie(http: httpx2.AsyncClient) -> str:
    return next(str(cookie.value) for cookie in http.cookies.jar if cookie.name.endswith("authsvc_session"))


async def silent(http: httpx2.AsyncClient, **headers: str) -> str:
    query = redirected(await http.get(authorize_url(Pkce(), prompt="none"), headers=headers))
    return query.get("error", "code")


# 34: fixation


async def test_the_cookie_is_new_at_every_login_and_only_its_digest_is_kept(house: Service) -> None:
    http = house.caller()
    await tokens_for(http)
    first = session_cookie(http)
    page = await http.get(authorize_url(Pkce(), prompt="login"))
    await enter(http, page)
    second = session_cookie(http)
    assert first != second
    assert len(first) >= 43
    assert await silent(house.caller(), cookie=f"authsvc_session={first}") == "login_required"
    assert await silent(house.caller(), cookie=f"authsvc_session={second}") == "code"
    stored = await house.sql.fetch("SELECT cookie_hash FROM user_sessions WHERE cookie_hash IS NOT NULL")
    assert sha256(second.encode()).digest() in {row["cookie_hash"] for row in stored}
    assert sha256(first.encode()).digest() not in {row["cookie_hash"] for row in stored}


async def test_a_cookie_that_was_set_before_is_not_adopted(house: Service) -> None:
    http = house.caller()
    http.cookies.set("authsvc_session", "attackers-choice", domain="localhost.local")
    page = await http.get(authorize_url(Pkce()))
    answer = await enter(http, page)
    set_cookie = next(v for v in answer.headers.get_list("set-cookie") if v.startswith("authsvc_session="))
    assert "attackers-choice" not in set_cookie
    assert await silent(house.caller(), cookie="authsvc_session=attackers-choice") == "login_required"


async def test_a_refused_login_changes_no_cookie(house: Service) -> None:
    http = house.caller()
    await tokens_for(http)
    before = session_cookie(http)
    page = await http.get(authorize_url(Pkce(), prompt="login"))
    answer = await enter(http, page, password="wrong")
    assert answer.status_code == 400
    assert is_page(answer, "/login")
    assert "authsvc_session" not in str(answer.headers.get_list("set-cookie"))
    assert session_cookie(http) == before


# 35: cookie attributes


@pytest_asyncio.fixture(scope="module")
async def public(servers: Servers, base_env: dict[str, str]) -> AsyncIterator[Service]:
    """As it runs for the public: https."""
    env = {**base_env, "AUTHSVC_ISSUER": "https://auth.example.com", "AUTHSVC_DEV_MODE": "false"}
    async with service(servers, env) as running:
        yield running


async def test_cookies_are_bound_to_this_host_and_out_of_reach_for_scripts(public: Service) -> None:
    http = public.caller()
    page = await http.get(authorize_url(Pkce()))
    answer = await enter(http, page)
    assert redirected(answer)["iss"] == "https://auth.example.com"
    cookies = page.headers.get_list("set-cookie") + answer.headers.get_list("set-cookie")
    assert {cookie.partition("=")[0] for cookie in cookies} == {
        "__Host-authsvc_browser",
        "__Host-authsvc_session",
        "__Host-authsvc_device",
    }
    for cookie in cookies:
        attributes = {part.strip().lower() for part in cookie.split(";")[1:]}
        assert {"path=/", "httponly", "secure", "samesite=lax"} <= attributes, cookie
        assert not [part for part in attributes if part.startswith("domain")], cookie
    plain = session_cookie(http)
    assert await silent(public.caller(), cookie=f"authsvc_session={plain}") == "login_required", "not without prefix"


async def test_two_cookies_of_one_name_are_none(house: Service) -> None:
    http = house.caller()
    await tokens_for(http)
    good = session_cookie(http)
    for header in (
        f"authsvc_session={good}; authsvc_session=x",
        f"authsvc_session=x; authsvc_session={good}",
        f"authsvc_session={good}; authsvc_session={good}",
    ):
        assert await silent(house.caller(), cookie=header) == "login_required", header
    page = await http.get(authorize_url(Pkce(), prompt="login"))
    csrf = http.cookies["authsvc_browser"]
    form = {**fields(page), "username": "test@example.com", "password": "password"}
    twice = {"cookie": f"authsvc_browser={csrf}; authsvc_browser=x"}
    assert (await house.caller().post("/login", data=form, headers=twice)).status_code == 403


# 36: forms from elsewhere


async def test_a_login_form_from_elsewhere_is_refused(house: Service) -> None:
    """Login CSRF: a stranger's page logs a person into the stranger's account."""
    attacker, victim = house.caller(), house.caller()
    page = await attacker.get(authorize_url(Pkce()))
    filled = {**fields(page), "username": "test@example.com", "password": "password"}
    for browser in (victim, attacker):
        for headers in (
            {"sec-fetch-site": "cross-site"},
            {"sec-fetch-site": "same-site"},
            {"origin": "https://evil.example"},
            {"origin": "http://localhost:8001"},
        ):
            answer = await browser.post("/login", data=filled, headers=headers)
            assert answer.status_code == 403
            assert "authsvc_session" not in str(answer.headers.get_list("set-cookie"))
    assert (await victim.post("/login", data=filled)).status_code == 403, "the attacker's token, without any header"
    await victim.get(authorize_url(Pkce()))
    assert (await victim.post("/login", data=filled)).status_code == 403, "the attacker's token, another browser"
    for csrf in ("", "x", "é" * 24):
        assert (await attacker.post("/login", data={**filled, "csrf": csrf})).status_code == 403
    assert (await attacker.post("/login", data=filled, headers={"origin": "null"})).status_code == 303


async def test_a_consent_form_from_elsewhere_is_refused(house: Service) -> None:
    http = house.caller()
    await house.sql.execute("DELETE FROM consents")
    url = authorize_url(Pkce(), client_id="partner", redirect_uri=PARTNER_CALLBACK)
    page = await enter(http, await http.get(url))
    form = {**fields(page), "decision": "allow"}
    assert (await http.post("/consent", data=form, headers={"sec-fetch-site": "cross-site"})).status_code == 403
    assert (await http.post("/consent", data={**form, "csrf": "x"})).status_code == 403
    assert await house.sql.fetchval("SELECT count(*) FROM consents") == 0
    assert (await http.post("/consent", data={**form, "decision": "maybe"})).status_code == 400
    stranger = house.caller()
    own = await stranger.get(authorize_url(Pkce()))
    borrowed = {**form, "csrf": fields(own)["csrf"]}
    assert is_page(await stranger.post("/consent", data=borrowed), "/login"), "another's box opens nothing"


# 37, 39: caches and frames


async def all_pages(house: Service) -> dict[str, httpx2.Response]:
    http = house.caller()
    await house.sql.execute("DELETE FROM consents")
    url = authorize_url(Pkce(), client_id="partner", redirect_uri=PARTNER_CALLBACK)
    login = await http.get(url)
    wrong = await enter(http, login, password="wrong")
    consent = await enter(http, login)
    return {
        "login": login,
        "wrong password": wrong,
        "consent": consent,
        "own login": await house.caller().get("/login"),
        "error": await http.get("/authorize"),
        "bookmark": await http.get("/consent"),
        "turned away": await http.get(authorize_url(Pkce(), client_id="bartender")),
        "form_post": await http.get(authorize_url(Pkce(), response_mode="form_post")),
    }


async def test_no_page_is_kept_framed_or_scripted(house: Service) -> None:
    for name, page in (await all_pages(house)).items():
        assert is_page(page), name
        assert page.headers["cache-control"] == "no-store", name
        assert page.headers["x-frame-options"] == "DENY", name
        assert page.headers["x-content-type-options"] == "nosniff", name
        assert page.headers["referrer-policy"] == "no-referrer", name
        policy = page.headers["content-security-policy"]
        assert "frame-ancestors 'none'" in policy, name
        assert "default-src 'none'" in policy, name
        assert "unsafe" not in policy, name
        own_scripts = policy.count("script-src 'self'")  # a file of ours; form_post's one is inline, by its hash
        assert ("script-src" in policy) is (name == "form_post" or own_scripts == 1), name
        assert page.text.count("<script") == page.text.count(OUR_SCRIPT) + (name == "form_post"), name


async def test_tokens_and_claims_are_not_kept(house: Service) -> None:
    tokens = await tokens_for(house.caller())
    info = await house.http.get("/userinfo", headers={"Authorization": f"Bearer {tokens['access_token']}"})
    refreshed = await house.refresh(tokens["refresh_token"])
    assert {answer.headers["cache-control"] for answer in (info, refreshed)} == {"no-store"}


async def test_static_files_are_kept_by_their_hash(house: Service) -> None:
    page = await house.caller().get("/login")
    for path in re.findall(r'href="(/static/[^"]+)"', page.text):
        answer = await house.http.get(path)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]
        same = await house.http.get(path, headers={"If-None-Match": answer.headers["etag"]})
        assert (same.status_code, same.content) == (304, b"")
    for path in ("/static/x.css", "/static/..%2fapp.py", "/static/", "/static/authsvc.css.map", "/static/%00"):
        assert (await house.http.get(path)).status_code == 404
    assert (await house.http.get("/static/authsvc.css")).headers["cache-control"] == "no-cache"


# 38, 41: what strangers wrote

EVIL = "<script>alert(1)</script>\u202e\"'><svg onload=alert(1)>"


async def test_what_a_client_says_of_itself_is_inert(house: Service) -> None:
    await house.sql.execute(
        """INSERT INTO clients (id, name, kind, redirect_uris, grant_types, scopes, policy_uri, tos_uri, client_uri)
           VALUES ('evil', $1, 'public', '{https://evil.example/cb}', '{authorization_code}', '{openid,"<b>x"}',
                   'javascript:alert(1)', 'data:text/html,<script>alert(1)</script>', 'javascript:alert(1)')""",
        EVIL,
    )
    http = house.caller()
    login = await http.get(
        authorize_url(Pkce(), client_id="evil", redirect_uri="https://evil.example/cb", scope="<b>x")
    )
    assert is_page(login, "/login")
    consent = await enter(http, login)
    assert is_page(consent, "/consent")
    for page in (login, consent):
        assert "<script" not in page.text.replace(OUR_SCRIPT, "")
        assert "<svg onload" not in page.text
        assert "\u202e" not in page.text
        assert "javascript:" not in page.text
        assert "data:text" not in page.text
        assert "<b>x" not in page.text


@pytest.mark.parametrize("username", [EVIL, "a\r\nSet-Cookie: x=y", "\x1b[31m", "x" * 321, "x" * 60_000, "\u202e"])
async def test_what_was_typed_in_comes_back_as_text(house: Service, username: str) -> None:
    http = house.caller("198.51.100.9")
    page = await enter(http, await http.get(authorize_url(Pkce())), username, "wrong")
    assert page.status_code == 400
    assert is_page(page, "/login")
    assert "<script" not in page.text.replace(OUR_SCRIPT, "")
    assert "<svg onload" not in page.text
    assert "x=y" not in str(page.headers.get_list("set-cookie"))


# 43: one request, one line of log


def test_nothing_that_was_sent_breaks_a_line_of_the_log(replicas: Replicas) -> None:
    asyncio.run(_send_lines(replicas))


async def _send_lines(replicas: Replicas) -> None:
    replica = replicas.start(1)[0]
    evil = 'x\r\n{"event":"forged"}\x1b[31m\u2028'
    async with httpx2.AsyncClient(base_url=replica.url) as http:
        page = await http.get(authorize_url(Pkce(), state=evil, login_hint=evil))
        await submit(
            http, page, "/login", headers={"user-agent": 'x\t"}{"event":"forged"}'}, username=evil, password="x"
        )
        await http.get(authorize_url(Pkce(), client_id=evil, redirect_uri=evil))
    text = replicas.whole_log()
    assert "client_unknown" in text
    for line in filter(None, text.split("\n")):
        event: dict[str, Any] = json.loads(line)
        assert event.get("event") != "forged"
    assert "\x1b" not in text


# Wrong passwords


async def test_missing_fields_and_wrong_passwords_are_said_in_the_form(house: Service) -> None:
    http = house.caller("198.51.100.10")
    page = await http.get(authorize_url(Pkce()))
    for username, password in (("", ""), ("test@example.com", ""), ("", "password"), ("test@example.com", "x" * 2000)):
        answer = await enter(http, page, username, password)
        assert answer.status_code == 400
        assert is_page(answer, "/login")
        assert 'role="alert"' in answer.text
        assert fields(answer).get("username", "") == username
        assert "x" * 2000 not in answer.text
    assert "code" in redirected(await enter(http, answer))


async def test_known_and_unknown_addresses_get_the_same_page(house: Service) -> None:
    http = house.caller("198.51.100.11")
    page = await http.get(authorize_url(Pkce()))
    answers = [await enter(http, page, email, "wrong") for email in ("test@example.com", "nine@example.com")]

    def normal(answer: httpx2.Response) -> str:
        return re.sub(r'value="[^"]*"', "", answer.text)

    one, two = answers
    assert (one.status_code, normal(one)) == (two.status_code, normal(two))
    assert len(one.headers) == len(two.headers)


async def test_too_many_attempts_are_said_in_the_form(servers: Servers, base_env: dict[str, str]) -> None:
    async with service(servers, base_env, login_account_failures=2) as small:
        http = small.caller()
        page = await http.get(authorize_url(Pkce()))
        statuses = [(await enter(http, page, password="wrong")).status_code for _ in range(3)]
        assert statuses == [400, 400, 429]
        answer = await enter(http, page)
        assert answer.status_code == 429
        assert int(answer.headers["retry-after"]) >= 1
        assert is_page(answer, "/login")


async def test_a_store_that_is_away_is_no_wrong_password(servers: Servers, base_env: dict[str, str]) -> None:
    async with service(servers, base_env) as house:
        await follow_once(house.runtime)  # of the epoch that its start gave Redis: clients are read anew for it
        http = house.caller()
        page = await http.get(authorize_url(Pkce()))
        await log_in(other := house.caller(), authorize_url(Pkce()))
        house.runtime.db._open_until = float("inf")  # as after five failures in a row
        answer = await enter(http, page)
        assert answer.status_code == 503
        assert int(answer.headers["retry-after"]) >= 1
        assert is_page(answer, "/login")
        assert fields(answer)["username"] == "test@example.com"
        assert "set-cookie" not in answer.headers
        away = await other.get(authorize_url(Pkce(), prompt="none"))
        assert away.status_code == 503
        assert is_page(away)
        assert "set-cookie" not in away.headers
        house.runtime.db._open_until = 0.0
        assert "code" in redirected(await enter(http, answer))
