"""Introspection answers as JWT (RFC 9701): signed for the one that asks, and never an access token."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import jwt
import pytest
import pytest_asyncio

from authsvc.flows.caller.check_revoked import asked_postgres
from authsvc.flows.operator.manage_clients import choose_introspection
from authsvc.rules.client_record import Client
from authsvc.rules.secret_digest import digest_of
from authsvc.store.caller import clients
from authsvc.web.http.accept import prefers
from authsvc_devkit.servers import Servers
from tests.support.clients import flat_client
from tests.support.service import BACKEND, ISSUER, Service, bearer, service

JWT = "application/token-introspection+jwt"
JSON = "application/json"


@pytest_asyncio.fixture(scope="module")
async def house(servers: Servers, base_env: dict[str, str]) -> AsyncIterator[Service]:
    async with service(servers, base_env) as running:
        yield running


@pytest.mark.parametrize(
    ("accept", "wanted"),
    [
        (JWT, True),
        (JWT.upper(), True),
        (f"{JSON}, {JWT}", True),
        (f"{JWT};q=0.5, {JSON};q=0.4", True),
        (f"text/html , {JWT} ; charset=x; q=1.0", True),
        ("", False),
        ("*/*", False),
        ("application/*", False),
        (JSON, False),
        (f"{JWT};q=0", False),
        (f"{JWT};q=0.4, {JSON}", False),
        (f"{JWT};q=nan", False),
        (f"{JWT};q=2", False),
        (f"{JWT};q=x", False),
        ("," * 5000 + JWT, False),
        (f"x{JWT}", False),
    ],
)
def test_who_asks_for_a_jwt(accept: str, wanted: bool) -> None:
    assert prefers(accept, JWT, JSON) is wanted


async def asked(house: Service, token: str, accept: str = JWT) -> httpx2.Response:
    answer = await house.http.post("/introspect", data={"token": token}, auth=BACKEND, headers={"Accept": accept})
    assert answer.status_code == 200, answer.text
    return answer


async def proved(house: Service, answer: httpx2.Response, audience: str = "backend") -> dict[str, Any]:
    """What a resource server reads from a signed answer, with PyJWT and our JWKS."""
    keys = jwt.PyJWKSet.from_dict((await house.http.get("/.well-known/jwks.json")).json())
    key = keys[jwt.get_unverified_header(answer.text)["kid"]]
    claims: dict[str, Any] = jwt.decode(answer.text, key, ["RS256"], audience=audience, issuer=ISSUER)
    return claims


async def test_the_answer_is_signed_for_the_one_that_asks(house: Service) -> None:
    token = (await house.login())["access_token"]
    answer = await asked(house, token)
    assert answer.headers["content-type"] == JWT
    assert answer.headers["cache-control"] == "no-store"
    assert jwt.get_unverified_header(answer.text)["typ"] == "token-introspection+jwt"
    claims = await proved(house, answer)
    assert set(claims) == {"iss", "aud", "iat", "token_introspection"}
    assert claims["aud"] == "backend"
    assert claims["token_introspection"] == (await asked(house, token, JSON)).json()
    assert claims["token_introspection"]["active"] is True
    with pytest.raises(jwt.InvalidAudienceError):
        await proved(house, answer, "another")


async def test_an_inactive_token_is_signed_to_be_inactive_and_no_more(house: Service) -> None:
    for token in ("x", "a.b.c", "x" * 72):
        claims = await proved(house, await asked(house, token))
        assert claims["token_introspection"] == {"active": False}


async def test_a_revoked_token_is_signed_to_be_inactive(house: Service) -> None:
    tokens = await house.login()
    await house.http.post("/revoke", data={"client_id": "customer", "token": tokens["refresh_token"]})
    claims = await proved(house, await asked(house, tokens["access_token"]))
    assert claims["token_introspection"] == {"active": False}


async def test_json_stays_the_answer_for_everybody_else(house: Service) -> None:
    for accept in ("*/*", JSON, "text/html"):
        assert (await asked(house, "x", accept)).headers["content-type"] == JSON
    twice = [("Accept", JSON), ("Accept", JWT)]
    answer = await house.http.post("/introspect", data={"token": "x"}, auth=BACKEND, headers=twice)
    assert answer.headers["content-type"] == JWT


async def test_a_signed_answer_is_never_an_access_token(house: Service) -> None:
    signed = (await asked(house, (await house.login())["access_token"])).text
    assert await house.me(signed) == 401
    assert await house.active(signed) is False
    revoked = await house.http.delete("/api/auth/sessions", headers=bearer(signed))
    assert revoked.status_code == 401


async def test_a_refusal_stays_json_whatever_is_accepted(house: Service) -> None:
    headers = {"Accept": JWT}
    for form, auth, status in (
        ({"token": "x"}, ("backend", "wrong"), 401),
        ({"token": "x", "client_id": "customer"}, None, 403),
        ({}, BACKEND, 400),
    ):
        answer = await house.http.post("/introspect", data=form, auth=auth, headers=headers)
        assert (answer.status_code, answer.headers["content-type"]) == (status, JSON)


async def test_with_no_store_the_answer_is_later_and_never_inactive(house: Service) -> None:
    token = (await house.login())["access_token"]
    await asked(house, token)
    asked_postgres.of(house.runtime).live_until.clear()
    house.runtime.db._open_until = house.runtime.redis.route._open_until = float("inf")
    try:
        answer = await house.http.post("/introspect", data={"token": token}, auth=BACKEND, headers={"Accept": JWT})
        assert answer.status_code == 503
        assert "retry-after" in answer.headers
    finally:
        house.runtime.db._open_until = house.runtime.redis.route._open_until = 0.0


async def test_a_token_for_others_is_inactive_and_nothing_more(house: Service) -> None:
    """RFC 9701 section 5. By an operator's leave, a gateway sees all of them."""
    server = flat_client(
        id="rs-a",
        name="A",
        kind="confidential",
        secret_hashes=(digest_of("rs-a-secret"),),
        grant_types=frozenset({"client_credentials"}),
        introspection=True,
        audiences=("https://a.example",),
    )
    async with house.runtime.db.transaction() as connection:
        assert await clients.add(connection, server)
    auth = ("rs-a", "rs-a-secret")
    of_person = (await house.login())["access_token"]
    its_own = (await house.http.post("/token", data={"grant_type": "client_credentials"}, auth=auth)).json()

    async def told(token: str, auth: tuple[str, str]) -> Any:
        form = {"token": token}
        plain = (await house.http.post("/introspect", data=form, auth=auth)).json()
        answer = await house.http.post("/introspect", data=form, auth=auth, headers={"Accept": JWT})
        assert (await proved(house, answer, auth[0]))["token_introspection"] == plain
        return plain

    await choose_introspection(house.runtime, "cli:tests", "backend", "own")
    await asyncio.sleep(1.0)
    assert await told(of_person, auth) == {"active": False}
    assert (await told(its_own["access_token"], auth))["active"] is True
    assert await told(its_own["access_token"], BACKEND) == {"active": False}
    assert (await told(of_person, BACKEND))["active"] is True
    for about, active in (("all", True), ("own", False)):
        assert isinstance(await choose_introspection(house.runtime, "cli:tests", "rs-a", about), Client)
        await asyncio.sleep(1.0)
        assert (await told(of_person, auth))["active"] is active
    await choose_introspection(house.runtime, "cli:tests", "rs-a", "none")
    await asyncio.sleep(1.0)
    assert (await house.http.post("/introspect", data={"token": of_person}, auth=auth)).status_code == 403
