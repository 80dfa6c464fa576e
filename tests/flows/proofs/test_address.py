"""An address is confirmed, changed and taken back by whoever reads its mail."""

from __future__ import annotations

import asyncpg
import httpx2
import pytest

from authsvc.flows.proofs.issue_proof import not_me_link
from authsvc.runtime import Runtime
from authsvc.store.account import users
from tests.support.calls import alive, login
from tests.support.letters import another, letter, letters, post
from tests.support.login_steps import (
    EMAIL,
    PASSWORD,
    Pkce,
    authorize_url,
    enter,
    fields,
    is_page,
    log_in,
    press,
    submit,
    tokens_for,
)

NEW = "new@example.org"
THIEF = "thief@example.org"
BARTENDER = "bartender@example.com"
CHOSEN = {"new_password": "a new one, quite long", "repeat_password": "a new one, quite long"}


async def into_account(http: httpx2.AsyncClient, email: str = EMAIL, password: str = PASSWORD) -> None:
    await http.get("/logout")
    page = await http.get("/login")
    assert (await enter(http, page, email, password)).status_code == 303


async def open_and_press(http: httpx2.AsyncClient, link: str) -> httpx2.Response:
    page = await http.get(link)
    assert is_page(page, "/proof"), page.text
    return await submit(http, page, "/proof")


async def changed(http: httpx2.AsyncClient, runtime: Runtime, new: str = NEW) -> httpx2.Response:
    """A logged-in person takes another address."""
    sent = await press(http, "/account/address", new_address=new)
    assert "Look at your mail" in sent.text
    return await open_and_press(http, (await letter(runtime, new)).link)


async def row(sql: asyncpg.Connection, email: str) -> asyncpg.Record | None:
    return await sql.fetchrow("SELECT * FROM users WHERE email = $1", email)


# Confirming


async def test_an_address_is_confirmed_and_id_token_and_userinfo_say_so(
    http: httpx2.AsyncClient, runtime: Runtime, sql: asyncpg.Connection
) -> None:
    tokens = await tokens_for(http)
    page = await http.get("/account")
    assert "Not confirmed" in page.text
    sent = await press(http, "/account/address/verify")
    mail = await letter(runtime)
    assert mail.template == "verify"
    async with another(http) as scanner:
        await scanner.get(mail.link)
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert (await http.get("/userinfo", headers=headers)).json()["email_verified"] is False
    confirm = await submit(http, sent, "/proof/code", code=mail.code)
    assert "Your address is confirmed" in (await submit(http, confirm, "/proof")).text
    assert (await http.get("/userinfo", headers=headers)).json()["email_verified"] is True
    page = await http.get("/account")
    assert "Not confirmed" not in page.text
    assert "/account/address/verify" not in page.text
    assert await alive(http, tokens), "nobody is logged out by it"
    assert (await submit(http, confirm, "/proof")).status_code == 403, "once"


async def test_another_address_than_the_one_that_was_mailed_is_not_confirmed(
    http: httpx2.AsyncClient, runtime: Runtime, sql: asyncpg.Connection
) -> None:
    await into_account(http)
    await press(http, "/account/address/verify")
    mail = await letter(runtime)
    page = await http.get(mail.link)
    await sql.execute("UPDATE users SET email = $2 WHERE email = $1", EMAIL, NEW)
    assert (await submit(http, page, "/proof")).status_code == 403
    found = await row(sql, NEW)
    assert found is not None
    assert found["email_verified"] is False


# Changing


async def test_an_address_is_changed_by_the_mail_of_the_new_one(
    http: httpx2.AsyncClient, runtime: Runtime, sql: asyncpg.Connection
) -> None:
    await into_account(http)
    tokens = await tokens_for(http)
    done = await changed(http, runtime, "New@BÜCHER.example")
    assert "Your address is changed" in done.text
    assert not await alive(http, tokens)
    assert (await http.get("/account")).status_code == 303, "this browser, too"
    found = await row(sql, "new@bücher.example")
    assert found is not None
    assert found["email_verified"] is True
    assert await row(sql, EMAIL) is None
    old = await letter(runtime, EMAIL)
    assert old.template == "address_changed_old"
    assert set(old.values) == {"link"}
    assert "code" in await log_in(http, authorize_url(Pkce()), "new@xn--bcher-kva.example")


