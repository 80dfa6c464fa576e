"""Second factors on the account: set up, shown once, removed; by a recent login at the person's level, and by no other.
What a factor opened ends with it."""

from __future__ import annotations

import asyncio
import re
from html import unescape
from typing import Any

import httpx2
import pytest
from jwt import decode

from authsvc.rules.factors.totp import code_at, secret_in, step_at
from authsvc.rules.levels import MFA_ACR, PASSWORD_ACR
from tests.support.busy import again_when_busy, prompt
from tests.support.factors import PASSWORD, App, app_of, person, recovery_codes_of
from tests.support.login_steps import (
    Pkce,
    authorize_url,
    enter,
    fields,
    is_page,
    log_in,
    redeem,
    redirected,
    tokens_for,
)
from tests.support.service import Service, bearer

FACTORS = "/account/factors"


async def post(http: httpx2.AsyncClient, path: str, **form: str) -> httpx2.Response:
    page = await http.get(FACTORS)
    return await http.post(f"{FACTORS}/{path}", data={"csrf": fields(page)["csrf"], **form})


async def logged_in(house: Service, email: str, app: App | None = None) -> httpx2.AsyncClient:
    """A browser in which this person has just logged in."""
    http = house.caller()
    page = await enter(http, await http.get("/login"), email)
    if app:
        await http.post("/login/second", data={**fields(page), "way": "otp", "code": app.code()})
    return http


async def set_up(house: Service, http: httpx2.AsyncClient) -> tuple[bytes, httpx2.Response]:
    """Begin to set an app up: its secret, as the page shows it, and the page."""
    assert (await post(http, "otp")).headers["location"] == FACTORS
    page = await http.get(FACTORS)
    (text,) = re.findall(r'<code class="secret">([A-Z2-7]+)</code>', page.text)
    (address,) = re.findall(r'href="(otpauth://[^"]+)"', page.text)
    assert f"secret={text}" in unescape(address)
    secret = secret_in(text)
    assert secret is not None
    return secret, page


def code_of(house: Service, secret: bytes, steps: int = 0) -> str:
    return code_at(secret, step_at(house.runtime.clock.seconds()) + steps)


def codes_on(page: httpx2.Response) -> list[str]:
    return re.findall(r"<li><code>([0-9a-z-]{19})</code></li>", page.text)


async def sessions_of(house: Service, user_id: Any) -> list[Any]:
    found: list[Any] = await house.sql.fetch(
        "SELECT * FROM user_sessions WHERE user_id = $1 AND is_active ORDER BY created_at", user_id
    )
    return found


async def test_an_app_is_set_up_and_asked_for_from_then_on(house: Service, email: str) -> None:
    user_id = await person(house, email)
    http = await logged_in(house, email)
    secret, page = await set_up(house, http)
    assert '<svg viewBox="0 0 ' in page.text
    assert "unsafe-inline" not in page.headers["content-security-policy"]
    assert page.headers["cache-control"] == "no-store"
    wrong = await post(http, "otp/confirm", code="000000")
    assert wrong.status_code == 400
    assert "problem" in wrong.text
    done = await post(http, "otp/confirm", code=code_of(house, secret))
    assert done.status_code == 200
    codes = codes_on(done)
    assert len(set(codes)) == 10
    (row,) = await sessions_of(house, user_id)
    assert row["amr"] == ["pwd", "otp", "mfa"], "this session has just proved it"
    stored = await house.sql.fetchrow("SELECT sealed FROM one_time_codes WHERE user_id = $1", user_id)
    assert secret not in stored["sealed"]
    digests = await house.sql.fetch("SELECT digest FROM recovery_codes WHERE user_id = $1", user_id)
    assert len(digests) == 10
    again = house.caller()
    second = await enter(again, await again.get(authorize_url(Pkce())), email)
    assert is_page(second, "/login/second")
    done = await again.post("/login/second", data={**fields(second), "way": "recovery_code", "code": codes[0]})
    assert "code" in redirected(done)
    sql = "SELECT event FROM audit_events WHERE user_id = $1 AND event <> 'new_device_login' ORDER BY id"
    events = await house.sql.fetch(sql, user_id)
    assert [event["event"] for event in events] == ["factor_added", "recovery_codes_made", "recovery_code_used"]


