"""A mailed code is no way around a second factor, and no factor itself."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import asyncpg
import httpx2
import pytest
from jwt import decode

from authsvc.rules.levels import MFA_ACR, PASSWORD_ACR, PHR_ACR
from authsvc.runtime import Runtime
from tests.support.authenticator import Authenticator
from tests.support.factors import App, app_of, recovery_codes_of
from tests.support.letters import another
from tests.support.login_steps import EMAIL, Pkce, authorize_url, enter, fields, is_page, redeem, redirected
from tests.support.mailed_codes import allow, log_in_by_mail, offered
from tests.support.passkeys import begun_on, challenged, enrolled, logged_in, show
from tests.support.service import Service


@pytest.fixture
async def app(runtime: Runtime, sql: asyncpg.Connection) -> App:
    """The app of the person with the mails."""
    await allow(runtime, sql)
    house = cast(Service, SimpleNamespace(runtime=runtime, sql=sql))
    return await app_of(house, await sql.fetchval("SELECT id FROM users WHERE email = $1", EMAIL))


async def second(http: httpx2.AsyncClient, page: httpx2.Response, code: str, way: str = "otp") -> httpx2.Response:
    return await http.post("/login/second", data={**fields(page), "way": way, "code": code})


async def claims_after(http: httpx2.AsyncClient, answer: httpx2.Response, pkce: Pkce) -> dict[str, Any]:
    tokens = (await redeem(http, redirected(answer)["code"], pkce)).json()
    claims: dict[str, Any] = decode(tokens["access_token"], options={"verify_signature": False})
    return claims


async def test_who_has_a_second_factor_is_asked_for_it_and_the_two_are_no_mfa(
    http: httpx2.AsyncClient, runtime: Runtime, sql: asyncpg.Connection, app: App
) -> None:
    pkce = Pkce()
    page = await log_in_by_mail(http, runtime, pkce)
    assert is_page(page, "/login/second")
    assert "authsvc_session" not in http.cookies
    assert await sql.fetchval("SELECT count(*) FROM user_sessions") == 0
    assert await sql.fetchval("SELECT email_verified FROM users WHERE email = $1", EMAIL), "they read its mail"
    claims = await claims_after(http, await second(http, page, app.code()), pkce)
    assert (claims["acr"], claims["amr"]) == (PASSWORD_ACR, ["otp"])
    row = await sql.fetchrow("SELECT amr, credentials FROM user_sessions")
    assert (row["amr"], set(row["credentials"])) == (["otp"], {"mail", f"otp:{app.id}"})


async def test_no_step_up_makes_mfa_of_it(http: httpx2.AsyncClient, runtime: Runtime, app: App) -> None:
    """Asked for more, who came by mail logs in anew; after that both factors count."""
    await second(http, await log_in_by_mail(http, runtime, Pkce()), app.code())
    pkce = Pkce()
    page = await http.get(authorize_url(pkce, acr_values=MFA_ACR))
    assert is_page(page, "/login")
    assert offered(page) is None
    silent = await http.get(authorize_url(Pkce(), acr_values=MFA_ACR, prompt="none"))
    assert redirected(silent)["error"] == "login_required"
    answer = await second(http, await enter(http, page), app.code(1))
    claims = await claims_after(http, answer, pkce)
    assert (claims["acr"], claims["amr"]) == (MFA_ACR, ["pwd", "otp", "mfa"])


async def test_a_recovery_code_after_it_has_no_name(http: httpx2.AsyncClient, runtime: Runtime, app: App) -> None:
    codes, pkce = await recovery_codes_of(app.service, app.user_id), Pkce()
    page = await log_in_by_mail(http, runtime, pkce)
    claims = await claims_after(http, await second(http, page, codes[0], "recovery_code"), pkce)
    assert (claims["acr"], claims["amr"]) == (PASSWORD_ACR, [])


async def test_a_passkey_after_it_counts_as_if_it_had_come_alone(
    http: httpx2.AsyncClient, runtime: Runtime, sql: asyncpg.Connection
) -> None:
    await allow(runtime, sql)
    async with another(http) as owner:
        key = await enrolled(await logged_in(owner), Authenticator(synced=True))
    house = cast(Service, SimpleNamespace(runtime=runtime, sql=sql))
    await app_of(house, await sql.fetchval("SELECT id FROM users WHERE email = $1", EMAIL))
    pkce = Pkce()
    page = await log_in_by_mail(http, runtime, pkce)
    begun = begun_on(page)
    form = {name: begun[name] for name in ("csrf", "request", "challenge")}
    shown = {**form, "way": "passkey", "credential": key.get(begun["options"])}
    claims = await claims_after(http, await http.post("/login/second", data=shown), pkce)
    assert claims["acr"] == PHR_ACR
    assert set(claims["amr"]) == {"swk", "user", "mfa"}


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE users SET email = 'new@example.com' WHERE id = $1",
        "UPDATE users SET password_hash = 'x' WHERE id = $1",
        "UPDATE users SET password_hash = NULL WHERE id = $1",
        "UPDATE users SET disabled_at = now() WHERE id = $1",
        "UPDATE clients SET mail_code_login = false WHERE id = 'customer' AND $1::uuid IS NOT NULL",
    ],
)
async def test_a_second_step_is_void_after_a_change_of_what_came_first(
    http: httpx2.AsyncClient, runtime: Runtime, sql: asyncpg.Connection, app: App, change: str
) -> None:
    page = await log_in_by_mail(http, runtime, Pkce())
    await sql.execute(change, app.user_id)
    if "clients" in change:
        await allow(runtime, sql, on=False)
    answer = await second(http, page, app.code())
    assert answer.status_code in (400, 403), answer.status_code
    assert "authsvc_session" not in http.cookies
    assert await sql.fetchval("SELECT count(*) FROM user_sessions") == 0


async def test_a_second_step_that_a_mail_began_is_for_its_browser_and_once(
    http: httpx2.AsyncClient, runtime: Runtime, app: App
) -> None:
    page = await log_in_by_mail(http, runtime, Pkce())
    async with another(http) as thief:
        token = fields(await thief.get("/reset"))["csrf"]
        stolen = await thief.post(
            "/login/second", data={**fields(page), "csrf": token, "way": "otp", "code": app.code()}
        )
        assert stolen.status_code == 400
        assert "authsvc_session" not in thief.cookies
    assert "code" in redirected(await second(http, page, app.code()))
    assert (await second(http, page, app.code(1))).status_code == 400


async def test_removing_the_app_ends_what_it_opened_after_a_mail_and_lowers_no_session_to_a_password(
    http: httpx2.AsyncClient, runtime: Runtime, sql: asyncpg.Connection, app: App
) -> None:
    """Lineage: a session that mail and app opened knows both, and without the app it says nothing that was not so."""
    await second(http, await log_in_by_mail(http, runtime, Pkce()), app.code())
    async with another(http) as owner:
        login = await enter(owner, await owner.get("/login?next=/account"))
        await second(owner, login, app.code(1))
        removed = await owner.post(
            "/account/factors/otp/remove", data={"csrf": fields(await owner.get("/account/factors"))["csrf"]}
        )
        assert removed.status_code == 303, removed.text
    assert (await http.get("/account")).status_code == 303
    assert (
        await sql.fetchval("SELECT end_reason FROM user_sessions WHERE 'mail' = ANY (credentials)") == "factor_removed"
    )


async def test_a_session_that_a_mail_opened_is_of_a_mail_again_without_its_passkey(
    http: httpx2.AsyncClient, runtime: Runtime, sql: asyncpg.Connection
) -> None:
    """It was authenticated anew by the passkey, which it removes; nobody ever gave a password in it."""
    await allow(runtime, sql)
    async with another(http) as owner:
        key = await enrolled(await logged_in(owner))
    await log_in_by_mail(http, runtime, Pkce())
    begun = {**await challenged(http), **fields(await http.get(authorize_url(Pkce(), prompt="login")))}
    assert "code" in redirected(await show(http, begun, key.get(begun["options"])))
    passkey = await sql.fetchval("SELECT id FROM passkeys")
    token = fields(await http.get("/account"))["csrf"]
    gone = await http.post("/account/passkeys/remove", data={"csrf": token, "passkey": str(passkey)})
    assert gone.status_code == 303, gone.text
    row = await sql.fetchrow("SELECT amr, credentials, is_active FROM user_sessions WHERE 'mail' = ANY (credentials)")
    assert (row["amr"], row["credentials"], row["is_active"]) == ([], ["mail"], True)
