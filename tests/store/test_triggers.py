"""What the database itself sees to: nothing can end a session and forget to tell the others."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from authsvc.app import start
from authsvc.runtime import open_runtime
from authsvc.settings import load

NOW = datetime.now(UTC)


async def add_session(sql: asyncpg.Connection, email: str = "test@example.com", **columns: Any) -> UUID:
    user = await sql.fetchval("SELECT id FROM users WHERE email = $1", email)
    session = uuid4()
    await sql.execute(
        "INSERT INTO user_sessions (id, user_id, expires_at) VALUES ($1, $2, $3)",
        session,
        user,
        columns.get("expires_at", NOW + timedelta(days=7)),
    )
    for client in ("customer", "admin"):
        await sql.execute(
            """INSERT INTO grants (id, session_id, client_id, scope, audience, secret_hash, expires_at)
               VALUES ($1, $2, $3, '{openid}', '{x}', 'x', $4)""",
            uuid4(),
            session,
            client,
            NOW + timedelta(days=7),
        )
    return session


async def revoked(sql: asyncpg.Connection) -> list[tuple[str, str, str]]:
    rows = await sql.fetch("SELECT kind, subject, reason FROM revocations ORDER BY sequence")
    return [(row["kind"], row["subject"], row["reason"]) for row in rows]


async def test_an_update_by_hand_writes_the_revocation_and_ends_every_grant(sql: asyncpg.Connection) -> None:
    session = await add_session(sql)
    await sql.execute("UPDATE user_sessions SET is_active = false WHERE id = $1", session)
    assert await revoked(sql) == [("session", str(session), "operator")]
    assert await sql.fetchval("SELECT bool_and(ended AND ended_at IS NOT NULL) FROM grants")
    row = await sql.fetchrow("SELECT ended_at, end_reason FROM user_sessions")
    assert row["ended_at"] is not None
    assert row["end_reason"] == "operator"


async def test_ending_twice_writes_one_revocation(sql: asyncpg.Connection) -> None:
    session = await add_session(sql)
    for _ in range(2):
        await sql.execute("UPDATE user_sessions SET is_active = false WHERE id = $1", session)
    assert len(await revoked(sql)) == 1


async def test_a_new_expiry_reaches_the_grants(sql: asyncpg.Connection) -> None:
    await add_session(sql)
    await sql.execute("UPDATE user_sessions SET expires_at = NOW()")
    assert await sql.fetchval("SELECT bool_and(expires_at <= now()) FROM grants")
    assert await revoked(sql) == []


async def test_disabling_a_person_ends_that_persons_sessions_and_no_others(sql: asyncpg.Connection) -> None:
    mine = [await add_session(sql) for _ in range(3)]
    other = await add_session(sql, "admin@example.com")
    await sql.execute("UPDATE users SET disabled_at = now() WHERE email = 'test@example.com'")
    assert {subject for _, subject, _ in await revoked(sql)} == {str(session) for session in mine}
    assert await sql.fetchval("SELECT is_active FROM user_sessions WHERE id = $1", other)


async def test_deleting_a_person_revokes_the_sessions_that_go_with_it(sql: asyncpg.Connection) -> None:
    session = await add_session(sql)
    await sql.execute("DELETE FROM users WHERE email = 'test@example.com'")
    assert await revoked(sql) == [("session", str(session), "deleted")]


async def test_deleting_what_had_expired_or_ended_revokes_nothing_more(sql: asyncpg.Connection) -> None:
    await add_session(sql, expires_at=NOW - timedelta(hours=2))
    ended = await add_session(sql)
    await sql.execute("UPDATE user_sessions SET is_active = false WHERE id = $1", ended)
    await sql.execute("DELETE FROM user_sessions")
    assert await revoked(sql) == [("session", str(ended), "operator")]


async def test_removing_a_client_revokes_its_tokens_and_deletes_its_grants(sql: asyncpg.Connection) -> None:
    await add_session(sql)
    await sql.execute("DELETE FROM clients WHERE id = 'customer'")
    assert await revoked(sql) == [("client", "customer", "client_removed")]
    assert await sql.fetchval("SELECT array_agg(client_id) FROM grants") == ["admin"]


async def test_a_revocation_is_kept_as_long_as_the_longest_token_of_any_client(sql: asyncpg.Connection) -> None:
    await sql.execute("UPDATE clients SET access_token_seconds = 7200 WHERE id = 'customer'")
    session = await add_session(sql)
    await sql.execute("UPDATE user_sessions SET is_active = false WHERE id = $1", session)
    assert await sql.fetchval("SELECT expires_at - created_at FROM revocations") == timedelta(hours=2, minutes=10)


async def test_what_changed_is_told_by_a_version(sql: asyncpg.Connection) -> None:
    before = await sql.fetchrow("SELECT clients_version, keys_version FROM service_state")
    await sql.execute("UPDATE clients SET name = 'New' WHERE id = 'customer'")
    await sql.execute(
        "UPDATE signing_keys SET signs_until = now() + interval '1 day', drop_after = now() + interval '2 days'"
    )
    after = await sql.fetchrow("SELECT clients_version, keys_version FROM service_state")
    assert after["clients_version"] > before["clients_version"]
    assert after["keys_version"] > before["keys_version"]


async def test_a_key_that_may_still_verify_tokens_cannot_be_deleted(sql: asyncpg.Connection) -> None:
    with pytest.raises(asyncpg.CheckViolationError, match="withdraw it first"):
        await sql.execute("DELETE FROM signing_keys")
    await sql.execute("UPDATE signing_keys SET withdrawn_at = now()")
    await sql.execute("DELETE FROM signing_keys")


async def test_a_revocation_outlives_the_longest_token_that_the_settings_allow(
    settings_env: dict[str, str], sql: asyncpg.Connection
) -> None:
    worker = open_runtime(load({**settings_env, "AUTHSVC_ACCESS_TOKEN_SECONDS": "36000"}))
    await start(worker)
    await worker.close()
    session = await add_session(sql)
    await sql.execute("UPDATE user_sessions SET is_active = false WHERE id = $1", session)
    assert await sql.fetchval("SELECT expires_at - created_at FROM revocations") >= timedelta(seconds=36_000 + 60)
