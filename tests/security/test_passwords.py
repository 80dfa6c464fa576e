"""Passwords: every character counts, and hashes of another system or of weaker days become today's at a login."""

from __future__ import annotations

import os
import re
import sys
import threading
from collections.abc import AsyncIterator
from itertools import count
from typing import Any

import argon2
import bcrypt
import httpx2
import pytest
import pytest_asyncio

from authsvc.passwords import GIVE_WAY, Asker
from authsvc.store.account import users
from authsvc_devkit.servers import Servers
from tests.support.service import Service, service

_numbers = count(1)


@pytest_asyncio.fixture(scope="module")
async def house(servers: Servers, base_env: dict[str, str]) -> AsyncIterator[Service]:
    async with service(servers, base_env, login_network_failures=100_000, login_account_failures=1000) as running:
        yield running


async def person(house: Service, password: str | None = None, stored: str | None = None) -> str:
    """A new person's address, with this password or this stored hash."""
    email = f"p{next(_numbers)}@example.com"
    hashed = stored if password is None else await house.runtime.passwords.hash(password)
    async with house.runtime.db.transaction() as connection:
        await users.add(connection, email, "P", ["customer"], hashed)
    return email


async def enter(house: Service, email: str, password: str) -> httpx2.Response:
    return await house.caller().post("/api/auth/login", json={"email": email, "password": password})


async def stored_hash(house: Service, email: str) -> str:
    found: str = await house.sql.fetchval("SELECT password_hash FROM users WHERE email = $1", email)
    return found


EXACT = {
    "64 characters": "a1!" * 21 + "x",
    "128 characters": "a1! " * 32,
    "1024 bytes": "x" * 1024,
    "NUL inside": "before\0after",
    "NUL first": "\0secret",
    "only NUL": "\0",
    "leading space": " secret",
    "trailing space": "secret ",
    "only spaces": "        ",
    "line ends": "a\r\nb\n",
    "emoji": "🔐🗝️ 😀",
    "composed": "caf\u00e9",
    "decomposed": "cafe\u0301",
    "full width": "ｓｅｃｒｅｔ",
    "right to left": "\u202eterces",
    "noncharacter": "\ufffe\uffff",
    "quote and backslash": "\"'\\%s{}",
    "one character": "x",
}
NEAR: list[Any] = [
    lambda p: p[:-1],
    lambda p: p + " ",
    lambda p: " " + p,
    lambda p: p + "\0",
    lambda p: p.strip(),
    lambda p: p.upper(),
    lambda p: p.partition("\0")[0],
    lambda p: p + "x",
]


@pytest.mark.parametrize("password", EXACT.values(), ids=EXACT)
async def test_a_password_is_taken_exactly_as_it_is(house: Service, password: str) -> None:
    email = await person(house, password)
    assert (await enter(house, email, password)).status_code == 200
    near = {change(password) for change in NEAR}
    for other in near - {password, ""}:
        assert (await enter(house, email, other)).status_code in (400, 401), repr(other)
        if len(other.encode()) <= 1024:
            assert (await enter(house, email, other)).status_code == 401


COMPOSED, DECOMPOSED = "Gr\u00fc\u00dfe aus K\u00f6ln", "Gru\u0308\u00dfe aus Ko\u0308ln"
MIXED = "Gr\u00fc\u00dfe aus Ko\u0308ln"
WIDE, NARROW = "ｓｅｃｒｅｔ　ｗｏｒｄ", "secret word"


@pytest.mark.parametrize("chosen", [COMPOSED, DECOMPOSED, MIXED], ids=["NFC", "NFD", "mixed"])
async def test_the_same_password_from_another_keyboard_is_the_same(house: Service, chosen: str) -> None:
    email = await person(house, chosen)
    for typed in (COMPOSED, DECOMPOSED, MIXED):
        assert (await enter(house, email, typed)).status_code == 200, typed
    for other in ("Grusse aus Koln", COMPOSED.upper(), COMPOSED + "\u0308"):
        assert (await enter(house, email, other)).status_code == 401


@pytest.mark.parametrize("stored", [COMPOSED, DECOMPOSED], ids=["NFC", "NFD"])
@pytest.mark.parametrize("typed", [COMPOSED, DECOMPOSED], ids=["NFC", "NFD"])
@pytest.mark.parametrize("scheme", ["argon2", "bcrypt"])
async def test_a_hash_of_another_form_lets_in_and_becomes_one_of_nfc(
    house: Service, stored: str, typed: str, scheme: str
) -> None:
    hasher = argon2.PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
    email = await person(house, stored=old_hash(stored, "2b") if scheme == "bcrypt" else hasher.hash(stored))
    assert (await enter(house, email, typed)).status_code == 200
    assert hasher.verify(await stored_hash(house, email), COMPOSED)
    for again in (COMPOSED, DECOMPOSED):
        assert (await enter(house, email, again)).status_code == 200


