"""A login by a mailed code on the hosted page: for the client, the browser and the person that it was asked for."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import httpx2
import pytest
from jwt import decode

from authsvc.flows.login.authenticate_person import Attempt
from authsvc.flows.login.mailed_code import spend_mailed
from authsvc.flows.login.mailed_code_login import mailed_code_login
from authsvc.flows.operator import manage_users
from authsvc.flows.operator.change_users import change_address
from authsvc.flows.proofs.issue_proof import issue_proof, new_proof
from authsvc.flows.proofs.spend_proof import show_proof
from authsvc.rules.errors import Rejected
from authsvc.rules.levels import MFA_ACR, PASSWORD_ACR
from authsvc.rules.proofs.proof import STANDING, Purpose
from authsvc.runtime import Runtime
from tests.conftest import ISSUER
from tests.support.calls import alive
from tests.support.letters import another, letter, letters, post
from tests.support.login_steps import (
    CALLBACK,
    EMAIL,
    Pkce,
    authorize_url,
    enter,
    fields,
    is_page,
    redeem,
    redirected,
    submit,
)
from tests.support.mailed_codes import allow, ask, ask_page, enter_code, log_in_by_mail, offered
from tests.support.replicas import Replicas

BARTENDER = "bartender@example.com"


@pytest.fixture(autouse=True)
async def policy(runtime: Runtime, sql: asyncpg.Connection) -> None:
    await allow(runtime, sql)


async def tokens_of(http: httpx2.AsyncClient, answer: httpx2.Response, pkce: Pkce) -> dict[str, Any]:
    redeemed = await redeem(http, redirected(answer, CALLBACK)["code"], pkce)
    assert redeemed.status_code == 200, redeemed.text
    found: dict[str, Any] = redeemed.json()
    return found


def claims_of(token: str) -> dict[str, Any]:
    found: dict[str, Any] = decode(token, options={"verify_signature": False})
    return found


async def session(sql: asyncpg.Connection) -> Any:
    return await sql.fetchrow("SELECT * FROM user_sessions ORDER BY created_at DESC LIMIT 1")


def nobody(http: httpx2.AsyncClient) -> bool:
    return "authsvc_session" not in http.cookies


# The way of an honest person


async def test_a_person_logs_in_by_the_code_and_the_client_gets_its_answer(
    http: httpx2.AsyncClient, runtime: Runtime, sql: asyncpg.Connection
) -> None:
    pkce = Pkce()
    page = await ask_page(http, pkce)
    assert "<strong>" in page.text or "<bdi>" in page.text
    assert "Customer" in page.text, "the page names the app"
    sent = await submit(http, page, "/login/mail", username=EMAIL, remember_me="1")
    mail = await letter(runtime)
    assert (mail.template, mail.language) == ("login", "en")
    assert mail.values["app"] == "Customer"
    assert mail.values["address"] == "192.0.2.7"
    answer = await enter_code(http, sent, f" {mail.code.replace(' ', '-')} ")
    tokens = await tokens_of(http, answer, pkce)
    claims = claims_of(tokens["access_token"])
    assert (claims["acr"], claims["amr"]) == (PASSWORD_ACR, [])
    assert claims_of(tokens["id_token"])["acr"] == PASSWORD_ACR
    row = await session(sql)
    assert (row["amr"], row["credentials"], row["remember_me"]) == ([], ["mail"], True)
    assert await sql.fetchval("SELECT count(*) FROM mailed_proofs") == 0
    assert (await http.get(mail.link)).status_code == 403
    again = await enter_code(http, sent, mail.code)
    assert "This code is not right" in again.text, "a code is right once"
    refreshed = await http.post(
        "/token",
        data={"grant_type": "refresh_token", "client_id": "customer", "refresh_token": tokens["refresh_token"]},
    )
    assert claims_of(refreshed.json()["access_token"])["amr"] == []


async def test_the_link_logs_in_the_browser_that_asked_by_a_button(http: httpx2.AsyncClient, runtime: Runtime) -> None:
    pkce = Pkce()
    sent = await ask(http, pkce)
    mail = await letter(runtime)
    page = await http.get(mail.link)
    assert is_page(page, "/proof")
    assert "Customer" in page.text
    assert EMAIL in page.text
    assert nobody(http), "to open the link changes nothing"
    answer = await submit(http, page, "/proof")
    await tokens_of(http, answer, pkce)
    assert "This code is not right" in (await enter_code(http, sent, mail.code)).text


async def test_an_unverified_address_is_verified_by_it(
    http: httpx2.AsyncClient, runtime: Runtime, sql: asyncpg.Connection
) -> None:
    assert not await sql.fetchval("SELECT email_verified FROM users WHERE email = $1", EMAIL)
    pkce = Pkce()
    tokens = await tokens_of(http, await log_in_by_mail(http, runtime, pkce), pkce)
    assert await sql.fetchval("SELECT email_verified FROM users WHERE email = $1", EMAIL)
    told = await http.get("/userinfo", headers={"authorization": f"Bearer {tokens['access_token']}"})
    assert told.json()["email_verified"] is True
    event = await sql.fetchrow("SELECT * FROM audit_events WHERE event = 'user_address_verified'")
    assert '"login"' in event["detail"]


async def test_who_has_no_password_logs_in_once_their_address_is_verified(
    http: httpx2.AsyncClient, runtime: Runtime, sql: asyncpg.Connection
) -> None:
    await sql.execute("UPDATE users SET password_hash = NULL WHERE email = $1", EMAIL)
    await ask(http, Pkce())
    assert await letters(runtime) == [], "an operator never said that the address is theirs: they wait to be invited"
    await sql.execute("UPDATE users SET email_verified = true WHERE email = $1", EMAIL)
    pkce = Pkce()
    await tokens_of(http, await log_in_by_mail(http, runtime, pkce), pkce)


async def test_ones_own_session_goes_on_and_another_persons_ends(
    http: httpx2.AsyncClient, runtime: Runtime, sql: asyncpg.Connection
) -> None:
    await enter(http, await http.get(authorize_url(Pkce())))
    first = (await session(sql))["id"]
    pkce, before = Pkce(), http.cookies["authsvc_session"]
    tokens = await tokens_of(http, await log_in_by_mail(http, runtime, pkce, prompt="login"), pkce)
    row = await session(sql)
    assert (row["id"], row["amr"], set(row["credentials"])) == (first, [], {"password", "mail"})
    assert http.cookies["authsvc_session"] != before
    await log_in_by_mail(http, runtime, Pkce(), BARTENDER, prompt="login")
    assert not await alive(http, tokens)


async def test_a_stranger_device_is_told_of(
    http: httpx2.AsyncClient, runtime: Runtime, sql: asyncpg.Connection
) -> None:
    await log_in_by_mail(http, runtime, Pkce())
    assert await sql.fetchval("SELECT first_login_at IS NOT NULL FROM users WHERE email = $1", EMAIL)
    assert "notice_new_device" not in [one.template for one in await letters(runtime)]
    async with another(http) as phone:
        await log_in_by_mail(phone, runtime, Pkce())
    assert "notice_new_device" in [one.template for one in await letters(runtime)]
    async with another(http) as phone:
        phone.cookies.set("authsvc_device", http.cookies["authsvc_device"])
        before = len(await letters(runtime))
        await log_in_by_mail(phone, runtime, Pkce())
        assert len(await letters(runtime)) == before + 1, "the letter with the code, and no notice: the device is known"


async def test_the_pages_and_the_letter_speak_german(http: httpx2.AsyncClient, runtime: Runtime) -> None:
    http.headers["accept-language"] = "de"
    sent = await ask(http, Pkce())
    assert "Sehen Sie in Ihr Postfach" in sent.text
    assert (await letter(runtime)).language == "de"


# Only where the client's policy lets people


async def test_without_the_policy_there_is_no_way_in(
    http: httpx2.AsyncClient, runtime: Runtime, sql: asyncpg.Connection
) -> None:
    page = await ask_page(http, Pkce())
    await allow(runtime, sql, on=False)
    login = await http.get(authorize_url(Pkce()))
    assert offered(login) is None
    assert "/login/mail" not in login.text
    sealed = fields(login)["request"]
    assert (await http.get(f"/login/mail?request={sealed}")).status_code == 404
    assert (await submit(http, page, "/login/mail", username=EMAIL)).status_code == 404
    assert await sql.fetchval("SELECT count(*) FROM mailed_proofs") == 0
    assert offered(await http.get("/login?next=/account")) is None, "our own pages have no client"
    assert (await http.get("/login/mail")).headers["location"] == "/login"
    assert (await http.post("/login/mail", data={"username": EMAIL})).status_code == 403


async def test_a_code_is_void_once_the_policy_is_taken_back(
    http: httpx2.AsyncClient, runtime: Runtime, sql: asyncpg.Connection
) -> None:
    sent = await ask(http, Pkce())
    mail = await letter(runtime)
    await allow(runtime, sql, on=False)
    assert (await http.get(mail.link)).status_code == 404
    assert (await enter_code(http, sent, mail.code)).status_code == 404
    assert nobody(http)


async def test_it_opens_no_other_client_in_silence_that_lets_nobody_in_by_mail(
    http: httpx2.AsyncClient, runtime: Runtime
) -> None:
    """Single sign-on: the policy is of each client, and whoever has it is no way around the others."""
    await log_in_by_mail(http, runtime, Pkce())
    assert "code" in redirected(await http.get(authorize_url(Pkce()))), "silent where it is allowed"
    other = authorize_url(Pkce(), client_id="strict")
    page = await http.get(other)
    assert is_page(page, "/login")
    assert offered(page) is None
    assert redirected(await http.get(f"{other}&prompt=none"))["error"] == "login_required"
    answer = await enter(http, page)
    assert "code" in redirected(answer), "the password opens it"
    assert "code" in redirected(await http.get(other))


async def test_a_device_is_not_allowed_by_it_where_the_devices_client_lets_nobody_in_by_mail(
    http: httpx2.AsyncClient, runtime: Runtime, sql: asyncpg.Connection
) -> None:
    await log_in_by_mail(http, runtime, Pkce(), BARTENDER)
    asked = (await http.post("/device_authorization", data={"client_id": "terminal"})).json()
    entry = await http.get("/device")
    answer = await submit(http, entry, "/device", user_code=asked["user_code"])
    assert answer.headers["location"].startswith("/login?request=")
    await allow(runtime, sql, "terminal")
    found = await submit(http, entry, "/device", user_code=asked["user_code"])
    assert found.status_code == 200
    await allow(runtime, sql, "terminal", on=False)
    await submit(http, found, "/device", decision="allow")
    assert await sql.fetchval("SELECT state FROM device_requests") == "pending"


@pytest.mark.parametrize(
    "wish", [{"acr_values": MFA_ACR}, {"claims": '{"id_token":{"acr":{"essential":true,"value":"phr"}}}'}]
)
async def test_it_is_not_offered_for_a_request_that_asks_for_more(
    http: httpx2.AsyncClient, runtime: Runtime, wish: dict[str, str]
) -> None:
    login = await http.get(authorize_url(Pkce(), **wish))
    assert offered(login) is None
    assert (await http.get(f"/login/mail?request={fields(login)['request']}")).status_code == 404
    await log_in_by_mail(http, runtime, Pkce())
    assert is_page(await http.get(authorize_url(Pkce(), **wish)), "/login"), "nor is a session that it opened enough"


async def test_a_role_that_demands_a_second_factor_is_not_entered_by_mail(
    http: httpx2.AsyncClient, runtime: Runtime, sql: asyncpg.Connection
) -> None:
    object.__setattr__(runtime.settings, "mfa_roles", ("customer",))
    answer = await log_in_by_mail(http, runtime, Pkce())
    assert answer.status_code == 400
    assert "needs more than a code by mail" in answer.text
    assert is_page(answer, "/login")
    assert fields(answer)["username"] == EMAIL, "what was typed is kept"
    assert nobody(http)
    assert await sql.fetchval("SELECT count(*) FROM user_sessions") == 0


# In no other browser, and for nobody else


async def test_a_link_that_is_opened_elsewhere_logs_in_neither_browser(
    http: httpx2.AsyncClient, runtime: Runtime, sql: asyncpg.Connection
) -> None:
    """An attacker asks in the victim's name, and the victim follows the link of the mail; or sends the victim a link to
    the attacker's own account."""
    sent = await ask(http, Pkce())
    mail = await letter(runtime)
    before = await sql.fetch("SELECT * FROM mailed_proofs")
    async with another(http) as victim:
        page = await victim.get(mail.link)
        assert page.status_code == 403
        assert "This link works elsewhere" in page.text
        assert EMAIL not in page.text
        await victim.get("/reset")
        token = fields(await victim.get("/reset"))["csrf"]
        forced = await victim.post("/proof", data={"csrf": token, "key": mail.key})
        assert forced.status_code == 403
        assert nobody(victim)
        stolen = await victim.post("/proof/code", data={**fields(sent), "csrf": token, "code": mail.code})
        assert stolen.status_code == 400
        assert nobody(victim)
    assert nobody(http)
    assert await sql.fetch("SELECT * FROM mailed_proofs") == before
    assert await sql.fetchval("SELECT count(*) FROM user_sessions") == 0
    assert "code" in redirected(await enter_code(http, sent, mail.code)), "the owner's code is none the worse"


