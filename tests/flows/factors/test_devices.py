"""A device is allowed at the level that its client demands, and its session has the level of what allowed it."""

from __future__ import annotations

import asyncio

from jwt import decode

from authsvc.rules.levels import MFA_ACR
from tests.support.devices import ask, poll
from tests.support.factors import app_of, person
from tests.support.login_steps import enter, fields, submit
from tests.support.service import Service


async def test_a_device_whose_client_demands_a_second_factor_is_allowed_with_one(house: Service, email: str) -> None:
    await house.sql.execute("UPDATE clients SET required_acr = $1 WHERE id = 'terminal'", MFA_ACR)
    while (client := await house.runtime.clients.get("terminal")) and client.login.required_acr is None:
        await asyncio.sleep(0.05)
    user_id = await person(house, email, ("bartender",))
    asked, http = await ask(house), house.caller()
    await enter(http, await http.get("/login"), email)
    page = await http.get("/device")
    none = await submit(http, page, "/device", user_code=asked["user_code"])
    assert none.headers["location"] == "/account/factors"
    app = await app_of(house, user_id)
    low = await submit(http, page, "/device", user_code=asked["user_code"])
    login = await http.get(low.headers["location"])
    second = await enter(http, login, email)
    done = await http.post("/login/second", data={**fields(second), "way": "otp", "code": app.code()})
    assert done.headers["location"].startswith("/device")
    entry = await http.get(done.headers["location"])
    found = await submit(http, entry, "/device", user_code=asked["user_code"])
    await submit(http, found, "/device", decision="allow")
    tokens = (await poll(house.caller(), asked["device_code"])).json()
    claims = decode(tokens["access_token"], options={"verify_signature": False})
    assert (claims["acr"], claims["amr"]) == (MFA_ACR, ["pwd", "otp", "mfa"])
    row = await house.sql.fetchrow("SELECT credentials FROM user_sessions WHERE id = $1::text::uuid", claims["sid"])
    assert f"otp:{app.id}" in row["credentials"], "it ends with the app"
    await house.sql.execute("UPDATE clients SET required_acr = NULL WHERE id = 'terminal'")
