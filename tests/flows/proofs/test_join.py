"""People join by the mail of their address: nothing is theirs, or anybody's, before."""

from __future__ import annotations

import asyncio
import json

import asyncpg
import httpx2
import pytest

from authsvc.flows.operator.invite import Invited, invite
from authsvc.rules.refused import Refused
from authsvc.runtime import Runtime
from tests.support.letters import another, ask, letter, letters, post
from tests.support.login_steps import EMAIL, Pkce, authorize_url, enter, fields, is_page, submit

ANN = "ann@example.org"
CHOSEN = {"name": "Ann Ash", "new_password": "a new one, quite long", "repeat_password": "a new one, quite long"}


@pytest.fixture
def settings_env(settings_env: dict[str, str]) -> dict[str, str]:
    return {**settings_env, "AUTHSVC_REGISTRATION": "open"}


def set_to(runtime: Runtime, registration: str) -> None:
    object.__setattr__(runtime.settings, "registration", registration)


async def row(sql: asyncpg.Connection, email: str = ANN) -> asyncpg.Record | None:
    return await sql.fetchrow("SELECT * FROM users WHERE email = $1", email)


async def logs_in(http: httpx2.AsyncClient, email: str = ANN) -> bool:
    answer = await http.post("/api/auth/login", json={"email": email, "password": CHOSEN["new_password"]})
    return answer.status_code == 200


async def joined(http: httpx2.AsyncClient, link: str, **form: str) -> httpx2.Response:
    page = await http.get(link)
    assert is_page(page, "/proof"), page.text
    return await submit(http, page, "/proof", **{**CHOSEN, **form})


# Registration


async def test_a_person_registers_at_a_client_and_goes_on_there(
    http: httpx2.AsyncClient, runtime: Runtime, sql: asyncpg.Connection
) -> None:
    await sql.execute(
        "UPDATE clients SET registration_role = 'customer', required_role = 'customer' WHERE id = 'customer'"
    )
    while (client := await runtime.clients.get("customer")) and client.login.registration_role is None:
        await asyncio.sleep(0.05)
    page = await http.get(authorize_url(Pkce()))
    where = page.text.partition('href="/signup?')[2].partition('"')[0]
    form = await http.get(f"/signup?{where}")
    sent = await submit(http, form, "/signup", username="Ann@EXAMPLE.org")
    assert await row(sql) is None
    mail = await letter(runtime, ANN)
    assert mail.template == "registration"
    page = await submit(http, sent, "/proof/code", code=mail.code)
    assert await row(sql) is None, "the code alone makes nobody"
    done = await submit(http, page, "/proof", **CHOSEN)
    assert "Your account is there" in done.text
    person = await row(sql)
    assert person is not None
    assert (person["name"], person["roles"], person["email_verified"]) == ("Ann Ash", ["customer"], True)
    again = await submit(http, done, "/login", decision="another")
    answer = await enter(http, again, ANN, CHOSEN["new_password"])
    assert answer.headers["location"].startswith("http://localhost:5173/callback?code=")
    event = await sql.fetchrow("SELECT * FROM audit_events WHERE event = 'user_registered'")
    place = {"device": "Unknown device", "address": "192.0.2.7"}
    assert (event["client_id"], json.loads(event["detail"])) == ("customer", {"roles": ["customer"], **place})


async def test_who_registers_at_no_client_has_no_role(
    http: httpx2.AsyncClient, runtime: Runtime, sql: asyncpg.Connection
) -> None:
    assert 'href="/signup"' in (await http.get("/login")).text
    await ask(http, "/signup", ANN)
    await joined(http, (await letter(runtime, ANN)).link, roles="admin", role="admin", client="admin")
    person = await row(sql)
    assert person is not None
    assert person["roles"] == []


async def test_a_client_of_people_with_a_role_that_it_does_not_give_offers_no_registration(
    http: httpx2.AsyncClient,
) -> None:
    assert "/signup" not in (await http.get(authorize_url(Pkce(), client_id="bartender"))).text
    assert "/signup?request=" in (await http.get(authorize_url(Pkce()))).text


