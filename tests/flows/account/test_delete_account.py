"""A person deletes their own account, where the operator lets people do so."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

import asyncpg
import httpx2
import pytest

from authsvc.flows.session.end_all import begin_ending
from authsvc.runtime import Runtime
from authsvc.store.account import users
from tests.support.calls import alive
from tests.support.factors import app_of, recovery_codes_of
from tests.support.letters import another
from tests.support.login_steps import EMAIL, enter, fields, is_page, tokens_for
from tests.support.service import LOGIN, Service

PATH = "/account/delete"
ON = {"AUTHSVC_ACCOUNT_DELETION": "on"}
MAIL = {**ON, "AUTHSVC_SMTP_URL": "smtp://localhost:9", "AUTHSVC_MAIL_FROM": "mail@bar.example"}
OTHER = "bartender@example.com"


@pytest.fixture
def settings_env(settings_env: dict[str, str], request: pytest.FixtureRequest) -> dict[str, str]:
    return {**settings_env, **getattr(request, "param", ON)}


async def delete(http: httpx2.AsyncClient) -> httpx2.Response:
    page = await http.get(PATH)
    assert is_page(page, PATH), page.headers
    return await http.post(PATH, data={"csrf": fields(page)["csrf"]})


async def known(sql: asyncpg.Connection, email: str = EMAIL) -> UUID | None:
    found: UUID | None = await sql.fetchval("SELECT id FROM users WHERE email = $1", email)
    return found


async def test_what_a_person_had_ends_and_nothing_of_them_stays_but_the_id(
    http: httpx2.AsyncClient, sql: asyncpg.Connection
) -> None:
    first = await tokens_for(http)
    async with another(http) as phone:
        second = await tokens_for(phone, "partner")
    async with another(http) as stranger:
        theirs = await tokens_for(stranger, email=OTHER)
    user = await known(sql)
    assert "/account/delete" in (await http.get("/account")).text
    answer = await delete(http)
    assert answer.status_code == 200
    assert "Your account is deleted" in answer.text
    assert any("authsvc_session=;" in value for value in answer.headers.get_list("set-cookie"))
    assert [await alive(http, one) for one in (first, second, theirs)] == [False, False, True]
    assert (await http.get("/account")).status_code == 303
    assert (await http.post("/api/auth/login", json=LOGIN)).status_code == 401
    assert await known(sql) is None
    tables = await sql.fetch(
        """SELECT table_name FROM information_schema.columns WHERE table_schema = 'public' AND column_name = 'user_id'
           AND table_name NOT IN ('audit_events', 'outbox')"""
    )
    assert len(tables) > 6
    for row in tables:
        assert await sql.fetchval(f"SELECT count(*) FROM {row['table_name']} WHERE user_id = $1", user) == 0, row
    events = await sql.fetch("SELECT event, actor, detail FROM audit_events WHERE user_id = $1 ORDER BY id", user)
    assert [events[-1]["event"], events[-1]["actor"]] == ["user_removed", f"user:{user}"]
    text = "".join(row["detail"] for row in events)
    assert "192.0.2.7" not in text
    assert EMAIL not in text
    async with another(http) as stranger:
        stranger.cookies.set("authsvc_session", "x" * 43)
        assert (await stranger.get(PATH)).status_code == 303


@pytest.mark.parametrize("settings_env", [MAIL], indirect=True)
async def test_a_last_mail_tells_it(http: httpx2.AsyncClient, sql: asyncpg.Connection) -> None:
    await tokens_for(http)
    await sql.execute("UPDATE users SET locale = 'de' WHERE email = $1", EMAIL)
    assert (await delete(http)).status_code == 200
    (row,) = await sql.fetch("SELECT template, recipient, language, user_id FROM mails")
    assert tuple(row) == ("account_deleted", EMAIL, "de", None)


async def test_an_address_that_was_deleted_is_free_again(http: httpx2.AsyncClient, sql: asyncpg.Connection) -> None:
    await tokens_for(http)
    user = await known(sql)
    assert (await delete(http)).status_code == 200
    again = await sql.fetchval("INSERT INTO users (email) VALUES ($1) RETURNING id", EMAIL)
    assert again != user


async def test_many_sessions_end_with_their_person(http: httpx2.AsyncClient, sql: asyncpg.Connection) -> None:
    await tokens_for(http)
    await sql.execute(
        """INSERT INTO user_sessions (id, user_id, expires_at) SELECT gen_random_uuid(), id, now() + interval '1 day'
           FROM users, generate_series(1, 1200) WHERE email = $1""",
        EMAIL,
    )
    assert (await delete(http)).status_code == 200
    assert await known(sql) is None
    assert await sql.fetchval("SELECT count(*) FROM revocations WHERE kind = 'session'") >= 1201
    detail = await sql.fetchval("SELECT detail FROM audit_events WHERE event = 'user_removed'")
    assert '"sessions": 1201' in detail


# Attacks


@pytest.mark.parametrize("settings_env", [{}], indirect=True)
async def test_nobody_deletes_anything_where_it_is_off(http: httpx2.AsyncClient, sql: asyncpg.Connection) -> None:
    await tokens_for(http)
    page = await http.get("/account")
    assert "/account/delete" not in page.text
    assert (await http.get(PATH)).status_code == 404
    assert (await http.post(PATH, data={"csrf": fields(page)["csrf"]})).status_code == 404
    assert await known(sql)


async def test_a_screen_left_open_deletes_nothing(http: httpx2.AsyncClient, sql: asyncpg.Connection) -> None:
    """SECURITY.md item 31. After a fresh login the way leads back to the question, not to the deed."""
    await tokens_for(http)
    csrf = fields(await http.get(PATH))["csrf"]
    await sql.execute("UPDATE user_sessions SET auth_time = now() - interval '16 minutes'")
    answer = await http.post(PATH, data={"csrf": csrf})
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/login?request=")
    page = await http.get(answer.headers["location"])
    assert (await enter(http, page)).headers["location"] == PATH
    assert await known(sql)
    assert (await delete(http)).status_code == 200
    assert await known(sql) is None


async def test_who_has_a_second_factor_must_have_proved_it(
    runtime: Runtime, http: httpx2.AsyncClient, sql: asyncpg.Connection
) -> None:
    await tokens_for(http)
    csrf = fields(await http.get(PATH))["csrf"]
    house = cast(Service, SimpleNamespace(runtime=runtime, sql=sql))
    user = await known(sql)
    assert user
    await app_of(house, user)
    await recovery_codes_of(house, user)
    answer = await http.post(PATH, data={"csrf": csrf})
    assert answer.headers["location"].startswith("/login?request=")
    assert await known(sql)


async def test_a_foreign_or_expired_form_deletes_nothing(http: httpx2.AsyncClient, sql: asyncpg.Connection) -> None:
    """SECURITY.md item 29."""
    await tokens_for(http)
    csrf = fields(await http.get(PATH))["csrf"]
    foreign = {"origin": "https://evil.example", "sec-fetch-site": "cross-site"}
    assert (await http.post(PATH, data={"csrf": csrf}, headers=foreign)).status_code == 403
    for token in ("", "x", csrf[:-1] + ("y" if csrf[-1] == "x" else "x")):
        answer = await http.post(PATH, data={"csrf": token})
        assert answer.status_code == 403
        assert is_page(answer, PATH)
    assert await known(sql)


async def test_following_a_link_deletes_nothing(http: httpx2.AsyncClient, sql: asyncpg.Connection) -> None:
    await tokens_for(http)
    for method in ("GET", "HEAD", "DELETE", "PUT"):
        await http.request(method, PATH)
    assert await known(sql)


async def test_a_session_that_ends_meanwhile_deletes_nothing(
    runtime: Runtime, http: httpx2.AsyncClient, sql: asyncpg.Connection
) -> None:
    """The owner has said "this was not me", and holds the row while the thief's form comes in."""
    await tokens_for(http)
    csrf = fields(await http.get(PATH))["csrf"]
    user = await known(sql)
    assert user
    async with runtime.db.transaction() as connection:
        assert await users.lock(connection, EMAIL)
        await begin_ending(connection, user, "taken_back")
        thief = asyncio.create_task(http.post(PATH, data={"csrf": csrf}))
        await asyncio.sleep(0.3)
    answer = await thief
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/login")
    assert await known(sql) == user
    assert await sql.fetchval("SELECT count(*) FROM audit_events WHERE event = 'user_removed'") == 0


