"""A stranger's app with the consent "Know that you are signed in" opens nothing of the house as that person, not even
as an administrator: each program that judges tokens refuses its token, and takes that of a frontend of the house."""

from __future__ import annotations

from typing import Any

import httpx2
import jwt
import pytest

from authsvc.rules.token.exchange import ACCESS_TOKEN, GRANT_TYPE
from authsvc_devkit import demo
from authsvc_verifier import Verifier
from bar.api import AUDIENCE, make_api
from bar.orders import Bar
from started import EXAMPLES, Example
from tests.support.fleet import FOLLOWING
from tests.support.login_steps import tokens_for
from tests.verifiers.conftest import STRANGER, House

ADMIN = {"client_id": "admin", "email": "admin@example.com", "password": "password"}


@pytest.fixture(scope="module")
async def strangers(house: House) -> str:
    """The token of an administrator who consented to `openid`."""
    async with httpx2.AsyncClient(base_url=house.issuer, trust_env=False) as http:
        [redirect_uri] = STRANGER.login.redirect_uris
        tokens = await tokens_for(
            http, STRANGER.id, email=ADMIN["email"], scope="openid", redirect_uri=redirect_uri, nonce=None
        )
    return str(tokens["access_token"])


@pytest.fixture(scope="module")
def ours(house: House) -> str:
    """The token of the same person at a frontend of the house."""
    return str(house.http.post("/api/auth/login", json=ADMIN).json()["access_token"])


def test_a_strangers_token_says_no_roles_and_is_for_userinfo_alone(house: House, strangers: str) -> None:
    claims = jwt.decode(strangers, options={"verify_signature": False})
    assert (claims["aud"], claims["scope"], "roles" in claims) == (f"{house.issuer}/userinfo", "openid", False)
    headers = {"Authorization": f"Bearer {strangers}"}
    assert house.http.get("/userinfo", headers=headers).json() == {"sub": claims["sub"]}
    assert house.http.get("/api/profile/me", headers=headers).status_code == 403
    assert house.http.get("/revocations", headers=headers).status_code == 401


async def test_the_bars_api_refuses_a_strangers_token(house: House, strangers: str, ours: str) -> None:
    verifier = Verifier(house.issuer, audience=AUDIENCE, **FOLLOWING)
    transport = httpx2.ASGITransport(app=make_api(verifier, Bar(), "http://bar.test", []))
    async with verifier, httpx2.AsyncClient(transport=transport, base_url="http://bar.test") as http:

        async def status(token: str) -> int:
            return (await http.get("/evening", headers={"Authorization": f"Bearer {token}"})).status_code

        assert (await status(strangers), await status(ours)) == (401, 200)


def test_the_fastapi_example_refuses_a_strangers_token(house: House, strangers: str, ours: str) -> None:
    with Example(EXAMPLES / "fastapi_app.py", **house.env) as example:
        for method, path in (("GET", "/me"), ("DELETE", "/orders")):
            asked = [example.ask(method, path, f"Bearer {token}").status_code for token in (strangers, ours)]
            assert asked == [401, 200], path


def test_the_gate_of_nginx_refuses_a_strangers_token(house: House, strangers: str, ours: str) -> None:
    said = {"X-Original-Method": "GET", "X-Original-URL": "http://localhost/orders/1"}
    with Example(EXAMPLES / "nginx/gate.py", **house.env) as gate:
        for token, status in ((strangers, 401), (ours, 204)):
            headers = {**said, "Authorization": f"Bearer {token}"}
            answer = httpx2.get(f"http://127.0.0.1:{gate.port}/", headers=headers, trust_env=False)
            assert answer.status_code == status


def test_the_kitchen_exchanges_no_strangers_token(house: House, strangers: str, ours: str) -> None:
    def exchange(token: str) -> httpx2.Response:
        form: dict[str, Any] = {"grant_type": GRANT_TYPE, "subject_token": token, "subject_token_type": ACCESS_TOKEN}
        return house.http.post("/token", data=form, auth=("kitchen", demo.KITCHEN_SECRET))

    assert (exchange(strangers).status_code, exchange(strangers).json()["error"]) == (400, "invalid_request")
    given = jwt.decode(exchange(ours).json()["access_token"], options={"verify_signature": False})
    assert (given["aud"], given["roles"]) == (demo.STOCK, ["admin"])
