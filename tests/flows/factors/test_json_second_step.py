"""The JSON login of a person with a second factor: nothing before the second call, and that one for nobody else."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx2
import pytest
from jwt import decode

from authsvc.rules.levels import MFA_ACR, PASSWORD_ACR
from authsvc.rules.sealed_value_lifetimes import SECOND_STEP_SECONDS
from tests.support.busy import again_when_busy, none_turned_away
from tests.support.factors import PASSWORD, App, app_of, person, recovery_codes_of
from tests.support.service import Service


async def first(http: httpx2.AsyncClient, email: str, **members: Any) -> httpx2.Response:
    return await http.post("/api/auth/login", json={"email": email, "password": PASSWORD, **members})


async def second(
    http: httpx2.AsyncClient, challenge: str, code: str, way: str = "otp", **members: Any
) -> httpx2.Response:
    return await http.post(
        "/api/auth/login/second", json={"mfa_challenge": challenge, "way": way, "code": code, **members}
    )


async def challenge_for(http: httpx2.AsyncClient, email: str, **members: Any) -> str:
    answer = await first(http, email, **members)
    assert answer.status_code == 401, answer.text
    found: str = answer.json()["mfa_challenge"]
    return found


def claims_of(token: str) -> dict[str, Any]:
    found: dict[str, Any] = decode(token, options={"verify_signature": False})
    return found


async def session_of(house: Service, claims: dict[str, Any]) -> Any:
    return await house.sql.fetchrow("SELECT * FROM user_sessions WHERE id = $1::text::uuid", claims["sid"])


async def test_a_person_without_a_second_factor_logs_in_as_before(house: Service) -> None:
    tokens = await house.login()
    claims = claims_of(tokens["access_token"])
    assert (claims["acr"], claims["amr"]) == (PASSWORD_ACR, ["pwd"])
    row = await house.sql.fetchrow(
        "SELECT amr, credentials FROM user_sessions WHERE id = $1::text::uuid", claims["sid"]
    )
    assert (row["amr"], row["credentials"]) == (["pwd"], ["password"])


async def test_the_first_call_gives_no_token_no_session_and_no_cookie(house: Service, email: str, app: App) -> None:
    await recovery_codes_of(house, app.user_id)
    before = await house.content()
    answer = await first(house.caller(), email)
    assert answer.status_code == 401
    said = answer.json()
    assert (said["error"], said["ways"], said["expires_in"]) == ("mfa_required", ["otp", "recovery_code"], 300)
    assert set(said) == {"error", "error_description", "mfa_challenge", "ways", "expires_in"}
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert "set-cookie" not in answer.headers
    assert await house.content() == before


async def test_the_second_call_finishes_the_login_and_the_tokens_say_how(house: Service, email: str, app: App) -> None:
    http = house.caller()
    challenge = await challenge_for(http, email, remember_me=True, device_info="Till 3")
    answer = await second(http, challenge, app.code())
    assert answer.status_code == 200, answer.text
    tokens = answer.json()
    claims = claims_of(tokens["access_token"])
    assert (claims["acr"], claims["amr"]) == (MFA_ACR, ["pwd", "otp", "mfa"])
    assert tokens["remember_me"] is True
    row = await session_of(house, claims)
    assert row["device_info"] == "Till 3"
    assert set(row["credentials"]) == {"password", f"otp:{app.id}"}
    refreshed = await house.refresh(tokens["refresh_token"])
    assert claims_of(refreshed.json()["access_token"])["acr"] == MFA_ACR
    assert "set-cookie" in answer.headers


async def test_a_recovery_code_is_a_second_factor_once(house: Service, email: str, app: App) -> None:
    codes = await recovery_codes_of(house, app.user_id)
    http = house.caller()
    answer = await second(http, await challenge_for(http, email), codes[0].upper(), "recovery_code")
    assert answer.status_code == 200, answer.text
    claims = claims_of(answer.json()["access_token"])
    assert (claims["acr"], claims["amr"]) == (MFA_ACR, ["pwd", "mfa"])
    again = await second(http, await challenge_for(http, email), codes[0], "recovery_code")
    assert (again.status_code, again.json()["error"]) == (401, "invalid_credentials")
    events = await house.sql.fetch("SELECT event, detail FROM audit_events WHERE user_id = $1", app.user_id)
    assert [event["event"] for event in events] == ["recovery_code_used"]


async def test_recovery_codes_alone_are_no_second_factor(house: Service, email: str) -> None:
    await recovery_codes_of(house, await person(house, email))
    assert (await first(house.caller(), email)).status_code == 200


async def test_a_used_code_and_a_wrong_one_look_the_same(house: Service, email: str, app: App) -> None:
    http, code = house.caller(), app.code()
    assert (await second(http, await challenge_for(http, email), code)).status_code == 200
    used = await second(http, await challenge_for(http, email), code)
    wrong = await second(http, await challenge_for(http, email), "x")
    older = await second(http, await challenge_for(http, email), app.code(-1))
    assert (used.status_code, used.json()) == (wrong.status_code, wrong.json()) == (older.status_code, older.json())
    assert used.status_code == 401


@again_when_busy
async def test_tries_are_limited_also_with_the_right_code(house: Service, email: str, app: App) -> None:
    http = house.caller("198.51.100.9")
    challenge = await challenge_for(http, email)
    answers = await asyncio.gather(*(second(http, challenge, "000000") for _ in range(40)))
    none_turned_away(answers)
    limit = house.runtime.settings.second_step_failures
    assert sorted(answer.status_code for answer in answers) == [401] * limit + [429] * (40 - limit)
    right = await second(http, challenge, app.code())
    assert right.status_code == 429
    assert int(right.headers["retry-after"]) > 0


async def test_two_hundred_at_once_with_one_code_are_one_login(house: Service, email: str, app: App) -> None:
    http, code = house.caller("198.51.100.77"), app.code()
    challenges = await asyncio.gather(*(challenge_for(http, email) for _ in range(4)))
    answers = await asyncio.gather(*(second(http, challenges[n % 4], code) for n in range(200)))
    assert [answer.status_code for answer in answers].count(200) == 1
    assert {answer.status_code for answer in answers} <= {200, 400, 401, 429, 503}


# A challenge in the wrong hands


@pytest.mark.parametrize(
    "thief", ["another client", "another program", "another person's", "late", "altered", "a new password", "disabled"]
)
async def test_a_challenge_is_good_for_nobody_else(
    house: Service, email: str, app: App, thief: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    http, members = house.caller(headers={"user-agent": "Shop/1"}), {"client_id": "customer"}
    challenge, code = await challenge_for(http, email, **members), ""
    if thief == "another client":
        members = {"client_id": "strict"}
    elif thief == "another program":
        http = house.caller(headers={"user-agent": "Thief/1"})
    elif thief == "another person's":
        other = f"other-{email}"
        app = await app_of(house, await person(house, other))
    elif thief == "late":
        code = app.code()
        now = house.runtime.clock.seconds() + SECOND_STEP_SECONDS + 1
        monkeypatch.setattr(house.runtime.clock, "seconds", lambda: now)
    elif thief == "altered":
        challenge = challenge[:-2] + ("AA" if challenge[-2:] != "AA" else "BB")
    elif thief == "a new password":
        hashed = await house.runtime.passwords.hash("another password of mine")
        await house.sql.execute("UPDATE users SET password_hash = $2 WHERE id = $1", app.user_id, hashed)
    else:
        await house.sql.execute("UPDATE users SET disabled_at = now() WHERE id = $1", app.user_id)
    answer = await second(http, challenge, code or app.code(), **members)
    assert answer.status_code in (400, 401), answer.text
    assert answer.json()["error"] == ("invalid_credentials" if thief == "another person's" else "invalid_grant")
    assert "access_token" not in answer.text


async def test_a_challenge_finishes_one_login(house: Service, email: str, app: App) -> None:
    codes = await recovery_codes_of(house, app.user_id)
    http = house.caller()
    challenge = await challenge_for(http, email)
    assert (await second(http, challenge, app.code())).status_code == 200
    again = await second(http, challenge, codes[0], "recovery_code")
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")


async def test_a_factor_that_was_removed_meanwhile_opens_nothing(house: Service, email: str, app: App) -> None:
    http = house.caller()
    challenge = await challenge_for(http, email)
    await house.sql.execute("DELETE FROM one_time_codes WHERE user_id = $1", app.user_id)
    assert (await second(http, challenge, app.code())).json()["error"] == "invalid_credentials"
