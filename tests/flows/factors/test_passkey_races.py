"""Passkeys are changed in a session that is alive when it happens, not when the statement began to wait."""

from __future__ import annotations

import asyncio

import asyncpg
import httpx2

from authsvc.flows.session.end_all import begin_ending
from authsvc.runtime import Runtime
from authsvc.store.account import users
from authsvc.store.factors import passkeys
from tests.support.login_steps import EMAIL, tokens_for


async def test_a_session_that_ends_while_its_owner_is_waited_for_owns_nothing(
    runtime: Runtime, http: httpx2.AsyncClient, sql: asyncpg.Connection
) -> None:
    """Of a thief's session, say, whose form comes in while the owner takes the account back."""
    await tokens_for(http)
    session = await sql.fetchval("SELECT id FROM user_sessions")

    async def lock() -> object:
        async with runtime.db.transaction() as connection:
            return await passkeys.lock_owner(connection, session)

    async with runtime.db.transaction() as connection:
        user = await users.lock(connection, EMAIL)
        assert user
        await begin_ending(connection, user.id, "taken_back")
        waiting = asyncio.create_task(lock())
        await asyncio.sleep(0.3)
    assert await waiting is None
