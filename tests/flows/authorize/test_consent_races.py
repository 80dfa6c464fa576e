"""An app's access is taken back while a code is on its way to it: whatever the order, nothing of it lives on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import httpx2
import pytest

from tests.support.login_steps import (
    PARTNER_CALLBACK,
    Pkce,
    authorize_url,
    code_for,
    is_page,
    press,
    redeem,
    redirected,
    tokens_for,
)
from tests.support.service import Service


def url(pkce: Pkce, **changed: str | None) -> str:
    return authorize_url(pkce, client_id="partner", redirect_uri=PARTNER_CALLBACK, **changed)


@asynccontextmanager
async def unfinished(house: Service) -> AsyncIterator[asyncpg.Connection]:
    """Another replica's connection, in the middle of a transaction that is committed at the end."""
    other = await asyncpg.connect(house.env["AUTHSVC_DATABASE_URL"])
    try:
        async with other.transaction():
            yield other
    finally:
        await other.close()


async def until_waiting(sql: asyncpg.Connection) -> None:
    """Until a statement of the service waits for a lock."""
    async with asyncio.timeout(20):
        while not await sql.fetchval(
            "SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid) "
            "WHERE NOT l.granted AND a.datname = current_database()"
        ):
            await asyncio.sleep(0.01)


async def partners_grants(house: Service) -> int:
    found: int = await house.sql.fetchval("SELECT count(*) FROM grants WHERE client_id = 'partner' AND NOT ended")
    return found


@pytest.mark.parametrize("silent", [True, False])
async def test_a_consent_taken_back_after_the_decision_gives_no_code(house: Service, silent: bool) -> None:
    http = house.caller()
    await tokens_for(http, "partner")
    async with unfinished(house) as other:
        await other.execute("DELETE FROM consents WHERE client_id = 'partner'")
        await other.execute("UPDATE grants SET ended = true WHERE client_id = 'partner'")
        # The decision still sees the consent; only the statement that issues the code waits for what becomes of it.
        asking = asyncio.create_task(http.get(url(Pkce(), **({"prompt": "none"} if silent else {}))))
        await until_waiting(house.sql)
    answer = await asking
    if silent:
        assert redirected(answer, PARTNER_CALLBACK)["error"] == "consent_required"
    else:
        assert is_page(answer, "/consent")
    assert await partners_grants(house) == 0


async def test_a_code_issued_before_the_consent_is_taken_back_dies_with_it(house: Service) -> None:
    """The other order: whoever takes it back waits for the code that is being issued, and sees it then."""
    http = house.caller()
    pkce = Pkce()
    await code_for(http, pkce, "partner")
    async with unfinished(house) as other:
        await other.execute("SELECT FROM consents WHERE client_id = 'partner' FOR KEY SHARE")
        await other.execute(
            """INSERT INTO grants (id, session_id, client_id, scope, audience, secret_hash, expires_at, code_state)
               SELECT gen_random_uuid(), id, 'partner', '{}', '{}', 'x', expires_at, 'issued'
               FROM user_sessions WHERE is_active ORDER BY created_at DESC LIMIT 1"""
        )
        taking_back = asyncio.create_task(press(http, "/account/apps/revoke", client_id="partner"))
        await until_waiting(house.sql)
    assert (await taking_back).status_code == 303
    assert await partners_grants(house) == 0


async def test_asking_and_taking_back_at_once_leave_nothing_alive_without_a_consent(house: Service) -> None:
    http = house.caller()
    pkce = Pkce()
    codes: list[str] = []

    async def ask() -> httpx2.Response:
        return await http.get(url(pkce, prompt="none"))

    for _ in range(25):
        await code_for(http, pkce, "partner")
        answers = await asyncio.gather(ask(), press(http, "/account/apps/revoke", client_id="partner"), ask(), ask())
        assert answers[1].status_code == 303
        codes += [redirected(answers[i])["code"] for i in (0, 2, 3) if "code" in redirected(answers[i])]
        assert await house.sql.fetchval("SELECT count(*) FROM consents") == 0
        assert await partners_grants(house) == 0
    for code in codes:
        assert (await redeem(http, code, pkce, "partner")).json()["error"] == "invalid_grant"
