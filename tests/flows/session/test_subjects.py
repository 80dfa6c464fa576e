"""Pairwise subjects (OpenID Connect Core section 8.1): clients of two sectors cannot tell that it is one person."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import jwt
import pytest
import pytest_asyncio

from authsvc.keys.master import MasterKeys
from authsvc.rules.client_record import Client
from authsvc.rules.token.subject import subject_of
from authsvc.store.caller import clients
from authsvc_devkit.servers import Servers
from tests.support.clients import flat_client
from tests.support.login_steps import CALLBACK, Pkce, authorize_url, redirected, tokens_for
from tests.support.service import Service, bearer, service


def _client(name: str, sector: str, **policy: Any) -> Client:
    return flat_client(
        id=name,
        name=name,
        kind="public",
        redirect_uris=(CALLBACK,),
        grant_types=frozenset({"authorization_code", "refresh_token"}),
        scopes=("openid", "email"),
        first_party=True,
        subject_type="pairwise",
        sector=sector,
        **policy,
    )


@pytest_asyncio.fixture(scope="module")
async def house(servers: Servers, base_env: dict[str, str]) -> AsyncIterator[Service]:
    async with service(servers, base_env) as running:
        async with running.runtime.db.transaction() as connection:
            for client in (_client("one", "a.example"), _client("two", "b.example"), _client("three", "a.example")):
                await clients.add(connection, client)
        yield running


def claims_of(token: str) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return claims


async def login(house: Service, client_id: str, http: Any = None) -> dict[str, Any]:
    return await tokens_for(http or house.caller(), client_id, scope="openid email")


async def test_one_person_has_a_subject_for_each_sector(house: Service) -> None:
    http = house.caller()
    subjects = {
        name: claims_of((await login(house, name, http))["id_token"])["sub"] for name in ("one", "two", "three")
    }
    public = claims_of((await login(house, "customer", http))["id_token"])["sub"]
    assert subjects["one"] == subjects["three"]
    assert len({subjects["one"], subjects["two"], public}) == 3
    assert UUID(public)
    assert len(subjects["one"]) == 43
    assert claims_of((await login(house, "one"))["id_token"])["sub"] == subjects["one"], "at every login"


async def test_it_is_the_same_everywhere_that_the_client_looks(house: Service) -> None:
    tokens = await login(house, "one")
    subject = claims_of(tokens["id_token"])["sub"]
    assert claims_of(tokens["access_token"])["sub"] == subject
    info = (await house.http.get("/userinfo", headers=bearer(tokens["access_token"]))).json()
    assert info["sub"] == subject
    assert info["email"] == "test@example.com"
    shown = await house.http.post(
        "/introspect", data={"token": tokens["access_token"]}, auth=("backend", "backend-secret")
    )
    assert shown.json()["sub"] == subject
    refreshed = (await house.refresh(tokens["refresh_token"], "one")).json()
    assert claims_of(refreshed["access_token"])["sub"] == subject
    assert "id_token" not in refreshed


async def test_our_own_endpoints_find_the_person_all_the_same(house: Service) -> None:
    tokens, other = await login(house, "one"), await login(house, "customer")
    headers = bearer(tokens["access_token"])
    assert (await house.http.get("/api/profile/me", headers=headers)).json()["email"] == "test@example.com"
    listed = (await house.http.get("/api/auth/sessions", headers=headers)).json()["sessions"]
    assert claims_of(other["access_token"])["sid"] in {one["id"] for one in listed}
    sid = claims_of(other["access_token"])["sid"]
    assert (await house.http.delete(f"/api/auth/sessions/{sid}", headers=headers)).status_code == 204
    assert not await house.active(other["access_token"])
    assert (await house.http.delete("/api/auth/sessions", headers=headers)).status_code == 200
    assert (await house.http.post("/api/auth/logout", headers=headers)).status_code == 204
    assert not await house.active(tokens["access_token"])


async def test_it_is_a_hint_for_its_client_alone(house: Service) -> None:
    http = house.caller()
    hint = (await login(house, "one", http))["id_token"]
    url = authorize_url(Pkce(), client_id="one", scope="openid", prompt="none", id_token_hint=hint)
    assert "code" in redirected(await http.get(url))
    other = authorize_url(Pkce(), client_id="three", scope="openid", prompt="none", id_token_hint=hint)
    assert redirected(await http.get(other))["error"] == "login_required"


async def test_a_disabled_persons_pairwise_token_is_dead(house: Service) -> None:
    tokens = await login(house, "one")
    try:
        await house.sql.execute("UPDATE users SET disabled_at = now() WHERE email = 'test@example.com'")
        await house.sql.execute("SELECT pg_sleep(1)")
        assert not await house.active(tokens["access_token"])
        assert (await house.http.get("/userinfo", headers=bearer(tokens["access_token"]))).status_code == 401
    finally:
        await house.sql.execute("UPDATE users SET disabled_at = NULL WHERE email = 'test@example.com'")


async def test_a_new_master_key_changes_no_subject(servers: Servers, base_env: dict[str, str], house: Service) -> None:
    salt = house.runtime.following.subject_salt
    assert len(salt) == 32
    assert MasterKeys.parse(base_env["AUTHSVC_MASTER_KEY"]).current_id is not None
    assert salt == await house.sql.fetchval("SELECT subject_salt FROM service_state")


# Rules


@pytest.mark.parametrize("sector", ["a.example", ""])
def test_nobody_without_the_salt_finds_the_person(sector: str) -> None:
    user = uuid4()
    client = _client("one", sector)
    subject = subject_of(client, user, b"s" * 32)
    assert subject == subject_of(client, user, b"s" * 32)
    assert subject != subject_of(client, user, b"t" * 32)
    assert subject != subject_of(client, uuid4(), b"s" * 32)
    assert str(user) not in subject


def test_without_a_sector_each_client_is_its_own() -> None:
    user = uuid4()
    assert subject_of(_client("one", ""), user, b"s") != subject_of(_client("two", ""), user, b"s")