async def test_forms_of_other_pages_and_scanners_do_nothing(
    http: httpx2.AsyncClient, runtime: Runtime, sql: asyncpg.Connection
) -> None:
    page = await ask_page(http, Pkce())
    sent = await submit(http, page, "/login/mail", username=EMAIL)
    mail = await letter(runtime)
    confirm = await http.get(mail.link)
    before = await sql.fetch("SELECT * FROM mailed_proofs")
    forms = {
        "/login/mail": {**fields(page), "username": EMAIL},
        "/proof": fields(confirm),
        "/proof/code": {**fields(sent), "code": mail.code},
    }
    for path, form in forms.items():
        assert (await http.post(path, data={**form, "csrf": ""})).status_code == 403, path
        for header in ({"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}):
            assert (await http.post(path, data=form, headers=header)).status_code == 403, path
    for method in ("GET", "HEAD", "OPTIONS", "GET"):
        await http.request(method, mail.link)
    assert await sql.fetch("SELECT * FROM mailed_proofs") == before
    assert nobody(http)


async def test_the_code_goes_on_with_the_request_that_it_was_asked_for(
    http: httpx2.AsyncClient, runtime: Runtime, sql: asyncpg.Connection
) -> None:
    """A form with the request of another client in it: the proof knows its own."""
    pkce = Pkce()
    sent = await ask(http, pkce)
    other = fields(await http.get(authorize_url(Pkce(), client_id="strict", state="other")))["request"]
    answer = await submit(http, sent, "/proof/code", request=other, code=(await letter(runtime)).code)
    assert redirected(answer, CALLBACK)["state"] == "state-1"
    assert await sql.fetchval("SELECT client_id FROM grants") == "customer"


async def test_a_pushed_request_goes_on_in_its_browser_alone(http: httpx2.AsyncClient, runtime: Runtime) -> None:
    pushed = await http.post(
        "/par", data={"response_type": "code", "client_id": "customer", "redirect_uri": CALLBACK, "scope": "openid",
                      "state": "s", "code_challenge": Pkce().challenge, "code_challenge_method": "S256"},
    )  # fmt: skip
    opened = await http.get("/authorize", params={"client_id": "customer", "request_uri": pushed.json()["request_uri"]})
    login = await http.get(opened.headers["location"])
    where = offered(login)
    assert where is not None
    async with another(http) as stranger:
        assert "username" not in fields(await stranger.get(where))
    sent = await submit(http, await http.get(where), "/login/mail", username=EMAIL)
    assert "code" in redirected(await enter_code(http, sent, (await letter(runtime)).code))


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE users SET email = 'new@example.com' WHERE email = $1",
        "UPDATE users SET disabled_at = now() WHERE email = $1",
        "UPDATE users SET password_hash = 'x' WHERE email = $1",
    ],
)
async def test_a_change_of_the_person_voids_what_was_mailed(
    http: httpx2.AsyncClient, runtime: Runtime, sql: asyncpg.Connection, change: str
) -> None:
    sent = await ask(http, Pkce())
    mail = await letter(runtime)
    page = await http.get(mail.link)
    await sql.execute(change, EMAIL)
    assert (await http.get(mail.link)).status_code == 403
    assert (await submit(http, page, "/proof")).status_code == 403
    assert (await enter_code(http, sent, mail.code)).status_code == 400
    assert nobody(http)


