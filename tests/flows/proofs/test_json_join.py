"""Somebody registers through a first-party frontend, by the code of a letter: what holds of the hosted pages
(test_join.py) holds here, for the client and the program that asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from itertools import count
from typing import Any

import httpx2
import pytest
import pytest_asyncio

from authsvc.rules.proofs.proof import CODE_TRIES
from authsvc.rules.sealed_value_lifetimes import MAILED_CODE_SECONDS
from authsvc_devkit.servers import Servers
from tests.support.factors import person
from tests.support.letters import ask, letter, letters, looks, post
from tests.support.login_steps import fields, submit
from tests.support.service import Service, service

NEW = "a new one, quite long"
_numbers = count(1)


@pytest_asyncio.fixture(scope="module")
async def house(servers: Servers, base_env: dict[str, str]) -> AsyncIterator[Service]:
    settings = {"smtp_url": "dev:", "registration": "open", "mail_network_requests": 100_000}
    async with service(servers, base_env, **settings) as running:
        await running.sql.execute("UPDATE clients SET registration_role = 'customer' WHERE id = 'customer'")
        yield running


@pytest.fixture
def email() -> str:
    """Nobody's address, for each test."""
    return f"new{next(_numbers)}@example.com"


async def begin(http: httpx2.AsyncClient, email: str, **members: Any) -> str:
    answer = await http.post("/api/auth/signup", json={"email": email, **members})
    assert answer.status_code == 200, answer.text
    assert answer.json()["expires_in"] == 900
    found: str = answer.json()["signup_challenge"]
    return found


async def finish(http: httpx2.AsyncClient, challenge: str, code: str, **members: Any) -> httpx2.Response:
    said = {"signup_challenge": challenge, "code": code, "name": "Ann Ash", "new_password": NEW, **members}
    return await http.post("/api/auth/signup/finish", json=said)


def error(answer: httpx2.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]


async def accounts(house: Service, email: str) -> int:
    found: int = await house.sql.fetchval("SELECT count(*) FROM users WHERE email = $1", email)
    return found


async def test_an_account_is_made_by_the_code_and_nobody_is_logged_in(house: Service, email: str) -> None:
    http = house.caller()
    challenge = await begin(http, f" {email.upper()} ")
    assert await accounts(house, email) == 0
    mail = await letter(house.runtime, email)
    done = await finish(http, challenge, mail.code)
    assert (done.status_code, done.content) == (204, b"")
    assert "set-cookie" not in done.headers
    tokens = (await http.post("/api/auth/login", json={"email": email, "password": NEW})).json()
    user = {name: tokens["user"][name] for name in ("email", "email_verified", "name", "roles")}
    assert user == {"email": email, "email_verified": True, "name": "Ann Ash", "roles": ["customer"]}
    event = await house.sql.fetchrow(
        "SELECT e.client_id, e.detail FROM audit_events e JOIN users u ON u.id = e.user_id"
        " WHERE event = 'user_registered' AND email = $1",
        email,
    )
    assert event["client_id"] == "customer"
    assert '"device"' in event["detail"]
    assert (await http.get(mail.link)).status_code == 403, "the link went with the code"
    assert error(await finish(http, challenge, mail.code)) == (401, "invalid_credentials")


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"new_password": "short"}, (400, "password_refused")),
        ({"new_password": "password1"}, (400, "password_refused")),
        ({"new_password": "ann ash "}, (400, "password_refused")),
        ({"name": "Ann \x00"}, (400, "invalid_request")),
        ({"name": "x" * 300}, (400, "invalid_request")),
    ],
)
async def test_what_is_refused_costs_no_try(
    house: Service, email: str, members: dict[str, str], expected: tuple[int, str]
) -> None:
    http = house.caller()
    challenge = await begin(http, email)
    code = (await letter(house.runtime, email)).code
    for _ in range(CODE_TRIES + 1):
        assert error(await finish(http, challenge, code, **members)) == expected
    assert (await finish(http, challenge, code)).status_code == 204


async def test_known_and_unknown_addresses_look_alike(house: Service, email: str) -> None:
    known, gone, nobody = (f"{kind}-{email}" for kind in ("here", "gone", "none"))
    await person(house, known)
    await house.sql.execute("UPDATE users SET disabled_at = now() WHERE id = $1", await person(house, gone))
    seen, sizes = set(), []
    for one in (known, gone, nobody):
        http = house.caller()
        asked = await http.post("/api/auth/signup", json={"email": one})
        challenge = asked.json()["signup_challenge"]
        await post(house.runtime)
        tried = [await finish(http, challenge, "12345678") for _ in range(CODE_TRIES + 1)]
        weak = await finish(http, challenge, "12345678", new_password="short")
        sizes.append(len(challenge))
        seen.add(tuple(looks(answer, "signup_challenge") for answer in (asked, *tried, weak)))
    assert len(seen) == 1
    assert max(sizes) - min(sizes) < 20
    [to_known] = await letters(house.runtime, known)
    assert "code" not in to_known.values


