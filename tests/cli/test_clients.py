"""`authsvc clients`."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import asyncpg
import httpx2
import pytest

from authsvc.keyring import jwk
from tests.cli.conftest import Cli, answer


def listed(cli: Cli, client_id: str) -> dict[str, object]:
    return next(row for row in answer(cli("clients", "list", "--json")) if row["id"] == client_id)


async def token(http: httpx2.AsyncClient, client_id: str, secret: str) -> int:
    answered = await http.post("/token", data={"grant_type": "client_credentials"}, auth=(client_id, secret))
    return answered.status_code


def test_a_public_client_is_added_with_its_policy(cli: Cli) -> None:
    cli(
        "clients", "add", "bar", "--name", "The bar", "--public", "--first-party", "--required-role", "bartender",
        "--no-remember-me", "--strict", "--scope", "openid", "--scope", "profile", "--session-seconds", "3600",
        "--redirect-uri", "https://bar.example.com/callback", "--redirect-uri", "http://127.0.0.1:5173/callback",
    )  # fmt: skip
    row = listed(cli, "bar")
    assert row["grant_types"] == ["refresh_token"]
    assert row["scopes"] == ["openid", "profile"]
    assert row["required_role"] == "bartender"
    assert row["remember_me_allowed"] is False
    assert row["refresh_grace_seconds"] == 0
    assert row["session_seconds"] == 3600
    assert len(row["redirect_uris"]) == 2  # type: ignore[arg-type]
    assert "no remember me, strict, role bartender" in cli("clients", "list").stdout
    assert "already" in cli("clients", "add", "bar", "--public", code=1).stderr


async def test_a_made_secret_is_shown_once_and_works(
    cli: Cli, http: httpx2.AsyncClient, sql: asyncpg.Connection
) -> None:
    made = answer(
        await asyncio.to_thread(cli, "clients", "add", "billing", "--confidential", "--scope", "api", "--json")
    )
    assert await token(http, "billing", made["client_secret"]) == 200
    assert made["client_secret"] not in (await asyncio.to_thread(cli, "clients", "list", "--json")).stdout
    assert made["client_secret"] not in str(await sql.fetchrow("SELECT c::text FROM clients c WHERE id = 'billing'"))
    event = await sql.fetchrow("SELECT * FROM audit_events WHERE event = 'client_added'")
    assert event["actor"].startswith("cli:")
    assert event["client_id"] == "billing"


async def test_a_secret_rotates_without_a_gap(cli: Cli, http: httpx2.AsyncClient) -> None:
    old = "backend-secret"
    new = answer(await asyncio.to_thread(cli, "clients", "rotate-secret", "backend", "--json"))["client_secret"]
    await asyncio.sleep(1)
    assert (await token(http, "backend", old), await token(http, "backend", new)) == (200, 200)
    third = await asyncio.to_thread(cli, "clients", "rotate-secret", "backend", code=1)
    assert "--drop-old" in third.stderr
    await asyncio.to_thread(cli, "clients", "rotate-secret", "backend", "--drop-old")
    await asyncio.sleep(1)
    assert (await token(http, "backend", old), await token(http, "backend", new)) == (401, 200)
    again = await asyncio.to_thread(cli, "clients", "rotate-secret", "backend", "--drop-old", code=1)
    assert "only one secret" in again.stderr


def test_an_own_secret_comes_from_standard_input_and_is_not_shown(cli: Cli) -> None:
    secret = "a-secret-of-our-own-making"
    result = cli("clients", "add", "own", "--confidential", "--secret-stdin", input=secret + "\n")
    assert secret not in result.output
    short = cli("clients", "add", "own2", "--confidential", "--secret-stdin", input="short", code=2)
    assert "16" in short.stderr


async def test_a_removed_client_is_refused_and_its_tokens_are_void(cli: Cli, http: httpx2.AsyncClient) -> None:
    login = {"email": "test@example.com", "password": "password"}
    tokens = (await http.post("/api/auth/login", json=login)).json()
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert (await http.get("/api/profile/me", headers=bearer)).status_code == 200
    assert "--yes" in (await asyncio.to_thread(cli, "clients", "remove", "customer", code=2)).stderr
    await asyncio.to_thread(cli, "clients", "remove", "customer", "--yes")
    assert (await http.get("/api/profile/me", headers=bearer)).status_code == 401
    await asyncio.sleep(1)
    assert (await http.post("/api/auth/login", json=login)).status_code == 401
    assert "no client" in (await asyncio.to_thread(cli, "clients", "remove", "customer", "--yes", code=1)).stderr


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ([], "--public"),
        (["--public", "--introspection"], "introspection"),
        (["--public", "--grant-type", "client_credentials"], "confidential"),
        (["--public", "--secret-stdin"], "public"),
        (["--public", "--redirect-uri", "http://example.com/cb"], "plain http"),
        (["--public", "--redirect-uri", "https://example.com/cb#x"], "fragment"),
        (["--public", "--scope", 'a"b'], "scope"),
        (["--public", "--scope", "a b"], "scope"),
        (["--public", "--grant-type", "password"], "password"),
        (["--public", "--access-token-seconds", "5"], "access-token-seconds"),
    ],
)
def test_what_would_be_unsafe_is_refused_before_anything_is_written(cli: Cli, words: list[str], why: str) -> None:
    assert why in cli("clients", "add", "x", *words, code=2).stderr
    assert all(row["id"] != "x" for row in answer(cli("clients", "list", "--json")))


def test_an_id_is_made_of_letters_that_need_no_escape(cli: Cli) -> None:
    assert "an ID has" in cli("clients", "add", "a b", "--public", code=2).stderr


async def test_a_registration_token_is_shown_once_and_registers_that_many(
    cli: Cli, http: httpx2.AsyncClient, sql: asyncpg.Connection
) -> None:
    words = ("clients", "registration-token", "--uses", "2", "--seconds", "60", "--note", "partner team")
    made = answer(await asyncio.to_thread(cli, *words, "--json"))
    assert made["uses"] == 2
    headers = {"Authorization": f"Bearer {made['registration_token']}"}
    members = {"redirect_uris": ["https://shop.example/callback"]}
    statuses = [(await http.post("/register", json=members, headers=headers)).status_code for _ in range(3)]
    assert statuses == [201, 201, 401]
    row = await sql.fetchrow(
        "SELECT t::text AS text, expires_at - now() < '1 minute' AS soon FROM registration_tokens t"
    )
    assert made["registration_token"] not in row["text"]
    assert row["soon"]
    assert "partner team" in row["text"]
    assert await sql.fetchval("SELECT actor FROM audit_events WHERE event = 'registration_token_made'")
    plain = await asyncio.to_thread(cli, "clients", "registration-token")
    assert "Good for 1 client until" in plain.stdout
    assert "is off" not in plain.stderr


@pytest.mark.parametrize("words", [["--uses", "0"], ["--seconds", "0"], ["--note", "x" * 201], ["--note", "a\x1bb"]])
def test_a_registration_token_that_nobody_could_use_is_not_made(cli: Cli, words: list[str]) -> None:
    assert words[0] in cli("clients", "registration-token", *words, code=2).stderr


def test_keys_of_a_client_are_public_ones(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "jwks.json"
    public = jwk.public_jwk(jwk.generate("ES256").public_key(), "ES256")
    file.write_text(json.dumps({"keys": [public]}))
    made = cli("clients", "add", "signer", "--confidential", "--jwks", str(file))
    assert "secret" not in made.stdout
    assert listed(cli, "signer")["secrets"] == 0
    for keys, why in (
        ([{**public, "d": "AAAA"}], "private"),
        ([{"kty": "oct", "k": "c2VjcmV0"}], "symmetric"),
        ([], "JWKS"),
        ([{**public, "x": "AA"}], "cannot be used"),
    ):
        file.write_text(json.dumps({"keys": keys}))
        assert why in cli("clients", "add", "bad", "--confidential", "--jwks", str(file), code=2).stderr
