"""The account page: a person sees and ends what is the person's own, and nobody else's."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from html import unescape
from time import monotonic, perf_counter
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx2
import pytest

from authsvc.flows.account import sessions_and_apps
from authsvc.runtime import Runtime
from tests.conftest import ISSUER
from tests.support.busy import again_when_busy, prompt
from tests.support.calls import alive
from tests.support.login_steps import EMAIL, PASSWORD, enter, fields, is_page, press, tokens_for
from tests.support.logouts import courier, wants_to_know
from tests.support.passkeys import OUR_SCRIPT
from tests.support.receiver import receiver
from tests.support.replicas import Replicas
from tests.support.spoilt import spoilt

NEW = "a new one, quite long"
POSTS = ["/account/sessions/end", "/account/sessions/end-others", "/account/password", "/account/apps/revoke"]


@asynccontextmanager
async def another(http: httpx2.AsyncClient) -> AsyncIterator[httpx2.AsyncClient]:
    """Another browser."""
    async with httpx2.AsyncClient(transport=http._transport, base_url=ISSUER) as browser:
        yield browser


async def followed(http: httpx2.AsyncClient, answer: httpx2.Response) -> str:
    assert answer.status_code == 303, (answer.status_code, answer.text)
    page = await http.get(answer.headers["location"])
    assert page.status_code == 200
    return page.text


def offered(page: httpx2.Response) -> list[str]:
    """The sessions that can be ended by a button."""
    return re.findall(r'name="session" value="([0-9a-f-]{36})"', page.text)


async def session_of(sql: asyncpg.Connection, email: str = EMAIL) -> UUID:
    found: UUID = await sql.fetchval(
        """SELECT s.id FROM user_sessions s JOIN users u ON u.id = s.user_id
           WHERE u.email = $1 ORDER BY s.created_at DESC LIMIT 1""",
        email,
    )
    return found


async def long_ago(sql: asyncpg.Connection) -> None:
    await sql.execute("UPDATE user_sessions SET auth_time = now() - interval '16 minutes'")


def change(current: str = PASSWORD, new: str = NEW, repeat: str | None = None) -> dict[str, str]:
    return {"current_password": current, "new_password": new, "repeat_password": new if repeat is None else repeat}


# What it shows


async def test_who_is_not_logged_in_is_sent_to_the_login_and_comes_back(http: httpx2.AsyncClient) -> None:
    answer = await http.get("/account")
    assert answer.headers["location"] == "/login?next=/account"
    page = await http.get(answer.headers["location"])
    answer = await enter(http, page)
    assert answer.headers["location"] == "/account"
    assert "This device" in (await http.get("/account")).text
    async with another(http) as stranger:
        stranger.cookies.set("authsvc_session", "x" * 43)
        assert (await stranger.get("/account")).headers["location"] == "/login?next=/account"


async def test_it_lists_the_sessions_with_device_browser_address_and_apps(
    http: httpx2.AsyncClient, sql: asyncpg.Connection
) -> None:
    await tokens_for(http)
    await tokens_for(http, "partner")
    async with another(http) as phone:
        phone.headers["user-agent"] = (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
            "Version/18.0 Mobile/15E148 Safari/604.1"
        )
        await tokens_for(phone)
    page = await http.get("/account")
    assert "2 active sessions" in page.text
    assert "Safari on iPhone" in page.text
    assert "192.0.2.7" in page.text
    assert "<bdi>Customer</bdi>, <bdi>Partner</bdi>" in page.text
    assert page.text.count("This device") == 1
    assert offered(page) == [str(await session_of(sql))]
    assert page.headers["cache-control"] == "no-store"  # SECURITY.md item 33
    assert page.headers["content-security-policy"].endswith("script-src 'self'; connect-src 'self'")


async def test_stored_names_and_addresses_are_inert(http: httpx2.AsyncClient, sql: asyncpg.Connection) -> None:
    """SECURITY.md item 32."""
    await tokens_for(http, "partner")
    bad = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>\u202egnp"
    user = await sql.fetchval("SELECT id FROM users WHERE email = $1", EMAIL)
    await sql.execute(
        "INSERT INTO user_sessions (id, user_id, device_info, user_agent, ip_address, expires_at) "
        "VALUES ($1, $2, $3, $3, 'fe80::1', now() + interval '1 day')",
        uuid4(),
        user,
        bad,
    )
    await sql.execute("UPDATE users SET name = $1", bad)
    await sql.execute("UPDATE clients SET name = $1", bad)
    await asyncio.sleep(0.6)
    page = await http.get("/account")
    assert "<script" not in page.text.replace(OUR_SCRIPT, "")
    assert "<img src=x" not in page.text
    assert "\u202e" not in page.text
    assert unescape(page.text).count("<script>alert(1)</script>") >= 3


async def test_another_persons_page_is_another_page(http: httpx2.AsyncClient, sql: asyncpg.Connection) -> None:
    await tokens_for(http)
    async with another(http) as other:
        await tokens_for(other, email="bartender@example.com")
        page = await other.get("/account")
    assert EMAIL not in page.text
    assert str(await session_of(sql)) not in (await http.get("/account")).text
    assert offered(page) == []


async def test_ended_and_expired_sessions_are_not_listed(http: httpx2.AsyncClient, sql: asyncpg.Connection) -> None:
    await tokens_for(http)
    for column in ("is_active = false", "expires_at = now()"):
        async with another(http) as browser:
            await tokens_for(browser)
            await sql.execute(f"UPDATE user_sessions SET {column} WHERE id = $1", await session_of(sql))
    assert "1 active session" in (await http.get("/account")).text


# Ending


@again_when_busy
async def test_a_session_ended_here_is_dead_everywhere_within_a_second(http: httpx2.AsyncClient) -> None:
    """Two frontends, one login; ended from another browser."""
    async with another(http) as victim:
        first, second = await tokens_for(victim), await tokens_for(victim, "partner")
        assert await alive(http, first)
        await http.get("/account")
        await tokens_for(http)
        (session,) = offered(await http.get("/account"))
        answer = await press(http, "/account/sessions/end", session=session)
        started = monotonic()
        for tokens in (first, second):
            assert not await alive(http, tokens)
            me = await http.get("/api/profile/me", headers={"Authorization": f"Bearer {first['access_token']}"})
            assert me.status_code == 401
        prompt(monotonic() - started < 1)
        assert "The session has ended." in await followed(http, answer)
        assert (await victim.get("/account")).status_code == 303
        silent = await victim.get("/logout")
        assert "You are signed out" in silent.text


@again_when_busy
async def test_ended_at_one_replica_is_ended_at_another_within_a_second(replicas: Replicas) -> None:
    here, there = replicas.start(2)
    async with (
        httpx2.AsyncClient(base_url=here.url) as mine,
        httpx2.AsyncClient(base_url=there.url) as victim,
    ):
        first, second = await tokens_for(victim), await tokens_for(victim, "partner")
        assert await alive(victim, first)
        await tokens_for(mine)
        answer = await press(mine, "/account/sessions/end-others")
        assert "notice=" in answer.headers["location"]
        started = monotonic()
        while await alive(victim, first) or await alive(victim, second):
            prompt(monotonic() - started < 1)
        assert (await victim.get("/account")).status_code == 303


async def test_two_cookies_of_one_name_are_nobodys(http: httpx2.AsyncClient) -> None:
    """SECURITY.md item 28: who put the second one there?"""
    await tokens_for(http)
    own = http.cookies["authsvc_session"]
    async with another(http) as bare:
        pair = f"authsvc_session={own}; authsvc_session={own}x"
        assert (await bare.get("/account", headers={"cookie": pair})).status_code == 303
        assert (await bare.get("/account", headers={"cookie": f"authsvc_session={own}"})).status_code == 200


async def test_ending_all_others_keeps_this_one(http: httpx2.AsyncClient) -> None:
    mine = await tokens_for(http)
    others = []
    for _ in range(3):
        async with another(http) as browser:
            others.append(await tokens_for(browser))
    async with another(http) as stranger:
        theirs = await tokens_for(stranger, email="bartender@example.com")
    answer = await press(http, "/account/sessions/end-others")
    assert "3 other sessions have ended." in await followed(http, answer)
    assert [await alive(http, tokens) for tokens in (*others, mine, theirs)] == [False] * 3 + [True] * 2


@pytest.mark.parametrize("path", ["/account/sessions/end-others", "/account/password"])
async def test_the_browser_that_makes_other_devices_strangers_stays_known(
    http: httpx2.AsyncClient, sql: asyncpg.Connection, path: str
) -> None:
    await tokens_for(http)
    before = http.cookies["authsvc_device"]
    assert (await press(http, path, **change())).status_code == 303
    assert http.cookies["authsvc_device"] != before
    login = {"email": EMAIL, "password": "wrong"}
    async with another(http) as stranger:
        assert [(await stranger.post("/api/auth/login", json=login)).status_code for _ in range(11)][-1] == 429
    assert (await http.post("/api/auth/login", json=login)).status_code == 401


async def test_ones_own_session_is_a_logout_and_needs_no_recent_login(
    http: httpx2.AsyncClient, sql: asyncpg.Connection
) -> None:
    tokens = await tokens_for(http)
    await long_ago(sql)
    answer = await press(http, "/account/sessions/end", session=str(await session_of(sql)))
    assert "You are signed out" in answer.text
    assert any("authsvc_session=;" in value for value in answer.headers.get_list("set-cookie"))
    assert not await alive(http, tokens)


# SECURITY.md items 30, 31


async def test_another_persons_session_cannot_be_ended(http: httpx2.AsyncClient, sql: asyncpg.Connection) -> None:
    async with another(http) as other:
        theirs = await tokens_for(other, email="bartender@example.com")
    stranger = str(await session_of(sql, "bartender@example.com"))
    await tokens_for(http)
    answers = [
        await press(http, "/account/sessions/end", session=session)
        for session in (stranger, str(uuid4()), "x", "", "1" * 5000, "'; DROP TABLE users; --")
    ]
    assert {answer.status_code for answer in answers} == {404}
    pages = {re.sub(r"[0-9a-f]{12,}", "", answer.text) for answer in answers}
    assert len(pages) == 1, "another person's session looks like none at all"
    assert await alive(http, theirs)


async def test_another_persons_app_cannot_be_revoked(http: httpx2.AsyncClient, sql: asyncpg.Connection) -> None:
    async with another(http) as other:
        theirs = await tokens_for(other, "partner", email="bartender@example.com")
    await tokens_for(http)
    assert (await press(http, "/account/apps/revoke", client_id="partner")).status_code == 303
    assert await alive(http, theirs)
    assert await sql.fetchval("SELECT count(*) FROM consents") == 1


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("/account/sessions/end", {"session": "00000000-0000-4000-8000-000000000000"}),
        ("/account/sessions/end-others", {}),
        ("/account/password", change()),
    ],
)
async def test_what_reaches_further_needs_a_recent_login(
    http: httpx2.AsyncClient, sql: asyncpg.Connection, path: str, form: dict[str, str]
) -> None:
    async with another(http) as other:
        others = await tokens_for(other)
    await tokens_for(http)
    await long_ago(sql)
    answer = await press(http, path, **form)
    assert answer.headers["location"].startswith("/login?request=")
    page = await http.get(answer.headers["location"])
    assert "confirm that it is you" in page.text
    assert await alive(http, others)
    before = http.cookies["authsvc_session"]
    answer = await enter(http, page)
    assert answer.headers["location"] == "/account"
    assert http.cookies["authsvc_session"] != before
    answer = await press(http, path, **form)
    assert not answer.headers.get("location", "").startswith("/login")


@pytest.mark.parametrize("path", POSTS)
async def test_a_form_of_another_site_is_refused(http: httpx2.AsyncClient, path: str) -> None:
    async with another(http) as other:
        others = await tokens_for(other)
    await tokens_for(http)
    csrf = fields(await http.get("/account"))["csrf"]
    form = {**change(), "session": str(uuid4()), "client_id": "partner"}
    for headers, token in (
        ({"sec-fetch-site": "cross-site"}, csrf),
        ({"origin": "https://evil.example"}, csrf),
        ({}, ""),
        ({}, "x" * 24),
    ):
        answer = await http.post(path, data={**form, "csrf": token}, headers=headers)
        assert answer.status_code == 403
    assert await alive(http, others)
    for method in ("GET", "PUT", "DELETE"):
        answer = await http.request(method, path)
        assert answer.status_code == (303 if (method, path) == ("GET", "/account/password") else 405)


@pytest.mark.parametrize("path", POSTS)
async def test_who_is_not_logged_in_changes_nothing(http: httpx2.AsyncClient, path: str) -> None:
    csrf = fields(await http.get("/login"))["csrf"]
    form = {"csrf": csrf, **change(), "session": str(uuid4()), "client_id": "partner"}
    answer = await http.post(path, data=form)
    assert answer.headers["location"] == "/login?next=/account"


async def test_a_notice_cannot_be_made_up_or_kept(http: httpx2.AsyncClient, runtime: Runtime) -> None:
    await tokens_for(http)
    answer = await press(http, "/account/sessions/end-others")
    location = answer.headers["location"]
    assert "0 other sessions have ended" in await followed(http, answer)
    for box in ("password_changed", spoilt(location.partition("=")[2]), "x" * 20_000):
        assert 'role="status"' not in (await http.get(f"/account?notice={box}")).text
    async with another(http) as other:
        await tokens_for(other)
        assert 'role="status"' not in (await other.get(location)).text


# Password (SECURITY.md item 18)


async def test_a_new_password_ends_the_others_and_keeps_this_one_under_a_new_cookie(
    http: httpx2.AsyncClient, sql: asyncpg.Connection
) -> None:
    async with another(http) as other:
        theirs = await tokens_for(other)
    mine = await tokens_for(http)
    old_cookie = http.cookies["authsvc_session"]
    answer = await press(http, "/account/password", **change())
    assert not await alive(http, theirs)
    assert await alive(http, mine)
    assert "Your password is changed." in await followed(http, answer)
    assert http.cookies["authsvc_session"] != old_cookie
    async with another(http) as thief:
        thief.cookies.set("authsvc_session", old_cookie)
        assert (await thief.get("/account")).status_code == 303
    async with another(http) as again:
        page = await again.get("/login")
        assert (await enter(again, page)).status_code == 400
        assert (await enter(again, page, password=NEW)).status_code == 303
    event = await sql.fetchrow("SELECT * FROM audit_events WHERE event = 'password_set'")
    assert event["actor"].startswith("user:")


@pytest.mark.parametrize(
    ("form", "text"),
    [
        (change(current="wrong"), "The current password is not correct."),
        (change(current="x" * 2000), "The current password is not correct."),
        (change(repeat="another one, quite long"), "The new passwords differ."),
        (change(new="short"), "at least 8 characters"),
        (change(new="long" * 300), "The new password is too long."),
        (change(new=PASSWORD), ""),
        (change(new=EMAIL), "known to attackers"),
        (change(new="aaaaaaaa"), "known to attackers"),
        (change(current=""), "Please fill in every field."),
        (change(new=""), "Please fill in every field."),
    ],
)
async def test_a_password_that_will_not_do_changes_nothing(
    http: httpx2.AsyncClient, sql: asyncpg.Connection, form: dict[str, str], text: str
) -> None:
    async with another(http) as other:
        theirs = await tokens_for(other)
    await tokens_for(http)
    before = await sql.fetchval("SELECT password_hash FROM users WHERE email = $1", EMAIL)
    answer = await press(http, "/account/password", **form)
    assert answer.status_code == 400
    assert is_page(answer, "/account/password")
    assert text in unescape(answer.text)
    assert await sql.fetchval("SELECT password_hash FROM users WHERE email = $1", EMAIL) == before
    assert await alive(http, theirs)
    assert not any(value and value in answer.text for value in form.values() if value not in (EMAIL, PASSWORD))


async def test_guesses_of_the_current_password_count_as_at_a_login(http: httpx2.AsyncClient) -> None:
    await tokens_for(http)
    answers = [await press(http, "/account/password", **change(current=f"guess {n}")) for n in range(12)]
    assert answers[0].status_code == 400
    assert answers[-1].status_code == 429
    assert answers[-1].headers["retry-after"]
    assert (await press(http, "/account/password", **change())).status_code == 429, "also the right one, now"


async def test_of_two_changes_at_once_one_wins_and_no_session_slips_through(
    http: httpx2.AsyncClient, sql: asyncpg.Connection
) -> None:
    await tokens_for(http)
    async with another(http) as other:
        await tokens_for(other)
        pages = [fields(await browser.get("/account"))["csrf"] for browser in (http, other)]
        first, second = await asyncio.gather(
            http.post("/account/password", data={"csrf": pages[0], **change(new=NEW + "1")}),
            other.post("/account/password", data={"csrf": pages[1], **change(new=NEW + "2")}),
        )
    done = [answer for answer in (first, second) if "notice=" in answer.headers.get("location", "")]
    assert len(done) == 1, [(answer.status_code, answer.headers.get("location")) for answer in (first, second)]
    assert await sql.fetchval("SELECT count(*) FROM user_sessions WHERE is_active") == 1


async def test_a_login_that_races_with_the_change_does_not_survive_it(
    http: httpx2.AsyncClient, sql: asyncpg.Connection
) -> None:
    await tokens_for(http)

    async def log_in() -> dict[str, Any]:
        answer = await http.post("/api/auth/login", json={"email": EMAIL, "password": PASSWORD})
        found: dict[str, Any] = answer.json()
        return found

    logins = [asyncio.create_task(log_in()) for _ in range(8)]
    answer = await press(http, "/account/password", **change())
    assert "notice=" in answer.headers["location"]
    for login in await asyncio.gather(*logins):
        if "access_token" in login:
            assert not await alive(http, login)


async def test_with_postgresql_gone_nothing_is_said_to_be_done(http: httpx2.AsyncClient, runtime: Runtime) -> None:
    await tokens_for(http)
    csrf = fields(await http.get("/account"))["csrf"]
    runtime.db._open_until = float("inf")
    form = {"csrf": csrf, **change(), "session": str(uuid4()), "client_id": "partner"}
    answers = [await http.post(path, data=form) for path in POSTS]
    runtime.db._open_until = 0.0
    for answer in answers:
        assert answer.status_code == 503
        assert answer.headers["retry-after"]
        assert answer.headers["content-type"].startswith("text/html")
        assert "set-cookie" not in answer.headers


# Apps


async def test_a_revoked_app_loses_what_it_had_in_every_session_and_is_told_once(
    http: httpx2.AsyncClient, runtime: Runtime, sql: asyncpg.Connection
) -> None:
    async with receiver() as one, courier(runtime):
        await wants_to_know(sql, "partner", one.url)
        async with another(http) as other:
            elsewhere = await tokens_for(other, "partner", scope="openid offline_access")
        mine = await tokens_for(http)
        here = await tokens_for(http, "partner", scope="openid offline_access")
        page = await http.get("/account")
        assert 'name="client_id" value="partner"' in page.text
        answer = await press(http, "/account/apps/revoke", client_id="partner")
        assert [await alive(http, tokens) for tokens in (here, elsewhere, mine)] == [False, False, True]
        text = await followed(http, answer)
        assert "The app no longer has access." in text
        assert 'value="partner"' not in text
        for tokens in (here, elsewhere):
            form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
            refused = await http.post("/token", data=form, auth=("partner", "partner-secret"))
            assert refused.json()["error"] == "invalid_grant"
        rows = await sql.fetch("SELECT kind, reason FROM revocations")
        assert [tuple(row) for row in rows] == [("grant", "consent_revoked")] * 2
        await one.until(2)
        await sql.execute("UPDATE user_sessions SET is_active = false")
        await asyncio.sleep(0.7)
        assert len(one.requests) == 2, "the end of the sessions is no news for it any more"


async def test_after_a_revocation_the_app_must_ask_again(http: httpx2.AsyncClient) -> None:
    from tests.support.login_steps import Pkce, authorize_url

    await tokens_for(http, "partner")
    url = authorize_url(Pkce(), client_id="partner", redirect_uri="https://partner.example/callback")
    assert (await http.get(url)).status_code == 303
    await press(http, "/account/apps/revoke", client_id="partner")
    assert is_page(await http.get(url), "/consent")
    assert (await press(http, "/account/apps/revoke", client_id="partner")).status_code == 303, "twice is the same"


# Many sessions


async def add_many(sql: asyncpg.Connection, count: int) -> None:
    """Sessions of one person on fifty kinds of devices, with a grant each; and as many of others."""
    await sql.execute(
        """WITH added AS (
               INSERT INTO user_sessions (id, user_id, device_info, user_agent, ip_address, expires_at, last_activity)
               SELECT gen_random_uuid(), u.id, 'Device ' || n % 50,
                      'Mozilla/5.0 (X11; Linux x86_64; rv:' || n % 50 || '.0) Gecko/20100101 Firefox/' || n % 50,
                      ('192.0.2.' || n % 250)::inet, now() + interval '1 day', now() - n * interval '1 second'
               FROM generate_series(1, $2::int) n, users u WHERE u.email = $1 RETURNING id)
           INSERT INTO grants (id, session_id, client_id, scope, audience, secret_hash, expires_at)
           SELECT gen_random_uuid(), id, 'customer', '{openid}', '{x}', 'x', now() + interval '1 day' FROM added""",
        EMAIL,
        count,
    )
    await sql.execute(
        """INSERT INTO user_sessions (id, user_id, expires_at)
           SELECT gen_random_uuid(), u.id, now() + interval '1 day'
           FROM generate_series(1, 20000) n, users u WHERE u.email = 'bartender@example.com'"""
    )
    await sql.execute("ANALYZE")


async def test_a_thousand_sessions_come_in_pages_and_all_can_be_reached(
    http: httpx2.AsyncClient, sql: asyncpg.Connection
) -> None:
    await tokens_for(http)
    await add_many(sql, 1000)
    seen: list[str] = []
    page = await http.get("/account")
    assert "1,001 active sessions" in page.text
    for _ in range(30):
        seen += offered(page)
        after = re.search(r'rel="next" href="([^"]+)"', page.text)
        if after is None:
            break
        page = await http.get(unescape(after[1]))
    assert len(seen) == len(set(seen)) == 1000
    assert 'rel="prev"' in page.text
    for odd in ("0", "-1", "x", "99999999999", "9999", "²"):
        assert (await http.get(f"/account?page={odd}")).status_code == 200


@again_when_busy
async def test_a_thousand_sessions_are_read_by_an_index_and_shown_in_time(
    http: httpx2.AsyncClient, sql: asyncpg.Connection, runtime: Runtime
) -> None:
    await tokens_for(http)
    await add_many(sql, 1000)
    from authsvc.store.account.sessions_and_apps import _SESSIONS

    user = await sql.fetchval("SELECT id FROM users WHERE email = $1", EMAIL)
    plan = await sql.fetch(f"EXPLAIN {_SESSIONS}", user, uuid4(), 0, sessions_and_apps.PAGE)
    text = "\n".join(row[0] for row in plan)
    assert "Seq Scan on user_sessions" not in text
    assert "Seq Scan on grants" not in text
    times = []
    for _ in range(100):
        started = perf_counter()
        assert (await http.get("/account")).status_code == 200
        times.append(perf_counter() - started)
    times.sort()
    print(f"account page: p50 {times[50] * 1000:.1f} ms, p99 {times[98] * 1000:.1f} ms")
    prompt(times[50] < 0.030)


Send = Callable[[httpx2.AsyncClient], Awaitable[httpx2.Response]]


@pytest.mark.parametrize("path", POSTS)
async def test_malformed_forms_are_refused_without_a_fault(http: httpx2.AsyncClient, path: str) -> None:
    await tokens_for(http)
    csrf = fields(await http.get("/account"))["csrf"]
    kind = {"content-type": "application/x-www-form-urlencoded"}
    sends: list[tuple[Send, set[int]]] = [
        (lambda h: h.post(path), {400}),
        (lambda h: h.post(path, json={}), {400}),
        (lambda h: h.post(path, content=b"csrf=\xff", headers=kind), {400}),
        (lambda h: h.post(path, content=f"csrf={csrf}&csrf={csrf}".encode(), headers=kind), {400}),
        (lambda h: h.post(path, content=b"a=" + b"x" * 70_000, headers=kind), {413}),
        (
            lambda h: h.post(
                path, content=f"csrf={csrf}&session=%00&client_id=%00&new_password=%00".encode(), headers=kind
            ),
            {400},
        ),
        (lambda h: h.post(path, data={"csrf": csrf, "session": "\ud7ff", "client_id": "é" * 200}), {303, 400, 404}),
    ]
    for send, statuses in sends:
        answer = await send(http)
        assert answer.status_code in statuses, answer.text
        assert answer.status_code == 303 or answer.headers["content-type"].startswith("text/html")
