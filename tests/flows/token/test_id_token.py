"""The ID token (OpenID Connect Core sections 2, 3.1.3 and 12.2), and what it must not be taken for."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from datetime import UTC, datetime
from hashlib import sha256, sha512
from typing import Any
from uuid import UUID, uuid4

import jwt
import pytest

from authsvc.rules.levels import PASSWORD_ACR
from authsvc.rules.person_record import Login, User
from authsvc.rules.token.granted import Granted, Identified
from authsvc.rules.token.id_token import claims_about, half_hash, id_token_claims
from tests.support.clients import flat_client
from tests.support.login_steps import Pkce, authorize_url, log_in, redirected, tokens_for
from tests.support.service import ISSUER, Service, bearer


async def verified(house: Service, token: str, audience: str = "customer") -> dict[str, Any]:
    """By the JWKS, with a library that is not ours."""
    keys = jwt.PyJWKSet.from_dict((await house.http.get("/.well-known/jwks.json")).json())
    header = jwt.get_unverified_header(token)
    key = next(key for key in keys.keys if key.key_id == header["kid"])
    assert (header["alg"], header["typ"]) == ("RS256", "JWT")
    claims: dict[str, Any] = jwt.decode(token, key, algorithms=["RS256"], audience=audience, issuer=ISSUER)
    return claims


async def test_it_says_who_logged_in_when_and_how(house: Service) -> None:
    tokens = await tokens_for(house.caller(), nonce="n-0S6_WzA2Mj é+&")
    claims = await verified(house, tokens["id_token"])
    access = jwt.decode(tokens["access_token"], options={"verify_signature": False})
    digest = sha256(tokens["access_token"].encode()).digest()[:16]
    assert claims["at_hash"] == urlsafe_b64encode(digest).decode().rstrip("=")
    assert claims["nonce"] == "n-0S6_WzA2Mj é+&"
    assert (claims["iss"], claims["aud"], claims["azp"]) == (ISSUER, "customer", "customer")
    assert (claims["acr"], claims["amr"]) == (PASSWORD_ACR, ["pwd"])
    for name in ("sub", "sid", "auth_time"):
        assert claims[name] == access[name]
    assert claims["auth_time"] <= claims["iat"] < claims["exp"]
    assert not {"email", "name", "roles", "client_id"} & set(claims)


async def test_without_a_nonce_there_is_none(house: Service) -> None:
    assert "nonce" not in await verified(house, (await tokens_for(house.caller(), nonce=None))["id_token"])


async def test_it_opens_nothing(house: Service) -> None:
    token = (await tokens_for(house.caller()))["id_token"]
    for path in ("/userinfo", "/api/profile/me", "/api/auth/sessions"):
        assert (await house.http.get(path, headers=bearer(token))).status_code == 401
    assert not await house.active(token)


async def test_a_refresh_brings_none(house: Service) -> None:
    tokens = await tokens_for(house.caller())
    answer = (await house.refresh(tokens["refresh_token"])).json()
    assert answer["scope"] == tokens["scope"]
    assert "id_token" not in answer


async def test_single_claims_stand_where_they_were_asked_for(house: Service) -> None:
    asked = json.dumps({"id_token": {"email": None}, "userinfo": {"name": {"essential": True}}})
    tokens = await tokens_for(house.caller(), scope="openid", claims=asked)
    claims = await verified(house, tokens["id_token"])
    assert claims["email"] == "test@example.com"
    assert "name" not in claims
    info = (await house.http.get("/userinfo", headers=bearer(tokens["access_token"]))).json()
    assert info == {"sub": claims["sub"], "name": "Test"}


async def test_the_claims_parameter_can_demand_a_person(house: Service) -> None:
    http = house.caller()
    sub = (await verified(house, (await tokens_for(http))["id_token"]))["sub"]

    def url(subject: str) -> str:
        return authorize_url(Pkce(), prompt="none", claims=json.dumps({"id_token": {"sub": {"value": subject}}}))

    assert "code" in redirected(await http.get(url(sub)))
    assert redirected(await http.get(url("somebody else")))["error"] == "login_required"


async def test_an_acr_that_is_out_of_reach_is_said(house: Service) -> None:
    claims = json.dumps({"id_token": {"acr": {"essential": True, "values": ["urn:mfa"]}}})
    answer = redirected(await house.caller().get(authorize_url(Pkce(), claims=claims)))
    assert answer["error"] == "unmet_authentication_requirements"
    assert "code" in await log_in(house.caller(), authorize_url(Pkce(), acr_values="urn:mfa"))


# Rules

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def claims_with(**identified: Any) -> dict[str, Any]:
    login = Login(uuid4(), uuid4(), NOW, ("pwd",), ("customer",))
    granted = Granted(subject=login, scope=(), audience=(), now=NOW, identified=Identified(**identified))
    return id_token_claims(
        granted,
        issuer="https://i",
        client=flat_client(id="c", name="C", kind="public"),
        sub="alice",
        jti="j",
        at_hash="h",
    )


def test_at_hash_of_the_example_in_the_specification() -> None:
    """OpenID Connect Core, appendix A.3."""
    assert half_hash("jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y", "RS256") == "77QmUPtjPfzWtF2AnpK9RQ"


@pytest.mark.parametrize(
    ("alg", "hashed"), [("RS256", sha256), ("PS256", sha256), ("ES256", sha256), ("EdDSA", sha512), ("Ed25519", sha512)]
)
def test_at_hash_is_half_of_the_hash_that_the_algorithm_uses(alg: str, hashed: Any) -> None:
    digest = hashed(b"a.b.c").digest()
    expected = urlsafe_b64encode(digest[: len(digest) // 2]).decode().rstrip("=")
    assert half_hash("a.b.c", alg) == expected
    assert len(expected) == {sha256: 22, sha512: 43}[hashed]


def test_further_claims_never_replace_ours() -> None:
    claims = claims_with(about={"sub": "mallory", "iss": "x", "email": "a@b"})
    assert (claims["sub"], claims["iss"], claims["email"]) == ("alice", "https://i", "a@b")


@pytest.mark.parametrize(
    ("scope", "names", "expected"),
    [
        ((), (), set()),
        (("openid",), (), set()),
        (("profile",), (), {"name"}),
        (("email",), (), {"email", "email_verified"}),
        (("profile", "email"), (), {"name", "email", "email_verified"}),
        (("openid",), ("email",), {"email"}),
    ],
)
def test_claims_by_scope(scope: tuple[str, ...], names: tuple[str, ...], expected: set[str]) -> None:
    user = User(UUID(int=1), "a@b", "Alice", ("customer",), True)
    assert set(claims_about(user, scope, names)) == expected
    assert "name" not in claims_about(User(UUID(int=1), "a@b", "", ()), ("profile",))
