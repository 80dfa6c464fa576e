"""Recovery by mail is no way around a second factor: the hosted pages ask for it before the password changes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from itertools import count

import httpx2
import pytest
import pytest_asyncio

from authsvc.rules.sealed_value_lifetimes import SECOND_STEP_SECONDS
from authsvc_devkit.servers import Servers
from tests.support.factors import PASSWORD, App, app_of, person, recovery_codes_of
from tests.support.letters import another, ask, letter, letters
from tests.support.login_steps import enter, fields, is_page, submit
from tests.support.service import Service, service

NEW = "a new one, quite long"
SECOND = "/proof/second"
CHANGED = "Your password is changed"
_numbers = count(1)


@pytest_asyncio.fixture(scope="module")
async def house(servers: Servers, base_env: dict[str, str]) -> AsyncIterator[Service]:
    async with service(servers, base_env, smtp_url="dev:", mail_network_requests=100_000) as running:
        yield running


@pytest_asyncio.fixture
async def email(house: Service) -> str:
    found = f"careful{next(_numbers)}@example.com"
    await person(house, found)
    return found


@pytest_asyncio.fixture
async def app(house: Service, email: str) -> App:
    return await app_of(house, await house.sql.fetchval("SELECT id FROM users WHERE email = $1", email))


async def opened(house: Service, http: httpx2.AsyncClient, email: str) -> httpx2.Response:
    """The page of the factor, behind the link of a letter."""
    await ask(http, "/reset", email)
    page = await http.get((await letter(house.runtime, email)).link)
    assert is_page(page, SECOND), page.text
    return page


async def prove(http: httpx2.AsyncClient, page: httpx2.Response, code: str, way: str = "otp") -> httpx2.Response:
    return await http.post(SECOND, data={**fields(page), "way": way, "code": code})


async def choose(http: httpx2.AsyncClient, page: httpx2.Response, new: str = NEW, **form: str) -> httpx2.Response:
    return await http.post("/proof", data={**fields(page), "new_password": new, "repeat_password": new, **form})


async def logs_in(house: Service, email: str, password: str) -> str:
    """What the JSON login says of a password."""
    answer = await house.caller().post("/api/auth/login", json={"email": email, "password": password})
    return str(answer.json().get("error"))


async def is_unchanged(house: Service, email: str) -> bool:
    return await logs_in(house, email, PASSWORD) == "mfa_required"


# The way of an honest person


@pytest.mark.parametrize("by", ["code of the mail", "link"])
async def test_the_factor_is_asked_for_before_the_password_and_stays(
    house: Service, email: str, app: App, by: str
) -> None:
    codes = await recovery_codes_of(house, app.user_id)
    http = house.caller()
    sent = await ask(http, "/reset", email)
    mail = await letter(house.runtime, email)
    if by == "link":
        page = await http.get(mail.link)
    else:
        page = await submit(http, sent, "/proof/code", code=mail.code)
    assert is_page(page, SECOND)
    assert "new_password" not in page.text
    wrong = await prove(http, page, "000000")
    assert wrong.status_code == 400
    assert "The code is not correct" in wrong.text
    chooses = (
        await prove(http, wrong, codes[0], "recovery_code") if by == "link" else await prove(http, page, app.code())
    )
    assert "new_password" in chooses.text
    assert await is_unchanged(house, email)
    assert CHANGED in (await choose(http, chooses)).text
    assert "authsvc_session" not in http.cookies, "nobody is logged in by it"
    assert await house.sql.fetchval("SELECT count(*) FROM one_time_codes WHERE user_id = $1", app.user_id) == 1
    second = await enter(http, await http.get("/login"), email, NEW)
    assert is_page(second, "/login/second")
    done = await http.post("/login/second", data={**fields(second), "way": "otp", "code": app.code(1)})
    assert done.headers["location"] == "/account"
    assert "notice_password_changed" in [one.template for one in await letters(house.runtime, email)]


async def test_a_password_that_is_refused_asks_for_no_factor_again(house: Service, email: str, app: App) -> None:
    http = house.caller()
    chooses = await prove(http, await opened(house, http, email), app.code())
    short = await choose(http, chooses, "short")
    assert "needs at least 8 characters" in short.text
    assert CHANGED in (await choose(http, short)).text


async def test_the_page_opened_by_a_scanner_uses_nothing_up(house: Service, email: str, app: App) -> None:
    http = house.caller()
    await ask(http, "/reset", email)
    link = (await letter(house.runtime, email)).link
    before = await house.content()
    for method in ("GET", "HEAD", "GET"):
        async with another(http) as scanner:
            await scanner.request(method, link)
    assert await house.content() == before
    chooses = await prove(http, await http.get(link), app.code())
    assert CHANGED in (await choose(http, chooses)).text


async def test_a_step_that_is_over_begins_anew(
    house: Service, email: str, app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    http = house.caller()
    page = await opened(house, http, email)
    with monkeypatch.context() as late:
        now = house.runtime.clock.seconds() + SECOND_STEP_SECONDS + 1
        late.setattr(house.runtime.clock, "seconds", lambda: now)
        again = await prove(http, page, app.code())
        assert (again.status_code, is_page(again, SECOND)) == (400, True)
        assert fields(again)["challenge"] != fields(page)["challenge"]
    assert "new_password" in (await prove(http, again, app.code())).text
    landing = await http.get(SECOND)
    assert landing.headers["location"] == "/reset"


# What gets nobody around it


async def test_the_mail_alone_changes_nothing(house: Service, email: str, app: App) -> None:
    """The form of a password, sent without the page before it."""
    http = house.caller()
    page = await opened(house, http, email)
    for proved in ("", "x", fields(page)["challenge"]):
        answer = await choose(http, page, proved=proved)
        assert is_page(answer, SECOND), proved
    assert await is_unchanged(house, email)


async def test_what_says_that_it_was_proved_is_of_one_proof_one_browser_and_one_time(
    house: Service, email: str, app: App
) -> None:
    thief = f"thief-{email}"
    own = await app_of(house, await person(house, thief))
    http = house.caller()
    of_thief = await prove(http, await opened(house, http, thief), own.code())
    stolen = await choose(http, await opened(house, http, email), proved=fields(of_thief)["proved"])
    assert is_page(stolen, SECOND), "of another person"
    page = await opened(house, http, email)
    of_owner = fields(await prove(http, page, app.code()))
    async with another(http) as elsewhere:
        there = await elsewhere.get((await letter(house.runtime, email)).link)
        assert is_page(await choose(elsewhere, there, proved=of_owner["proved"]), SECOND), "in another browser"
    later = await opened(house, http, email)
    assert is_page(await choose(http, later, proved=of_owner["proved"]), SECOND), "of an earlier letter"
    proved = await prove(http, later, app.code(1))
    await house.sql.execute("UPDATE users SET factor_generation = factor_generation + 1 WHERE email = $1", email)
    assert is_page(await choose(http, proved), SECOND), "a factor was removed since"
    assert await is_unchanged(house, email)


async def test_its_challenge_and_that_of_a_login_do_not_do_for_each_other(house: Service, email: str, app: App) -> None:
    http = house.caller()
    login = await enter(http, await http.get("/login"), email)
    page = await opened(house, http, email)
    form = {**fields(page), "request": fields(login)["request"], "way": "otp", "code": app.code()}
    await http.post("/login/second", data=form)
    assert "authsvc_session" not in http.cookies
    answer = await http.post(
        SECOND, data={**fields(page), "challenge": fields(login)["challenge"], "way": "otp", "code": app.code()}
    )
    assert is_page(answer, SECOND)
    asked = await house.caller().post("/api/auth/reset", json={"email": email})
    code = (await letter(house.runtime, email)).code
    said = {"reset_challenge": asked.json()["reset_challenge"], "code": code, "new_password": NEW}
    of_json = (await house.caller().post("/api/auth/reset/finish", json=said)).json()["mfa_challenge"]
    own = {"mfa_challenge": fields(page)["challenge"], "way": "otp", "code": app.code(), "new_password": NEW}
    assert (await http.post("/api/auth/reset/second", json=own)).json()["error"] == "invalid_grant"
    later = await opened(house, http, email)
    answer = await http.post(SECOND, data={**fields(later), "challenge": of_json, "way": "otp", "code": app.code()})
    assert is_page(answer, SECOND)
    assert await is_unchanged(house, email)
    assert CHANGED in (await choose(http, await prove(http, later, app.code()))).text, "no code was used up"


@pytest.mark.parametrize("thief", ["another browser", "a new password", "without the token", "another site"])
async def test_a_step_is_good_for_nobody_else(house: Service, email: str, app: App, thief: str) -> None:
    http, headers = house.caller(), {}
    page = await opened(house, http, email)
    form = {**fields(page), "way": "otp", "code": app.code()}
    if thief == "another browser":
        http = house.caller()
        form["csrf"] = fields(await http.get("/reset"))["csrf"]
    elif thief == "a new password":
        hashed = await house.runtime.passwords.hash("another password of mine")
        await house.sql.execute("UPDATE users SET password_hash = $2 WHERE id = $1", app.user_id, hashed)
    elif thief == "without the token":
        form["csrf"] = ""
    else:
        headers = {"sec-fetch-site": "cross-site"}
    answer = await http.post(SECOND, data=form, headers=headers)
    assert answer.status_code in (400, 403)
    assert "new_password" not in answer.text


async def test_two_hundred_tries_at_once_are_as_many_as_are_allowed(house: Service, email: str, app: App) -> None:
    http = house.caller()
    page = await opened(house, http, email)
    limit = house.runtime.settings.second_step_failures
    tries = [prove(http, page, f"{number:06}") for number in range(200)]
    answers = await asyncio.gather(*tries)
    statuses = [answer.status_code for answer in answers]
    assert set(statuses) <= {400, 429, 503}
    judged = statuses.count(400)
    assert judged == limit or (judged < limit and 503 in statuses)  # a busy machine: PostgreSQL has a queue
    while (await prove(http, page, "000000")).status_code != 429:
        judged += 1
        assert judged <= limit
    assert (await prove(http, page, app.code())).status_code == 429
    assert await is_unchanged(house, email)


async def test_one_code_and_one_proof_are_good_once_however_many_try(house: Service, email: str, app: App) -> None:
    http = house.caller()
    page = await opened(house, http, email)
    code = app.code()
    answers = await asyncio.gather(*(prove(http, page, code) for _ in range(20)))
    proved = [answer for answer in answers if "new_password" in answer.text]
    assert len(proved) == 1
    done = await asyncio.gather(*(choose(http, proved[0], f"{NEW} {number}") for number in range(20)))
    assert len([answer for answer in done if CHANGED in answer.text]) == 1


async def test_who_has_no_factor_is_asked_for_none(house: Service, email: str) -> None:
    http = house.caller()
    await ask(http, "/reset", email)
    page = await http.get((await letter(house.runtime, email)).link)
    assert is_page(page, "/proof")
    assert is_page(await http.post(SECOND, data={**fields(page), "way": "otp", "code": "000000"}), "/proof")
    assert CHANGED in (await choose(http, page)).text