async def test_the_code_of_the_enrolment_opens_nothing_afterwards(house: Service, email: str) -> None:
    await person(house, email)
    http = await logged_in(house, email)
    secret, _ = await set_up(house, http)
    code = code_of(house, secret)
    assert (await post(http, "otp/confirm", code=code)).status_code == 200
    other = house.caller()
    page = await enter(other, await other.get("/login"), email)
    for replayed in (code, code_of(house, secret, -1)):
        answer = await other.post("/login/second", data={**fields(page), "way": "otp", "code": replayed})
        assert answer.status_code == 400
    assert "authsvc_session" not in str(other.cookies)


@again_when_busy
async def test_two_hundred_confirmations_at_once_are_one_enrolment(house: Service, email: str) -> None:
    user_id = await person(house, email)
    http = await logged_in(house, email)
    secret, page = await set_up(house, http)
    form = {"csrf": fields(page)["csrf"], "code": code_of(house, secret)}
    answers = await asyncio.gather(*(http.post(f"{FACTORS}/otp/confirm", data=form) for _ in range(200)))
    prompt(any(codes_on(answer) for answer in answers), "each was turned away, and nothing is used up")
    assert len([answer for answer in answers if codes_on(answer)]) == 1
    events = await house.sql.fetchval(
        "SELECT count(*) FROM audit_events WHERE user_id = $1 AND event = 'factor_added'", user_id
    )
    assert events == 1
    assert await house.sql.fetchval("SELECT count(*) FROM recovery_codes WHERE user_id = $1", user_id) == 10


async def test_an_app_that_another_session_set_up_is_confirmed_by_nobody_else(house: Service, email: str) -> None:
    user_id = await person(house, email)
    one, other = await logged_in(house, email), await logged_in(house, email)
    secret, _ = await set_up(house, one)
    assert 'class="secret"' not in (await other.get(FACTORS)).text
    assert (await post(other, "otp/confirm", code=code_of(house, secret))).status_code == 400
    assert await house.sql.fetchval("SELECT confirmed_at FROM one_time_codes WHERE user_id = $1", user_id) is None


FIREFOX = {"user-agent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:133.0) Gecko/20100101 Firefox/133.0"}


async def test_what_becomes_of_factors_is_on_record_with_device_and_network(house: Service, email: str) -> None:
    user_id = await person(house, email)
    http = house.caller("198.51.100.77", headers=FIREFOX)
    await enter(http, await http.get("/login"), email)
    secret, _ = await set_up(house, http)
    codes = codes_on(await post(http, "otp/confirm", code=code_of(house, secret)))
    assert codes_on(await post(http, "recovery-codes"))
    codes = codes_on(await post(http, "recovery-codes"))
    elsewhere = house.caller("203.0.113.5", headers=FIREFOX)
    page = await enter(elsewhere, await elsewhere.get("/login"), email)
    form = {**fields(page), "way": "recovery_code", "code": codes[0]}
    assert (await elsewhere.post("/login/second", data=form)).status_code == 303
    assert (await post(http, "otp/remove")).status_code == 303
    rows = await house.sql.fetch(
        """SELECT event, detail->>'device' AS device, detail->>'address' AS address, session_id IS NOT NULL AS session
           FROM audit_events WHERE user_id = $1 AND (event LIKE 'factor%' OR event LIKE 'recovery%') ORDER BY id""",
        user_id,
    )
    device, here, there = "Firefox on Windows", "198.51.100.77", "203.0.113.5"
    assert [tuple(row) for row in rows] == [
        ("factor_added", device, here, True),
        *[("recovery_codes_made", device, here, True)] * 3,
        ("recovery_code_used", device, there, False),
        ("factor_removed", device, here, True),
    ]
    assert f"<bdi>{there}</bdi>" in (await http.get("/account/events")).text


# Who may not


async def age(house: Service, user_id: Any) -> None:
    await house.sql.execute(
        "UPDATE user_sessions SET auth_time = auth_time - interval '20 minutes' WHERE user_id = $1", user_id
    )


