"""Whoever takes an account back is not shut out by what a thief added to it, and a thief who reads the mail strips it
of no factor that it had."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import cast
from uuid import UUID

import asyncpg
import httpx2
import pytest

from authsvc.flows.operator import manage_factors
from authsvc.flows.proofs.issue_proof import not_me_link
from authsvc.rules.factors.totp import code_at, secret_in, step_at
from authsvc.runtime import Runtime
from authsvc.store.account import users
from tests.support.authenticator import Authenticator
from tests.support.factors import App, app_of, person, recovery_codes_of
from tests.support.letters import another, letter
from tests.support.login_steps import enter, is_page, press, submit
from tests.support.passkeys import begin, enrolled, finish, log_in_by
from tests.support.service import Service

EMAIL, NEW = "owner@example.com", "a new one, quite long"
CHOSEN = {"new_password": NEW, "repeat_password": NEW}
THIEF = "thief@example.org"


@pytest.fixture
async def house(runtime: Runtime, sql: asyncpg.Connection) -> Service:
    found = cast(Service, SimpleNamespace(runtime=runtime, sql=sql))
    await person(found, EMAIL)
    return found


async def user_id(house: Service) -> UUID:
    found: UUID = await house.sql.fetchval("SELECT id FROM users WHERE name = 'New'")
    return found


async def notice(house: Service) -> str:
    """The link of a notice that is made now."""
    user = await users.by_email(house.runtime.db, EMAIL)
    assert user is not None
    async with house.runtime.db.transaction() as connection:
        return await not_me_link(house.runtime, connection, user, language="en")


async def a_day_passes(house: Service) -> None:
    """Whatever was done is a day older than what will be."""
    for table, column in (
        ("passkeys", "created_at"),
        ("one_time_codes", "confirmed_at"),
        ("recovery_codes", "created_at"),
        ("audit_events", "at"),
        ("mailed_proofs", "created_at"),
    ):
        await house.sql.execute(f"UPDATE {table} SET {column} = {column} - interval '1 day'")


async def logged_in(http: httpx2.AsyncClient, app: App | None = None) -> httpx2.AsyncClient:
    """A browser with a session of now, at the person's own level."""
    page = await enter(http, await http.get("/login?next=/account"), EMAIL)
    if app:
        page = await submit(http, page, "/login/second", way="otp", code=app.code())
    assert page.status_code == 303, page.text
    return http


async def adds_an_app(house: Service) -> App:
    """Somebody sets an app up: the row, the codes and the event of it."""
    app = await app_of(house, await user_id(house))
    await recovery_codes_of(house, app.user_id)
    await house.sql.execute(
        """INSERT INTO audit_events (event, actor, user_id, detail)
           VALUES ('factor_added', 'user:x', $1, '{"factor": "otp"}')""",
        app.user_id,
    )
    return app


async def taken_back(http: httpx2.AsyncClient, link: str) -> httpx2.Response:
    page = await http.get(link)
    assert is_page(page, "/proof"), page.text
    answer = await submit(http, page, "/proof")
    assert answer.status_code < 400, answer.text
    return answer


async def new_password(http: httpx2.AsyncClient, house: Service, email: str = EMAIL) -> None:
    mail = await letter(house.runtime, email)
    assert mail.template == "reset"
    done = await submit(http, await http.get(mail.link), "/proof", **CHOSEN)
    assert "Your password is changed" in done.text


async def stopped_by_the_factor(http: httpx2.AsyncClient, house: Service) -> None:
    """Who opens the reset's letter is asked for the second factor first, and no password is set without."""
    stored = "SELECT password_hash FROM users WHERE email = $1"
    before = await house.sql.fetchval(stored, EMAIL)
    mail = await letter(house.runtime, EMAIL)
    assert mail.template == "reset"
    page = await submit(http, await http.get(mail.link), "/proof", **CHOSEN)
    assert is_page(page, "/proof/second"), page.text
    assert await house.sql.fetchval(stored, EMAIL) == before


