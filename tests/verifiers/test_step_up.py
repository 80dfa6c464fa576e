"""A service that wants a second factor, from its refusal to the token that it takes (RFC 9470), and back when the
factor is removed: the verifier as it is, a replica as it is."""

from __future__ import annotations

import asyncio
import re
from time import monotonic, monotonic_ns
from types import SimpleNamespace
from typing import cast

import asyncpg
import httpx2
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse

from authsvc.rules.levels import MFA_ACR
from authsvc.runtime import open_runtime
from authsvc.settings import load
from authsvc_devkit import demo
from authsvc_verifier import Verifier
from authsvc_verifier.starlette import Guard
from tests.support.busy import again_when_busy, prompt
from tests.support.factors import app_of, person
from tests.support.fleet import FOLLOWING
from tests.support.login_steps import Pkce, authorize_url, fields, redeem, redirected, tokens_for
from tests.support.service import Service
from tests.verifiers.conftest import House


@again_when_busy
async def test_a_service_demands_a_second_factor_and_gets_it(house: House) -> None:
    sql = await asyncpg.connect(house.settings["AUTHSVC_DATABASE_URL"])
    runtime = open_runtime(load({**house.settings, "AUTHSVC_ISSUER": house.issuer}))
    service = cast(Service, SimpleNamespace(runtime=runtime, sql=sql))
    email = f"careful{monotonic_ns()}@example.com"
    user_id = await person(service, email)
    verifier = Verifier(house.issuer, audience=demo.ORDERS, **FOLLOWING)
    guard = Guard(verifier)

    @guard.route(acr=MFA_ACR)
    async def orders(request: Request) -> JSONResponse:
        return JSONResponse({"acr": request.state.claims.acr})

    api = Starlette()
    api.add_route("/orders", orders)
    transport = httpx2.ASGITransport(app=api)
    async with (
        verifier,
        httpx2.AsyncClient(transport=transport, base_url="http://orders.test") as resource,
        httpx2.AsyncClient(base_url=house.issuer, trust_env=False) as browser,
    ):

        async def asked(token: str) -> httpx2.Response:
            return await resource.get("/orders", headers={"Authorization": f"Bearer {token}"})

        poor = (await tokens_for(browser, email=email))["access_token"]
        refused = await asked(poor)
        challenge = refused.headers["www-authenticate"]
        assert (refused.status_code, "insufficient_user_authentication" in challenge) == (401, True)
        [wanted] = re.findall(r'acr_values="([^"]+)"', challenge)
        app = await app_of(service, user_id)
        pkce = Pkce()
        page = await browser.get(authorize_url(pkce, acr_values=wanted))
        done = await browser.post("/login/second", data={**fields(page), "way": "otp", "code": app.code()})
        rich = (await redeem(browser, redirected(done)["code"], pkce)).json()["access_token"]
        answer = await asked(rich)
        assert (answer.status_code, answer.json()) == (200, {"acr": MFA_ACR})
        factors = await browser.get("/account/factors")
        removed = await browser.post("/account/factors/otp/remove", data={"csrf": fields(factors)["csrf"]})
        assert removed.status_code == 303

        began = monotonic()
        while (await asked(rich)).status_code != 401:
            await asyncio.sleep(0.05)
        prompt(monotonic() - began < 1, "the feed tells a verifier within a second")
    await runtime.close()
    await sql.close()