@pytest.mark.parametrize("path", ["otp", "otp/confirm", "otp/remove", "recovery-codes"])
async def test_a_session_that_somebody_only_kept_alive_changes_no_factor(
    house: Service, email: str, app: App, path: str
) -> None:
    """Factor added, or removed, by a session that a thief refreshed: the login behind it is too old."""
    http = await logged_in(house, email, app)
    await house.sql.execute("UPDATE user_sessions SET last_activity = now() WHERE user_id = $1", app.user_id)
    await age(house, app.user_id)
    before = await house.content()
    answer = await post(http, path, code=app.code(1))
    assert answer.headers["location"].startswith("/login?request=")
    page = await http.get(answer.headers["location"])
    assert 'type="password"' in page.text
    after = await house.content()
    assert {name for name in before if before[name] != after[name]} <= {"user_sessions"}


@pytest.mark.parametrize("path", ["otp", "otp/remove", "recovery-codes"])
async def test_a_login_below_the_persons_level_changes_no_factor(house: Service, email: str, path: str) -> None:
    user_id = await person(house, email)
    http = await logged_in(house, email)
    await app_of(house, user_id)
    answer = await post(http, path)
    assert answer.headers["location"].startswith("/login?request=")
    assert await house.sql.fetchval("SELECT count(*) FROM one_time_codes WHERE user_id = $1", user_id) == 1


@pytest.mark.parametrize("path", ["otp", "otp/confirm", "otp/remove", "recovery-codes"])
async def test_a_form_of_another_site_changes_no_factor(house: Service, email: str, app: App, path: str) -> None:
    http = await logged_in(house, email, app)
    csrf = fields(await http.get(FACTORS))["csrf"]
    before = await house.content()
    url = f"{FACTORS}/{path}"
    foreign = await http.post(url, data={"csrf": csrf}, headers={"sec-fetch-site": "cross-site"})
    without = await http.post(url, data={"code": "1"})
    assert (foreign.status_code, without.status_code) == (403, 403)
    assert await house.content() == before


async def test_who_is_not_logged_in_comes_back_to_the_page(house: Service) -> None:
    http = house.caller()
    assert (await http.get(FACTORS)).headers["location"] == f"/login?next={FACTORS}"


# Recovery codes


async def test_new_recovery_codes_void_the_old_ones_and_are_shown_once(house: Service, email: str, app: App) -> None:
    old = await recovery_codes_of(house, app.user_id)
    http = await logged_in(house, email, app)
    new = codes_on(await post(http, "recovery-codes"))
    assert len(new) == 10
    assert not set(new) & set(old)
    shown = (await http.get(FACTORS)).text
    assert not [code for code in new if code in shown]
    for code, status in ((old[0], 401), (new[0], 200)):
        caller = house.caller()
        first = await caller.post("/api/auth/login", json={"email": email, "password": PASSWORD})
        second = {"mfa_challenge": first.json()["mfa_challenge"], "way": "recovery_code", "code": code}
        assert (await caller.post("/api/auth/login/second", json=second)).status_code == status


async def test_two_hundred_with_one_recovery_code_are_one_login(house: Service, email: str, app: App) -> None:
    code = (await recovery_codes_of(house, app.user_id))[0]
    http = house.caller("198.51.100.78")
    first = await http.post("/api/auth/login", json={"email": email, "password": PASSWORD})
    second = {"mfa_challenge": first.json()["mfa_challenge"], "way": "recovery_code", "code": code}
    answers = await asyncio.gather(*(http.post("/api/auth/login/second", json=second) for _ in range(200)))
    assert [answer.status_code for answer in answers].count(200) == 1
    assert await house.sql.fetchval("SELECT count(*) FROM recovery_codes WHERE user_id = $1", app.user_id) == 9


# Lineage


