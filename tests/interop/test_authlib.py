"""Authlib's client: as Starlette applications use it for the login, and its session for what comes afterwards."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.httpx_client import AsyncOAuth2Client
from authlib.integrations.starlette_client import OAuth, StarletteOAuth2App
from starlette.requests import Request

from tests.interop.conftest import REDIRECT, SECRET, SIGNED_OUT, Provider
from tests.interop.person import Person, query


def configured(provider: Provider) -> StarletteOAuth2App:
    return OAuth().register(
        "provider",
        client_id="authlib",
        client_secret=SECRET,
        server_metadata_url=f"{provider.issuer}/.well-known/openid-configuration",
        client_kwargs={
            "scope": "openid profile email offline_access",
            "code_challenge_method": "S256",
            "verify": provider.trust,
            "trust_env": False,
        },
    )


def request(session: dict[str, Any], url: str = REDIRECT) -> Request:
    """What the application's web server makes of the browser's request."""
    parts = urlsplit(url)
    return Request(
        {
            "type": "http",
            "method": "GET",
            "scheme": "https",
            "server": ("app.example", 443),
            "headers": [],
            "path": parts.path,
            "query_string": parts.query.encode(),
            "session": session,
        }
    )


async def login(app: StarletteOAuth2App, person: Person) -> dict[str, Any]:
    """Authlib makes state, nonce and verifier, keeps them in the application's session, and checks the answer."""
    session: dict[str, Any] = {}
    away = await app.authorize_redirect(request(session), REDIRECT)
    assert {"state", "nonce", "code_challenge"} <= query(away.headers["location"]).keys()
    back = person.sent_to(away.headers["location"])
    token: dict[str, Any] = await app.authorize_access_token(request(session, back))
    return token


async def refused(session: AsyncOAuth2Client, endpoint: str, token: str) -> bool:
    with pytest.raises(OAuthError) as failed:
        await session.refresh_token(endpoint, refresh_token=token)
    return bool(failed.value.error == "invalid_grant")


async def test_code_refresh_revocation_and_logout(provider: Provider, person: Person) -> None:
    app = configured(provider)
    first = await login(app, person)
    assert person.met == ["/login", "/consent"]
    claims = first["userinfo"]  # those of the ID token, validated
    assert (claims["iss"], claims["aud"]) == (provider.issuer, "authlib")
    user = await app.userinfo(token=first)
    assert (user["sub"], user["email"]) == (claims["sub"], "test@example.com")

    about = await app.load_server_metadata()
    async with AsyncOAuth2Client("authlib", SECRET, verify=provider.trust, trust_env=False) as session:
        second = await session.refresh_token(about["token_endpoint"], refresh_token=first["refresh_token"])
        answer = await session.introspect_token(about["introspection_endpoint"], second["access_token"], "access_token")
        assert answer.json()["sub"] == claims["sub"]
        answer = await session.revoke_token(about["revocation_endpoint"], second["refresh_token"], "refresh_token")
        assert answer.status_code == 200
        assert await refused(session, about["token_endpoint"], second["refresh_token"])
        answer = await session.introspect_token(about["introspection_endpoint"], second["access_token"])
        assert answer.json() == {"active": False}

        third = await login(app, person)
        back = person.sent_to(
            (await app.create_logout_url(SIGNED_OUT, id_token_hint=third["id_token"], state="s t"))["url"]
        )
        assert back.partition("?")[0] == SIGNED_OUT
        assert query(back) == {"state": "s t"}
        assert await refused(session, about["token_endpoint"], third["refresh_token"])
    assert not provider.active(third["access_token"])
