"""A password is replaced through a first-party frontend, by the code of a letter: what holds of the hosted pages
(test_reset.py) holds here, for the client and the program that asked."""

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
from authsvc.store.errors import StoreUnavailable
from authsvc.store.proofs import proofs
from authsvc_devkit.servers import Servers
from tests.support.factors import PASSWORD, app_of, person, recovery_codes_of
from tests.support.letters import ask, letter, letters, looks, post
from tests.support.login_steps import fields, submit
from tests.support.service import Service, bearer, service

NEW = "a new one, quite long"
_numbers = count(1)


@pytest_asyncio.fixture(scope="module")
async def house(servers: Servers, base_env: dict[str, str]) -> AsyncIterator[Service]:
    async with service(servers, base_env, smtp_url="dev:", mail_network_requests=100_000) as running:
        yield running


@pytest_asyncio.fixture
async def email(house: Service) -> str:
    """Somebody for each test."""
    found = f"forgetful{next(_numbers)}@example.com"
    await person(house, found)
    return found


async def begin(http: httpx2.AsyncClient, email: str, **members: Any) -> str:
    answer = await http.post("/api/auth/reset", json={"email": email, **members})
    assert answer.status_code == 200, answer.text
    assert answer.json()["expires_in"] == 900
    found: str = answer.json()["reset_challenge"]
    return found


async def finish(http: httpx2.AsyncClient, challenge: str, code: str | None, new: str = NEW, **members: Any) -> Any:
    said = {"reset_challenge": challenge, "new_password": new, **members}
    return await http.post("/api/auth/reset/finish", json=said if code is None else {**said, "code": code})


async def second(http: httpx2.AsyncClient, challenge: str, code: str, **members: Any) -> httpx2.Response:
    said = {"mfa_challenge": challenge, "way": "otp", "code": code, "new_password": NEW, **members}
    return await http.post("/api/auth/reset/second", json=said)


async def login(http: httpx2.AsyncClient, email: str, password: str) -> httpx2.Response:
    return await http.post("/api/auth/login", json={"email": email, "password": password})


def error(answer: httpx2.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]


# The way of an honest person


async def test_a_password_is_chosen_by_the_code_and_everything_ends(house: Service, email: str) -> None:
    http = house.caller()
    tokens = (await login(http, email, PASSWORD)).json()
    challenge = await begin(http, email)
    mail = await letter(house.runtime, email)
    assert mail.template == "reset"
    done = await finish(http, challenge, mail.code)
    assert (done.status_code, done.content) == (204, b"")
    assert "set-cookie" not in done.headers, "nobody is logged in by it"
    assert not await house.active(tokens["access_token"])
    assert await house.me(tokens["access_token"]) == 401
    assert (await login(http, email, PASSWORD)).status_code == 401
    assert (await login(http, email, NEW)).status_code == 200
    assert await house.sql.fetchval("SELECT email_verified FROM users WHERE email = $1", email)
    assert (await http.get(mail.link)).status_code == 403, "the link went with the code"
    assert "notice_password_changed" in [one.template for one in await letters(house.runtime, email)]


async def test_the_letter_is_in_the_language_that_the_page_asks_for(house: Service, email: str) -> None:
    await begin(house.caller(headers={"accept-language": "de"}), email)
    assert (await letter(house.runtime, email)).language == "de"


@pytest.mark.parametrize(
    ("new", "reason"), [("short", "at least 8"), ("password1", "attackers"), ("ü" * 600, "1024 bytes")]
)
async def test_a_bad_choice_costs_no_try(house: Service, email: str, new: str, reason: str) -> None:
    http = house.caller()
    challenge = await begin(http, email)
    code = (await letter(house.runtime, email)).code
    for _ in range(CODE_TRIES + 1):
        wrong = await finish(http, challenge, code, new)
        assert error(wrong) == (400, "password_refused")
        assert reason in wrong.json()["error_description"]
        assert set(wrong.json()) == {"error", "error_description"}
    assert (await finish(http, challenge, code)).status_code == 204


async def test_ones_own_name_is_refused_once_the_code_is_right_and_the_code_is_not_asked_for_again(
    house: Service, email: str
) -> None:
    """Before, it would tell whose the address is."""
    http = house.caller()
    await house.sql.execute("UPDATE users SET name = 'Wilhelmina Murray' WHERE email = $1", email)
    challenge = await begin(http, email)
    code = (await letter(house.runtime, email)).code
    assert error(await finish(http, challenge, "00000000", "wilhelmina")) == (401, "invalid_credentials")
    refused = await finish(http, challenge, code, "wilhelmina")
    assert error(refused) == (400, "password_refused")
    again = refused.json()["reset_challenge"]
    assert error(await finish(house.caller(headers={"user-agent": "Thief/1"}), again, None)) == (400, "invalid_grant")
    assert error(await finish(http, again, None, client_id="strict")) == (400, "invalid_grant")
    assert (await finish(http, again, None)).status_code == 204
    assert error(await finish(http, again, None)) == (400, "invalid_grant")