@pytest.mark.parametrize(("client_id", "mine"), [("strict", True), ("customer", False)])
async def test_the_flow_itself_asks_for_whom_the_proof_is(
    http: httpx2.AsyncClient, runtime: Runtime, sql: asyncpg.Connection, client_id: str, mine: bool
) -> None:
    """Whatever a page would call: another client whose people may as well, and another browser."""
    await allow(runtime, sql, client_id)
    await ask(http, Pkce())
    shown = await show_proof(runtime, (await letter(runtime)).key)
    client = await runtime.clients.get(client_id)
    assert shown is not None
    assert client is not None
    attempt = Attempt(EMAIL, "", False, None, None, "192.0.2.7", "192.0.2.7")
    browser = shown.proof.detail["holder"] if mine else "another"
    with pytest.raises(Rejected, match="proof_void"):
        await mailed_code_login(runtime, client, attempt, shown, old_cookie=None, browser=browser)
    assert await show_proof(runtime, shown.secret) is not None, "nothing is spent"


@pytest.mark.parametrize("purpose", [one for one in Purpose if one is not Purpose.LOGIN])
async def test_a_proof_of_any_other_purpose_logs_nobody_in(
    http: httpx2.AsyncClient, runtime: Runtime, sql: asyncpg.Connection, purpose: Purpose
) -> None:
    """Also one that says all that a login's proof says: the purpose is in the statement that spends."""
    sent = await ask(http, Pkce())
    mail = await letter(runtime)
    row = await sql.fetchrow("SELECT detail FROM mailed_proofs WHERE purpose = 'login'")
    user_id = await sql.fetchval("SELECT id FROM users WHERE email = $1", EMAIL)
    async with runtime.db.transaction() as connection:
        proof = new_proof(runtime, purpose, EMAIL, user_id, json.loads(row["detail"]))
        issued = await issue_proof(runtime, connection, proof)
    key = issued.link.partition("key=")[2]
    shown = await show_proof(runtime, key)
    assert shown is not None
    client = await runtime.clients.get("customer")
    assert client is not None
    attempt = Attempt(EMAIL, "", False, None, None, "192.0.2.7", "192.0.2.7")
    holder = shown.proof.detail["holder"]
    with pytest.raises(Rejected, match="proof_void"):
        await mailed_code_login(runtime, client, attempt, shown, old_cookie=None, browser=holder)
    async with runtime.db.transaction() as connection:
        with pytest.raises(Rejected, match="proof_void"):
            await spend_mailed(runtime, client, shown, connection)
    await http.post("/proof", data={"csrf": fields(sent)["csrf"], "key": key})
    assert nobody(http)
    await enter_code(http, sent, issued.code)
    assert nobody(http)
    assert await sql.fetchval("SELECT count(*) FROM user_sessions") == 0
    if purpose not in STANDING:  # who takes the account back voids what was mailed
        assert "code" in redirected(await enter_code(http, sent, mail.code))


