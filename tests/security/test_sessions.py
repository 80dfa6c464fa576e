"""Other people's sessions, ids that were set beforehand, cookies, and what a browser may keep."""

from __future__ import annotations

import re
from http.cookies import SimpleCookie
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest

from authsvc_devkit.servers import Servers
from tests.support.login_steps import tokens_for
from tests.support.service import BACKEND, LOGIN, Service, bearer, service

COOKIE = "authsvc_device"


async def admin(house: Service) -> dict[str, Any]:
    return await house.login(email="admin@example.com", client_id="admin")


def cookie_of(answer: httpx2.Response, name: str = COOKIE) -> str:
    lines = answer.headers.get_list("set-cookie")
    assert len(lines) == 1, lines
    assert lines[0].startswith(f"{name}=")
    return str(lines[0])


async def test_another_persons_session_cannot_be_seen_ended_or_told_from_none(house: Service) -> None:
    mine, victim = await house.login(), await admin(house)
    listed = await house.http.get("/api/auth/sessions", headers=bearer(mine["access_token"]))
    ids = {session["id"] for session in listed.json()["sessions"]}
    assert mine["session_id"] in ids
    assert victim["session_id"] not in ids
    assert "admin@" not in listed.text
    answers = []
    theirs = victim["session_id"]
    for guess in (theirs, theirs.upper(), f"{{{theirs}}}", f"urn:uuid:{theirs}", theirs.replace("-", ""), str(uuid4())):
        answer = await house.http.delete(f"/api/auth/sessions/{guess}", headers=bearer(mine["access_token"]))
        answers.append((answer.status_code, answer.text))
    assert set(answers) == {(404, '{"error":"not_found","error_description":"There is no such session."}')}
    ended = await house.http.delete("/api/auth/sessions", headers=bearer(mine["access_token"]))
    assert ended.status_code == 200
    assert await house.active(victim["access_token"])


async def test_parameters_do_not_choose_whose_sessions(house: Service) -> None:
    mine, victim = await house.login(), await admin(house)
    query = f"?user_id={victim['user']['id']}&sub={victim['user']['id']}&email=admin@example.com"
    for path in ("/api/auth/sessions", "/api/profile/me"):
        answer = await house.http.get(path + query, headers=bearer(mine["access_token"]))
        assert "admin" not in answer.text
        assert victim["session_id"] not in answer.text


async def test_a_list_of_sessions_is_only_for_persons(house: Service) -> None:
    own = (await house.http.post("/token", data={"grant_type": "client_credentials"}, auth=BACKEND)).json()
    for headers in (bearer(own["access_token"]), {}):
        assert (await house.http.get("/api/auth/sessions", headers=headers)).status_code == 401
    cookies = {"Cookie": "session=1; access_token=x; authsvc_device=x"}
    assert (await house.http.get("/api/auth/sessions", headers=cookies)).status_code == 401


async def test_every_login_has_new_ids_and_ends_no_other(house: Service) -> None:
    http = house.caller()
    answers = [await house.login(http) for _ in range(3)]
    assert len({answer["session_id"] for answer in answers}) == 3
    assert len({answer["refresh_token"][:30] for answer in answers}) == 3
    assert all([await house.active(answer["access_token"]) for answer in answers])
    planted = await house.login(session_id=str(uuid4()), sid="x", id="x")
    assert await house.sql.fetchval("SELECT true FROM user_sessions WHERE id = $1", UUID(planted["session_id"]))


async def test_the_device_cookie_is_new_at_each_login_and_a_planted_one_is_not_adopted(house: Service) -> None:
    http = house.caller()
    seen = set()
    for planted in (None, "planted", "A" * 64):
        if planted:
            http.cookies.set(COOKIE, planted)
        answer = await http.post("/api/auth/login", json=LOGIN)
        value = SimpleCookie(cookie_of(answer))[COOKIE].value
        assert value != planted
        seen.add(value)
    assert len(seen) == 3


async def test_a_device_cookie_of_another_account_is_not_adopted(house: Service) -> None:
    http = house.caller()
    first = SimpleCookie(cookie_of(await http.post("/api/auth/login", json=LOGIN)))[COOKIE].value
    body = {**LOGIN, "email": "admin@example.com", "client_id": "admin"}
    second = SimpleCookie(cookie_of(await http.post("/api/auth/login", json=body)))[COOKIE].value
    assert first[:21] != second[:21], "the account's digest"
    assert first[22:] != second[22:]