async def asked_for(http: httpx2.AsyncClient, email: str = EMAIL) -> str:
    """What a login by the new password ends with: "in", or "code"."""
    page = await enter(http, await http.get("/login?next=/account"), email, NEW)
    if is_page(page, "/login/second"):
        return "code"
    assert page.status_code == 303, page.text
    return "in"


async def left(house: Service) -> tuple[int, int, int]:
    """Apps, passkeys and recovery codes of the person."""
    row = await house.sql.fetchrow(
        """SELECT (SELECT count(*) FROM one_time_codes WHERE user_id = $1) AS apps,
                  (SELECT count(*) FROM passkeys WHERE user_id = $1) AS passkeys,
                  (SELECT count(*) FROM recovery_codes WHERE user_id = $1) AS codes""",
        await user_id(house),
    )
    return tuple(row)


# The owner is not shut out


async def test_what_a_thief_added_goes_and_logs_neither_in_nor_the_owner_out(
    house: Service, http: httpx2.AsyncClient
) -> None:
    """A password is stolen; the notice of the thief's login is pressed a day after he has added all that he could."""
    link = await notice(house)
    async with another(http) as thief:
        key = await enrolled(await logged_in(thief))
        await adds_an_app(house)
        await house.sql.execute(
            """INSERT INTO trusted_devices (id, user_id, digest, device_info, expires_at)
               VALUES (gen_random_uuid(), $1, '\\x00', 'x', now() + interval '30 days')""",
            await user_id(house),
        )
        assert "Your account is locked" in (await taken_back(http, link)).text
        assert await left(house) == (0, 0, 0)
        assert await house.sql.fetchval("SELECT count(*) FROM trusted_devices") == 0
        assert (await thief.get("/account")).status_code == 303
        assert (await log_in_by(thief, key)).status_code == 400, "the passkey is no way in any more"
    await new_password(http, house)
    assert await asked_for(http) == "in"
    row = await house.sql.fetchval("SELECT detail FROM audit_events WHERE event = 'account_taken_back'")
    assert '"app_removed": true' in row
    assert '"passkeys_removed": 1' in row
    assert '"recovery_codes_removed": 10' in row


async def test_the_notice_of_a_factor_removes_that_factor(house: Service, http: httpx2.AsyncClient) -> None:
    async with another(http) as thief:
        key = await enrolled(await logged_in(thief))
    mail = await letter(house.runtime, EMAIL)
    assert mail.template == "notice_factor_added"
    await taken_back(http, mail.link)
    assert await left(house) == (0, 0, 0)
    async with another(http) as thief:
        assert (await log_in_by(thief, key)).status_code == 400


async def test_undoing_a_change_of_address_removes_what_was_added_since(
    house: Service, http: httpx2.AsyncClient
) -> None:
    async with another(http) as thief:
        await logged_in(thief)
        sent = await press(thief, "/account/address", new_address=THIEF)
        assert sent.status_code == 200
        await taken_back(thief, (await letter(house.runtime, THIEF)).link)
        undo = await letter(house.runtime, EMAIL)
        assert undo.template == "address_changed_old"
        await enter(thief, await thief.get("/login?next=/account"), THIEF)
        await enrolled(thief)
        await adds_an_app(house)
    assert "Your former address is back" in (await taken_back(http, undo.link)).text
    assert await left(house) == (0, 0, 0)
    await new_password(http, house)
    assert await asked_for(http) == "in"


# Nobody strips the account by the mail


@pytest.mark.parametrize("by", ["notice", "undo"])
async def test_a_factor_that_was_there_stays_whatever_mail_is_read(
    house: Service, http: httpx2.AsyncClient, by: str
) -> None:
    """A thief has the (old) mailbox, and the owner an app of before."""
    app = await adds_an_app(house)
    await a_day_passes(house)
    if by == "notice":
        link = await notice(house)
    else:
        async with another(http) as owner:
            await logged_in(owner, app)
            await press(owner, "/account/address", new_address="moved@example.org")
            await taken_back(owner, (await letter(house.runtime, "moved@example.org")).link)
        link = (await letter(house.runtime, EMAIL)).link
    async with another(http) as thief:
        await taken_back(thief, link)
        assert await left(house) == (1, 0, 10)
        await stopped_by_the_factor(thief, house)