async def test_a_later_letter_takes_the_place_of_an_earlier_one(http: httpx2.AsyncClient, runtime: Runtime) -> None:
    first = await ask(http, Pkce())
    old = await letter(runtime)
    second = await ask(http, Pkce())
    new = await letter(runtime)
    assert (await http.get(old.link)).status_code == 403
    assert (await enter_code(http, first, old.code)).status_code == 400
    assert "code" in redirected(await enter_code(http, second, new.code))


async def test_a_code_is_good_for_a_quarter_of_an_hour(
    http: httpx2.AsyncClient, runtime: Runtime, sql: asyncpg.Connection
) -> None:
    sent = await ask(http, Pkce())
    mail = await letter(runtime)
    life = await sql.fetchval("SELECT extract(epoch FROM expires_at - created_at) FROM mailed_proofs")
    assert 895 < life < 905
    await sql.execute("UPDATE mailed_proofs SET expires_at = now()")
    assert (await enter_code(http, sent, mail.code)).status_code == 400
    assert (await http.get(mail.link)).status_code == 403


async def test_a_code_is_tried_five_times_from_wherever(
    http: httpx2.AsyncClient, runtime: Runtime, sql: asyncpg.Connection
) -> None:
    sent = await ask(http, Pkce())
    right = (await letter(runtime)).code.replace(" ", "")
    app = http._transport.app  # type: ignore[attr-defined]
    networks = [
        httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app=app, client=(f"198.51.100.{number}", 4711)),
            base_url=ISSUER,
            cookies=http.cookies,
        )
        for number in range(40)
    ]
    answers = await asyncio.gather(
        *(enter_code(one, sent, f"{(int(right) + 1 + n) % 10**8:08}") for n, one in enumerate(networks))
    )
    assert {answer.status_code for answer in answers} <= {400, 503}
    assert await sql.fetchval("SELECT code_tries FROM mailed_proofs") == 5
    assert "This code is not right" in (await enter_code(http, sent, right)).text
    assert nobody(http)


