"""Access tokens of the type JWT, by a client's policy, and ID tokens are never taken for one another."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlencode

import jwt
import pytest

from authsvc.flows.caller.authenticate_bearer import verify
from authsvc.flows.session.browser import verified_hint
from authsvc.jose.verify import Invalid, VerifiedClaims
from authsvc.rules.token import access_token, id_token
from tests.support.login_steps import Pkce, authorize_url, is_page, redirected, tokens_for
from tests.support.service import BACKEND, Service, bearer
from tests.support.signing import sign_now


async def choose(house: Service, typ: str) -> None:
    await house.sql.execute("UPDATE clients SET access_token_typ = $1 WHERE id = 'customer'", typ)
    await house.clients_known()


@pytest.fixture(scope="module")
async def tokens(house: Service) -> AsyncIterator[dict[str, Any]]:
    await choose(house, "JWT")
    yield await tokens_for(house.caller())
    await choose(house, "at+jwt")


async def test_it_opens_what_another_opens(house: Service, tokens: dict[str, Any]) -> None:
    token = tokens["access_token"]
    assert jwt.get_unverified_header(token)["typ"] == "JWT"
    assert await house.me(token) == 200
    assert (await house.http.get("/userinfo", headers=bearer(token))).status_code == 200
    assert await house.active(token)


async def test_a_refreshed_one_is_of_the_type_that_is_chosen_now(house: Service) -> None:
    await choose(house, "at+jwt")
    first = await tokens_for(house.caller())
    await choose(house, "JWT")
    second = (await house.refresh(first["refresh_token"])).json()
    typs = [jwt.get_unverified_header(found["access_token"])["typ"] for found in (first, second)]
    assert typs == ["at+jwt", "JWT"]
    assert [await house.me(found["access_token"]) for found in (first, second)] == [200, 200]


async def test_it_can_be_revoked(house: Service, tokens: dict[str, Any]) -> None:
    token = (await tokens_for(house.caller()))["access_token"]
    await house.http.post("/revoke", data={"client_id": "customer", "token": token})
    assert await house.me(token) == 401
    assert await house.me(tokens["access_token"]) == 200


async def test_an_id_token_is_no_access_token(house: Service, tokens: dict[str, Any]) -> None:
    token = tokens["id_token"]
    assert await house.me(token) == 401
    answer = await house.http.get("/userinfo", headers=bearer(token))
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_token")
    introspected = await house.http.post("/introspect", data={"token": token}, auth=BACKEND)
    assert introspected.json() == {"active": False}


async def test_an_access_token_is_no_hint(house: Service, tokens: dict[str, Any]) -> None:
    browser, token = house.caller(), tokens["access_token"]
    await tokens_for(browser)
    page = await browser.get("/logout?" + urlencode({"id_token_hint": token}))
    assert is_page(page, "/logout"), "the person is asked, as without a hint"
    answer = redirected(await browser.get(authorize_url(Pkce(), prompt="none", id_token_hint=token)))
    assert "code" not in answer, answer


def signed(house: Service, claims: dict[str, Any]) -> str:
    return sign_now(house.runtime.keyring, claims, typ="JWT", now=house.runtime.clock.now())


def said(token: str) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return claims


async def test_no_mixture_of_both_is_either(house: Service, tokens: dict[str, Any]) -> None:
    """What a bug could sign: one kind with a claim of the other, in every combination with one claim."""
    access, identity = said(tokens["access_token"]), said(tokens["id_token"])
    issuer = house.runtime.settings.issuer
    for name in access_token.ABSENT:
        mixed = signed(house, {**access, name: "x"})
        assert verify(house.runtime, mixed, audience=None) == Invalid("wrong_typ"), name
        assert verified_hint(house.runtime, mixed, audience=None) is None, name
    for name in access_token.PRESENT:
        mixed = signed(house, {key: value for key, value in access.items() if key != name})
        assert isinstance(verify(house.runtime, mixed, audience=None), Invalid), name
    for name in id_token.PRESENT:
        mixed = signed(house, {key: value for key, value in identity.items() if key != name})
        assert verified_hint(house.runtime, mixed, audience=None) is None, name
    everything = signed(house, {**access, **identity, "aud": [issuer, "customer"]})
    assert verify(house.runtime, everything, audience=None) == Invalid("wrong_typ")
    assert verified_hint(house.runtime, everything, audience=None) is None


async def test_an_id_token_of_before_is_still_a_hint(house: Service, tokens: dict[str, Any]) -> None:
    """It said client_id, too, which access tokens say."""
    old = signed(house, {**said(tokens["id_token"]), "client_id": "customer"})
    assert isinstance(verified_hint(house.runtime, old, audience="customer"), VerifiedClaims)
    assert verify(house.runtime, old, audience=None) == Invalid("wrong_typ")