async def test_an_address_is_changed_only_with_a_fresh_login(
    http: httpx2.AsyncClient, runtime: Runtime, sql: asyncpg.Connection
) -> None:
    await into_account(http)
    page = await http.get("/account")
    await sql.execute("UPDATE user_sessions SET auth_time = now() - interval '16 minutes'")
    form = {"csrf": fields(page)["csrf"], "new_address": NEW}
    answer = await http.post("/account/address", data=form)
    assert answer.headers["location"].startswith("/login?request=")
    assert await letters(runtime, NEW) == []
    async with another(http) as nobody:
        nobody.cookies.set("authsvc_browser", http.cookies["authsvc_browser"])
        answer = await nobody.post("/account/address", data=form)
        assert answer.headers["location"] == "/login?next=/account"
    for path in ("/account/address", "/account/address/verify"):
        assert (await http.post(path, data={**form, "csrf": ""})).status_code in (303, 403)
        foreign = await http.post(path, data=form, headers={"sec-fetch-site": "cross-site"})
        assert foreign.status_code == 403
    assert await sql.fetchval("SELECT count(*) FROM mailed_proofs") == 0


async def test_an_address_of_somebody_else_looks_like_any_other(
    http: httpx2.AsyncClient, runtime: Runtime, sql: asyncpg.Connection
) -> None:
    """The page is one; the owner is told, and gets no proof."""
    await into_account(http)
    free = await press(http, "/account/address", new_address=NEW)
    taken = await press(http, "/account/address", new_address=BARTENDER)
    await post(runtime)
    assert (await letter(runtime, BARTENDER)).template == "you_have_an_account"
    for sent in (free, taken):
        assert sent.status_code == 200
        assert "This code is not right" in (await submit(http, sent, "/proof/code", code="12345678")).text
    sizes = {len(sent.text.replace(NEW, "x").replace(BARTENDER, "x")) for sent in (free, taken)}
    assert max(sizes) - min(sizes) < 40, "the seal holds the address"


async def test_an_address_that_is_taken_meanwhile_stays_its_owners(
    http: httpx2.AsyncClient, runtime: Runtime, sql: asyncpg.Connection
) -> None:
    await into_account(http)
    await press(http, "/account/address", new_address=NEW)
    mail = await letter(runtime, NEW)
    await sql.execute("UPDATE users SET email = $1 WHERE email = $2", NEW, BARTENDER)
    assert "This address is taken" in (await open_and_press(http, mail.link)).text
    assert await row(sql, EMAIL) is not None


# Taking back


async def test_a_change_is_undone_by_the_mail_of_the_old_address(
    http: httpx2.AsyncClient, runtime: Runtime, sql: asyncpg.Connection
) -> None:
    """A thief has the password and a session, takes the address, then another, then a new password."""
    await into_account(http)
    await changed(http, runtime, THIEF)
    undo = await letter(runtime, EMAIL)
    await into_account(http, THIEF)
    await changed(http, runtime, "thief2@example.org")
    await into_account(http, "thief2@example.org")
    words = {"current_password": PASSWORD, **CHOSEN}
    assert (await press(http, "/account/password", **words)).status_code == 303
    tokens = await login(http, email="thief2@example.org", password=CHOSEN["new_password"])
    thiefs_undo = await letter(runtime, THIEF)
    async with another(http) as owner:
        page = await owner.get(undo.link)
        assert "thief2@example.org" in page.text
        done = await submit(owner, page, "/proof")
        assert "Your former address is back" in done.text
        assert not await alive(http, tokens)
        found = await row(sql, EMAIL)
        assert found is not None
        assert (found["password_hash"], found["email_verified"]) == (None, True)
        mail = await letter(runtime, EMAIL)
        assert mail.template == "reset"
        page = await owner.get(mail.link)
        assert "Your password is changed" in (await submit(owner, page, "/proof", **CHOSEN)).text
    assert (await http.get(thiefs_undo.link)).status_code == 403, "what the thief could undo is void"
    assert await login(http, password=CHOSEN["new_password"])


async def test_a_thiefs_own_undoing_leaves_that_of_the_owner(
    http: httpx2.AsyncClient, runtime: Runtime, sql: asyncpg.Connection
) -> None:
    await into_account(http)
    await changed(http, runtime, THIEF)
    undo = await letter(runtime, EMAIL)
    await into_account(http, THIEF)
    await changed(http, runtime, "thief2@example.org")
    assert "is back" in (await open_and_press(http, (await letters(runtime, THIEF))[0].link)).text
    assert await row(sql, THIEF) is not None
    assert "is back" in (await open_and_press(http, undo.link)).text
    assert await row(sql, EMAIL) is not None


async def test_undoing_has_an_end(http: httpx2.AsyncClient, runtime: Runtime, sql: asyncpg.Connection) -> None:
    await into_account(http)
    await changed(http, runtime)
    left = await sql.fetchval("SELECT expires_at - now() FROM mailed_proofs WHERE purpose = 'undo_address'")
    assert 71.9 * 3600 < left.total_seconds() <= 72 * 3600
    await sql.execute("UPDATE mailed_proofs SET expires_at = now()")
    assert (await http.get((await letter(runtime, EMAIL)).link)).status_code == 403


# This was not me