async def test_two_hundred_uses_at_two_replicas_are_one_login(
    replicas: Replicas, runtime: Runtime, sql: asyncpg.Connection
) -> None:
    """Codes and links at once, in the browser that asked; each replica has the cookie."""
    running = replicas.start(2)
    async with httpx2.AsyncClient(base_url=running[0].url, timeout=60) as http:
        sent = await ask(http, Pkce())
        mail = await until_written(sql, runtime)
        here = httpx2.AsyncClient(base_url=running[1].url, timeout=60, cookies=http.cookies)
        page = await http.get(mail.link.removeprefix(ISSUER))
        assert is_page(page, "/proof")
        uses = [
            enter_code((http, here)[n % 2], sent, mail.code) if n % 3 else submit((http, here)[n % 2], page, "/proof")
            for n in range(200)
        ]
        answers = await asyncio.gather(*uses)
        await here.aclose()
    assert [answer.status_code for answer in answers].count(303) == 1, [answer.status_code for answer in answers]
    assert {answer.status_code for answer in answers} <= {303, 400, 403, 503}
    assert await sql.fetchval("SELECT count(*) FROM user_sessions") == 1


async def until_written(sql: asyncpg.Connection, runtime: Runtime) -> Any:
    """The letter that a replica's worker writes, or this test."""
    while not (found := [one for one in await letters(runtime) if one.template == "login"]):
        await asyncio.sleep(0.05)
    return found[0]