async def test_letters_of_another_width_open_what_was_chosen_plainly_and_lock_nobody_out(house: Service) -> None:
    email = await person(house, NARROW)
    for typed in (WIDE, NARROW, WIDE):
        assert (await enter(house, email, typed)).status_code == 200, typed
    wide = await person(house, WIDE)
    assert (await enter(house, wide, NARROW)).status_code == 401
    assert (await enter(house, wide, WIDE)).status_code == 200


async def test_all_forms_are_one_place_in_the_queue_and_one_guess(house: Service, hashed: list[str | None]) -> None:
    verified: list[str] = []
    real = house.runtime.passwords._verify
    house.runtime.passwords._verify = lambda stored, typed: verified.append(typed) or real(stored, typed)  # type: ignore
    try:
        for email in (await person(house, "another"), "nobody@example.com"):
            verified.clear()
            hashed.clear()
            assert (await enter(house, email, MIXED)).status_code == 401
            assert (len(hashed), len(verified)) == (1, 3), "known and unknown accounts cost the same"
    finally:
        del house.runtime.passwords._verify


@pytest.mark.parametrize("password", ["x" * 1025, "é" * 513, "😀" * 257, "x" * 60_000], ids=len)
async def test_more_than_1_kib_is_400_before_anything_is_hashed(
    house: Service, hashed: list[str | None], password: str
) -> None:
    counted = await house.redis_keys("{fail}*")
    for email in ("first@example.com", "nobody@example.com"):
        answer = await enter(house, email, password)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
        assert "password" in answer.json()["error_description"]
    assert hashed == []
    assert sorted(await house.redis_keys("{fail}*")) == sorted(counted)


def old_hash(password: str, prefix: str) -> str:
    made = bcrypt.hashpw(password.encode()[:72], bcrypt.gensalt(4)).decode()
    return made.replace("$2b$", f"${prefix}$", 1)


@pytest.mark.parametrize("prefix", ["2a", "2b", "2y"])
@pytest.mark.parametrize("password", ["password", "x" * 72, "é" * 36], ids=len)
async def test_a_bcrypt_hash_verifies_and_becomes_argon2id_at_the_first_login(
    house: Service, prefix: str, password: str
) -> None:
    email = await person(house, stored=old_hash(password, prefix))
    assert (await enter(house, email, password[:-1])).status_code == 401
    assert (await stored_hash(house, email)).startswith(f"${prefix}$")
    first = await enter(house, email, password)
    assert first.status_code == 200, first.text
    assert (await stored_hash(house, email)).startswith("$argon2id$v=19$m=64,t=1,p=1$")
    assert (await enter(house, email, password)).status_code == 200
    assert (await enter(house, email, password + "x")).status_code == 401
    assert (await house.refresh(first.json()["refresh_token"])).status_code == 200, "the session that upgraded lives on"


@pytest.mark.parametrize("password", ["y" * 73, "é" * 60, "correct horse battery staple " * 3], ids=len)
async def test_a_slip_behind_what_bcrypt_reads_locks_the_right_password_not_out(house: Service, password: str) -> None:
    """bcrypt sees 72 bytes: what was typed behind them was not checked, and must not become the password."""
    email = await person(house, stored=old_hash(password, "2b"))
    slip = password[:-1] + "?"
    assert (await enter(house, email, slip)).status_code == 200
    assert (await stored_hash(house, email)).startswith("$2b$")
    assert (await enter(house, email, password)).status_code == 200
    assert (await enter(house, email, "?" + password)).status_code == 401


@pytest.mark.parametrize(
    "stored",
    ["$2b$", "$2b$04$short", "$2x$04$" + "a" * 53, "$2b$99$" + "a" * 53, "$argon2id$", "", "x", "$1$abc$def", "!"],
)
async def test_a_hash_that_is_none_lets_nobody_in(house: Service, stored: str) -> None:
    email = await person(house, stored=stored)
    for password in ("password", "x", stored or "y"):
        answer = await enter(house, email, password)
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_credentials")


