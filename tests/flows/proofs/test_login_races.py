"""A login by a mailed code beside a change of its person: whoever comes second finds what the first one did."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import cast

import asyncpg
import httpx2
import pytest

from authsvc.runtime import Runtime
from tests.support.factors import app_of
from tests.support.letters import letter
from tests.support.login_steps import EMAIL, Pkce, fields, is_page
from tests.support.mailed_codes import allow, ask, enter_code, log_in_by_mail
from tests.support.service import Service

CHANGES = [
    "UPDATE users SET email = 'new@example.com' WHERE email = $1",
    "UPDATE users SET disabled_at = now() WHERE email = $1",
    "UPDATE users SET password_hash = 'x' WHERE email = $1",
]


@asynccontextmanager
async def changing(database_url: str, change: str) -> AsyncIterator[None]:
    """Somebody changes the person, and commits when the login waits for it."""
    other = await asyncpg.connect(database_url)
    try:
        async with other.transaction():
            await other.execute(change, EMAIL)
            yield
    finally:
        await other.close()


async def until_it_waits(sql: asyncpg.Connection) -> None:
    """Until a statement of the service waits for a lock."""
    waiting = """SELECT count(*) FROM pg_stat_activity
                 WHERE datname = current_database() AND wait_event_type = 'Lock'"""
    async with asyncio.timeout(10):
        while not await sql.fetchval(waiting):
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("change", CHANGES)
async def test_no_code_slips_in_behind_a_change(
    http: httpx2.AsyncClient, runtime: Runtime, sql: asyncpg.Connection, database_url: str, change: str
) -> None:
    """The code is right, and the person's row is locked; then its proof is void."""
    await allow(runtime, sql)
    sent = await ask(http, Pkce())
    mail = await letter(runtime)
    page = await http.get(mail.link)
    async with changing(database_url, change):
        using = asyncio.create_task(http.post("/proof", data=fields(page)))
        await until_it_waits(sql)
    answer = await using
    assert answer.status_code == 403
    assert (await enter_code(http, sent, mail.code)).status_code == 400
    assert await sql.fetchval("SELECT count(*) FROM user_sessions") == 0


@pytest.mark.parametrize("change", CHANGES)
async def test_no_second_step_slips_in_behind_a_change(
    http: httpx2.AsyncClient, runtime: Runtime, sql: asyncpg.Connection, database_url: str, change: str
) -> None:
    """The code of the app was right and is spent; the session is begun with the person's row locked, or not at all."""
    await allow(runtime, sql)
    house = cast(Service, SimpleNamespace(runtime=runtime, sql=sql))
    app = await app_of(house, await sql.fetchval("SELECT id FROM users WHERE email = $1", EMAIL))
    page = await log_in_by_mail(http, runtime, Pkce())
    assert is_page(page, "/login/second")
    async with changing(database_url, change):
        form = {**fields(page), "way": "otp", "code": app.code()}
        using = asyncio.create_task(http.post("/login/second", data=form))
        await until_it_waits(sql)
    answer = await using
    assert answer.status_code == 400
    assert "authsvc_session" not in http.cookies
    assert await sql.fetchval("SELECT count(*) FROM user_sessions") == 0


async def test_a_factor_that_is_removed_meanwhile_opens_nothing(
    http: httpx2.AsyncClient, runtime: Runtime, sql: asyncpg.Connection, database_url: str
) -> None:
    await allow(runtime, sql)
    house = cast(Service, SimpleNamespace(runtime=runtime, sql=sql))
    app = await app_of(house, await sql.fetchval("SELECT id FROM users WHERE email = $1", EMAIL))
    page = await log_in_by_mail(http, runtime, Pkce())
    async with changing(database_url, "UPDATE users SET factor_generation = factor_generation + 1 WHERE email = $1"):
        form = {**fields(page), "way": "otp", "code": app.code()}
        using = asyncio.create_task(http.post("/login/second", data=form))
        await until_it_waits(sql)
    assert (await using).status_code == 400
    assert await sql.fetchval("SELECT count(*) FROM user_sessions") == 0