# Who is told what


def said(answer: httpx2.Response, *private: str) -> tuple[object, ...]:
    """An answer without what differs each time, and without the address that was typed."""
    text = answer.text
    for name, value in fields(answer).items():
        if name in ("csrf", "sealed", "request"):
            text = text.replace(value, "x")
    for one in private:
        text = text.replace(one, "y")
    sent = {name: value for name, value in answer.headers.items() if name not in ("x-request-id", "content-length")}
    return answer.status_code, text, sent


async def test_known_unknown_and_disabled_people_look_alike(
    http: httpx2.AsyncClient, runtime: Runtime, sql: asyncpg.Connection
) -> None:
    await sql.execute("UPDATE users SET disabled_at = now() WHERE email = $1", BARTENDER)
    await sql.execute("UPDATE users SET password_hash = NULL WHERE email = 'admin@example.com'")
    seen = []
    for email in (EMAIL, "nobody@example.com", BARTENDER, "admin@example.com"):
        async with another(http) as browser:
            sent = await ask(browser, Pkce(), email)
            early = await enter_code(browser, sent, "12345678")
            await post(runtime)
            late = [await enter_code(browser, sent, "12345678") for _ in range(7)]
            tries = await sql.fetchval("SELECT code_tries FROM mailed_proofs WHERE email = $1", email)
            cookies = sorted(browser.cookies)
            seen.append((*(said(answer, email) for answer in (sent, early, *late)), tries, cookies))
    assert seen[0][-2] == 5
    assert all(one == seen[0] for one in seen)
    assert {row["recipient"] for row in await sql.fetch("SELECT recipient FROM mails")} == {EMAIL}


