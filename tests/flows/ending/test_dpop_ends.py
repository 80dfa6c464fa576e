"""Ending what is bound to a key (DPoP at /revoke and logout): another key is refused, none at all is no hindrance."""

from __future__ import annotations

from collections.abc import AsyncIterator
from hashlib import sha256
from typing import Any

import httpx2
import pytest
import pytest_asyncio

from authsvc.store.caller import clients
from authsvc_devkit.servers import Servers
from tests.support.clients import flat_client
from tests.support.proofs import Holder
from tests.support.service import LOGIN, Service, bearer, service

SECRET = ("till", "till-secret")
TILL = flat_client(
    id="till",
    name="Till",
    kind="confidential",
    secret_hashes=(sha256(b"till-secret").digest(),),
    grant_types=frozenset({"refresh_token", "client_credentials"}),
    scopes=("openid",),
    first_party=True,
)
CLIENTS = pytest.mark.parametrize("client_id", ["customer", "till"])


@pytest_asyncio.fixture(scope="module")
async def house(servers: Servers, base_env: dict[str, str]) -> AsyncIterator[Service]:
    async with service(servers, base_env) as running:
        async with running.runtime.db.transaction() as connection:
            await clients.add(connection, TILL)
        yield running


@pytest.fixture
async def right(house: Service) -> Holder:
    made = Holder(house)
    await made.post("/revoke", data={"client_id": "customer", "token": "x"})  # learns a nonce
    return made


@pytest.fixture
def other(right: Holder) -> Holder:
    return Holder(right.house, nonce=right.nonce)


def auth(client_id: str) -> Any:
    return SECRET if client_id == "till" else None


async def login(holder: Holder, client_id: str) -> dict[str, Any]:
    body = {**LOGIN, "client_id": client_id, **({"client_secret": SECRET[1]} if client_id == "till" else {})}
    answer = await holder.post("/api/auth/login", json=body)
    assert answer.status_code == 200, answer.text
    assert answer.json()["token_type"] == "DPoP"
    found: dict[str, Any] = answer.json()
    return found


async def revoke(house: Service, by: Holder | None, token: str, client_id: str) -> httpx2.Response:
    form = {"token": token, **({} if auth(client_id) else {"client_id": client_id})}
    if by is None:
        return await house.http.post("/revoke", data=form, auth=auth(client_id))
    return await by.post("/revoke", data=form, auth=auth(client_id))


async def logout(house: Service, by: Holder | None, token: str, client_id: str) -> httpx2.Response:
    body = {"refresh_token": token, "client_id": client_id}
    if auth(client_id):
        body["client_secret"] = SECRET[1]
    if by is None:
        return await house.http.post("/api/auth/logout", json=body)
    return await by.post("/api/auth/logout", json=body)


def another_key(answer: httpx2.Response) -> bool:
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_dpop_proof"), answer.text
    return True


@CLIENTS
async def test_a_bound_access_token_is_revoked_with_its_key_or_with_none_and_not_with_another(
    house: Service, right: Holder, other: Holder, client_id: str
) -> None:
    for by in (right, None):
        token = (await login(right, client_id))["access_token"]
        assert another_key(await revoke(house, other, token, client_id))
        assert await house.active(token)
        assert (await revoke(house, by, token, client_id)).status_code == 200
        assert not await house.active(token)


@pytest.mark.parametrize("end", [revoke, logout])
async def test_a_public_clients_refresh_token_ends_with_its_key_or_with_none_and_not_with_another(
    house: Service, right: Holder, other: Holder, end: Any
) -> None:
    for by in (right, None):
        tokens = await login(right, "customer")
        assert another_key(await end(house, other, tokens["refresh_token"], "customer"))
        assert await house.active(tokens["access_token"])
        assert (await end(house, by, tokens["refresh_token"], "customer")).status_code in (200, 204)
        assert not await house.active(tokens["access_token"])


@pytest.mark.parametrize("end", [revoke, logout])
@pytest.mark.parametrize("key", ["right", "other", "none"])
async def test_a_confidential_clients_refresh_token_is_bound_to_the_client_and_any_key_will_do(
    house: Service, right: Holder, other: Holder, end: Any, key: str
) -> None:
    """RFC 9449 section 5: it proves itself at each use, and may change its keys."""
    tokens = await login(right, "till")
    by = {"right": right, "other": other, "none": None}[key]
    assert (await end(house, by, tokens["refresh_token"], "till")).status_code in (200, 204)
    assert not await house.active(tokens["access_token"])


@CLIENTS
async def test_an_access_token_logs_out_only_as_it_opens_everything_else(
    house: Service, right: Holder, other: Holder, client_id: str
) -> None:
    """There it is the credential, not what is to be ended (RFC 9449 section 7). The refresh token needs no key."""
    tokens = await login(right, client_id)
    token = tokens["access_token"]
    for answer in (
        await house.http.post("/api/auth/logout", headers=bearer(token)),
        await house.http.post("/api/auth/logout", headers={"Authorization": f"DPoP {token}"}),
        await other.send("POST", "/api/auth/logout", token=token),
    ):
        assert answer.status_code == 401, answer.text
        assert answer.headers["www-authenticate"].startswith("DPoP ")
    assert await house.active(token)
    assert (await right.send("POST", "/api/auth/logout", token=token)).status_code == 204
    assert not await house.active(token)


async def test_a_wrong_proof_is_refused_before_the_token_is_looked_at(house: Service, right: Holder) -> None:
    tokens = await login(right, "customer")
    for kind in ("access_token", "refresh_token"):
        form = {"token": tokens[kind], "client_id": "customer"}
        assert another_key(await right.post("/revoke", right.proof("/token"), data=form))
    assert await house.active(tokens["access_token"])


async def test_a_key_proved_for_an_unbound_token_does_no_harm(house: Service, right: Holder) -> None:
    tokens = await house.login()
    assert (await revoke(house, right, tokens["access_token"], "customer")).status_code == 200
    assert not await house.active(tokens["access_token"])
    assert (await revoke(house, right, tokens["refresh_token"], "customer")).status_code == 200
    assert (await house.refresh(tokens["refresh_token"])).status_code == 400
