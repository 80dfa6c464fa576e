"""What a client's policies change in its ID tokens (OpenID Connect Core sections 2, 5.4 and 12.2)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import jwt
import pytest

from authsvc.flows.keys.served_settings import in_force
from tests.support.login_steps import Pkce, code_for, redeem, tokens_for
from tests.support.service import Service, bearer

NONE = {"id_token_claims": False, "claim_aliases": False, "id_token_on_refresh": False, "id_token_seconds": None}


async def choose(house: Service, **chosen: Any) -> None:
    policy = NONE | chosen
    columns = ", ".join(f"{name} = ${place}" for place, name in enumerate(policy, 1))
    await house.sql.execute(f"UPDATE clients SET {columns} WHERE id = 'customer'", *policy.values())
    await house.clients_known()


def said(token: str) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return claims


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        ("openid", {}),
        ("openid profile", {"name": "Test"}),
        ("openid profile email", {"name": "Test", "email": "test@example.com", "email_verified": False}),
    ],
)
async def test_it_says_who_the_person_is_by_scope(house: Service, scope: str, expected: dict[str, Any]) -> None:
    await choose(house, id_token_claims=True)
    claims = said((await tokens_for(house.caller(), scope=scope))["id_token"])
    assert {name: claims[name] for name in ("name", "email", "email_verified") if name in claims} == expected


async def test_a_refresh_brings_one_of_the_same_login(house: Service) -> None:
    await choose(house, id_token_on_refresh=True)
    tokens = await tokens_for(house.caller(), nonce="n")
    first = said(tokens["id_token"])
    await house.sql.execute("UPDATE user_sessions SET auth_time = auth_time - interval '1 minute'")
    answer = (await house.refresh(tokens["refresh_token"])).json()
    second = said(answer["id_token"])
    for name in ("iss", "sub", "aud", "azp", "sid", "acr", "amr"):
        assert second[name] == first[name]
    assert second["auth_time"] == first["auth_time"] - 60, "the login's, not the refresh's"
    assert "nonce" not in second
    assert second["iat"] >= first["iat"]
    assert second["jti"] != first["jti"]
    assert "email" not in second


async def test_a_refreshed_one_says_who_the_person_is_now(house: Service) -> None:
    await choose(house, id_token_on_refresh=True, id_token_claims=True)
    tokens = await tokens_for(house.caller())
    await house.sql.execute("UPDATE users SET name = 'Tested' WHERE email = 'test@example.com'")
    assert said((await house.refresh(tokens["refresh_token"])).json()["id_token"])["name"] == "Tested"


NAMES = ("preferred_username", "groups")


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        ("openid profile", {}),
        ("openid email", {}),
        ("openid profile email", {"preferred_username": "test@example.com"}),
        ("openid roles", {"groups": ["customer"]}),
    ],
)
async def test_second_names_are_told_by_the_scopes_of_the_first(
    house: Service, scope: str, expected: dict[str, Any]
) -> None:
    await house.sql.execute("UPDATE clients SET scopes = '{openid,profile,email,roles}' WHERE id = 'customer'")
    await choose(house, id_token_claims=True, id_token_on_refresh=True, claim_aliases=True)
    tokens = await tokens_for(house.caller(), scope=scope)
    person = (await house.http.get("/userinfo", headers=bearer(tokens["access_token"]))).json()
    refreshed = (await house.refresh(tokens["refresh_token"])).json()
    for told in (person, said(tokens["id_token"]), said(refreshed["id_token"])):
        assert {name: told[name] for name in NAMES if name in told} == expected


async def test_without_the_policy_nobody_is_told_second_names(house: Service) -> None:
    await choose(house, id_token_claims=True)
    tokens = await tokens_for(house.caller(), scope="openid profile email roles")
    person = (await house.http.get("/userinfo", headers=bearer(tokens["access_token"]))).json()
    for told in (person, said(tokens["id_token"])):
        assert not told.keys() & set(NAMES)
        assert told["roles"] == ["customer"]


async def test_second_names_can_be_asked_for_one_by_one_as_the_first_can(house: Service) -> None:
    await choose(house, claim_aliases=True)
    claims = '{"id_token": {"email": null, "preferred_username": null, "groups": null, "roles": null}}'
    tokens = await tokens_for(house.caller(), claims=claims)
    told = said(tokens["id_token"])
    assert told["preferred_username"] == told["email"] == "test@example.com"
    assert told["groups"] == told["roles"] == ["customer"]


async def test_a_refresh_without_openid_brings_none(house: Service) -> None:
    await choose(house, id_token_on_refresh=True)
    tokens = await tokens_for(house.caller())
    answer = (await house.refresh(tokens["refresh_token"], scope="profile")).json()
    assert "id_token" not in answer
    plain = await tokens_for(house.caller(), scope="profile")
    assert "id_token" not in (await house.refresh(plain["refresh_token"])).json()


async def test_it_lives_as_long_as_was_chosen(house: Service) -> None:
    await choose(house, id_token_seconds=3600)
    claims = said((await tokens_for(house.caller()))["id_token"])
    assert claims["exp"] - claims["iat"] == 3600


async def test_a_client_without_these_policies_gets_what_it_got(house: Service) -> None:
    await choose(house)
    pkce = Pkce()
    answer = (await redeem(house.http, await code_for(house.caller(), pkce), pkce)).json()
    assert set(said(answer["id_token"])) == {
        "iss", "sub", "aud", "azp", "iat", "exp", "auth_time", "acr", "amr", "sid", "at_hash", "jti", "nonce",
    }  # fmt: skip


async def test_keys_are_kept_as_long_as_the_longest_id_token_lives(house: Service) -> None:
    """Or one would not be verified any more before it ends."""
    await choose(house, id_token_seconds=86_400)
    assert (await in_force(house.runtime)).around.longest_token == timedelta(days=1)
    await choose(house)
    assert (await in_force(house.runtime)).around.longest_token < timedelta(days=1)