async def notice(runtime: Runtime, sql: asyncpg.Connection, email: str = EMAIL) -> str:
    """The link of a notice to a person."""
    user = await users.by_email(runtime.db, email)
    assert user is not None
    async with runtime.db.transaction() as connection:
        return await not_me_link(runtime, connection, user, language="de")


async def test_not_me_ends_everything_and_asks_for_a_new_password(
    http: httpx2.AsyncClient, runtime: Runtime, sql: asyncpg.Connection
) -> None:
    tokens = await login(http)
    first, second = await notice(runtime, sql), await notice(runtime, sql)
    await http.head(first)
    assert await alive(http, tokens)
    async with another(http) as owner:
        done = await open_and_press(owner, first)
    assert "Your account is locked" in done.text
    assert not await alive(http, tokens)
    answer = await http.post("/api/auth/login", json={"email": EMAIL, "password": PASSWORD})
    assert answer.status_code == 401
    mail = await letter(runtime)
    assert (mail.template, mail.language) == ("reset", "de")
    page = await http.get(mail.link)
    assert "Your password is changed" in (await submit(http, page, "/proof", **CHOSEN)).text
    assert (await http.get(second)).status_code == 200, "each notice has its own"
    assert (await http.get(first)).status_code == 403


async def test_every_notice_has_a_link_of_its_own(
    http: httpx2.AsyncClient, runtime: Runtime, sql: asyncpg.Connection
) -> None:
    """A new password, a login elsewhere, a token that was copied; and a program that logs in again and again is told of
    once, with one proof."""
    await login(http)
    async with another(http) as elsewhere:
        for _ in range(3):
            elsewhere.cookies.clear()
            stolen = await login(elsewhere)
    await into_account(http)
    words = {"current_password": PASSWORD, **CHOSEN}
    assert (await press(http, "/account/password", **words)).status_code == 303
    assert not await alive(http, stolen)
    told = [one for one in await letters(runtime) if one.template.startswith("notice_")]
    assert {one.template for one in told} == {"notice_new_device", "notice_password_changed"}
    assert len({one.link for one in told}) == len(told)
    assert await sql.fetchval("SELECT count(*) FROM mailed_proofs WHERE purpose = 'not_me'") == len(told)
    for one in told:
        assert (await http.get(one.link)).status_code == 200
    (changed_mail,) = [one for one in told if one.template == "notice_password_changed"]
    assert "Your account is locked" in (await open_and_press(http, changed_mail.link)).text
    answer = await http.post("/api/auth/login", json={"email": EMAIL, "password": CHOSEN["new_password"]})
    assert answer.status_code == 401


async def test_not_me_finds_the_account_whose_address_a_thief_has_changed(
    http: httpx2.AsyncClient, runtime: Runtime, sql: asyncpg.Connection
) -> None:
    """A notice to the old address: the change is undone as long as it can be. Later nothing but the end is left, and no
    letter goes to the thief."""
    link, later = await notice(runtime, sql), await notice(runtime, sql)
    await into_account(http)
    await changed(http, runtime, THIEF)
    assert "Your account is locked" in (await open_and_press(http, link)).text
    assert await row(sql, EMAIL) is not None
    assert (await letter(runtime, EMAIL)).template == "reset"
    await sql.execute("UPDATE users SET email = $2 WHERE email = $1", EMAIL, THIEF)
    await sql.execute("DELETE FROM mailed_proofs WHERE purpose = 'undo_address'")
    before = len(await letters(runtime, THIEF))
    done = await open_and_press(http, later)
    assert "is not the address of the account any" in done.text
    assert len(await letters(runtime, THIEF)) == before
    found = await row(sql, THIEF)
    assert found is not None
    assert found["password_hash"] is None


@pytest.mark.parametrize("purpose", ["reset", "verify", "address_change", "invitation", "registration"])
async def test_a_proof_of_one_purpose_is_good_for_no_other(
    http: httpx2.AsyncClient, runtime: Runtime, sql: asyncpg.Connection, purpose: str
) -> None:
    """Also where the form of another purpose is posted with it."""
    link = await notice(runtime, sql)
    key = link.partition("key=")[2]
    await sql.execute("UPDATE mailed_proofs SET purpose = $1", purpose)
    before = await row(sql, EMAIL)
    assert before is not None
    csrf = fields(await http.get("/reset"))["csrf"]
    form = {} if purpose in ("reset", "invitation", "registration") else CHOSEN  # what `not_me` would do is not done
    await http.post("/proof", data={"key": key, "csrf": csrf, **form})
    after = await row(sql, EMAIL)
    assert after is not None
    assert after["password_hash"] == before["password_hash"]
    assert await sql.fetchval("SELECT count(*) FROM audit_events WHERE event = 'account_taken_back'") == 0