async def test_letters_are_limited_by_address_and_by_network(http: httpx2.AsyncClient, runtime: Runtime) -> None:
    for email in (EMAIL, "nobody@example.com"):
        page = await ask_page(http, Pkce())
        answers = [await submit(http, page, "/login/mail", username=email) for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        assert fields(answers[-1])["username"] == email, "what was typed is kept"
    object.__setattr__(runtime.settings, "mail_network_requests", 7)
    page = await ask_page(http, Pkce())
    answers = [await submit(http, page, "/login/mail", username=f"x{number}@example.com") for number in range(3)]
    assert [answer.status_code for answer in answers] == [200, 429, 429]


# What it opened


@pytest.mark.parametrize(
    "change",
    [
        lambda runtime: change_address(runtime, "ops", EMAIL, "new@example.com", verified=True),
        lambda runtime: manage_users.set_password(runtime, "ops", EMAIL, "another password of theirs"),
        lambda runtime: manage_users.disable(runtime, "ops", EMAIL),
    ],
    ids=["address", "password", "disabled"],
)
async def test_what_it_opened_ends_with_the_address_the_password_and_the_person(
    http: httpx2.AsyncClient, runtime: Runtime, change: Callable[[Runtime], Awaitable[object]]
) -> None:
    pkce = Pkce()
    tokens = await tokens_of(http, await log_in_by_mail(http, runtime, pkce), pkce)
    assert await alive(http, tokens)
    await change(runtime)
    assert not await alive(http, tokens)


async def test_it_is_not_enough_to_change_an_account_that_has_a_password(
    http: httpx2.AsyncClient, runtime: Runtime, sql: asyncpg.Connection
) -> None:
    """Who reads the mail can choose a new password; but that is told, and ends everything."""
    await log_in_by_mail(http, runtime, Pkce())
    assert (await http.get("/account")).status_code == 200
    answer = await http.get("/account/passkeys/new")
    assert answer.headers["location"].startswith("/login?request=")
    await sql.execute("UPDATE users SET password_hash = NULL, email_verified = true WHERE email = $1", EMAIL)
    assert (await http.get("/account/passkeys/new")).status_code == 200, "who has nothing else can make a passkey"