async def test_logins_during_the_deletion_leave_nothing_alive(
    http: httpx2.AsyncClient, sql: asyncpg.Connection
) -> None:
    await tokens_for(http)
    csrf = fields(await http.get(PATH))["csrf"]
    got: list[dict[str, Any]] = []

    async def log_in() -> None:
        async with another(http) as browser:
            answer = await browser.post("/api/auth/login", json=LOGIN)
            assert answer.status_code in (200, 401, 503)  # a login may wait too long for the row
            if answer.status_code == 200:
                got.append(answer.json())

    done, *_ = await asyncio.gather(http.post(PATH, data={"csrf": csrf}), *(log_in() for _ in range(8)))
    assert done.status_code == 200
    assert await known(sql) is None
    assert await sql.fetchval("SELECT count(*) FROM user_sessions") == 0
    assert not any([await alive(http, tokens) for tokens in got])


async def test_two_deletions_at_once_are_one(http: httpx2.AsyncClient, sql: asyncpg.Connection) -> None:
    await tokens_for(http)
    csrf = fields(await http.get(PATH))["csrf"]
    answers = await asyncio.gather(*(http.post(PATH, data={"csrf": csrf}) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers)[0] == 200
    assert {answer.status_code for answer in answers} <= {200, 303}
    assert await sql.fetchval("SELECT count(*) FROM audit_events WHERE event = 'user_removed'") == 1