async def test_a_failed_login_sets_no_cookie(house: Service) -> None:
    answer = await house.caller().post("/api/auth/login", json={**LOGIN, "password": "wrong"})
    assert "set-cookie" not in answer.headers


async def test_over_http_on_localhost_the_cookie_is_as_strict_as_it_can_be(house: Service) -> None:
    cookie = cookie_of(await house.caller().post("/api/auth/login", json=LOGIN))
    attributes = [part.strip() for part in cookie.split(";")[1:]]
    assert attributes == ["Path=/", "Max-Age=31536000", "HttpOnly", "SameSite=Lax"]


async def test_over_https_the_cookie_is_secure_and_bound_to_the_host(
    servers: Servers, base_env: dict[str, str]
) -> None:
    env = {**base_env, "AUTHSVC_ISSUER": "https://auth.example.com", "AUTHSVC_DEV_MODE": "false"}
    async with service(servers, env) as house:
        http = house.caller()
        cookie = cookie_of(await http.post("/api/auth/login", json=LOGIN), "__Host-authsvc_device")
        attributes = {part.strip() for part in cookie.split(";")[1:]}
        assert attributes == {"Path=/", "Max-Age=31536000", "HttpOnly", "SameSite=Lax", "Secure"}
        assert "domain" not in cookie.lower()
        value = SimpleCookie(cookie)["__Host-authsvc_device"].value
        for _ in range(10):
            assert (await house.caller().post("/api/auth/login", json={**LOGIN, "password": "x"})).status_code == 401
        for name, status in (("__Host-authsvc_device", 200), (COOKIE, 429)):
            planted = house.caller(headers={"Cookie": f"{name}={value}"})
            assert (await planted.post("/api/auth/login", json=LOGIN)).status_code == status


async def test_a_sibling_hosts_cookie_with_a_byte_before_its_name_is_another_cookie(
    servers: Servers, base_env: dict[str, str]
) -> None:
    """A browser holds `__Host-` to its host by the bytes of the name. 0xA0 and 0x85 are spaces to Python and no prefix
    to a browser: with them a sibling set a cookie that was taken for ours, or put a second one beside it."""
    env = {**base_env, "AUTHSVC_ISSUER": "https://auth.example.com", "AUTHSVC_DEV_MODE": "false"}
    async with service(servers, env) as house:
        jar = house.caller()
        form = {"username": "test@example.com", "password": "password"}
        form["csrf"] = re.findall(r'name="csrf" value="([^"]+)"', (await jar.get("/login")).text)[0]
        assert (await jar.post("/login", data=form)).status_code == 303
        name = "__Host-authsvc_session"
        own = f"{name}={jar.cookies[name]}".encode()

        async def status(cookies: bytes) -> int:
            return (await house.caller().get("/account", headers=[(b"cookie", cookies)])).status_code

        assert await status(own) == 200
        assert await status(b"a=b;\t" + own + b" ") == 200
        for byte in [bytes([code]) for code in (*range(0x0B, 0x0E), *range(0x1C, 0x20), 0x85, 0xA0)]:
            assert await status(byte + own) == 303, byte
            assert await status(own + b"; " + byte + name.encode() + b"=planted") == 200, byte


async def test_two_cookies_of_one_name_are_ignored(servers: Servers, base_env: dict[str, str]) -> None:
    async with service(servers, base_env) as house:
        value = SimpleCookie(cookie_of(await house.caller().post("/api/auth/login", json=LOGIN)))[COOKIE].value
        for _ in range(10):
            await house.caller().post("/api/auth/login", json={**LOGIN, "password": "wrong"})
        for header, status in (
            (f"{COOKIE}={value}", 200),
            (f"a=b; {COOKIE}={value}; c=d", 200),
            (f"{COOKIE}={value}; {COOKIE}={value}", 429),
            (f"{COOKIE}=x; {COOKIE}={value}", 429),
            (f"{COOKIE}={value}; {COOKIE}=", 429),
        ):
            answer = await house.caller(headers={"Cookie": header}).post("/api/auth/login", json=LOGIN)
            assert answer.status_code == status, header