@pytest.mark.parametrize("thief", ["another client", "another program", "late", "altered", "of the page", "of a reset"])
async def test_a_challenge_is_good_for_nobody_else(
    house: Service, email: str, thief: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    http, members = house.caller(headers={"user-agent": "Shop/1"}), {"client_id": "customer"}
    challenge = await begin(http, email, **members)
    code = (await letter(house.runtime, email)).code
    if thief == "another client":
        members = {"client_id": "strict"}
    elif thief == "another program":
        http = house.caller(headers={"user-agent": "Thief/1"})
    elif thief == "late":
        now = house.runtime.clock.seconds() + MAILED_CODE_SECONDS + 1
        monkeypatch.setattr(house.runtime.clock, "seconds", lambda: now)
    elif thief == "altered":
        challenge = challenge[:-2] + ("AA" if challenge[-2:] != "AA" else "BB")
    elif thief == "of the page":
        challenge = fields(await ask(http, "/signup", email))["sealed"]
        code = (await letter(house.runtime, email)).code
    else:
        challenge = (await http.post("/api/auth/reset", json={"email": email, **members})).json()["reset_challenge"]
    assert error(await finish(http, challenge, code, **members)) == (400, "invalid_grant")
    assert await accounts(house, email) == 0


async def test_a_challenge_of_a_frontend_is_no_form_of_a_page_and_no_reset(house: Service, email: str) -> None:
    http = house.caller()
    page = await ask(http, "/signup", email)
    challenge = await begin(house.caller(), email)
    code = (await letter(house.runtime, email)).code
    assert "key=" not in (await submit(http, page, "/proof/code", sealed=challenge, code=code)).text
    reset = {"reset_challenge": challenge, "code": code, "new_password": NEW}
    assert error(await house.caller().post("/api/auth/reset/finish", json=reset)) == (400, "invalid_grant")
    assert (await finish(house.caller(), challenge, code)).status_code == 204, "no try of it was counted"


async def test_a_refusal_that_is_nobodys_fault_costs_no_code(
    house: Service, email: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    http = house.caller()
    challenge = await begin(http, email)
    code = (await letter(house.runtime, email)).code
    with monkeypatch.context() as busy:
        busy.setattr(house.runtime.passwords, "_queue", -1_000)  # as full as can be
        assert error(await finish(http, challenge, code)) == (503, "temporarily_unavailable")
    assert await accounts(house, email) == 0
    assert (await finish(http, challenge, code)).status_code == 204
    assert error(await finish(http, challenge, code)) == (401, "invalid_credentials")


async def test_a_hundred_at_once_with_one_code_are_one_account(house: Service, email: str) -> None:
    http = house.caller()
    challenge = await begin(http, email)
    code = (await letter(house.runtime, email)).code
    answers = await asyncio.gather(*(finish(http, challenge, code) for _ in range(100)))
    statuses = [answer.status_code for answer in answers]
    assert statuses.count(204) == 1
    assert set(statuses) <= {204, 400, 401, 503}
    assert await accounts(house, email) == 1


async def test_who_was_added_meanwhile_has_the_address(house: Service, email: str) -> None:
    http = house.caller()
    challenge = await begin(http, email)
    code = (await letter(house.runtime, email)).code
    before = await house.sql.fetchval("SELECT password_hash FROM users WHERE id = $1", await person(house, email))
    answer = await finish(http, challenge, code)
    assert error(answer) == (400, "invalid_grant")
    assert "log in" in answer.json()["error_description"]
    assert await house.sql.fetchval("SELECT password_hash FROM users WHERE email = $1", email) == before


async def test_letters_are_limited_by_address(house: Service, email: str) -> None:
    limit = house.runtime.settings.mail_address_requests
    answers = [
        await house.caller(f"198.51.100.{number}").post("/api/auth/signup", json={"email": email})
        for number in range(limit + 1)
    ]
    assert [answer.status_code for answer in answers] == [200] * limit + [429]
    assert int(answers[-1].headers["retry-after"]) > 0


async def test_only_clients_of_the_house_may_ask(house: Service, email: str) -> None:
    before = await house.content()
    http = house.caller()
    partner = {"client_id": "partner", "client_secret": "partner-secret"}
    assert error(await http.post("/api/auth/signup", json={"email": email, **partner})) == (400, "unauthorized_client")
    assert error(await finish(http, "x", "12345678", **partner)) == (400, "unauthorized_client")
    assert error(await http.post("/api/auth/signup", json={"email": "nobody"})) == (400, "invalid_request")
    assert await house.content() == before


@pytest.mark.parametrize("settings", [{"smtp_url": "dev:", "registration": "invited"}, {"registration": "open"}])
async def test_where_nobody_registers_there_is_nothing_to_ask(
    servers: Servers, base_env: dict[str, str], settings: dict[str, str]
) -> None:
    async with service(servers, base_env, **settings) as house:
        answer = await house.caller().post("/api/auth/signup", json={"email": "new@example.com"})
        assert error(answer) == (404, "not_found")


async def test_registration_that_was_closed_meanwhile_makes_no_account(house: Service, email: str) -> None:
    http = house.caller()
    challenge = await begin(http, email)
    code = (await letter(house.runtime, email)).code
    object.__setattr__(house.runtime.settings, "registration", "off")
    try:
        assert error(await finish(http, challenge, code)) == (400, "invalid_grant")
    finally:
        object.__setattr__(house.runtime.settings, "registration", "open")
    assert await accounts(house, email) == 0
