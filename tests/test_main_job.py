"""The main job: log in, verify, rotate, revoke, end. As the original system's own commands did it."""

from __future__ import annotations

import asyncio

import asyncpg
import httpx2
import jwt
import pytest

from tests.support.calls import LOGIN, bearer, introspect, login, refresh

ISSUER = "http://localhost:8000"


async def test_the_five_commands_of_the_original_system(http: httpx2.AsyncClient) -> None:
    tokens = await login(http)
    me = await http.get("/api/profile/me", headers=bearer(tokens))
    assert (me.status_code, me.json()["email"]) == (200, "test@example.com")
    renewed = (await refresh(http, tokens["refresh_token"])).json()
    assert renewed["refresh_token"] != tokens["refresh_token"]
    revoked = await http.post("/revoke", data={"client_id": "customer", "token": renewed["refresh_token"]})
    assert revoked.status_code == 200
    assert (await http.get("/api/profile/me", headers=bearer(renewed))).status_code == 401
    assert (await refresh(http, renewed["refresh_token"])).json()["error"] == "invalid_grant"
    own = await http.post("/token", data={"grant_type": "client_credentials"}, auth=("backend", "backend-secret"))
    assert own.status_code == 200
    assert "refresh_token" not in own.json()


async def test_an_access_token_says_what_rfc_9068_wants(http: httpx2.AsyncClient) -> None:
    tokens = await login(http)
    keys = jwt.PyJWKSet.from_dict((await http.get("/.well-known/jwks.json")).json())
    header = jwt.get_unverified_header(tokens["access_token"])
    claims = jwt.decode(
        tokens["access_token"], keys[header["kid"]], algorithms=["RS256"], audience=ISSUER, issuer=ISSUER
    )
    assert header["typ"] == "at+jwt"
    assert claims["exp"] - claims["iat"] == tokens["expires_in"] == 1800
    assert claims["roles"] == ["customer"]
    assert claims["sid"] == tokens["session_id"]
    assert claims["client_id"] == "customer"
    assert {"sub", "jti", "scope", "auth_time", "acr", "amr"} <= claims.keys()


@pytest.mark.parametrize(("remember_me", "days"), [(False, 7), (True, 30)])
async def test_a_session_lives_as_long_as_was_fixed_at_login(
    http: httpx2.AsyncClient, sql: asyncpg.Connection, remember_me: bool, days: int
) -> None:
    tokens = await login(http, remember_me=remember_me)
    assert tokens["refresh_token_expires_in"] == days * 86_400
    row = await sql.fetchrow("SELECT expires_at - created_at AS life, * FROM user_sessions")
    assert row["life"].days == days
    await sql.execute("UPDATE user_sessions SET created_at = created_at - interval '1 day'")
    await sql.execute("UPDATE user_sessions SET expires_at = expires_at - interval '1 day'")
    renewed = (await refresh(http, tokens["refresh_token"])).json()
    assert (days - 1) * 86_400 - 5 <= renewed["refresh_token_expires_in"] <= (days - 1) * 86_400


async def test_an_access_token_never_outlives_its_session(http: httpx2.AsyncClient, sql: asyncpg.Connection) -> None:
    tokens = await login(http)
    await sql.execute("UPDATE user_sessions SET expires_at = now() + interval '100 seconds'")
    renewed = (await refresh(http, tokens["refresh_token"])).json()
    assert 95 <= renewed["expires_in"] <= 100


async def test_the_operators_forced_expiry_refuses_the_next_refresh(
    http: httpx2.AsyncClient, sql: asyncpg.Connection
) -> None:
    tokens = await login(http)
    await sql.execute("UPDATE user_sessions SET expires_at = NOW() WHERE id = $1::uuid", tokens["session_id"])
    answer = await refresh(http, tokens["refresh_token"])
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    assert len(await sql.fetch("SELECT * FROM user_sessions WHERE expires_at < NOW();")) == 1


async def test_the_operators_is_active_false_ends_the_session_everywhere_within_a_second(
    http: httpx2.AsyncClient, sql: asyncpg.Connection
) -> None:
    tokens = await login(http)
    assert len(await sql.fetch("SELECT * FROM user_sessions WHERE is_active = true;")) == 1
    await sql.execute("UPDATE user_sessions SET is_active = false WHERE id = $1::uuid", tokens["session_id"])
    assert (await refresh(http, tokens["refresh_token"])).json()["error"] == "invalid_grant"
    await asyncio.sleep(1)
    assert await introspect(http, tokens["access_token"]) == {"active": False}
    assert (await http.get("/api/profile/me", headers=bearer(tokens))).status_code == 401


async def test_an_ended_session_stays_ended(http: httpx2.AsyncClient, sql: asyncpg.Connection) -> None:
    tokens = await login(http)
    await sql.execute("UPDATE user_sessions SET is_active = false WHERE id = $1::uuid", tokens["session_id"])
    with pytest.raises(asyncpg.CheckViolationError):
        await sql.execute("UPDATE user_sessions SET is_active = true WHERE id = $1::uuid", tokens["session_id"])


