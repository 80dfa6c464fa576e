"""A session knows the passkey that opened it, and ends with it at every verifier (SECURITY.md item 80)."""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import Any

import asyncpg
import httpx2
from jwt import decode

from authsvc.rules.levels import PASSWORD_ACR, PHRH_ACR
from tests.support.authenticator import Authenticator
from tests.support.busy import again_when_busy, prompt
from tests.support.factors import PASSWORD, app_of, person, recovery_codes_of
from tests.support.login_steps import Pkce, authorize_url, enter, fields, redeem, redirected
from tests.support.passkeys import challenged, enrolled, log_in_by, logged_in, show
from tests.support.replicas import Replicas
from tests.support.service import Service


async def fresh(house: Service) -> httpx2.AsyncClient:
    await house.sql.execute("DELETE FROM passkeys")
    return await logged_in(house.caller())


async def tokens_by(http: httpx2.AsyncClient, key: Authenticator) -> dict[str, Any]:
    """A whole login at a client by a passkey."""
    pkce = Pkce()
    begun = {**await challenged(http), **fields(await http.get(authorize_url(pkce, prompt="login")))}
    answer = await show(http, begun, key.get(begun["options"]))
    tokens: dict[str, Any] = (await redeem(http, redirected(answer)["code"], pkce)).json()
    return tokens


async def remove(http: httpx2.AsyncClient, passkey: Any) -> httpx2.Response:
    page = await http.get("/account")
    if page.status_code == 503:
        return page
    return await http.post("/account/passkeys/remove", data={"csrf": fields(page)["csrf"], "passkey": str(passkey)})


async def test_what_it_opened_ends_and_what_the_password_opened_goes_on(house: Service) -> None:
    owner = await fresh(house)
    key, other = await enrolled(owner), await enrolled(owner)
    passkey = await house.sql.fetchval("SELECT id FROM passkeys WHERE credential_id = $1", key.credential_id)
    by_key, by_other = await tokens_by(house.caller(), key), await tokens_by(house.caller(), other)
    by_password = await house.login()
    assert (await remove(owner, passkey)).status_code == 303
    assert not await house.active(by_key["access_token"])
    assert await house.active(by_other["access_token"])
    assert await house.active(by_password["access_token"])
    assert (await house.refresh(by_key["refresh_token"])).status_code == 400
    assert (await owner.get("/account")).status_code == 200
    reasons = await house.sql.fetch("SELECT reason FROM revocations WHERE kind = 'session'")
    assert "factor_removed" in {row["reason"] for row in reasons}


async def test_a_session_that_nothing_else_opened_ends_with_it(house: Service) -> None:
    owner = await fresh(house)
    key = await enrolled(owner)
    passkey = await house.sql.fetchval("SELECT id FROM passkeys")
    http = house.caller()
    await log_in_by(http, key)
    answer = await remove(http, passkey)
    assert answer.status_code in (200, 303)
    assert (await http.get("/account")).headers["location"].startswith("/login")


async def test_a_session_that_the_password_opened_too_is_lowered(house: Service) -> None:
    http = await fresh(house)
    key = await enrolled(http)
    passkey = await house.sql.fetchval("SELECT id FROM passkeys")
    tokens = await tokens_by(http, key)
    assert decode(tokens["access_token"], options={"verify_signature": False})["acr"] == PHRH_ACR
    assert (await remove(http, passkey)).headers["location"].startswith("/account?notice=")
    assert not await house.active(tokens["access_token"])
    pkce = Pkce()
    code = redirected(await http.get(authorize_url(pkce)))["code"]
    anew = (await redeem(http, code, pkce)).json()
    claims = decode(anew["access_token"], options={"verify_signature": False})
    assert (claims["acr"], claims["amr"]) == (PASSWORD_ACR, ["pwd"])


async def test_a_login_under_way_begins_no_session_behind_the_removal(house: Service) -> None:
    """Twenty logins race one removal: whichever comes first, no session of the passkey is left."""
    owner = await fresh(house)
    key = await enrolled(owner)
    passkey = await house.sql.fetchval("SELECT id FROM passkeys")
    browsers = [house.caller() for _ in range(20)]
    begun = [await challenged(http) for http in browsers]
    sent = [show(http, one, key.get(one["options"])) for http, one in zip(browsers, begun, strict=True)]
    answers = await asyncio.gather(*sent[:10], remove(owner, passkey), *sent[10:])
    if answers[10].status_code == 503:  # its turn did not come: the logins of before it end with it all the same
        answers[10] = await remove(owner, passkey)
    assert answers[10].status_code == 303
    left = "SELECT count(*) FROM user_sessions WHERE is_active AND $1 = ANY (credentials)"
    assert await house.sql.fetchval(left, f"passkey:{passkey}") == 0


async def test_recovery_codes_and_what_they_opened_go_with_the_last_factor(house: Service, email: str) -> None:
    """An app was removed first, and the passkey let the codes stay: the next app would have found them good."""
    user_id = await person(house, email)
    owner = await logged_in(house.caller(), email)
    await enrolled(owner)
    app, codes = await app_of(house, user_id), await recovery_codes_of(house, user_id)
    caller = house.caller()
    first = await caller.post("/api/auth/login", json={"email": email, "password": PASSWORD})
    second = {"mfa_challenge": first.json()["mfa_challenge"], "way": "recovery_code", "code": codes[0]}
    opened = (await caller.post("/api/auth/login/second", json=second)).json()
    by_app = house.caller()
    page = await enter(by_app, await by_app.get("/login"), email)
    await by_app.post("/login/second", data={**fields(page), "way": "otp", "code": app.code()})
    page = await by_app.get("/account/factors")
    await by_app.post("/account/factors/otp/remove", data={"csrf": fields(page)["csrf"]})
    left = "SELECT count(*) FROM recovery_codes WHERE user_id = $1"
    assert await house.sql.fetchval(left, user_id) == 9, "the passkey is there"
    assert await house.active(opened["access_token"])
    passkey = await house.sql.fetchval("SELECT id FROM passkeys WHERE user_id = $1", user_id)
    assert (await remove(by_app, passkey)).status_code == 303
    assert await house.sql.fetchval(left, user_id) == 0
    assert not await house.active(opened["access_token"])


@again_when_busy
async def test_every_verifier_knows_within_a_second(replicas: Replicas, sql: asyncpg.Connection) -> None:
    one, two = replicas.start(2, own_issuer=False)
    async with (
        httpx2.AsyncClient(base_url=one.url, timeout=30) as owner,
        httpx2.AsyncClient(base_url=two.url, timeout=30) as thief,
    ):
        await logged_in(owner)
        key = await enrolled(owner)
        tokens = await tokens_by(thief, key)
        passkey = await sql.fetchval("SELECT id FROM passkeys")
        assert await introspected(thief, tokens)
        assert (await remove(owner, passkey)).status_code == 303
        removed = monotonic()
        while await introspected(thief, tokens):
            prompt(monotonic() - removed < 1)
            await asyncio.sleep(0.02)
        assert (await thief.get("/account")).status_code == 303


async def introspected(http: httpx2.AsyncClient, tokens: dict[str, Any]) -> bool:
    form = {"token": tokens["access_token"]}
    return bool((await http.post("/introspect", data=form, auth=("backend", "backend-secret"))).json()["active"])
