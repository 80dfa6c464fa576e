"""requests-oauthlib as its own documentation shows it: an OAuth2Session with id, redirect URI and scope, the secret
given to `fetch_token`, and `auto_refresh_url`. No other option, but for the one word `pkce="S256"`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import requests
from oauthlib.oauth2 import InvalidClientIdError, InvalidGrantError
from requests.models import PreparedRequest
from requests_oauthlib import OAuth2Session

from tests.interop.conftest import REDIRECT, Provider, app
from tests.interop.person import Person
from tests.support.papers import snippet

PAPER = Path(__file__).parents[2] / "docs/clients.md"
SCOPE = ["openid", "profile", "email", "offline_access"]
CLIENT_ID, SECRET = "requests-defaults", "of-the-app"
LET_OFF = "requests-let-off"
PUBLIC = "requests-public"


@pytest.fixture(scope="module")
def clients(provider: Provider) -> None:
    let_off = app(LET_OFF, secret=SECRET, pkce="optional")
    provider.register(app(CLIENT_ID, secret=SECRET), app(PUBLIC, kind="public", secret=None), let_off)


@pytest.fixture(autouse=True)
def trusted(clients: None, provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    """The authority of the test's certificate is one of this machine's, so that no call has to name it."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(provider.tls.ca_file))


def authorized(provider: Provider, session: OAuth2Session, person: Person) -> str:
    """Where the person is sent back to."""
    url, _ = session.authorization_url(f"{provider.issuer}/authorize")
    return person.sent_to(url)


def login(provider: Provider, person: Person, client_id: str, **secret: str) -> dict[str, Any]:
    with OAuth2Session(client_id, redirect_uri=REDIRECT, scope=SCOPE, pkce="S256") as session:
        back = authorized(provider, session, person)
        token: dict[str, Any] = session.fetch_token(f"{provider.issuer}/token", authorization_response=back, **secret)
    return token


def expired(token: dict[str, Any]) -> dict[str, Any]:
    """As the application finds it tomorrow."""
    return {**token, "expires_in": -1, "expires_at": 1}


def later(
    provider: Provider, token: dict[str, Any], client_id: str, kept: Callable[[dict[str, Any]], Any], **named: str
) -> OAuth2Session:
    """The application's session of another day."""
    return OAuth2Session(
        client_id,
        token=token,
        auto_refresh_url=f"{provider.issuer}/token",
        auto_refresh_kwargs={"client_id": client_id, **named},
        token_updater=kept,
    )


def ends(provider: Provider, token: dict[str, Any], client_id: str, **named: str) -> None:
    """Revoke, after which no refresh is answered and the access token opens nothing."""
    form = {"token": token["refresh_token"], "client_id": client_id, **named}
    assert requests.post(f"{provider.issuer}/revoke", data=form, timeout=20).status_code == 200
    with later(provider, expired(token), client_id, pytest.fail, **named) as session, pytest.raises(InvalidGrantError):
        session.get(f"{provider.issuer}/userinfo")
    headers = {"Authorization": f"Bearer {token['access_token']}"}
    assert requests.get(f"{provider.issuer}/userinfo", headers=headers, timeout=20).status_code == 401


def test_without_pkce_the_library_says_what_is_missing(provider: Provider, person: Person) -> None:
    with OAuth2Session(CLIENT_ID, redirect_uri=REDIRECT, scope=SCOPE) as session:
        back = authorized(provider, session, person)
        assert person.met == []  # the person is sent back at once
        with pytest.raises(InvalidClientIdError) as failed:  # the library's name for each invalid_request
            session.fetch_token(f"{provider.issuer}/token", authorization_response=back, client_secret=SECRET)
    assert str(failed.value) == "(invalid_request) PKCE is required: code_challenge is missing."


def test_a_client_that_was_let_off_pkce_needs_no_option_at_all(provider: Provider, person: Person) -> None:
    with OAuth2Session(LET_OFF, redirect_uri=REDIRECT, scope=SCOPE) as session:
        back = authorized(provider, session, person)
        session.fetch_token(f"{provider.issuer}/token", authorization_response=back, client_secret=SECRET)
        assert session.get(f"{provider.issuer}/userinfo").json()["email"] == "test@example.com"


@pytest.mark.parametrize(
    ("client_id", "secret"), [(CLIENT_ID, {"client_secret": SECRET}), (PUBLIC, {})], ids=["confidential", "public"]
)
def test_a_login_is_refreshed_by_itself_and_ended(
    provider: Provider, person: Person, client_id: str, secret: dict[str, str]
) -> None:
    """A public client sends `Authorization: Basic` with its id and an empty password at the code, nothing but its id
    afterwards."""
    first = login(provider, person, client_id, **secret)
    assert person.met == ["/login", "/consent"]
    assert set(first["scope"]) == set(SCOPE)

    kept: list[dict[str, Any]] = []
    with later(provider, expired(first), client_id, kept.append, **secret) as session:
        user = session.get(f"{provider.issuer}/userinfo").json()
        assert (user["name"], user["email"]) == ("Test", "test@example.com")
        [second] = kept
        assert second["refresh_token"] != first["refresh_token"]
        assert session.get(f"{provider.issuer}/userinfo").status_code == 200
        assert len(kept) == 1
    ends(provider, second, client_id, **secret)


def test_a_public_client_that_names_itself_by_an_empty_password_alone_refreshes_as_often_as_it_likes(
    provider: Provider, person: Person
) -> None:
    """`include_client_id` unset, and `auth` with an empty password where the library takes one: thirty such refreshes
    were thirty failed attempts once, after which the network was shut out."""
    token = login(provider, person, PUBLIC)
    sent: list[PreparedRequest] = []
    with OAuth2Session(PUBLIC, token=token) as session:
        session.hooks["response"].append(lambda answer, **_: sent.append(answer.request))
        for _ in range(35):
            newer = session.refresh_token(f"{provider.issuer}/token", auth=(PUBLIC, ""))
            assert newer["access_token"] != token["access_token"]
            token = newer
    assert all(request.headers["Authorization"].startswith("Basic ") for request in sent)
    assert not any(urlencode({"client_id": PUBLIC}) in str(request.body) for request in sent)
    ends(provider, token, PUBLIC)


def test_what_the_paper_shows_is_run_as_it_stands(provider: Provider, person: Person) -> None:
    shown = snippet(PAPER, "python", "requests_oauthlib")
    for theirs, ours in {
        "https://auth.example.com": provider.issuer,
        "https://wiki.example.com/callback": REDIRECT,
        '"wiki"': repr(CLIENT_ID),
        "its-secret": SECRET,
        "token=token,": "token=expired(token),",
    }.items():
        assert theirs in shown
        shown = shown.replace(theirs, ours)
    kept: list[dict[str, Any]] = []
    names: dict[str, Any] = {"send_the_person_to": person.sent_to, "keep": kept.append, "expired": expired}
    exec(shown, names)
    assert names["person"]["email"] == person.email
    assert len(kept) == 1
