"""A person changes their name and language: apps, pages and mails follow."""

from __future__ import annotations

import json
from html import unescape
from typing import Any

import asyncpg
import httpx2
import jwt
import pytest

from authsvc.flows.account.own_profile import CHANGES
from authsvc.flows.mail.notices import notice
from authsvc.rules.person_record import User
from authsvc.runtime import Runtime
from tests.support.letters import another
from tests.support.login_steps import EMAIL, Pkce, authorize_url, fields, is_page, press, submit, tokens_for

PATH = "/account/profile"
MAIL = {"AUTHSVC_SMTP_URL": "smtp://localhost:9", "AUTHSVC_MAIL_FROM": "mail@bar.example"}


@pytest.fixture
def settings_env(settings_env: dict[str, str], request: pytest.FixtureRequest) -> dict[str, str]:
    return {**settings_env, **getattr(request, "param", {})}


def payload(token: str) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return claims


async def change(http: httpx2.AsyncClient, name: str = "Somebody Else", language: str = "") -> httpx2.Response:
    page = await http.get(PATH)
    assert is_page(page, PATH)
    return await http.post(PATH, data={"csrf": fields(page)["csrf"], "name": name, "language": language})


async def person(sql: asyncpg.Connection) -> tuple[Any, ...]:
    return tuple(await sql.fetchrow("SELECT name, locale FROM users WHERE email = $1", EMAIL))


async def about(http: httpx2.AsyncClient, **changed: str) -> dict[str, Any]:
    """What /userinfo says to an app."""
    tokens = await tokens_for(http, **changed)
    answer = await http.get("/userinfo", headers={"authorization": f"Bearer {tokens['access_token']}"})
    found: dict[str, Any] = answer.json()
    return found


async def test_a_new_name_and_language_are_claims_of_the_next_tokens(
    http: httpx2.AsyncClient, sql: asyncpg.Connection
) -> None:
    before = await about(http)
    assert before["name"] != "Somebody Else"
    assert "locale" not in before
    answer = await change(http, "  Somebody\u00a0Else ", "de")
    page = await http.get(answer.headers["location"])
    assert "Ihre Änderungen sind gespeichert." in page.text
    assert "signalCurrentUserDetails" in page.text  # passkeys are shown under the new name
    assert await person(sql) == ("Somebody Else", "de")
    after = await about(http)
    assert (after["name"], after["locale"]) == ("Somebody Else", "de")
    asked = json.dumps({"id_token": {"name": None, "locale": None}})
    claims = payload((await tokens_for(http, claims=asked))["id_token"])
    assert (claims["name"], claims["locale"]) == ("Somebody Else", "de")
    document = (await http.get("/.well-known/openid-configuration")).json()
    assert "locale" in document["claims_supported"]


async def test_without_the_scope_an_app_sees_neither(http: httpx2.AsyncClient) -> None:
    await tokens_for(http)
    await change(http, language="de")
    assert {"name", "locale"}.isdisjoint(await about(http, scope="openid email"))


async def test_the_chosen_language_goes_before_the_browsers_and_after_ui_locales(http: httpx2.AsyncClient) -> None:
    await tokens_for(http)
    await change(http, language="de")
    http.headers["accept-language"] = "en"
    for path in ("/account", "/account/events", "/account/factors", PATH, "/device", "/logout"):
        page = await http.get(path)
        assert '<html lang="de"' in page.text, path
    partner = {"client_id": "partner", "redirect_uri": "https://partner.example/callback"}
    consent = await http.get(authorize_url(Pkce(), **partner))
    assert is_page(consent, "/consent")
    assert '<html lang="de"' in consent.text
    consent = await http.get(authorize_url(Pkce(), **partner, ui_locales="fr en"))
    assert '<html lang="en"' in consent.text
    await change(http, language="")
    assert '<html lang="en"' in (await http.get("/account")).text


async def test_the_language_that_was_chosen_in_a_browser_is_that_of_its_login_page(
    http: httpx2.AsyncClient,
) -> None:
    """By a cookie that names the language and nobody; another browser gets its own, whatever address is typed."""

    async def language(browser: httpx2.AsyncClient, path: str = "/login", **form: str) -> str:
        page = await browser.get(path, headers={"accept-language": "en"})
        if form:
            page = await submit(browser, page, path, {"accept-language": "en"}, **form)
        return page.text.partition('<html lang="')[2][:2]

    await tokens_for(http)
    chosen = await change(http, language="de")
    [kept] = [one for one in chosen.headers.get_list("set-cookie") if one.startswith("authsvc_language=")]
    assert kept == "authsvc_language=de; Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax"
    http.cookies.delete("authsvc_session")
    assert await language(http) == "de"
    assert await language(http, authorize_url(Pkce())) == "de"
    assert await language(http, authorize_url(Pkce(), ui_locales="en")) == "en"
    for odd in ("fr", "x" * 4000, "en-GB"):
        assert await language(http, "/login") == "de"
        http.cookies.set("authsvc_language", odd, domain="localhost.local", path="/")
        assert await language(http, "/login") == "en"
        http.cookies.set("authsvc_language", "de", domain="localhost.local", path="/")
    async with another(http) as stranger:
        assert await language(stranger, username=EMAIL, password="wrong") == "en"
    await tokens_for(http)
    gone = await change(http, language="")
    assert "authsvc_language=; Path=/; Max-Age=0" in gone.headers["set-cookie"]
    http.cookies.delete("authsvc_session")
    assert await language(http) == "en"


