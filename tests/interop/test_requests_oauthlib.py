"""requests-oauthlib, which knows OAuth but no OpenID Connect; PyJWT reads the ID token beside it."""

from __future__ import annotations

from typing import Any, TypeVar
from urllib.parse import urlencode

import jwt
import pytest
import requests
from oauthlib.oauth2 import InvalidGrantError, WebApplicationClient
from requests.auth import HTTPBasicAuth
from requests_oauthlib import OAuth2Session

from tests.interop.conftest import REDIRECT, SECRET, SIGNED_OUT, Provider
from tests.interop.person import Person, query

CLIENT_ID = "requests"
SCOPE = ["openid", "profile", "email", "offline_access"]
Session = TypeVar("Session", bound=requests.Session)
PROVED = HTTPBasicAuth(CLIENT_ID, SECRET)


def session_for(provider: Provider) -> OAuth2Session:
    session = OAuth2Session(client=WebApplicationClient(CLIENT_ID), redirect_uri=REDIRECT, scope=SCOPE, pkce="S256")
    return trusting(session, provider)


def trusting(session: Session, provider: Provider) -> Session:
    """Or REQUESTS_CA_BUNDLE, where it is set, would be believed instead."""
    session.trust_env, session.verify = False, str(provider.tls.ca_file)
    return session


def login(session: OAuth2Session, about: dict[str, Any], person: Person) -> dict[str, Any]:
    """State and verifier are the session's own."""
    url, _ = session.authorization_url(about["authorization_endpoint"], nonce="n-1")
    assert query(url)["code_challenge_method"] == "S256"
    back = person.sent_to(url)
    token: dict[str, Any] = session.fetch_token(about["token_endpoint"], authorization_response=back, auth=PROVED)
    return token


def refused(session: OAuth2Session, about: dict[str, Any], token: str) -> bool:
    with pytest.raises(InvalidGrantError):
        session.refresh_token(about["token_endpoint"], refresh_token=token, auth=PROVED)
    return True


def test_code_refresh_revocation_and_logout(provider: Provider, person: Person) -> None:
    with trusting(requests.Session(), provider) as plain, session_for(provider) as session:
        about = plain.get(f"{provider.issuer}/.well-known/openid-configuration").json()
        first = login(session, about, person)
        assert person.met == ["/login", "/consent"]
        keys = jwt.PyJWKClient(about["jwks_uri"], ssl_context=provider.trust)
        key = keys.get_signing_key_from_jwt(first["id_token"])
        claims = jwt.decode(
            first["id_token"],
            key,
            about["id_token_signing_alg_values_supported"],
            audience=CLIENT_ID,
            issuer=provider.issuer,
            options={"require": ["exp", "iat", "sub", "nonce"]},
        )
        assert claims["nonce"] == "n-1"
        user = session.get(about["userinfo_endpoint"]).json()
        assert (user["sub"], user["email"]) == (claims["sub"], "test@example.com")

        second = session.refresh_token(about["token_endpoint"], refresh_token=first["refresh_token"], auth=PROVED)
        assert second["access_token"] != first["access_token"]
        url, headers, body = WebApplicationClient(CLIENT_ID).prepare_token_revocation_request(
            about["revocation_endpoint"], second["refresh_token"], "refresh_token"
        )
        assert plain.post(url, body, headers=headers, auth=PROVED).status_code == 200
        assert refused(session, about, second["refresh_token"])
        assert session.get(about["userinfo_endpoint"]).status_code == 401

    with session_for(provider) as session:
        third = login(session, about, person)
        asked = {"id_token_hint": third["id_token"], "post_logout_redirect_uri": SIGNED_OUT}
        assert person.sent_to(f"{about['end_session_endpoint']}?{urlencode(asked)}") == SIGNED_OUT
        assert refused(session, about, third["refresh_token"])
    assert not provider.active(third["access_token"])
