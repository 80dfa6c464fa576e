"""Callers of the APIs in this directory: a service with a token of its own, and somebody with an ID token."""

from __future__ import annotations

import time
from collections.abc import Callable

import httpx2
import pytest
from requests_oauthlib import OAuth2Session

from tests.interop.conftest import REDIRECT, Provider, app
from tests.interop.person import Person
from tests.support.service import bearer


def own_token(provider: Provider, client_id: str, secret: str) -> str:
    """What a service gets for itself."""
    with httpx2.Client(verify=provider.trust, trust_env=False) as http:
        form = {"grant_type": "client_credentials"}
        answer = http.post(f"{provider.issuer}/token", data=form, auth=(client_id, secret))
    assert answer.status_code == 200, answer.text
    return str(answer.json()["access_token"])


def caller(provider: Provider, name: str, *more: str) -> str:
    """Register a service that gets tokens of its own; its secret."""
    words = ("clients", "add", name, "--confidential", "--scope", "orders", *more)
    return str(provider.operate_json(*words)["client_secret"])


def asked_about(provider: Provider, orders: str, name: str, audience: str) -> None:
    """An API that asks at /introspect takes a token that is meant for it, until that is revoked, and no other."""
    own, strangers = caller(provider, name, "--audience", audience), caller(provider, f"{name}-stranger")
    token = own_token(provider, name, own)
    told = httpx2.get(orders, headers=bearer(token), trust_env=False, timeout=30)
    assert told.status_code == 200, told.text
    assert told.json()["client_id"] == name
    assert status(orders, None) == 401
    assert status(orders, own_token(provider, f"{name}-stranger", strangers)) == 401
    with httpx2.Client(verify=provider.trust, trust_env=False) as http:
        assert http.post(f"{provider.issuer}/revoke", data={"token": token}, auth=(name, own)).status_code == 200
    becomes(401, lambda: status(orders, token))


def id_token(provider: Provider, person: Person, client_id: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Of a person who logs in to some other client."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(provider.tls.ca_file))
    provider.register(app(client_id, secret="of-the-app"))
    with OAuth2Session(client_id, redirect_uri=REDIRECT, scope=["openid"], pkce="S256") as session:
        url, _ = session.authorization_url(f"{provider.issuer}/authorize")
        back = person.sent_to(url)
        got = session.fetch_token(f"{provider.issuer}/token", authorization_response=back, client_secret="of-the-app")
    return str(got["id_token"])


def status(url: str, token: str | None) -> int:
    headers = bearer(token) if token else {}
    return httpx2.get(url, headers=headers, trust_env=False, timeout=30).status_code


def becomes(wanted: int, asked: Callable[[], int]) -> None:
    """Workers know of a change of a client within a second."""
    deadline = time.monotonic() + 10
    while (found := asked()) != wanted:
        assert time.monotonic() < deadline, found
        time.sleep(0.1)
