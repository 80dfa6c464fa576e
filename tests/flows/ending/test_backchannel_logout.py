"""Whoever ends a session, its clients are told: once in the normal case, at least once in every other."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx2
import jwt
import pytest

from authsvc.flows.ending import deliver_logouts
from authsvc.rules.ending.logout_token import EVENT, is_final, pause_after
from authsvc.runtime import Runtime
from authsvc.store.ending import outbox
from tests.conftest import ISSUER
from tests.support.busy import again_when_busy, prompt
from tests.support.logouts import courier, wants_to_know
from tests.support.receiver import answer, receiver, silence
from tests.support.replicas import Replicas
from tests.support.service import LOGIN

Steps = dict[str, Any]


async def login(http: httpx2.AsyncClient, client_id: str = "customer") -> Steps:
    done = await http.post("/api/auth/login", json={**LOGIN, "client_id": client_id})
    assert done.status_code == 200
    found: Steps = done.json()
    return found


async def left(sql: asyncpg.Connection) -> int:
    count: int = await sql.fetchval("SELECT count(*) FROM outbox")
    return count


async def empty(sql: asyncpg.Connection, seconds: float = 10) -> None:
    async with asyncio.timeout(seconds):
        while await left(sql):
            await asyncio.sleep(0.02)


async def add_session(sql: asyncpg.Connection, *client_ids: str, state: str = "none", ended: bool = False) -> UUID:
    session = uuid4()
    user = await sql.fetchval("SELECT id FROM users WHERE email = 'test@example.com'")
    await sql.execute(
        "INSERT INTO user_sessions (id, user_id, expires_at) VALUES ($1, $2, now() + interval '1 day')", session, user
    )
    for client_id in client_ids:
        await sql.execute(
            """INSERT INTO grants (id, session_id, client_id, scope, audience, secret_hash, expires_at, code_state,
                                   ended)
               VALUES (gen_random_uuid(), $1, $2, '{openid}', '{x}', 'x', now() + interval '1 day', $3, $4)""",
            session,
            client_id,
            state,
            ended,
        )
    return session


# The token


async def test_the_logout_token_is_what_the_specification_says(
    runtime: Runtime, http: httpx2.AsyncClient, sql: asyncpg.Connection
) -> None:
    async with receiver() as one, courier(runtime):
        await wants_to_know(sql, "customer", one.url)
        tokens = await login(http)
        await http.post("/api/auth/logout", json={"refresh_token": tokens["refresh_token"]})
        await one.until(1)
        await empty(sql)
        head, (text,) = one.requests[0][1], one.tokens
        assert head.startswith("POST /logout HTTP/1.1")
        assert "content-type: application/x-www-form-urlencoded" in head.lower()
        keys = jwt.PyJWKSet.from_dict((await http.get("/.well-known/jwks.json")).json())
        header = jwt.get_unverified_header(text)
        assert header["typ"] == "logout+jwt"
        claims = jwt.decode(text, keys[header["kid"]], ["RS256"], audience="customer", issuer=ISSUER)
        assert claims["sid"] == tokens["session_id"]
        assert claims["sub"] == tokens["user"]["id"]
        assert claims["events"] == {EVENT: {}}
        assert claims["exp"] - claims["iat"] == 120
        assert claims["jti"]
        assert "nonce" not in claims


async def test_a_logout_token_opens_nothing_here(
    runtime: Runtime, http: httpx2.AsyncClient, sql: asyncpg.Connection
) -> None:
    async with receiver() as one, courier(runtime):
        await wants_to_know(sql, "customer", one.url)
        tokens = await login(http)
        await sql.execute("UPDATE user_sessions SET is_active = false")
        await one.until(1)
        headers = {"Authorization": f"Bearer {one.tokens[0]}"}
        assert (await http.get("/api/profile/me", headers=headers)).status_code == 401
        assert tokens["session_id"]


# Every way to end a session

Way = Callable[[httpx2.AsyncClient, asyncpg.Connection, Steps], Awaitable[object]]


async def _reuse(http: httpx2.AsyncClient, sql: asyncpg.Connection, tokens: Steps) -> None:
    form = {"grant_type": "refresh_token", "client_id": "strict", "refresh_token": tokens["refresh_token"]}
    for _ in range(2):
        await http.post("/token", data=form)


WAYS: dict[str, Way] = {
    "logout": lambda http, sql, t: http.post(
        "/api/auth/logout", json={"refresh_token": t["refresh_token"], "client_id": "strict"}
    ),
    "revoke": lambda http, sql, t: http.post("/revoke", data={"token": t["refresh_token"], "client_id": "strict"}),
    "end_in_the_list": lambda http, sql, t: http.delete(
        f"/api/auth/sessions/{t['session_id']}", headers={"Authorization": f"Bearer {t['access_token']}"}
    ),
    "reuse": _reuse,
    "operator_inactive": lambda http, sql, t: sql.execute("UPDATE user_sessions SET is_active = false"),
    "operator_expired": lambda http, sql, t: sql.execute("UPDATE user_sessions SET expires_at = NOW()"),
    "operator_delete": lambda http, sql, t: sql.execute("DELETE FROM user_sessions"),
    "user_disabled": lambda http, sql, t: sql.execute("UPDATE users SET disabled_at = now()"),
    "user_deleted": lambda http, sql, t: sql.execute("DELETE FROM users"),
}


@pytest.mark.parametrize("way", WAYS)
async def test_a_client_is_told_once_whoever_ends_the_session(
    runtime: Runtime, http: httpx2.AsyncClient, sql: asyncpg.Connection, way: str
) -> None:
    async with receiver() as one, courier(runtime):
        await wants_to_know(sql, "strict", one.url)
        tokens = await login(http, "strict")
        await WAYS[way](http, sql, tokens)
        await one.until(1)
        await empty(sql)
        # Ending it again, in any way, is no news.
        await sql.execute("UPDATE user_sessions SET is_active = false")
        await sql.execute("DELETE FROM user_sessions")
        await asyncio.sleep(0.7)
        assert len(one.requests) == 1
        claims = jwt.decode(one.tokens[0], options={"verify_signature": False})
        assert claims["sid"] == tokens["session_id"]


async def test_only_clients_that_got_something_are_told_and_each_once(sql: asyncpg.Connection) -> None:
    await sql.execute("UPDATE clients SET backchannel_logout_uri = 'https://rp.example/' WHERE id <> 'backend'")
    session = await add_session(sql, "customer", "customer", "admin", state="redeemed")
    for state in ("issued",):
        await sql.execute(
            """INSERT INTO grants (id, session_id, client_id, scope, audience, secret_hash, expires_at, code_state)
               VALUES (gen_random_uuid(), $1, 'strict', '{}', '{}', 'x', now() + interval '1 minute', $2)""",
            session,
            state,
        )
    await add_session(sql, "bartender")
    await sql.execute("UPDATE user_sessions SET is_active = false WHERE id = $1", session)
    rows = await sql.fetch("SELECT client_id, session_id FROM outbox ORDER BY 1")
    assert [tuple(row) for row in rows] == [("admin", session), ("customer", session)]


async def test_a_session_that_had_expired_by_itself_is_no_news(sql: asyncpg.Connection) -> None:
    await sql.execute("UPDATE clients SET backchannel_logout_uri = 'https://rp.example/'")
    session = await add_session(sql, "customer")
    await sql.execute("ALTER TABLE user_sessions DISABLE TRIGGER USER")
    await sql.execute("UPDATE user_sessions SET expires_at = now() - interval '1 second' WHERE id = $1", session)
    await sql.execute("ALTER TABLE user_sessions ENABLE TRIGGER USER")
    await sql.execute("UPDATE user_sessions SET is_active = false")
    await sql.execute("DELETE FROM user_sessions")
    assert await left(sql) == 0


async def test_what_is_rolled_back_was_never_said(sql: asyncpg.Connection) -> None:
    await sql.execute("UPDATE clients SET backchannel_logout_uri = 'https://rp.example/'")
    await add_session(sql, "customer")
    transaction = sql.transaction()
    await transaction.start()
    await sql.execute("UPDATE user_sessions SET is_active = false")
    await transaction.rollback()
    assert await left(sql) == 0


async def test_a_client_that_was_removed_or_cares_no_more_is_forgotten(
    runtime: Runtime, sql: asyncpg.Connection
) -> None:
    await sql.execute("UPDATE clients SET backchannel_logout_uri = 'https://rp.example/'")
    await add_session(sql, "customer", "admin")
    await sql.execute("UPDATE user_sessions SET is_active = false")
    await sql.execute("DELETE FROM clients WHERE id = 'customer'")
    await sql.execute("UPDATE clients SET backchannel_logout_uri = NULL")
    await asyncio.sleep(0.6)
    async with courier(runtime):
        await empty(sql)


# Receivers in trouble (SECURITY.md item 22)


@again_when_busy
async def test_a_receiver_that_never_answers_delays_nobody(
    runtime: Runtime, http: httpx2.AsyncClient, sql: asyncpg.Connection
) -> None:
    async with receiver(silence) as dead, receiver() as alive, courier(runtime):
        await wants_to_know(sql, "admin", dead.url)
        await wants_to_know(sql, "customer", alive.url)
        for _ in range(60):
            await add_session(sql, "admin")
        await sql.execute("UPDATE user_sessions SET is_active = false")
        await dead.until(deliver_logouts.PLACES_OF_A_CLIENT)
        tokens = await login(http)
        started = monotonic()
        logout = await http.post("/api/auth/logout", json={"refresh_token": tokens["refresh_token"]})
        assert logout.status_code == 204
        prompt(monotonic() - started < 0.5)
        await alive.until(1)
        prompt(monotonic() - started < 1)
        assert dead.connections <= 2 * deliver_logouts.PLACES_OF_A_CLIENT


async def test_a_receiver_that_comes_back_hears_it_then(
    runtime: Runtime, http: httpx2.AsyncClient, sql: asyncpg.Connection
) -> None:
    async with receiver() as first:
        port = first.port
    async with courier(runtime):
        await wants_to_know(sql, "customer", f"http://127.0.0.1:{port}/logout")
        tokens = await login(http)
        await http.post("/api/auth/logout", json={"refresh_token": tokens["refresh_token"]})
        async with asyncio.timeout(5):
            while not await sql.fetchval("SELECT attempts FROM outbox WHERE next_at > now() AND attempts > 0"):
                await asyncio.sleep(0.02)
        async with receiver(port=port) as again:
            await again.until(1)
            await empty(sql)


@pytest.mark.parametrize("status", [500, 503, 302, 429])
async def test_trouble_of_a_receiver_is_tried_again_with_a_new_jti(
    runtime: Runtime, http: httpx2.AsyncClient, sql: asyncpg.Connection, status: int
) -> None:
    async with receiver(answer(status)) as one, courier(runtime):
        await wants_to_know(sql, "customer", one.url)
        await login(http)
        await sql.execute("UPDATE user_sessions SET is_active = false")
        await one.until(1)
        one.answer = answer(204)
        await one.until(2)
        await empty(sql)
        jtis = [jwt.decode(token, options={"verify_signature": False})["jti"] for token in one.tokens]
        assert len(set(jtis)) == 2


async def test_a_receiver_that_says_no_is_left_alone_after_a_few_tries(
    runtime: Runtime, http: httpx2.AsyncClient, sql: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("authsvc.rules.ending.logout_token.FIRST_PAUSE_SECONDS", 0.01)
    async with receiver(answer(400)) as one, courier(runtime):
        await wants_to_know(sql, "customer", one.url)
        tokens = await login(http)
        await sql.execute("UPDATE user_sessions SET is_active = false")
        await one.until(5)
        await empty(sql)
        await asyncio.sleep(0.7)
        assert len(one.requests) == 5
        event = await sql.fetchrow("SELECT * FROM audit_events WHERE event = 'backchannel_logout_given_up'")
        assert (event["client_id"], str(event["session_id"])) == ("customer", tokens["session_id"])


async def test_it_is_given_up_when_its_day_is_over(runtime: Runtime, sql: asyncpg.Connection) -> None:
    async with receiver(answer(500)) as one:
        await wants_to_know(sql, "customer", one.url)
        await add_session(sql, "customer")
        await sql.execute("UPDATE user_sessions SET is_active = false")
        await sql.execute("UPDATE outbox SET expires_at = now() + interval '1 second', attempts = 9")
        async with courier(runtime):
            await empty(sql)
        assert await sql.fetchval("SELECT count(*) FROM audit_events WHERE event = 'backchannel_logout_given_up'") == 1


async def test_nothing_is_given_up_without_a_word_of_it(runtime: Runtime, sql: asyncpg.Connection) -> None:
    """The row goes with the audit event that says so, or stays and is tried again."""
    async with receiver(answer(400)) as one:
        await wants_to_know(sql, "customer", one.url)
        await add_session(sql, "customer")
        await sql.execute("UPDATE user_sessions SET is_active = false")
        await sql.execute("UPDATE outbox SET attempts = 9")
        await sql.execute("ALTER TABLE audit_events ADD CONSTRAINT full_up CHECK (event NOT LIKE 'backchannel%')")
        async with courier(runtime):
            await one.until(1)
            await asyncio.sleep(0.2)
        assert await left(sql) == 1


def test_pauses_grow_and_are_spread() -> None:
    assert [pause_after(attempts, 1.0) for attempts in (1, 2, 3, 4)] == [1, 2, 4, 8]
    assert pause_after(1, 0.0) == 0.5
    assert pause_after(50, 1.0) == pause_after(10_000, 1.0) == 600


def test_only_a_no_for_good_ends_the_attempts() -> None:
    assert is_final(400, 5)
    assert not is_final(400, 4)
    assert not any(is_final(status, 99) for status in (500, 503, 302, 408, 429))


# Replicas


async def test_two_replicas_tell_a_client_once(replicas: Replicas, sql: asyncpg.Connection) -> None:
    async with receiver() as one:
        await sql.execute("UPDATE clients SET backchannel_logout_uri = $1 WHERE id = 'customer'", one.url)
        sessions = [str(await add_session(sql, "customer")) for _ in range(60)]
        replicas.start(2)
        await sql.execute("UPDATE user_sessions SET is_active = false")
        await one.until(60, seconds=10 + outbox.LEASE_SECONDS)  # what a busy replica postponed waits for its lease
        await empty(sql)
        await asyncio.sleep(0.7)
        told = [jwt.decode(token, options={"verify_signature": False})["sid"] for token in one.tokens]
        assert sorted(told) == sorted(sessions)


async def test_what_a_killed_replica_had_claimed_is_delivered_by_another(
    replicas: Replicas, sql: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with receiver(silence) as one:
        await sql.execute("UPDATE clients SET backchannel_logout_uri = $1 WHERE id = 'customer'", one.url)
        await add_session(sql, "customer")
        first, _ = replicas.start(2)
        for replica in replicas.all[1:]:
            os.kill(replica.process.pid, signal.SIGSTOP)
        await sql.execute("UPDATE user_sessions SET is_active = false")
        await one.until(1)
        first.process.kill()
        first.process.wait()
        assert await left(sql) == 1
        one.answer = answer(200)
        await sql.execute("UPDATE outbox SET next_at = next_at - interval '13 seconds'")  # the rest of the lease
        for replica in replicas.all[1:]:
            os.kill(replica.process.pid, signal.SIGCONT)
        await one.until(2)
        await empty(sql)


async def test_claims_of_many_do_not_overlap(runtime: Runtime, sql: asyncpg.Connection) -> None:
    await sql.execute("UPDATE clients SET backchannel_logout_uri = 'https://rp.example/' WHERE id <> 'backend'")
    for _ in range(10):
        await add_session(sql, "customer", "admin", "bartender")
    await sql.execute("UPDATE user_sessions SET is_active = false")
    claims = await asyncio.gather(*(outbox.claim(runtime.db, busy=["admin"], each=2, limit=10) for _ in range(8)))
    rows = [due for claim in claims for due in claim]
    assert len({due.id for due in rows}) == len(rows)
    assert {due.client_id for due in rows} <= {"customer", "bartender"}
    assert all(
        sum(due.client_id == name for due in claim) <= 2 for claim in claims for name in ("customer", "bartender")
    )