# A second factor


async def test_whoever_has_a_second_factor_is_asked_for_it_before_anything_changes(house: Service, email: str) -> None:
    user_id = await house.sql.fetchval("SELECT id FROM users WHERE email = $1", email)
    app = await app_of(house, user_id)
    await recovery_codes_of(house, user_id)
    http = house.caller()
    challenge = await begin(http, email)
    code = (await letter(house.runtime, email)).code
    before = await house.content()
    asked = await finish(http, challenge, code)
    said = asked.json()
    assert (asked.status_code, said["error"], said["ways"]) == (401, "mfa_required", ["otp", "recovery_code"])
    assert set(said) == {"error", "error_description", "mfa_challenge", "ways", "expires_in"}
    after = await house.content()
    changed = {table for table in before if before[table] != after[table]}
    assert changed <= {"mailed_proofs"}, "the code is right once, and all else is as it was"
    step = said["mfa_challenge"]
    assert error(await second(http, step, "000000")) == (401, "invalid_credentials")
    assert error(await second(http, step, app.code(), new_password="short")) == (400, "password_refused")
    assert (await second(http, step, app.code())).status_code == 204
    assert (await login(http, email, NEW)).json()["error"] == "mfa_required", "no factor is removed"
    assert error(await second(http, step, app.code(1))) == (400, "invalid_grant")


async def test_its_challenge_and_that_of_a_login_do_not_do_for_each_other(house: Service, email: str) -> None:
    app = await app_of(house, await house.sql.fetchval("SELECT id FROM users WHERE email = $1", email))
    http = house.caller()
    of_login = (await login(http, email, PASSWORD)).json()["mfa_challenge"]
    challenge = await begin(http, email)
    of_reset = (await finish(http, challenge, (await letter(house.runtime, email)).code)).json()["mfa_challenge"]
    step = {"mfa_challenge": of_reset, "way": "otp", "code": app.code()}
    assert error(await http.post("/api/auth/login/second", json=step)) == (400, "invalid_grant")
    assert error(await second(http, of_login, app.code())) == (400, "invalid_grant")
    assert error(await finish(http, of_reset, None)) == (400, "invalid_grant"), "it is no way around the factor"
    for thief in ({"client_id": "strict"}, {"headers": {"user-agent": "Thief/1"}}):
        caller = house.caller(headers=thief.get("headers"))  # type: ignore[arg-type]
        client = {"client_id": thief["client_id"]} if "client_id" in thief else {}
        assert error(await second(caller, of_reset, app.code(), **client)) == (400, "invalid_grant")
    assert (await second(http, of_reset, app.code())).status_code == 204


async def test_a_password_that_was_changed_meanwhile_voids_what_waits(house: Service, email: str) -> None:
    app = await app_of(house, await house.sql.fetchval("SELECT id FROM users WHERE email = $1", email))
    http = house.caller()
    challenge = await begin(http, email)
    step = (await finish(http, challenge, (await letter(house.runtime, email)).code)).json()["mfa_challenge"]
    hashed = await house.runtime.passwords.hash("another password of mine")
    await house.sql.execute("UPDATE users SET password_hash = $2 WHERE email = $1", email, hashed)
    assert error(await second(http, step, app.code())) == (400, "invalid_grant")


# In the wrong hands


@pytest.mark.parametrize("thief", ["another client", "another program", "late", "altered", "of the hosted page"])
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
    else:
        challenge = fields(await ask(http, "/reset", email))["sealed"]
        code = (await letter(house.runtime, email)).code
    answer = await finish(http, challenge, code, **members)
    assert error(answer) == (400, "invalid_grant")
    assert (await login(http, email, PASSWORD)).status_code == 200


async def test_a_challenge_of_a_frontend_is_no_form_of_a_page(house: Service, email: str) -> None:
    http = house.caller()
    page = await ask(http, "/reset", email)
    challenge = await begin(house.caller(), email)
    code = (await letter(house.runtime, email)).code
    assert "key=" not in (await submit(http, page, "/proof/code", sealed=challenge, code=code)).text
    assert (await finish(house.caller(), challenge, code)).status_code == 204, "no try of it was counted"


async def test_a_code_is_tried_five_times(house: Service, email: str) -> None:
    http = house.caller()
    challenge = await begin(http, email)
    code = (await letter(house.runtime, email)).code
    for number in range(CODE_TRIES):
        answer = await finish(house.caller(f"198.51.100.{number}"), challenge, f"{number:08}")
        assert error(answer) == (401, "invalid_credentials")
    assert error(await finish(http, challenge, code)) == (401, "invalid_credentials")