WEAKER = [
    argon2.PasswordHasher(time_cost=1, memory_cost=32, parallelism=1),
    argon2.PasswordHasher(time_cost=1, memory_cost=64, parallelism=1, hash_len=16),
    argon2.PasswordHasher(time_cost=1, memory_cost=64, parallelism=1, type=argon2.Type.I),
    argon2.PasswordHasher(time_cost=1, memory_cost=64, parallelism=1, salt_len=8),
]


@pytest.mark.parametrize("hasher", WEAKER, ids=["memory", "length", "argon2i", "salt"])
async def test_weaker_parameters_are_raised_at_a_login_and_old_sessions_stay(
    house: Service, hasher: argon2.PasswordHasher
) -> None:
    weak = hasher.hash("password")
    email = await person(house, "password")
    before = (await enter(house, email, "password")).json()
    await house.sql.execute("UPDATE users SET password_hash = $2 WHERE email = $1", email, weak)
    assert (await enter(house, email, "wrong")).status_code == 401
    assert await stored_hash(house, email) == weak
    assert (await enter(house, email, "password")).status_code == 200
    raised = await stored_hash(house, email)
    assert re.match(r"\$argon2id\$v=19\$m=64,t=1,p=1\$", raised)
    assert raised != weak
    assert (await enter(house, email, "password")).status_code == 200
    assert await stored_hash(house, email) == raised, "once is enough"
    assert (await house.refresh(before["refresh_token"])).status_code == 200


async def test_an_unknown_account_costs_one_comparison_from_the_first_on(
    house: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The dummy must not be made while the first stranger waits: twice the time would tell."""
    done: list[str] = []
    for name in ("hash", "verify"):
        real = getattr(argon2.PasswordHasher, name)

        def counted(*args: Any, _name: str = name, _real: Any = real) -> Any:
            done.append(_name)
            return _real(*args)

        monkeypatch.setattr(argon2.PasswordHasher, name, counted)
    fresh = type(house.runtime.passwords)(memory_kib=64, time_cost=1, parallelism=1, threads=1, queue=10)
    assert not (await fresh.check("x", None, Asker("x", "x", known=False))).right
    assert done == ["verify"]
    fresh.close()


async def test_a_login_that_loses_a_race_with_a_password_change_begins_no_session(house: Service) -> None:
    email = await person(house, "password")
    real = house.runtime.passwords.check

    async def slow(*args: Any, **kwargs: Any) -> Any:
        checked = await real(*args, **kwargs)
        await house.sql.execute(
            "UPDATE users SET password_hash = $2 WHERE email = $1", email, await house.runtime.passwords.hash("new")
        )
        return checked

    house.runtime.passwords.check = slow  # type: ignore[method-assign]
    try:
        assert (await enter(house, email, "password")).status_code == 401
    finally:
        del house.runtime.passwords.check
    sessions = await house.sql.fetchval(
        "SELECT count(*) FROM user_sessions s JOIN users u ON u.id = s.user_id WHERE email = $1", email
    )
    assert sessions == 0


@pytest.mark.parametrize("role", ['bar"tender', "Küche", "a\\b", "x\ny", ""])
async def test_any_role_that_an_operator_names_gives_a_proper_refusal(house: Service, role: str) -> None:
    """RFC 6749 section 5.2 allows few characters in a description, and authlib raises on others."""
    await house.sql.execute("UPDATE clients SET required_role = $1 WHERE id = 'bartender'", role)
    house.runtime.clients._entries.clear()
    answer = await house.caller().post(
        "/api/auth/login", json={"email": "test@example.com", "password": "password", "client_id": "bartender"}
    )
    if role:
        assert (answer.status_code, answer.json()["error"]) == (403, "access_denied")
        assert re.fullmatch(r"[\x20-\x21\x23-\x5b\x5d-\x7e]+", answer.json()["error_description"])


@pytest.mark.skipif(sys.platform != "linux", reason="threads have a niceness of their own on Linux alone")
async def test_hash_threads_stand_back_and_the_loop_does_not(house: Service) -> None:
    own = os.getpriority(os.PRIO_PROCESS, 0)
    for _ in range(3):  # whichever thread
        await house.runtime.passwords.hash("a password")
    hashing = [thread for thread in threading.enumerate() if thread.name.startswith("authsvc-hash")]
    assert hashing
    for thread in hashing:
        assert thread.native_id
        assert os.getpriority(os.PRIO_PROCESS, thread.native_id) == own + GIVE_WAY
    assert os.getpriority(os.PRIO_PROCESS, 0) == own