async def test_cookies_may_come_in_several_lines_and_two_of_one_name_are_none_all_the_same(
    servers: Servers, base_env: dict[str, str]
) -> None:
    """Browsers send a line for each cookie over HTTP/2, and some proxies pass them on so: nobody logged in there."""
    async with service(servers, base_env) as house:
        value = SimpleCookie(cookie_of(await house.caller().post("/api/auth/login", json=LOGIN)))[COOKIE].value
        own, other = f"{COOKIE}={value}", f"{COOKIE}=x"
        for _ in range(10):
            await house.caller().post("/api/auth/login", json={**LOGIN, "password": "wrong"})
        for lines, status in (
            (("a=b", own, "c=d"), 200),
            ((f"a=b; {own}", "c=d"), 200),
            ((own, own), 429),
            ((own, "c=d", other), 429),
        ):
            headers = [("Cookie", line) for line in lines]
            answer = await house.caller().post("/api/auth/login", json=LOGIN, headers=headers)
            assert answer.status_code == status, lines
        page = [("Cookie", "a=b"), ("Cookie", "c=d"), ("Accept-Language", "fr"), ("Accept-Language", "de;q=0.9")]
        assert 'lang="de"' in (await house.caller().get("/login", headers=page)).text


async def test_an_etag_may_come_in_one_of_several_lines(house: Service) -> None:
    for path in ("/.well-known/jwks.json", "/static/authsvc.js", "/openapi.yaml"):
        etag = (await house.http.get(path)).headers["etag"]
        lines = [("If-None-Match", '"x"'), ("If-None-Match", f'W/"y", {etag}')]
        assert (await house.http.get(path, headers=lines)).status_code == 304, path


async def test_no_cookie_opens_anything(house: Service) -> None:
    """The device cookie gives no access, so that no cross-site request can use it (CSRF)."""
    http = house.caller()
    await house.login(http)
    assert http.cookies
    for method, path in (
        ("GET", "/api/profile/me"),
        ("GET", "/api/auth/sessions"),
        ("DELETE", "/api/auth/sessions"),
        ("POST", "/api/auth/logout"),
    ):
        assert (await http.request(method, path)).status_code == 401


async def test_a_cross_site_form_cannot_log_in_or_out(house: Service) -> None:
    for kind in ("application/x-www-form-urlencoded", "text/plain", "multipart/form-data; boundary=x"):
        for path in ("/api/auth/login", "/api/auth/logout"):
            headers = {"Content-Type": kind, "Origin": "https://attacker.example"}
            answer = await house.caller().post(path, content=b'{"email":"test@example.com"}', headers=headers)
            assert answer.status_code == 415


async def test_nothing_personal_may_be_kept_by_a_cache(house: Service) -> None:
    tokens = await house.login()
    headers = bearer(tokens["access_token"])
    answers = [
        await house.caller().post("/api/auth/login", json=LOGIN),
        await house.refresh(tokens["refresh_token"]),
        await house.http.post("/token", data={"grant_type": "client_credentials"}, auth=BACKEND),
        await house.http.post("/introspect", data={"token": tokens["access_token"]}, auth=BACKEND),
        await house.http.get("/api/profile/me", headers=headers),
        await house.http.get("/api/auth/sessions", headers=headers),
        await house.http.get("/api/profile/me"),
        await house.http.get("/nothing"),
        await house.http.post("/revoke", data={"client_id": "customer", "token": "x"}),
    ]
    for answer in answers:
        assert answer.headers["cache-control"] == "no-store", answer.request.url
        assert "etag" not in answer.headers


HOSTILE = [
    ("<script>alert(1)</script>", "<script>alert(1)</script>"),
    ("a\u202egnp.exe\u2066b", "agnp.exeb"),
    ("x\r\nSet-Cookie: a=b", "xSet-Cookie: a=b"),
    ("\x1b[2J\x07red", "[2Jred"),
    ("javascript:alert(1)", "javascript:alert(1)"),
    ("é" * 300, "é" * 120),
    ("\u200b\u2060", "Unknown device"),
    ("Ann\u00a0Ash's \U0001f468\u200d\U0001f469", "Ann Ash's \U0001f468\u200d\U0001f469"),
]


