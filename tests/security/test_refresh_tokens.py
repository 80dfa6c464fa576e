"""Stolen, replayed and raced refresh tokens, at the endpoint. The rule and its mutants: tests/flows/token/refresh."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import pytest

from authsvc.app import start
from authsvc.rules.token.refresh_token import decode, encode
from authsvc.runtime import open_runtime
from authsvc.settings import load
from authsvc_devkit.servers import Servers
from tests.security.conftest import statements
from tests.support.service import HERE, Service, bearer, service
from tests.support.until_answered import until_answered


async def chain(house: Service, length: int, client_id: str = "customer") -> list[dict[str, Any]]:
    """A login and `length` rotations: all answers in order."""
    answers = [await house.login(client_id=client_id)]
    for _ in range(length):
        answer = await house.refresh(answers[-1]["refresh_token"], client_id)
        assert answer.status_code == 200
        answers.append(answer.json())
    return answers


async def is_dead(house: Service, answers: list[dict[str, Any]], client_id: str = "customer") -> None:
    for answer in answers:
        refused = await house.refresh(answer["refresh_token"], client_id)
        assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
        assert not await house.active(answer["access_token"])
        assert await house.me(answer["access_token"]) == 401


async def age(house: Service, session_id: str, seconds: int) -> None:
    await house.sql.execute(
        "UPDATE grants SET rotated_at = rotated_at - $2::int * interval '1 second' WHERE session_id = $1",
        UUID(session_id),
        seconds,
    )


async def test_reuse_ends_the_session_and_its_tokens_and_is_on_record(house: Service) -> None:
    answers = await chain(house, 5)
    other = await house.login()
    thief = await house.refresh(answers[0]["refresh_token"])
    assert (thief.status_code, thief.json()["error"]) == (400, "invalid_grant")
    await is_dead(house, answers)
    session = UUID(answers[0]["session_id"])
    row = await house.sql.fetchrow("SELECT is_active, end_reason FROM user_sessions WHERE id = $1", session)
    assert tuple(row) == (False, "refresh_token_reuse")
    event = await house.sql.fetchrow("SELECT * FROM audit_events WHERE session_id = $1", session)
    assert (event["event"], event["client_id"]) == ("refresh_token_reuse", "customer")
    assert (await house.refresh(other["refresh_token"])).status_code == 200, "another device of the same person"


async def test_a_grandparent_within_the_window_is_told_to_wait_and_nothing_ends(house: Service) -> None:
    answers = await chain(house, 2)
    late = await house.refresh(answers[0]["refresh_token"])
    assert (late.status_code, late.json()["error"]) == (503, "temporarily_unavailable")
    assert int(late.headers["retry-after"]) >= 1
    assert (await house.refresh(answers[2]["refresh_token"])).status_code == 200


async def test_a_grandparent_after_the_window_ends_the_session(house: Service) -> None:
    answers = await chain(house, 2)
    await age(house, answers[0]["session_id"], 31)
    assert (await house.refresh(answers[0]["refresh_token"])).json()["error"] == "invalid_grant"
    await is_dead(house, answers)


async def test_another_client_cannot_use_a_token_nor_end_its_session(house: Service) -> None:
    victim = (await chain(house, 1))[-1]
    for client_id in ("admin", "bartender", "strict"):
        before = await house.content()
        refused = await house.refresh(victim["refresh_token"], client_id)
        assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
        await house.http.post("/revoke", data={"client_id": client_id, "token": victim["refresh_token"]})
        body = {"client_id": client_id, "refresh_token": victim["refresh_token"]}
        assert (await house.http.post("/api/auth/logout", json=body)).status_code == 204
        assert await house.content() == before
    assert await house.active(victim["access_token"])
    assert (await house.refresh(victim["refresh_token"])).status_code == 200


async def test_forged_tokens_ask_no_store(house: Service) -> None:
    genuine = (await house.login())["refresh_token"]
    forged = [genuine[:-1] + ("A" if genuine[-1] != "A" else "B"), "A" * 72, genuine[::-1], genuine.swapcase()]
    forged += [genuine[:n] + ("A" if genuine[n] != "A" else "B") + genuine[n + 1 :] for n in range(72)]
    await house.refresh(genuine)
    with statements(house.runtime) as asked:
        for _ in range(10):
            for token in forged:
                assert (await house.refresh(token)).status_code == 400
                await house.http.post("/revoke", data={"client_id": "customer", "token": token})
    assert asked == []


async def test_a_leaked_mac_key_forges_nothing_without_the_secret(house: Service) -> None:
    genuine = (await house.login())["refresh_token"]
    key = house.runtime.refresh_mac_key
    token = decode(genuine, key, "customer")
    assert token is not None
    forged = encode(type(token)(token.key_id, token.grant_id, 0, bytes(16)), key, "customer")
    assert (await house.refresh(forged)).json()["error"] == "invalid_grant"
    ahead = encode(token.at_generation(5), key, "customer")
    assert (await house.refresh(ahead)).json()["error"] == "invalid_grant"
    assert (await house.refresh(genuine)).status_code == 200


@pytest.mark.parametrize(
    "scope", ["openid admin", "admin", "openid profile email x", "OPENID", 'openid"', "openid  email"]
)
async def test_a_wider_scope_is_refused_and_spends_nothing(house: Service, scope: str) -> None:
    tokens = await house.login()
    refused = await house.refresh(tokens["refresh_token"], scope=scope)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_scope")
    row = await house.sql.fetchrow("SELECT generation FROM grants WHERE session_id = $1", UUID(tokens["session_id"]))
    assert row["generation"] == 0


async def test_a_narrower_scope_is_for_that_token_only(house: Service) -> None:
    tokens = await house.login()
    narrow = (await house.refresh(tokens["refresh_token"], scope="email")).json()
    assert narrow["scope"] == "email"
    assert (await house.refresh(narrow["refresh_token"])).json()["scope"] == tokens["scope"] == "openid profile email"


async def test_sliding_never_passes_the_absolute_end(house: Service) -> None:
    tokens = await house.login()
    session = UUID(tokens["session_id"])
    end = await house.sql.fetchval("SELECT expires_at FROM user_sessions WHERE id = $1", session)
    token = tokens["refresh_token"]
    for _ in range(5):
        token = (await house.refresh(token)).json()["refresh_token"]
    assert await house.sql.fetchval("SELECT expires_at FROM user_sessions WHERE id = $1", session) == end
    await house.sql.execute(
        "UPDATE user_sessions SET expires_at = now() + interval '20 seconds' WHERE id = $1", session
    )
    last = (await house.refresh(token)).json()
    assert last["expires_in"] <= 20
    assert last["refresh_token_expires_in"] <= 20
    await house.sql.execute("UPDATE user_sessions SET expires_at = now() WHERE id = $1", session)
    assert (await house.refresh(last["refresh_token"])).json()["error"] == "invalid_grant"


async def test_reuse_is_still_refused_after_a_restart_and_a_flush_of_redis(house: Service) -> None:
    answers = await chain(house, 5)
    await house.refresh(answers[0]["refresh_token"])
    for key in await house.redis_keys("*"):
        await house.runtime.redis.command("DEL", key)
    reborn = open_runtime(load(house.env))
    await start(reborn)
    try:
        again = Service(reborn, house.sql, house.env)
        await is_dead(again, answers)
        await is_dead(house, answers)
    finally:
        await reborn.close()


async def test_a_rollback_spends_nothing_however_often(house: Service) -> None:
    tokens = await house.login()
    await house.sql.execute("""
        CREATE FUNCTION break() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'broken' USING ERRCODE = 'disk_full'; END $$;
        CREATE CONSTRAINT TRIGGER break AFTER UPDATE ON grants DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION break()""")
    try:
        for _ in range(100):
            answer = await house.refresh(tokens["refresh_token"])
            assert (answer.status_code, answer.json()["error"]) == (503, "temporarily_unavailable")
            assert answer.headers["retry-after"]
    finally:
        await house.sql.execute("DROP FUNCTION break CASCADE")
    await asyncio.sleep(0.6)  # the breaker, should it have opened
    renewed = await house.refresh(tokens["refresh_token"])
    assert renewed.status_code == 200
    row = await house.sql.fetchrow(
        "SELECT generation, repeats FROM grants WHERE session_id = $1", UUID(tokens["session_id"])
    )
    assert tuple(row) == (1, 0)


async def test_50_parallel_refreshes_of_a_strict_client_are_one_success(house: Service) -> None:
    tokens = await house.login(client_id="strict")
    answers = await until_answered(lambda: house.refresh(tokens["refresh_token"], "strict"), 50)
    assert sorted(answer.status_code for answer in answers).count(200) == 1
    assert {answer.json()["error"] for answer in answers if answer.status_code == 400} == {"invalid_grant"}


async def test_50_parallel_refreshes_of_others_are_one_successor(house: Service) -> None:
    tokens = await house.login()
    answers = await until_answered(lambda: house.refresh(tokens["refresh_token"]), 50)
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["refresh_token"] for answer in answers}) == 1


async def test_an_unknown_token_is_200_and_without_postgresql_nothing_is_acknowledged(
    servers: Servers, base_env: dict[str, str]
) -> None:
    async with service(servers, base_env) as house:
        tokens = await house.login()
        for token in ("x", "A" * 72, "a.b.c", tokens["access_token"][:-2], "x" * 60_000):
            answer = await house.http.post("/revoke", data={"client_id": "customer", "token": token})
            assert (answer.status_code, answer.json()) == (200, {})
        await house.sql.execute("ALTER ROLE CURRENT_USER SET default_transaction_read_only = on")
        try:
            await house.sql.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            for path, request in (
                ("/revoke", {"data": {"client_id": "customer", "token": tokens["refresh_token"]}}),
                ("/revoke", {"data": {"client_id": "customer", "token": tokens["access_token"]}}),
                ("/api/auth/logout", {"json": {"refresh_token": tokens["refresh_token"]}}),
                ("/api/auth/logout", {"headers": bearer(tokens["access_token"])}),
            ):
                answer = await house.http.post(path, **request)  # type: ignore[arg-type]
                assert (answer.status_code, answer.json()["error"]) == (503, "temporarily_unavailable")
        finally:
            await house.sql.execute("ALTER ROLE CURRENT_USER RESET default_transaction_read_only")


async def test_nothing_is_accepted_after_a_log_out_that_raced_with_refreshes(house: Service) -> None:
    for number in range(60):
        tokens = await house.login()
        current = (await house.refresh(tokens["refresh_token"])).json()
        refreshes = [house.refresh(current["refresh_token"]) for _ in range(3)]
        if number % 2:
            end = house.http.post("/api/auth/logout", headers=bearer(current["access_token"]))
        else:
            end = house.http.post("/revoke", data={"client_id": "customer", "token": tokens["refresh_token"]})
        done = await asyncio.gather(*refreshes[: number % 3], end, *refreshes[number % 3 :])
        assert sorted({answer.status_code for answer in done} - {200, 204, 400}) == []
        issued = [answer.json() for answer in done if answer.status_code == 200 and "access_token" in answer.text]
        for answer in (tokens, current, *issued):
            assert (await house.refresh(answer["refresh_token"])).status_code == 400
            assert not await house.active(answer["access_token"])


@pytest.mark.parametrize(
    "act",
    [
        "UPDATE users SET disabled_at = now() WHERE id = $1",
        "DELETE FROM users WHERE id = $1",
        "UPDATE user_sessions SET is_active = false WHERE user_id = $1",
        "DELETE FROM user_sessions WHERE user_id = $1",
    ],
    ids=["disable", "delete", "end", "delete sessions"],
)
async def test_what_ends_a_person_ends_all_sessions_within_a_second(house: Service, act: str) -> None:
    email = f"{abs(hash(act))}@example.com"
    await house.sql.execute(
        "INSERT INTO users (email, name, roles, password_hash) "
        "SELECT $1, name, roles, password_hash FROM users WHERE email = 'test@example.com'",
        email,
    )
    both = [await house.login(house.caller(HERE), email=email) for _ in range(2)]
    bystander = await house.login()
    assert all([await house.active(tokens["access_token"]) for tokens in both])
    await house.sql.execute(act, UUID(both[0]["user"]["id"]))
    for tokens in both:
        assert (await house.refresh(tokens["refresh_token"])).json()["error"] == "invalid_grant"
    await asyncio.sleep(1)
    await is_dead(house, both)
    assert await house.active(bystander["access_token"])
