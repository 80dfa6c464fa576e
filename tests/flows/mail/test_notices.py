"""A person is told of what happens to their account, in the transaction in which it happens; and of nothing else."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any, get_args
from uuid import UUID

import asyncpg
import httpx2
import pytest

from authsvc.flows.mail.notices import Kind, notice
from authsvc.flows.operator import manage_users
from authsvc.rules.mail.templates import TEMPLATES
from authsvc.rules.person_record import User
from authsvc.runtime import Runtime
from authsvc.store.mail.outbox import MOST_A_DAY
from tests.support.login_steps import press, tokens_for
from tests.support.service import LOGIN

NOWHERE = "smtp://localhost:9"
"""No mail server is there: what is queued stays."""
SAFARI = (
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/17.1 Safari/605.1.15"
)


@pytest.fixture
def settings_env(settings_env: dict[str, str], request: pytest.FixtureRequest) -> dict[str, str]:
    given = getattr(request, "param", {"AUTHSVC_SMTP_URL": NOWHERE, "AUTHSVC_MAIL_FROM": "mail@bar.example"})
    return {**settings_env, **given}


async def told(sql: asyncpg.Connection) -> list[str]:
    rows = await sql.fetch("SELECT template FROM mails ORDER BY created_at")
    return [row["template"] for row in rows]


async def json_login(http: httpx2.AsyncClient, **headers: str) -> httpx2.Response:
    http.cookies.clear()
    done = await http.post("/api/auth/login", json=LOGIN, headers=headers)
    assert done.status_code == 200
    return done


# A new device


async def test_a_login_on_another_device_is_told_but_for_the_very_first(
    http: httpx2.AsyncClient, sql: asyncpg.Connection
) -> None:
    await json_login(http)
    assert await told(sql) == []
    await json_login(http, **{"user-agent": SAFARI})
    assert await told(sql) == ["notice_new_device"]
    row = await sql.fetchrow("SELECT recipient, user_id, language FROM mails")
    assert row["recipient"] == LOGIN["email"]
    assert row["user_id"] is not None


async def test_the_first_login_is_first_though_its_session_is_long_gone(
    http: httpx2.AsyncClient, sql: asyncpg.Connection
) -> None:
    await json_login(http)
    await sql.execute("DELETE FROM user_sessions")
    await json_login(http, **{"user-agent": SAFARI})
    assert await told(sql) == ["notice_new_device"]


async def test_a_known_device_is_not_told(http: httpx2.AsyncClient, sql: asyncpg.Connection) -> None:
    await json_login(http)
    for _ in range(3):  # the device cookie comes along
        assert (await http.post("/api/auth/login", json=LOGIN)).status_code == 200
    assert await told(sql) == []


async def test_a_forged_device_cookie_is_no_known_device(http: httpx2.AsyncClient, sql: asyncpg.Connection) -> None:
    await json_login(http)
    http.cookies = httpx2.Cookies({name: value[:30] + value[30:].swapcase() for name, value in http.cookies.items()})
    assert (await http.post("/api/auth/login", json=LOGIN)).status_code == 200
    assert await told(sql) == ["notice_new_device"]


async def test_a_program_without_cookies_is_told_of_once_a_day(
    http: httpx2.AsyncClient, sql: asyncpg.Connection
) -> None:
    for _ in range(4):
        await json_login(http)
    assert await told(sql) == ["notice_new_device"]
    await sql.execute("UPDATE mails SET created_at = now() - interval '25 hours'")
    await json_login(http)
    assert len(await told(sql)) == 2


async def test_who_knows_a_password_buries_no_mail_under_others(
    http: httpx2.AsyncClient, sql: asyncpg.Connection
) -> None:
    await json_login(http)
    for number in range(MOST_A_DAY + 3):
        http.cookies.clear()
        await http.post("/api/auth/login", json={**LOGIN, "device_info": f"Device {number}"})
    assert len(await told(sql)) == MOST_A_DAY
    http.cookies.clear()
    strict = await http.post("/api/auth/login", json={**LOGIN, "client_id": "strict"})
    await reuse(http, strict.json()["refresh_token"])
    assert (await told(sql))[-1] == "notice_theft"


async def test_a_wrong_password_tells_nobody(http: httpx2.AsyncClient, sql: asyncpg.Connection) -> None:
    await json_login(http)
    http.cookies.clear()
    assert (await http.post("/api/auth/login", json={**LOGIN, "password": "wrong"})).status_code == 401
    assert await told(sql) == []


async def test_the_hosted_login_tells_in_the_browsers_language(
    runtime: Runtime, http: httpx2.AsyncClient, sql: asyncpg.Connection
) -> None:
    await json_login(http)
    http.cookies.clear()
    http.headers["accept-language"] = "de-AT,de;q=0.9"
    await tokens_for(http)
    assert await told(sql) == ["notice_new_device"]
    assert await sql.fetchval("SELECT language FROM mails") == "de"


async def test_a_client_that_is_removed_during_a_login_is_no_failure_of_ours(
    http: httpx2.AsyncClient, sql: asyncpg.Connection
) -> None:
    """A foreign key fails within the transaction: the answer is the same as without a mail."""
    await json_login(http)
    http.cookies.clear()
    await sql.execute("""
        CREATE FUNCTION removed() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN NEW.client_id := 'gone'; RETURN NEW; END $$;
        CREATE TRIGGER removed BEFORE INSERT ON grants FOR EACH ROW EXECUTE FUNCTION removed()""")
    done = await http.post("/api/auth/login", json=LOGIN)
    assert (done.status_code, done.json()["error"]) == (401, "invalid_client")
    assert await told(sql) == []


# Passwords


async def test_a_changed_password_is_told_by_whoever_changed_it(
    runtime: Runtime, http: httpx2.AsyncClient, sql: asyncpg.Connection
) -> None:
    await tokens_for(http)
    form = {"current_password": "password", "new_password": "a new long one", "repeat_password": "a new long one"}
    answer = await press(http, "/account/password", **form)
    assert answer.status_code == 303
    assert await told(sql) == ["notice_password_changed"]
    assert await manage_users.set_password(runtime, "cli:test", LOGIN["email"], "another long one") == 1
    assert await told(sql) == ["notice_password_changed"] * 2


async def test_a_password_that_was_not_changed_is_not_told(http: httpx2.AsyncClient, sql: asyncpg.Connection) -> None:
    await tokens_for(http)
    form = {"current_password": "wrong", "new_password": "a new long one", "repeat_password": "a new long one"}
    assert (await press(http, "/account/password", **form)).status_code == 400
    assert await told(sql) == []


# Theft


async def reuse(http: httpx2.AsyncClient, token: str) -> None:
    form = {"grant_type": "refresh_token", "client_id": "strict", "refresh_token": token}
    await http.post("/token", data=form)
    assert (await http.post("/token", data=form)).status_code == 400


async def test_a_copied_token_is_told_when_its_session_ends(http: httpx2.AsyncClient, sql: asyncpg.Connection) -> None:
    done = await http.post("/api/auth/login", json={**LOGIN, "client_id": "strict"}, headers={"user-agent": SAFARI})
    token = done.json()["refresh_token"]
    await asyncio.gather(*(reuse(http, token) for _ in range(5)))
    assert await sql.fetchval("SELECT end_reason FROM user_sessions") == "refresh_token_reuse"
    assert await told(sql) == ["notice_theft"]  # once, however often it is shown


async def test_where_the_mail_cannot_be_queued_nothing_of_the_ending_is_half_done(
    http: httpx2.AsyncClient, sql: asyncpg.Connection
) -> None:
    """The next use of the copy finds the theft again, and then it is told."""
    done = await http.post("/api/auth/login", json={**LOGIN, "client_id": "strict"})
    token = done.json()["refresh_token"]
    form = {"grant_type": "refresh_token", "client_id": "strict", "refresh_token": token}
    await http.post("/token", data=form)
    await sql.execute("BEGIN; LOCK TABLE mails IN EXCLUSIVE MODE")
    assert (await http.post("/token", data=form)).status_code == 503
    await sql.execute("ROLLBACK")
    assert await sql.fetchval("SELECT is_active FROM user_sessions")
    assert (await http.post("/token", data=form)).status_code == 400
    assert not await sql.fetchval("SELECT is_active FROM user_sessions")
    assert await told(sql) == ["notice_theft"]


async def test_an_honest_refresh_asks_nothing_more_of_the_database(
    runtime: Runtime, http: httpx2.AsyncClient, sql: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = (await http.post("/api/auth/login", json={**LOGIN, "client_id": "strict"})).json()["refresh_token"]
    calls: list[str] = []
    once = type(runtime.db)._once

    async def counted(self: Any, method: str, statement: str, args: tuple[object, ...]) -> Any:
        calls.append(statement)
        return await once(self, method, statement, args)

    monkeypatch.setattr(type(runtime.db), "_once", counted)
    form = {"grant_type": "refresh_token", "client_id": "strict", "refresh_token": token}
    assert (await http.post("/token", data=form)).status_code == 200
    assert len([call for call in calls if "grants" in call]) == 1
    assert not [call for call in calls if "mails" in call or "FROM users WHERE id" in call]


# The function itself


@pytest.mark.parametrize("kind", get_args(Kind))
def test_every_kind_has_its_mail(runtime: Runtime, kind: Kind) -> None:
    person = User(UUID(int=1), "ann@example.com", "Ann", ())
    link = f"{runtime.settings.issuer}/proof?t=x"
    when = datetime(2026, 11, 29, tzinfo=UTC)
    mail = notice(runtime, kind, person, when=when, device="Firefox", address_text="192.0.2.7", link=link)
    assert mail is not None
    assert mail.template in TEMPLATES
    assert mail.holds_secret
    assert mail.recipient == "ann@example.com"


@pytest.mark.parametrize("settings_env", [{"AUTHSVC_SMTP_URL": ""}], indirect=True)
async def test_where_no_mail_server_is_named_nobody_is_told_and_nothing_is_queued(
    runtime: Runtime, http: httpx2.AsyncClient, sql: asyncpg.Connection
) -> None:
    person = User(UUID(int=1), "ann@example.com", "Ann", ())
    when = datetime(2026, 11, 29, tzinfo=UTC)
    assert notice(runtime, "theft", person, when=when, device="", address_text="") is None
    await json_login(http)
    await json_login(http)
    assert await told(sql) == []