async def test_known_and_unknown_addresses_get_one_page_and_one_mail_each(
    http: httpx2.AsyncClient, runtime: Runtime, sql: asyncpg.Connection
) -> None:
    pages = []
    for email in (EMAIL, ANN):
        async with another(http) as browser:
            page = await browser.get("/signup")
            sent = await submit(browser, page, "/signup", username=email)
            await post(runtime)
            late = [await submit(browser, sent, "/proof/code", code="12345678") for _ in range(6)]
            texts = []
            for answer in (sent, *late):
                text = answer.text.replace(email, "x")
                for name, value in fields(answer).items():
                    text = text.replace(value, "y") if name in ("csrf", "sealed") else text
                texts.append((answer.status_code, text, sorted(answer.headers)))
            pages.append(texts)
        assert len(await letters(runtime, email)) == 1
    assert pages[0] == pages[1]
    mail = await letter(runtime, EMAIL)
    assert mail.template == "you_have_an_account"
    assert mail.link == "http://localhost:8000/login?next=/account"
    assert [one.template for one in await letters(runtime, ANN)] == ["registration"]


async def test_whoever_registers_somebody_elses_address_first_has_nothing_of_it(
    http: httpx2.AsyncClient, runtime: Runtime, sql: asyncpg.Connection
) -> None:
    """The attacker asks, tries codes, and waits; the owner arrives, and the account is theirs alone."""
    sent = await ask(http, "/signup", ANN)
    await post(runtime)
    for code in range(6):
        assert (await submit(http, sent, "/proof/code", code=f"{code:08}")).status_code == 400
    assert not await logs_in(http)
    assert await row(sql) is None
    async with another(http) as owner:
        first = await letter(runtime, ANN)
        await ask(owner, "/signup", ANN)
        mine = await letter(runtime, ANN)
        assert (await owner.get(first.link)).status_code == 403
        done = await joined(owner, mine.link)
        assert "Your account is there" in done.text
        assert await logs_in(owner)
    assert (await submit(http, sent, "/proof/code", code=mine.code)).status_code == 400
    assert await sql.fetchval("SELECT count(*) FROM mailed_proofs WHERE digest IS NOT NULL") == 0
    assert (await row(sql) or {})["name"] == "Ann Ash"


async def test_an_account_that_is_there_meanwhile_stays_as_it_is(
    http: httpx2.AsyncClient, runtime: Runtime, sql: asyncpg.Connection
) -> None:
    await ask(http, "/signup", ANN)
    mail = await letter(runtime, ANN)
    await sql.execute("INSERT INTO users (email, name) VALUES ($1, 'Other')", ANN)
    assert "You have an account" in (await joined(http, mail.link)).text
    person = await row(sql)
    assert person is not None
    assert (person["name"], person["password_hash"]) == ("Other", None)


async def test_fifty_parallel_registrations_are_one(
    http: httpx2.AsyncClient, runtime: Runtime, sql: asyncpg.Connection
) -> None:
    await ask(http, "/signup", ANN)
    page = await http.get((await letter(runtime, ANN)).link)
    answers = await asyncio.gather(*(submit(http, page, "/proof", **CHOSEN) for _ in range(50)))
    done = [answer for answer in answers if "Your account is there" in answer.text]
    assert len(done) == 1
    assert {answer.status_code for answer in answers} <= {200, 403, 503}
    assert await sql.fetchval("SELECT count(*) FROM users WHERE email = $1", ANN) == 1


@pytest.mark.parametrize("registration", ["off", "invited"])
async def test_nobody_registers_where_that_is_not_wanted(
    http: httpx2.AsyncClient, runtime: Runtime, sql: asyncpg.Connection, registration: str
) -> None:
    """Also not by a letter of before."""
    await ask(http, "/signup", ANN)
    mail = await letter(runtime, ANN)
    form = await http.get("/signup")
    page = await http.get(mail.link)
    set_to(runtime, registration)
    assert "/signup" not in (await http.get("/login")).text
    assert (await http.get("/signup")).status_code == 404
    assert (await submit(http, form, "/signup", username=EMAIL)).status_code == 404
    assert (await submit(http, page, "/proof", **CHOSEN)).status_code == 403
    assert await row(sql) is None
    for header in ({"sec-fetch-site": "cross-site"}, {"origin": "https://evil.example"}):
        assert (await submit(http, form, "/signup", headers=header, username=ANN)).status_code == 403