async def test_deleting_a_live_session_by_hand_revokes_its_tokens_too(
    http: httpx2.AsyncClient, sql: asyncpg.Connection
) -> None:
    tokens = await login(http)
    await sql.execute("DELETE FROM user_sessions")
    await asyncio.sleep(1)
    assert await introspect(http, tokens["access_token"]) == {"active": False}


async def test_a_person_sees_the_devices_and_ends_them(http: httpx2.AsyncClient) -> None:
    firefox = {"User-Agent": "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:130.0) Gecko/20100101 Firefox/130.0"}
    here = (await http.post("/api/auth/login", json=LOGIN, headers=firefox)).json()
    there, third = await login(http, device_info="Bar tablet"), await login(http)
    listed = (await http.get("/api/auth/sessions", headers=bearer(here))).json()["sessions"]
    by_id = {session["id"]: session for session in listed}
    assert by_id[here["session_id"]]["device_info"] == "Firefox on Windows"
    assert by_id[there["session_id"]]["device_info"] == "Bar tablet"
    assert [session["id"] for session in listed if session["current"]] == [here["session_id"]]
    assert by_id[here["session_id"]]["ip_address"] == "192.0.2.7"
    ended = await http.delete(f"/api/auth/sessions/{there['session_id']}", headers=bearer(here))
    assert ended.status_code == 204
    assert await introspect(http, there["access_token"]) == {"active": False}
    others = await http.delete("/api/auth/sessions", headers=bearer(here))
    assert others.json() == {"ended": 1}
    assert (await refresh(http, third["refresh_token"])).status_code == 400
    assert (await refresh(http, here["refresh_token"])).status_code == 200


async def test_nobody_sees_or_ends_another_persons_session(http: httpx2.AsyncClient) -> None:
    mine = await login(http)
    other = await login(http, email="admin@example.com", client_id="admin")
    answer = await http.delete(f"/api/auth/sessions/{other['session_id']}", headers=bearer(mine))
    assert answer.status_code == 404
    assert (await refresh(http, other["refresh_token"], "admin")).status_code == 200
    listed = (await http.get("/api/auth/sessions", headers=bearer(mine))).json()["sessions"]
    assert [session["id"] for session in listed] == [mine["session_id"]]


@pytest.mark.parametrize("how", ["refresh token", "access token"])
async def test_logout_ends_the_session(http: httpx2.AsyncClient, how: str) -> None:
    tokens = await login(http)
    if how == "refresh token":
        answer = await http.post("/api/auth/logout", json={"refresh_token": tokens["refresh_token"]})
    else:
        answer = await http.post("/api/auth/logout", headers=bearer(tokens))
    assert answer.status_code == 204
    assert await introspect(http, tokens["access_token"]) == {"active": False}
    assert (await refresh(http, tokens["refresh_token"])).status_code == 400


async def test_the_json_refresh_is_the_same_flow(http: httpx2.AsyncClient) -> None:
    tokens = await login(http)
    answer = await http.post("/api/auth/refresh", json={"refresh_token": tokens["refresh_token"]})
    again = await refresh(http, tokens["refresh_token"])
    assert answer.json()["refresh_token"] == again.json()["refresh_token"]


async def test_policy_turns_away_who_lacks_the_role_and_says_so(http: httpx2.AsyncClient) -> None:
    answer = await http.post("/api/auth/login", json={**LOGIN, "client_id": "bartender"})
    assert (answer.status_code, answer.json()["error"]) == (403, "access_denied")
    assert "bartender" in answer.json()["error_description"]


async def test_a_client_without_remember_me_gets_the_short_session(http: httpx2.AsyncClient) -> None:
    tokens = await login(http, email="admin@example.com", client_id="admin", remember_me=True)
    assert (tokens["refresh_token_expires_in"], tokens["remember_me"]) == (7 * 86_400, False)


async def test_revoking_an_access_token_leaves_the_session_alive(http: httpx2.AsyncClient) -> None:
    tokens = await login(http)
    done = await http.post("/revoke", data={"client_id": "customer", "token": tokens["access_token"]})
    assert done.status_code == 200
    assert await introspect(http, tokens["access_token"]) == {"active": False}
    assert (await refresh(http, tokens["refresh_token"])).status_code == 200


async def test_a_foreign_or_unknown_token_is_200_and_nothing_happens(http: httpx2.AsyncClient) -> None:
    tokens = await login(http)
    for token in ("nonsense", tokens["refresh_token"], tokens["access_token"]):
        assert (await http.post("/revoke", data={"client_id": "admin", "token": token})).status_code == 200
    assert (await introspect(http, tokens["access_token"]))["active"] is True
    assert (await refresh(http, tokens["refresh_token"])).status_code == 200
