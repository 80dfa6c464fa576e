"""`authsvc users change-address`, `rename`, `roles`, `verify`, `remove`: what they change, and what ends with it."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import asyncpg
import httpx2
import pytest

from tests.cli.conftest import Cli, answer
from tests.support.calls import LOGIN, alive, login, refresh

ADDRESS = "test@example.com"


async def run(cli: Cli, *words: str, code: int = 0) -> str:
    result = await asyncio.to_thread(cli, "users", *words, code=code)
    return result.stdout if code == 0 else result.stderr


async def user_id(sql: asyncpg.Connection) -> str:
    return str(await sql.fetchval("SELECT id FROM users WHERE email = $1", ADDRESS))


async def event(sql: asyncpg.Connection, name: str) -> dict[str, Any]:
    """The one event of this name; it names a person by the id, and nothing else."""
    row = await sql.fetchrow("SELECT * FROM audit_events WHERE event = $1", name)
    assert row["actor"].startswith("cli:")
    assert "@" not in row["detail"]
    return {"user_id": str(row["user_id"]), **json.loads(row["detail"])}


async def over(http: httpx2.AsyncClient, tokens: dict[str, Any]) -> bool:
    """At once, and for access and refresh token."""
    assert (await refresh(http, tokens["refresh_token"])).status_code == 400
    return not await alive(http, tokens)


async def test_another_address_is_logged_in_with_and_ends_what_the_old_one_opened(
    cli: Cli, http: httpx2.AsyncClient, sql: asyncpg.Connection
) -> None:
    tokens, known = await login(http), await user_id(sql)
    await sql.execute("UPDATE users SET email_verified = true WHERE email = $1", ADDRESS)
    said = json.loads(await run(cli, "change-address", ADDRESS, "Ann@Example.com", "--json"))
    assert said == {
        "id": known,
        "email": "ann@example.com",
        "name": "Test",
        "roles": ["customer"],
        "email_verified": False,
        "sessions_ended": 1,
    }
    assert await over(http, tokens)
    assert (await http.post("/api/auth/login", json=LOGIN)).status_code == 401
    assert (await login(http, email="ann@example.com"))["user"]["id"] == known
    assert await event(sql, "user_address_changed") == {
        "user_id": known,
        "email_verified": False,
        "sessions": 1,
        "more": False,
    }
    assert "verified; 1 session ended" in await run(cli, "change-address", "ann@example.com", ADDRESS, "--verified")
    assert await sql.fetchval("SELECT email_verified FROM users WHERE email = $1", ADDRESS)


@pytest.mark.parametrize(
    ("words", "code", "why"),
    [
        (("change-address", ADDRESS, "admin@example.com"), 1, "somebody has the address admin@example.com already"),
        (("change-address", ADDRESS, " TEST@example.com"), 1, "is their address already"),
        (("change-address", ADDRESS, "nobody"), 2, "not an e-mail address"),
        (("change-address", "no@example.com", "x@example.com"), 1, "nobody has the address no@example.com"),
        (("rename", "no@example.com", "X"), 1, "nobody has the address"),
        (("rename", ADDRESS, "\x1b[31mred"), 2, "holds controls"),
        (("roles", "no@example.com"), 1, "nobody has the address"),
        (("roles", "no@example.com", "--add", "staff"), 1, "nobody has the address"),
        (("roles", ADDRESS, "--add", "a b"), 2, "is not a role"),
        (("roles", ADDRESS, "--add", "staff", "--remove", "staff"), 2, "give staff to --add or to --remove"),
        (("verify", "no@example.com"), 1, "nobody has the address"),
        (("remove", "no@example.com", "--yes"), 1, "nobody has the address"),
        (("remove", ADDRESS), 2, "give --yes"),
    ],
)
async def test_what_cannot_be_is_refused_and_ends_nothing(
    cli: Cli, http: httpx2.AsyncClient, sql: asyncpg.Connection, words: tuple[str, ...], code: int, why: str
) -> None:
    tokens = await login(http)
    said = await run(cli, *words, code=code)
    assert why in said
    assert said.count("\n") == 1
    assert await alive(http, tokens)
    assert await sql.fetchval("SELECT count(*) FROM audit_events WHERE event LIKE 'user_%'") == 0


async def test_another_address_voids_what_was_mailed_to_the_old_one(cli: Cli, sql: asyncpg.Connection) -> None:
    await sql.execute(
        """INSERT INTO mailed_proofs (id, purpose, email, user_id, subject, digest, expires_at)
           SELECT gen_random_uuid(), purpose, email, id, id::text, sha256(purpose::bytea), now() + interval '1 hour'
           FROM users, unnest('{reset,verify,undo_address}'::text[]) purpose WHERE email = $1""",
        ADDRESS,
    )
    await run(cli, "change-address", ADDRESS, "ann@example.com", "--verified")
    assert [row["purpose"] for row in await sql.fetch("SELECT purpose FROM mailed_proofs")] == ["undo_address"]
    assert await sql.fetchval("SELECT email_verified FROM users WHERE email = 'ann@example.com'")


async def test_a_new_name_ends_nothing(cli: Cli, http: httpx2.AsyncClient, sql: asyncpg.Connection) -> None:
    tokens = await login(http)
    assert "is called Ann Ash now." in await run(cli, "rename", ADDRESS, " Ann Ash ")
    assert await alive(http, tokens)
    assert (await login(http))["user"]["name"] == "Ann Ash"
    assert await event(sql, "user_renamed") == {"user_id": await user_id(sql)}
    assert "has no name now." in await run(cli, "rename", ADDRESS, "")


async def test_a_role_that_is_taken_ends_the_tokens_that_carry_it_and_a_new_one_ends_none(
    cli: Cli, http: httpx2.AsyncClient, sql: asyncpg.Connection
) -> None:
    tokens = await login(http)
    assert "has the roles customer staff now." in await run(
        cli, "roles", ADDRESS, "--add", "staff", "--add", "customer"
    )
    assert await alive(http, tokens)
    renewed = (await refresh(http, tokens["refresh_token"])).json()
    assert renewed["user"]["roles"] == ["customer", "staff"] if "user" in renewed else await alive(http, renewed)
    assert (await run(cli, "roles", ADDRESS)).split() == ["ROLE", "customer", "staff"]
    said = json.loads(await run(cli, "roles", ADDRESS, "--remove", "customer", "--remove", "absent", "--json"))
    assert (said["roles"], said["sessions_ended"]) == (["staff"], 1)
    assert await over(http, renewed)
    rows = await sql.fetch("SELECT detail FROM audit_events WHERE event = 'user_roles_changed' ORDER BY id")
    assert [json.loads(row["detail"]) for row in rows] == [
        {"roles": ["customer", "staff"], "sessions": 0},
        {"roles": ["staff"], "sessions": 1},
    ]
    later = await login(http)
    assert json.loads(await run(cli, "roles", ADDRESS, "--add", "staff", "--json"))["sessions_ended"] == 0
    assert await alive(http, later)


async def test_an_address_is_vouched_for_once(cli: Cli, sql: asyncpg.Connection) -> None:
    for _ in range(2):
        assert json.loads(await run(cli, "verify", ADDRESS, "--json"))["email_verified"] is True
    assert await event(sql, "user_address_verified") == {"user_id": await user_id(sql)}
    assert await sql.fetchval("SELECT count(*) FROM audit_events WHERE event = 'user_address_verified'") == 1


async def test_a_removed_person_leaves_nothing_but_the_id_in_audit_events(
    cli: Cli, http: httpx2.AsyncClient, sql: asyncpg.Connection
) -> None:
    tokens, known = [await login(http) for _ in range(2)], await user_id(sql)
    await sql.execute(
        "INSERT INTO consents (user_id, client_id, scope) VALUES ($1::uuid, 'partner', '{openid}')", known
    )
    said = json.loads(await run(cli, "remove", ADDRESS, "--yes", "--json"))
    assert (said["id"], said["sessions_ended"]) == (known, 2)
    for one in tokens:
        assert await over(http, one)
    assert (await http.post("/api/auth/login", json=LOGIN)).status_code == 401
    for table in ("user_sessions", "consents"):
        assert await sql.fetchval(f"SELECT count(*) FROM {table} WHERE user_id = $1::uuid", known) == 0
    assert await sql.fetchval("SELECT count(*) FROM users WHERE email = $1", ADDRESS) == 0
    assert await event(sql, "user_removed") == {"user_id": known, "sessions": 2}
    ended = {one["session_id"] for one in tokens}
    assert ended <= {row["subject"] for row in await sql.fetch("SELECT subject FROM revocations")}
    await run(cli, "add", ADDRESS, "--no-password")
    assert await user_id(sql) != known


def test_what_a_person_could_not_undo_is_asked_first(cli: Cli) -> None:
    """Without a terminal nobody can be asked."""
    assert "cannot be undone" in cli("users", "remove", ADDRESS, code=2).stderr
    assert answer(cli("users", "roles", ADDRESS, "--json"))["roles"] == ["customer"]


# invite

MAIL = {"AUTHSVC_SMTP_URL": "dev:", "AUTHSVC_REGISTRATION": "invited"}


async def test_an_invitation_queues_a_mail_and_shows_no_secret(
    settings_env: dict[str, str], cli: Cli, sql: asyncpg.Connection
) -> None:
    settings_env.update(MAIL)
    said = await run(cli, "invite", "Ann@Example.com", "--name", "Ann", "--role", "staff", "--json")
    assert json.loads(said) == {
        "id": str(await sql.fetchval("SELECT id FROM users WHERE email = 'ann@example.com'")),
        "email": "ann@example.com",
        "roles": ["staff"],
        "again": False,
    }
    mail = await sql.fetchrow("SELECT * FROM mails")
    assert (mail["template"], mail["recipient"], mail["language"]) == ("invitation", "ann@example.com", "en")
    assert (await event(sql, "user_invited"))["again"] is False
    assert "again" in await run(cli, "invite", "ann@example.com")
    assert "already" in await run(cli, "invite", ADDRESS, code=1)
    assert "not an e-mail address" in await run(cli, "invite", "ann", code=2)


async def test_nobody_is_invited_while_nobody_may_join(cli: Cli, sql: asyncpg.Connection) -> None:
    assert "AUTHSVC_REGISTRATION" in await run(cli, "invite", "ann@example.com", code=1)
    assert await sql.fetchval("SELECT count(*) FROM users WHERE email = 'ann@example.com'") == 0