async def test_an_app_that_replaced_one_stays_and_the_mail_alone_opens_nothing(
    house: Service, http: httpx2.AsyncClient
) -> None:
    """The owner has a new phone; the thief reads a notice of before, or that of the removal itself."""
    await adds_an_app(house)
    await a_day_passes(house)
    link = await notice(house)
    gone = await manage_factors.remove_factor(house.runtime, "cli:root", EMAIL, "otp")
    assert isinstance(gone, manage_factors.Removed)
    of_removal = await letter(house.runtime, EMAIL)
    assert of_removal.template == "notice_factor_removed"
    await adds_an_app(house)
    for one in (link, of_removal.link):
        async with another(http) as thief:
            await taken_back(thief, one)
            assert (await left(house))[0] == 1
            await stopped_by_the_factor(thief, house)


async def test_older_passkeys_and_codes_stay_beside_newer_ones_that_go(
    house: Service, http: httpx2.AsyncClient
) -> None:
    app = await adds_an_app(house)
    mine = await enrolled(await logged_in(http, app))
    await a_day_passes(house)
    link = await notice(house)
    async with another(http) as thief:
        await house.sql.execute("UPDATE one_time_codes SET last_step = -1")
        his = await enrolled(await logged_in(thief, app), Authenticator())
    async with another(http) as owner:
        await taken_back(owner, link)
        assert await left(house) == (1, 1, 10)
        assert (await log_in_by(owner, mine)).status_code == 303
    async with another(http) as thief:
        assert (await log_in_by(thief, his)).status_code == 400


async def test_who_does_not_get_the_account_back_takes_no_factor_away(house: Service, http: httpx2.AsyncClient) -> None:
    """The owner moved away from a mailbox long ago: its reader can lock the account, and no more."""
    link = await notice(house)
    await house.sql.execute("UPDATE users SET email = 'moved@example.org' WHERE email = $1", EMAIL)
    await adds_an_app(house)
    assert "is not the address of the account any" in (await taken_back(http, link)).text
    assert await left(house) == (1, 0, 10)


async def test_codes_of_before_go_with_the_last_factor(house: Service, http: httpx2.AsyncClient) -> None:
    await recovery_codes_of(house, await user_id(house))
    await a_day_passes(house)
    link = await notice(house)
    await app_of(house, await user_id(house))
    await taken_back(http, link)
    assert await left(house) == (0, 0, 0)


# Races


async def test_a_session_whose_end_is_promised_adds_nothing(house: Service, http: httpx2.AsyncClient) -> None:
    """A person may have a thousand sessions, which end in batches: none of those that wait for theirs is a way back."""
    await logged_in(http)
    page = await http.get("/account/factors")
    await submit(http, page, "/account/factors/otp")
    page = await http.get("/account/factors")
    secret = secret_in(page.text.partition('class="secret">')[2].partition("<")[0])
    assert secret is not None
    begun, key = await begin(http), Authenticator()
    await house.sql.execute("INSERT INTO endings (user_id, reason) VALUES ($1, 'taken_back')", await user_id(house))
    assert (await finish(http, begun, key.create(begun["options"]))).status_code == 400
    code = code_at(secret, step_at(house.runtime.clock.seconds()))
    assert (await submit(http, page, "/account/factors/otp/confirm", code=code)).status_code == 303
    assert await house.sql.fetchval("SELECT confirmed_at FROM one_time_codes") is None
    assert (await left(house))[1:] == (0, 0)


async def test_an_enrolment_that_races_with_it_leaves_nothing(house: Service, http: httpx2.AsyncClient) -> None:
    for _ in range(10):
        async with another(http) as thief:
            begun, key = await begin(await logged_in(thief)), Authenticator()
            link = await notice(house)
            await asyncio.gather(taken_back(http, link), finish(thief, begun, key.create(begun["options"])))
            assert await left(house) == (0, 0, 0)
            await house.sql.execute(
                """UPDATE users SET password_hash = (SELECT password_hash FROM users WHERE email = 'test@example.com')
                   WHERE email = $1""",
                EMAIL,
            )