@pytest.mark.parametrize(("sent", "shown"), HOSTILE, ids=range(len(HOSTILE)))
async def test_a_hostile_device_name_is_inert(house: Service, sent: str, shown: str) -> None:
    tokens = await house.login(device_info=sent)
    answer = await house.http.get("/api/auth/sessions", headers=bearer(tokens["access_token"]))
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.text.isascii()
    [own] = [session for session in answer.json()["sessions"] if session["current"]]
    assert own["device_info"] == shown


@pytest.mark.parametrize(
    ("agent", "shown"),
    [
        ("B\u00fccher/3 (iPhone; \u6d4b\u8bd5)".encode(), "B\u00fccher/3 (iPhone; \u6d4b\u8bd5)"),
        ("B\u00fccher/3".encode("latin-1"), "Bcher/3"),
        (b"x" * 511 + "\u00fc".encode(), "x" * 511),
    ],
)
async def test_a_user_agent_is_utf_8_or_ascii_and_never_latin_1(house: Service, agent: bytes, shown: str) -> None:
    answer = await house.caller().post("/api/auth/login", json=LOGIN, headers=[(b"user-agent", agent)])
    listed = await house.http.get("/api/auth/sessions", headers=bearer(answer.json()["access_token"]))
    assert [one["user_agent"] for one in listed.json()["sessions"] if one["current"]] == [shown]


@pytest.mark.parametrize(
    "agent", [b"<b>\x1b[31m\xe2\x80\xae", b"\x00\x01\xff" * 900, b"Mozilla/5.0 (\r\n) Firefox/1", b"x" * 9000]
)
async def test_a_hostile_user_agent_is_inert(house: Service, agent: bytes) -> None:
    answer = await house.caller().post("/api/auth/login", json=LOGIN, headers=[(b"user-agent", agent)])
    tokens = answer.json()
    listed = await house.http.get("/api/auth/sessions", headers=bearer(tokens["access_token"]))
    [own] = [session for session in listed.json()["sessions"] if session["current"]]
    assert all(char.isprintable() for char in (own["user_agent"] or "") + own["device_info"])
    assert len(own["user_agent"] or "") <= 512
    assert len(own["device_info"]) <= 120


# SECURITY.md item 31


async def old_login(house: Service, tokens: dict[str, Any]) -> str:
    """An access token of a login that was five hours ago: sessions live on by refreshes."""
    await house.sql.execute(
        "UPDATE user_sessions SET auth_time = now() - interval '5 hours' WHERE id = $1", tokens["session_id"]
    )
    refreshed: str = (await house.refresh(tokens["refresh_token"])).json()["access_token"]
    return refreshed


async def test_an_old_login_ends_no_other_session(house: Service) -> None:
    """A thief with one access token would keep his session and end the owner's."""
    owner, thief = await house.login(), await house.login()
    token = await old_login(house, thief)
    for path in (f"/api/auth/sessions/{owner['session_id']}", "/api/auth/sessions", f"/api/auth/sessions/{uuid4()}"):
        answer = await house.http.delete(path, headers=bearer(token))
        assert (answer.status_code, answer.json()["error"]) == (401, "insufficient_user_authentication")
        challenge = answer.headers["www-authenticate"]
        assert challenge.startswith('Bearer realm="authsvc", error="insufficient_user_authentication"')
        assert 'max_age="900"' in challenge
    assert await house.active(owner["access_token"])
    assert (await house.http.get("/api/auth/sessions", headers=bearer(token))).status_code == 200


async def test_an_old_login_ends_its_own_session(house: Service) -> None:
    mine = await house.login()
    token = await old_login(house, mine)
    answer = await house.http.delete(f"/api/auth/sessions/{mine['session_id']}", headers=bearer(token))
    assert answer.status_code == 204
    assert not await house.active(token)


async def test_a_login_with_that_max_age_opens_it_again(house: Service) -> None:
    browser = house.caller()
    await tokens_for(browser)
    await house.sql.execute("UPDATE user_sessions SET auth_time = now() - interval '5 hours'")
    old = await tokens_for(browser)
    refused = await house.http.delete("/api/auth/sessions", headers=bearer(old["access_token"]))
    max_age = re.search(r'max_age="(\d+)"', refused.headers["www-authenticate"])
    assert max_age is not None
    fresh = await tokens_for(browser, max_age=max_age[1])
    answer = await house.http.delete("/api/auth/sessions", headers=bearer(fresh["access_token"]))
    assert answer.status_code == 200