async def test_a_refusal_that_is_nobodys_fault_costs_no_code(
    house: Service, email: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    http = house.caller()
    challenge = await begin(http, email)
    code = (await letter(house.runtime, email)).code
    with monkeypatch.context() as busy:
        busy.setattr(house.runtime.passwords, "_queue", -1_000)  # as full as can be
        for _ in range(CODE_TRIES + 1):
            assert error(await finish(http, challenge, code)) == (503, "temporarily_unavailable")
    assert error(await finish(http, challenge, "00000000")) == (401, "invalid_credentials")
    assert (await finish(http, challenge, code)).status_code == 204
    assert error(await finish(http, challenge, code)) == (401, "invalid_credentials")
    assert (await login(http, email, NEW)).status_code == 200


async def test_a_hundred_at_once_with_one_code_are_one_change(house: Service, email: str) -> None:
    http = house.caller()
    challenge = await begin(http, email)
    code = (await letter(house.runtime, email)).code
    answers = await asyncio.gather(*(finish(http, challenge, code) for _ in range(100)))
    statuses = [answer.status_code for answer in answers]
    assert statuses.count(204) == 1
    assert set(statuses) <= {204, 400, 401, 503}
    sql = """SELECT count(*) FROM audit_events e JOIN users u ON u.id = e.user_id
             WHERE event = 'password_reset' AND email = $1"""
    assert await house.sql.fetchval(sql, email) == 1


async def test_known_unknown_and_disabled_people_look_alike(house: Service, email: str) -> None:
    known, gone, nobody = (f"{kind}-{email}" for kind in ("here", "gone", "none"))
    await person(house, known)
    await house.sql.execute("UPDATE users SET disabled_at = now() WHERE id = $1", await person(house, gone))
    seen, sizes = set(), []
    for one in (known, gone, nobody):
        http = house.caller()
        asked = await http.post("/api/auth/reset", json={"email": one})
        challenge = asked.json().pop("reset_challenge")
        await post(house.runtime)
        wrong = await finish(http, challenge, "12345678")
        weak = await finish(http, challenge, "12345678", "short")
        sizes.append(len(challenge))
        seen.add(tuple(looks(answer, "reset_challenge") for answer in (asked, wrong, weak)))
    assert len(seen) == 1
    assert max(sizes) - min(sizes) < 20


async def test_letters_are_limited_by_address(house: Service, email: str) -> None:
    limit = house.runtime.settings.mail_address_requests
    answers = [
        await house.caller(f"198.51.100.{number}").post("/api/auth/reset", json={"email": email})
        for number in range(limit + 1)
    ]
    assert [answer.status_code for answer in answers] == [200] * limit + [429]
    assert int(answers[-1].headers["retry-after"]) > 0


async def test_a_letter_that_could_not_be_asked_for_is_none_of_them(
    house: Service, email: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store was away: whoever comes again is let."""

    async def away(*_: object, **__: object) -> None:
        raise StoreUnavailable("postgresql", "timeout")

    http, limit = house.caller(), house.runtime.settings.mail_address_requests
    with monkeypatch.context() as outage:
        outage.setattr(proofs, "ask", away)
        for _ in range(limit + 1):
            answer = await http.post("/api/auth/reset", json={"email": email})
            assert error(answer) == (503, "temporarily_unavailable")
    answers = [await http.post("/api/auth/reset", json={"email": email}) for _ in range(limit + 1)]
    assert [answer.status_code for answer in answers] == [200] * limit + [429]


async def test_what_is_no_address_is_told_at_once(house: Service) -> None:
    answer = await house.caller().post("/api/auth/reset", json={"email": "nobody"})
    assert error(answer) == (400, "invalid_request")


async def test_only_clients_of_the_house_may_ask(house: Service, email: str) -> None:
    before = await house.content()
    http = house.caller()
    partner = {"client_id": "partner", "client_secret": "partner-secret"}
    assert error(await http.post("/api/auth/reset", json={"email": email, **partner})) == (400, "unauthorized_client")
    assert error(await finish(http, "x", "12345678", **partner)) == (400, "unauthorized_client")
    assert error(await second(http, "x", "123456", **partner)) == (400, "unauthorized_client")
    wrong = {"client_id": "nobody"}
    assert error(await http.post("/api/auth/reset", json={"email": email, **wrong})) == (401, "invalid_client")
    assert await house.content() == before


async def test_without_a_mail_server_there_is_nothing_to_ask(servers: Servers, base_env: dict[str, str]) -> None:
    async with service(servers, base_env) as house:
        answer = await house.caller().post("/api/auth/reset", json={"email": "test@example.com"})
        assert error(answer) == (404, "not_found")


async def test_the_old_tokens_are_refused_by_every_endpoint_afterwards(house: Service, email: str) -> None:
    http = house.caller()
    tokens = (await login(http, email, PASSWORD)).json()
    challenge = await begin(http, email)
    assert (await finish(http, challenge, (await letter(house.runtime, email)).code)).status_code == 204
    refreshed = await house.refresh(tokens["refresh_token"])
    assert error(refreshed) == (400, "invalid_grant")
    sessions = await http.get("/api/auth/sessions", headers=bearer(tokens["access_token"]))
    assert sessions.status_code == 401
