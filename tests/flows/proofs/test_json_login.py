"""A first-party frontend logs a person in by a mailed code: /api/auth/login/mail."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import asyncpg
import httpx2
import pytest
from jwt import decode

from authsvc.app import App
from authsvc.rules.levels import PASSWORD_ACR
from authsvc.runtime import Runtime
from tests.conftest import ISSUER
from tests.support.calls import alive
from tests.support.factors import app_of
from tests.support.letters import letter, letters, post
from tests.support.login_steps import EMAIL, fields, submit
from tests.support.mailed_codes import allow
from tests.support.proofs import Holder
from tests.support.replicas import Replicas
from tests.support.service import Service

BARTENDER = "bartender@example.com"
ASK, FINISH = "/api/auth/login/mail", "/api/auth/login/mail/finish"


@pytest.fixture(autouse=True)
async def policy(runtime: Runtime, sql: asyncpg.Connection) -> None:
    await allow(runtime, sql)


async def ask(http: httpx2.AsyncClient, email: str = EMAIL, **members: Any) -> httpx2.Response:
    return await http.post(ASK, json={"email": email, **members})


async def challenge_of(http: httpx2.AsyncClient, email: str = EMAIL, **members: Any) -> str:
    answer = await ask(http, email, **members)
    assert answer.status_code == 200, answer.text
    assert set(answer.json()) == {"mail_challenge", "expires_in"}
    assert answer.json()["expires_in"] == 900
    found: str = answer.json()["mail_challenge"]
    return found


async def finish(http: httpx2.AsyncClient, challenge: str, code: str, **members: Any) -> httpx2.Response:
    return await http.post(FINISH, json={"mail_challenge": challenge, "code": code, **members})


def error(answer: httpx2.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]


def claims_of(answer: httpx2.Response) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = decode(answer.json()["access_token"], options={"verify_signature": False})
    return found


async def test_two_calls_log_a_person_in(http: httpx2.AsyncClient, runtime: Runtime, sql: asyncpg.Connection) -> None:
    challenge = await challenge_of(http, remember_me=True, device_info="Till 3")
    mail = await letter(runtime)
    assert mail.template == "login"
    assert "link" not in mail.values, "the person is at the frontend's page"
    answer = await finish(http, challenge, f" {mail.code} ")
    claims = claims_of(answer)
    assert (claims["acr"], claims["amr"]) == (PASSWORD_ACR, [])
    told = answer.json()
    assert (told["user"]["email"], told["user"]["email_verified"], told["remember_me"]) == (EMAIL, True, True)
    assert "authsvc_device" in http.cookies
    row = await sql.fetchrow("SELECT * FROM user_sessions")
    assert (row["amr"], row["credentials"], row["device_info"]) == ([], ["mail"], "Till 3")
    assert await alive(http, told)
    assert error(await finish(http, challenge, mail.code)) == (401, "invalid_credentials"), "a code is right once"


async def test_who_has_a_second_factor_is_asked_for_it(
    http: httpx2.AsyncClient, runtime: Runtime, sql: asyncpg.Connection
) -> None:
    house = cast(Service, SimpleNamespace(runtime=runtime, sql=sql))
    app = await app_of(house, await sql.fetchval("SELECT id FROM users WHERE email = $1", EMAIL))
    challenge = await challenge_of(http, device_info="Till 3")
    first = await finish(http, challenge, (await letter(runtime)).code)
    assert error(first) == (401, "mfa_required")
    assert "set-cookie" not in first.headers
    assert await sql.fetchval("SELECT count(*) FROM user_sessions") == 0
    sent = {"mfa_challenge": first.json()["mfa_challenge"], "way": "otp", "code": app.code()}
    stolen = await http.post("/api/auth/login/second", json={**sent, "client_id": "strict"})
    assert error(stolen) == (400, "invalid_grant")
    claims = claims_of(await http.post("/api/auth/login/second", json=sent))
    assert (claims["acr"], claims["amr"]) == (PASSWORD_ACR, ["otp"])
    row = await sql.fetchrow("SELECT credentials, device_info FROM user_sessions")
    assert (set(row["credentials"]), row["device_info"]) == ({"mail", f"otp:{app.id}"}, "Till 3")


async def test_a_second_step_is_void_after_another_address(
    http: httpx2.AsyncClient, runtime: Runtime, sql: asyncpg.Connection
) -> None:
    house = cast(Service, SimpleNamespace(runtime=runtime, sql=sql))
    app = await app_of(house, await sql.fetchval("SELECT id FROM users WHERE email = $1", EMAIL))
    first = await finish(http, await challenge_of(http), (await letter(runtime)).code)
    await sql.execute("UPDATE users SET email = 'new@example.com' WHERE email = $1", EMAIL)
    sent = {"mfa_challenge": first.json()["mfa_challenge"], "way": "otp", "code": app.code()}
    assert error(await http.post("/api/auth/login/second", json=sent)) == (400, "invalid_grant")


async def test_without_the_policy_there_is_no_way_in(
    http: httpx2.AsyncClient, runtime: Runtime, sql: asyncpg.Connection
) -> None:
    challenge = await challenge_of(http)
    mail = await letter(runtime)
    for client_id in ("strict", "partner", "terminal"):
        secret = {"client_secret": "partner-secret"} if client_id == "partner" else {}
        assert error(await ask(http, client_id=client_id, **secret)) == (400, "unauthorized_client")
        other = await finish(http, challenge, mail.code, client_id=client_id, **secret)
        assert error(other) == (400, "unauthorized_client")
    await allow(runtime, sql, "partner")
    assert error(await ask(http, client_id="partner", client_secret="partner-secret")) == (400, "unauthorized_client")
    await allow(runtime, sql, on=False)
    assert error(await ask(http)) == (400, "unauthorized_client")
    assert error(await finish(http, challenge, mail.code)) == (400, "unauthorized_client")
    assert await sql.fetchval("SELECT count(*) FROM mailed_proofs") == 1
    assert await sql.fetchval("SELECT count(*) FROM user_sessions") == 0


@pytest.mark.parametrize(
    "thief", ["another client", "another program", "another browser", "late", "altered", "a reset"]
)
async def test_a_challenge_is_good_for_nobody_else_and_costs_no_try(
    http: httpx2.AsyncClient, runtime: Runtime, sql: asyncpg.Connection, thief: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    http.headers["user-agent"] = "Shop/1"
    challenge, members = await challenge_of(http), {}
    code, caller = (await letter(runtime)).code, http
    if thief == "another client":
        await allow(runtime, sql, "strict")
        members = {"client_id": "strict"}
    elif thief == "another program":
        caller = httpx2.AsyncClient(transport=http._transport, base_url=ISSUER, headers={"user-agent": "Thief/1"})
    elif thief == "another browser":
        await http.get("/login")
    elif thief == "late":
        now = runtime.clock.seconds() + 901
        monkeypatch.setattr(runtime.clock, "seconds", lambda: now)
    elif thief == "altered":
        challenge = challenge[:-2] + ("AA" if challenge[-2:] != "AA" else "BB")
    else:
        challenge = (await http.post("/api/auth/reset", json={"email": EMAIL})).json()["reset_challenge"]
        code = (await letter(runtime)).code
    assert error(await finish(caller, challenge, code, **members)) == (400, "invalid_grant")
    assert await sql.fetchval("SELECT max(code_tries) FROM mailed_proofs") == 0
    assert await sql.fetchval("SELECT count(*) FROM user_sessions") == 0


async def test_a_code_of_the_frontend_opens_no_hosted_page_and_the_other_way_round(
    http: httpx2.AsyncClient, runtime: Runtime
) -> None:
    reset = await submit(http, await http.get("/reset"), "/reset", username=EMAIL)
    challenge = await challenge_of(http)
    code = (await letter(runtime)).code
    form = {**fields(reset), "sealed": challenge, "code": code}
    assert (await http.post("/proof/code", data=form)).status_code == 400
    assert "authsvc_session" not in http.cookies
    assert error(await finish(http, fields(reset)["sealed"], code)) == (400, "invalid_grant")
    assert (await finish(http, challenge, code)).status_code == 200


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE users SET email = 'new@example.com' WHERE email = $1",
        "UPDATE users SET disabled_at = now() WHERE email = $1",
        "UPDATE users SET password_hash = 'x' WHERE email = $1",
    ],
)
async def test_a_change_of_the_person_voids_the_code(
    http: httpx2.AsyncClient, runtime: Runtime, sql: asyncpg.Connection, change: str
) -> None:
    challenge = await challenge_of(http)
    mail = await letter(runtime)
    await sql.execute(change, EMAIL)
    assert error(await finish(http, challenge, mail.code)) == (401, "invalid_credentials")
    assert await sql.fetchval("SELECT count(*) FROM user_sessions") == 0


async def test_what_a_client_or_a_role_demands_is_demanded(
    http: httpx2.AsyncClient, runtime: Runtime, sql: asyncpg.Connection
) -> None:
    object.__setattr__(runtime.settings, "mfa_roles", ("customer",))
    challenge = await challenge_of(http)
    answer = await finish(http, challenge, (await letter(runtime)).code)
    assert error(answer) == (403, "unmet_authentication_requirements")
    object.__setattr__(runtime.settings, "mfa_roles", ())
    await sql.execute("UPDATE clients SET required_role = 'bartender' WHERE id = 'customer'")
    while (client := await runtime.clients.get("customer")) and client.login.required_role is None:
        await asyncio.sleep(0.02)
    challenge = await challenge_of(http)
    answer = await finish(http, challenge, (await letter(runtime)).code)
    assert error(answer) == (403, "access_denied")
    assert await sql.fetchval("SELECT count(*) FROM user_sessions") == 0


async def test_a_key_that_was_proved_when_it_was_asked_for_is_proved_again(
    http: httpx2.AsyncClient, runtime: Runtime
) -> None:
    house = cast(Service, SimpleNamespace(runtime=runtime, http=http))
    key, other = Holder(house=house), Holder(house=house)
    challenge = (await key.post(ASK, json={"email": EMAIL})).json()["mail_challenge"]
    body = {"mail_challenge": challenge, "code": (await letter(runtime)).code}
    assert error(await http.post(FINISH, json=body)) == (400, "invalid_grant")
    assert error(await other.post(FINISH, json=body)) == (400, "invalid_grant")
    tokens = await key.post(FINISH, json=body)
    assert tokens.status_code == 200, tokens.text
    assert tokens.json()["token_type"] == "DPoP"


async def test_a_code_is_tried_five_times_from_wherever(
    http: httpx2.AsyncClient, runtime: Runtime, sql: asyncpg.Connection
) -> None:
    challenge = await challenge_of(http)
    right = (await letter(runtime)).code.replace(" ", "")
    callers = [
        httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app=App(runtime), client=(f"198.51.100.{number}", 4711)), base_url=ISSUER
        )
        for number in range(40)
    ]
    answers = await asyncio.gather(
        *(finish(one, challenge, f"{(int(right) + 1 + n) % 10**8:08}") for n, one in enumerate(callers))
    )
    assert {answer.status_code for answer in answers} <= {401, 503}
    assert await sql.fetchval("SELECT code_tries FROM mailed_proofs") == 5
    assert error(await finish(http, challenge, right)) == (401, "invalid_credentials")


async def test_two_hundred_uses_at_two_replicas_are_one_login(
    replicas: Replicas, runtime: Runtime, sql: asyncpg.Connection
) -> None:
    running = replicas.start(2)
    clients = [httpx2.AsyncClient(base_url=replica.url, timeout=60) for replica in running]
    challenge = await challenge_of(clients[0])
    while not (found := [one for one in await letters(runtime) if one.template == "login"]):
        await asyncio.sleep(0.05)
    answers = await asyncio.gather(*(finish(clients[n % 2], challenge, found[0].code) for n in range(200)))
    for client in clients:
        await client.aclose()
    assert [answer.status_code for answer in answers].count(200) == 1, [answer.status_code for answer in answers]
    assert {answer.status_code for answer in answers} <= {200, 401, 503}
    assert await sql.fetchval("SELECT count(*) FROM user_sessions") == 1


async def test_known_unknown_and_disabled_people_look_alike(
    http: httpx2.AsyncClient, runtime: Runtime, sql: asyncpg.Connection
) -> None:
    await sql.execute("UPDATE users SET disabled_at = now() WHERE email = $1", BARTENDER)
    await sql.execute("UPDATE users SET password_hash = NULL WHERE email = 'admin@example.com'")
    seen = []
    for email in (EMAIL, "nobody@example.com", BARTENDER, "admin@example.com"):
        asked = await ask(http, email)
        challenge = asked.json()["mail_challenge"]
        answers = [asked, await finish(http, challenge, "12345678")]
        await post(runtime)
        answers += [await finish(http, challenge, "12345678") for _ in range(7)]
        answers += [await ask(http, email) for _ in range(3)]
        private = {"mail_challenge", "retry-after", "x-request-id", "content-length"}
        seen.append(
            [
                (
                    answer.status_code,
                    {name: value for name, value in answer.json().items() if name not in private},
                    {name: value for name, value in answer.headers.items() if name not in private},
                )
                for answer in answers
            ]
        )
        lengths = {len(answer.json().get("mail_challenge", "")) > 0 for answer in answers}
        assert lengths == {True, False}
    assert seen[0][-1][0] == 429
    assert all(one == seen[0] for one in seen)
    assert {row["recipient"] for row in await sql.fetch("SELECT recipient FROM mails")} == {EMAIL}


@pytest.mark.parametrize("email", ["x", "a@b@c", "a b@example.com", ""])
async def test_what_is_no_address_is_told_at_once(
    http: httpx2.AsyncClient, sql: asyncpg.Connection, email: str
) -> None:
    assert error(await ask(http, email)) == (400, "invalid_request")
    assert await sql.fetchval("SELECT count(*) FROM mailed_proofs") == 0