@pytest.mark.parametrize("name", ["x" * 257, "a\u202eb"])
async def test_a_name_that_is_none_spends_nothing(http: httpx2.AsyncClient, runtime: Runtime, name: str) -> None:
    await ask(http, "/signup", ANN)
    wrong = await joined(http, (await letter(runtime, ANN)).link, name=name)
    assert "This name is too long" in wrong.text
    assert "Your account is there" in (await submit(http, wrong, "/proof", **CHOSEN)).text


# Invitation


async def invited(runtime: Runtime, email: str = ANN, roles: tuple[str, ...] = ("staff",)) -> Invited | Refused:
    return await invite(runtime, "cli:tests", email=email, name="Ann", roles=roles, language="de")


async def test_an_invited_person_chooses_a_password_and_has_the_roles(
    http: httpx2.AsyncClient, runtime: Runtime, sql: asyncpg.Connection
) -> None:
    set_to(runtime, "invited")
    done = await invited(runtime)
    assert isinstance(done, Invited)
    mail = await letter(runtime, ANN)
    assert (mail.template, mail.language, set(mail.values)) == ("invitation", "de", {"link"})
    left = await sql.fetchval("SELECT expires_at - now() FROM mailed_proofs")
    assert 167 * 3600 < left.total_seconds() <= 168 * 3600
    page = await http.get(mail.link)
    assert fields(page)["name"] == "Ann"
    assert "Your account is ready" in (await submit(http, page, "/proof", **CHOSEN)).text
    person = await row(sql)
    assert person is not None
    assert (person["name"], person["roles"], person["email_verified"]) == ("Ann Ash", ["staff"], True)
    assert await logs_in(http)
    events = {row["event"] for row in await sql.fetch("SELECT event FROM audit_events")}
    assert {"user_invited", "invitation_accepted"} <= events


async def test_an_invitation_is_repeated_until_it_was_accepted(http: httpx2.AsyncClient, runtime: Runtime) -> None:
    await invited(runtime)
    first = await letter(runtime, ANN)
    again = await invited(runtime, roles=())
    assert isinstance(again, Invited)
    assert (again.again, again.roles) == (True, ("staff",))
    second = await letter(runtime, ANN)
    assert (await http.get(first.link)).status_code == 403
    other = await invited(runtime, roles=("admin",))
    assert isinstance(other, Refused)
    assert other.reason == "roles_differ"
    await joined(http, second.link)
    late = await invited(runtime)
    assert isinstance(late, Refused)
    assert late.reason == "email_taken"


async def test_who_is_invited_cannot_come_by_another_way(
    http: httpx2.AsyncClient, runtime: Runtime, sql: asyncpg.Connection
) -> None:
    await invited(runtime)
    await ask(http, "/reset", ANN)
    await ask(http, "/signup", ANN)
    assert [one.template for one in await letters(runtime, ANN)] == ["you_have_an_account", "invitation"]
    await sql.execute("UPDATE users SET disabled_at = now() WHERE email = $1", ANN)
    assert (await http.get((await letters(runtime, ANN))[1].link)).status_code == 403


async def test_nobody_is_invited_where_nobody_can_come(runtime: Runtime, sql: asyncpg.Connection) -> None:
    set_to(runtime, "off")
    off = await invited(runtime)
    assert isinstance(off, Refused)
    assert off.reason == "registration_off"
    set_to(runtime, "invited")
    object.__setattr__(runtime.settings, "smtp_url", "")
    no_mail = await invited(runtime)
    assert isinstance(no_mail, Refused)
    assert no_mail.reason == "mail_off"
    assert await row(sql) is None
