"""FAPI 2.0 Message Signing: requests of modules that once found something. Each test names its module."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
import pytest_asyncio

from authsvc.rules.caller.client_authentication import ASSERTION_TYPE
from authsvc.store.caller import clients
from authsvc_devkit.servers import Servers
from tests.support.calls import refused
from tests.support.clients import flat_client
from tests.support.login_steps import PARTNER_CALLBACK, Pkce, authorize_parameters, authorize_url, redirected
from tests.support.service import ISSUER, Service, service
from tests.support.signers import JWKS, KEYS
from tests.support.signing import signed_by_other

BANK = flat_client(
    id="bank",
    name="Bank",
    kind="confidential",
    profile="fapi2",
    require_signed_request_object=True,
    grant_types=frozenset({"authorization_code"}),
    scopes=("openid",),
    redirect_uris=(PARTNER_CALLBACK,),
    jwks={"keys": JWKS},
    token_endpoint_auth_method="private_key_jwt",
    id_token_signed_response_alg="ES256",
    access_token_signed_response_alg="ES256",
)


@pytest_asyncio.fixture(scope="module")
async def house(servers: Servers, base_env: dict[str, str]) -> AsyncIterator[Service]:
    async with service(servers, base_env) as running:
        async with running.runtime.db.transaction() as connection:
            await clients.add(connection, BANK)
        yield running


async def push(house: Service, *, sign: bool = True, **changed: Any) -> httpx2.Response:
    """A request object as the suite makes it, with other claims; or the same request, unsigned."""
    now = int(house.runtime.clock.seconds())
    party = {"iss": "bank", "aud": ISSUER}
    asked = authorize_parameters(Pkce(), client_id="bank", redirect_uri=PARTNER_CALLBACK)
    times = {"nbf": now, "iat": now, "exp": now + 60}
    claims = {name: value for name, value in {**asked, **party, **times, **changed}.items() if value is not ...}
    proof = {**party, "sub": "bank", "exp": now + 60, "jti": os.urandom(8).hex()}
    form = {
        "client_assertion": signed_by_other(proof, KEYS["PS256"], "PS256"),
        "client_assertion_type": ASSERTION_TYPE,
    }
    if sign:
        text = signed_by_other(claims, KEYS["PS256"], "PS256", {"typ": "oauth-authz-req+jwt"})
        form |= {"request": text, "client_id": "bank"}
    else:
        form |= asked
    return await house.http.post("/par", data=form)


async def test_the_issuer_may_be_one_audience_of_several(house: Service) -> None:
    """ensure-request-object-with-multiple-aud-succeeds (section 5.3.1)."""
    several = ["https://other1.example.com", ISSUER, "invalid"]
    assert (await push(house, aud=several)).status_code == 201
    assert refused(await push(house, aud=several[::2]), "invalid_request_object")


@pytest.mark.parametrize(
    ("nbf", "exp", "taken"),
    [(..., 60, False), (-3665, 60, False), (-3000, 601, False), (-3000, 600, True), (8, 68, True)],
)
async def test_an_object_says_since_when_it_is_good(house: Service, nbf: Any, exp: int, taken: bool) -> None:
    """ensure-request-object-without-nbf-fails, -with-nbf-over-60-fails, -with-nbf-8-seconds-in-the-future."""
    now = int(house.runtime.clock.seconds())
    answer = await push(house, nbf=nbf if nbf is ... else now + nbf, exp=now + exp)
    assert (answer.status_code == 201) is taken
    assert taken or refused(answer, "invalid_request_object")
    assert refused(await push(house, exp=...), "invalid_request_object")


async def test_who_must_sign_is_refused_unsigned_at_either_door(house: Service) -> None:
    """ensure-unsigned-request-at-par-endpoint-fails (RFC 9101 section 10.5)."""
    assert (await push(house)).status_code == 201
    assert refused(await push(house, sign=False))
    url = authorize_url(Pkce(), client_id="bank", redirect_uri=PARTNER_CALLBACK)
    assert redirected(await house.http.get(url), PARTNER_CALLBACK)["error"] == "invalid_request"