async def json_login(house: Service, email: str, code: str) -> dict[str, Any]:
    http = house.caller()
    first = await http.post("/api/auth/login", json={"email": email, "password": PASSWORD})
    second = {"mfa_challenge": first.json()["mfa_challenge"], "way": "otp", "code": code}
    answer = await http.post("/api/auth/login/second", json=second)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_what_a_factor_opened_ends_with_it_and_other_sessions_go_on(house: Service, email: str) -> None:
    user_id = await person(house, email)
    plain = await tokens_for(house.caller(), email=email)
    app = await app_of(house, user_id)
    opened = await json_login(house, email, app.code(-1))
    http = await logged_in(house, email, app)
    pkce = Pkce()
    here = (await redeem(http, (await log_in(http, authorize_url(pkce), email))["code"], pkce)).json()
    assert decode(here["access_token"], options={"verify_signature": False})["acr"] == MFA_ACR
    assert (await post(http, "otp/remove")).headers["location"].startswith(FACTORS)
    assert [await house.me(one["access_token"]) for one in (plain, opened, here)] == [200, 401, 401]
    assert (await house.refresh(opened["refresh_token"])).json()["error"] == "invalid_grant"
    assert (await house.refresh(here["refresh_token"])).json()["error"] == "invalid_grant"
    assert (await house.refresh(plain["refresh_token"])).status_code == 200
    feed = await house.sql.fetch("SELECT kind FROM revocations WHERE reason = 'factor_removed' ORDER BY kind")
    assert {row["kind"] for row in feed} >= {"grant", "session"}
    pkce = Pkce()
    lowered = await redeem(http, (await log_in(http, authorize_url(pkce), email))["code"], pkce)
    claims = decode(lowered.json()["id_token"], options={"verify_signature": False})
    assert (claims["acr"], claims["amr"]) == (PASSWORD_ACR, ["pwd"])
    assert (await house.sql.fetchval("SELECT count(*) FROM recovery_codes WHERE user_id = $1", user_id)) == 0
    assert (
        await house.caller().post("/api/auth/login", json={"email": email, "password": PASSWORD})
    ).status_code == 200


async def test_what_a_recovery_code_opened_ends_with_the_last_factor(house: Service, email: str, app: App) -> None:
    codes = await recovery_codes_of(house, app.user_id)
    caller = house.caller()
    first = await caller.post("/api/auth/login", json={"email": email, "password": PASSWORD})
    second = {"mfa_challenge": first.json()["mfa_challenge"], "way": "recovery_code", "code": codes[0]}
    opened = (await caller.post("/api/auth/login/second", json=second)).json()
    http = await logged_in(house, email, app)
    await post(http, "otp/remove")
    assert await house.me(opened["access_token"]) == 401


async def test_a_login_that_proved_a_factor_while_it_was_removed_begins_no_session(
    house: Service, email: str, app: App
) -> None:
    """The number of the person has changed between the check of the code and the session."""
    caller = house.caller()
    first = await caller.post("/api/auth/login", json={"email": email, "password": PASSWORD})
    second = {"mfa_challenge": first.json()["mfa_challenge"], "way": "otp", "code": app.code()}
    transaction = house.sql.transaction()
    await transaction.start()
    await house.sql.execute("UPDATE users SET factor_generation = factor_generation + 1 WHERE id = $1", app.user_id)
    under_way = asyncio.create_task(caller.post("/api/auth/login/second", json=second))
    await asyncio.sleep(0.3)
    await transaction.commit()
    answer = await under_way
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_credentials")
    assert await sessions_of(house, app.user_id) == []


async def test_a_new_password_keeps_the_level_of_the_session_that_chose_it(
    house: Service, email: str, app: App
) -> None:
    http = await logged_in(house, email, app)
    page = await http.get("/account")
    new = "a long new one, at last"
    form = {"current_password": PASSWORD, "new_password": new, "repeat_password": new}
    done = await http.post("/account/password", data={"csrf": fields(page)["csrf"], **form})
    assert done.status_code == 303
    (row,) = await sessions_of(house, app.user_id)
    assert row["amr"] == ["pwd", "otp", "mfa"]
    assert (await post(http, "recovery-codes")).status_code == 200


async def test_a_refreshed_token_does_not_outlive_the_level(house: Service, email: str, app: App) -> None:
    opened = await json_login(house, email, app.code())
    assert (await house.http.get("/api/profile/me", headers=bearer(opened["access_token"]))).status_code == 200
    http = await logged_in(house, email)
    page = await enter(http, await http.get("/login"), email)
    await http.post("/login/second", data={**fields(page), "way": "otp", "code": app.code(1)})
    await post(http, "otp/remove")
    assert (await house.refresh(opened["refresh_token"])).json()["error"] == "invalid_grant"