@pytest.mark.parametrize("settings_env", [MAIL], indirect=True)
async def test_mails_are_in_the_chosen_language(
    runtime: Runtime, http: httpx2.AsyncClient, sql: asyncpg.Connection
) -> None:
    await tokens_for(http)
    await change(http, language="de")
    async with another(http) as elsewhere:
        elsewhere.headers["accept-language"] = "en"
        await tokens_for(elsewhere)
    assert await sql.fetchval("SELECT language FROM mails WHERE template = 'notice_new_device'") == "de"
    row = await sql.fetchrow("SELECT id, email, name, locale FROM users WHERE email = $1", EMAIL)
    user = User(row["id"], row["email"], row["name"], (), locale=row["locale"])
    mail = notice(
        runtime, "password_changed", user, when=runtime.clock.now(), device="", address_text="", language="en"
    )
    assert mail is not None
    assert mail.language == "de"


async def test_a_new_name_is_on_record_and_told_and_a_language_is_not(
    http: httpx2.AsyncClient, sql: asyncpg.Connection
) -> None:
    await tokens_for(http)
    name = (await person(sql))[0]
    await change(http, name, "de")
    await change(http, name, "")
    assert await sql.fetchval("SELECT count(*) FROM audit_events WHERE event = 'user_renamed'") == 0
    await change(http)
    row = await sql.fetchrow("SELECT actor, user_id FROM audit_events WHERE event = 'user_renamed'")
    assert row["actor"] == f"user:{row['user_id']}"
    page = await http.get("/account/events")
    assert "Name changed" in page.text
    assert "by the people who run" not in page.text


# Attacks


@pytest.mark.parametrize("name", ["a\nb", "a\x1b[31mb", "\u202egnp", "x" * 257, "\x7f", "a\u2028b"])
async def test_names_that_disturb_are_refused_and_change_nothing(
    http: httpx2.AsyncClient, sql: asyncpg.Connection, name: str
) -> None:
    await tokens_for(http)
    before = await person(sql)
    answer = await change(http, name)
    assert answer.status_code == 400
    assert "This name is too long" in answer.text
    assert await person(sql) == before


async def test_markup_in_a_name_is_text_everywhere(http: httpx2.AsyncClient) -> None:
    """SECURITY.md item 32."""
    await tokens_for(http)
    name = "<script>alert(1)</script>\"'><img src=x>"
    assert (await change(http, name)).status_code == 303
    for path in ("/account", PATH):
        page = await http.get(path)
        assert "<script>" not in page.text
        assert "<img src=x" not in page.text
        assert name in unescape(page.text)


async def test_a_foreign_or_expired_form_changes_nothing(http: httpx2.AsyncClient, sql: asyncpg.Connection) -> None:
    """SECURITY.md item 29."""
    await tokens_for(http)
    before = await person(sql)
    csrf = fields(await http.get(PATH))["csrf"]
    form = {"name": "Thief", "language": "de"}
    foreign = {"origin": "https://evil.example", "sec-fetch-site": "cross-site"}
    assert (await http.post(PATH, data={**form, "csrf": csrf}, headers=foreign)).status_code == 403
    for token in ("", "x", csrf[:-1] + ("y" if csrf[-1] == "x" else "x")):
        answer = await http.post(PATH, data={**form, "csrf": token})
        assert answer.status_code == 403
        assert "This page had expired" in answer.text
        assert 'value="Thief"' in answer.text
    async with another(http) as stranger:
        stranger.cookies.set("authsvc_session", http.cookies["authsvc_session"])
        assert (await stranger.post(PATH, data={**form, "csrf": csrf})).status_code == 403
    assert await person(sql) == before


async def test_nobody_changes_a_name_without_login(http: httpx2.AsyncClient) -> None:
    assert (await http.get(PATH)).headers["location"] == f"/login?next={PATH}"
    await tokens_for(http)
    csrf = fields(await http.get(PATH))["csrf"]
    del http.cookies["authsvc_session"]
    answer = await http.post(PATH, data={"csrf": csrf, "name": "x", "language": ""})
    assert answer.headers["location"] == f"/login?next={PATH}"


async def test_changes_are_limited(http: httpx2.AsyncClient, sql: asyncpg.Connection) -> None:
    await tokens_for(http)
    csrf = fields(await http.get(PATH))["csrf"]
    answers = [
        await http.post(PATH, data={"csrf": csrf, "name": f"name {number}", "language": ""})
        for number in range(CHANGES + 1)
    ]
    assert {answer.status_code for answer in answers[:CHANGES]} == {303}
    assert answers[-1].status_code == 429
    assert int(answers[-1].headers["retry-after"]) > 0
    assert (await person(sql))[0] == f"name {CHANGES - 1}"
    same = await http.post(PATH, data={"csrf": csrf, "name": f"name {CHANGES - 1}", "language": ""})
    assert same.status_code == 303


async def test_an_unknown_language_is_refused(http: httpx2.AsyncClient, sql: asyncpg.Connection) -> None:
    await tokens_for(http)
    before = await person(sql)
    for language in ("fr", "de-AT", "<b>", "x" * 500):
        assert (await change(http, language=language)).status_code == 400
    assert await person(sql) == before


async def test_press_keeps_the_rest(http: httpx2.AsyncClient) -> None:
    """The account page still works for who chose a language."""
    await tokens_for(http)
    await change(http, language="de")
    assert (await press(http, "/account/sessions/end-others")).status_code == 303
