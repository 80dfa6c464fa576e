"""`authsvc sessions`."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import asyncpg
import httpx2

from tests.cli.conftest import Cli, answer

LOGIN = {"email": "test@example.com", "password": "password"}


async def login(http: httpx2.AsyncClient, **members: object) -> dict[str, str]:
    answered = await http.post("/api/auth/login", json={**LOGIN, **members})
    assert answered.status_code == 200, answered.text
    return dict(answered.json())


async def is_live(http: httpx2.AsyncClient, tokens: dict[str, str]) -> bool:
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    return (await http.get("/api/profile/me", headers=bearer)).status_code == 200


async def test_live_sessions_are_listed_with_device_and_clients(cli: Cli, http: httpx2.AsyncClient) -> None:
    tokens = await login(http, device_info="Ann's phone", remember_me=True)
    [row] = answer(await asyncio.to_thread(cli, "sessions", "list", "--user", "TEST@example.com", "--json"))
    assert row["id"] == tokens["session_id"]
    assert (row["device_info"], row["clients"], row["remember_me"]) == ("Ann's phone", ["customer"], True)
    table = (await asyncio.to_thread(cli, "sessions", "list")).stdout
    assert tokens["session_id"] in table
    assert "in 29 d 23 h" in table or "in 30 d" in table
    assert "remembered" in table


async def test_text_of_others_cannot_move_the_cursor(
    cli: Cli, http: httpx2.AsyncClient, sql: asyncpg.Connection
) -> None:
    await login(http)
    await sql.execute("UPDATE user_sessions SET device_info = $1", "\x1b[2Jevil\u202e")
    table = (await asyncio.to_thread(cli, "sessions", "list")).stdout
    assert "evil" in table
    assert "\x1b" not in table
    assert "\u202e" not in table


async def test_one_session_ends_at_once_and_the_others_live(
    cli: Cli, http: httpx2.AsyncClient, sql: asyncpg.Connection
) -> None:
    first, second = await login(http), await login(http)
    said = await asyncio.to_thread(cli, "sessions", "end", first["session_id"])
    assert "Ended 1 session." in said.stdout
    assert not await is_live(http, first)
    assert await is_live(http, second)
    again = await asyncio.to_thread(cli, "sessions", "end", first["session_id"])  # ending twice is the same as once
    assert again.exit_code == 0
    event = await sql.fetchrow("SELECT * FROM audit_events WHERE event = 'session_ended' ORDER BY id LIMIT 1")
    assert event["actor"].startswith("cli:")
    assert str(event["session_id"]) == first["session_id"]
    rows = answer(await asyncio.to_thread(cli, "sessions", "list", "--all", "--json"))
    assert {row["id"]: row["is_active"] for row in rows} == {first["session_id"]: False, second["session_id"]: True}


async def test_all_sessions_of_a_person_end(cli: Cli, http: httpx2.AsyncClient) -> None:
    tokens = [await login(http) for _ in range(3)]
    assert answer(await asyncio.to_thread(cli, "sessions", "end", "--user", "test@example.com", "--json")) == {
        "ended": 3
    }
    assert not any([await is_live(http, token) for token in tokens])
    assert "no live sessions" in (await asyncio.to_thread(cli, "sessions", "list")).stdout


def test_what_is_not_there_is_refused_with_the_way_to_look(cli: Cli) -> None:
    assert "authsvc sessions list" in cli("sessions", "end", str(uuid4()), code=1).stderr
    assert "authsvc users list" in cli("sessions", "end", "--user", "no@example.com", code=1).stderr
    assert "authsvc users list" in cli("sessions", "list", "--user", "no@example.com", code=1).stderr
    assert "either" in cli("sessions", "end", code=2).stderr
    assert "either" in cli("sessions", "end", str(uuid4()), "--user", "test@example.com", code=2).stderr
    assert "UUID" in cli("sessions", "end", "7", code=2).stderr
