"""oauth2-proxy guards an application with its defaults, but for PKCE: as docs/clients.md says."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from html import unescape
from pathlib import Path

import httpx2
import pytest

from tests.interop.conftest import Provider, app
from tests.interop.oauth2_proxy import PAPER, VARIABLE, OAuth2Proxy, program
from tests.interop.person import Person
from tests.support.papers import snippet

DEFAULTS = ("openid", "profile", "email")
"""What it asks for where nobody names a scope."""
VERIFIED = "visitor@example.com"
Started = Callable[..., OAuth2Proxy]


@pytest.fixture
def started(request: pytest.FixtureRequest, provider: Provider, tmp_path: Path) -> Iterator[Started]:
    """`started(scope, ..., **change)`: an oauth2-proxy whose client is registered; ended with the test."""
    if program() is None:
        pytest.skip(f"no program oauth2-proxy is on PATH or named by {VARIABLE}: it was not tried")
    client_id = re.sub(r"\W+", "-", request.node.name)[-40:]
    with OAuth2Proxy(tmp_path, provider, client_id, "of-the-proxy") as proxy:

        def start(*more_scopes: str, policy: dict[str, bool] | None = None, **change: str) -> OAuth2Proxy:
            scopes = (*DEFAULTS, *more_scopes)
            options = {"redirect_uris": (proxy.callback,), "scopes": scopes, **(policy or {})}
            provider.register(app(client_id, secret="of-the-proxy", **options))
            return proxy.start(**change)

        yield start


@pytest.fixture(scope="module")
def visitor(provider: Provider) -> str:
    """The address of a person whom an operator added as one with a verified address."""
    words = ("users", "add", VERIFIED, "--verified", "--role", "cook", "--role", "waiter", "--password-stdin")
    provider.operate(*words, given="password of a visitor")
    return VERIFIED


def enter(proxy: OAuth2Proxy, person: Person) -> httpx2.Response:
    """Press the button of its page for who is not logged in; what is there in the end."""
    page = person.http.get(f"{proxy.url}/place")
    assert (page.status_code, "Sign in with OpenID Connect" in page.text) == (403, True), page.text
    return person.visit(f"{proxy.url}/oauth2/start?rd=%2Fplace")


def told(page: httpx2.Response) -> dict[str, str]:
    """What the application hears of the person."""
    assert page.status_code == 200, (page.status_code, page.text)
    return {name.removeprefix("X-Forwarded-"): value for name, value in page.json().items()}


def text_of(page: httpx2.Response) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page.text)).split())


def test_who_is_verified_gets_in(started: Started, person: Person, visitor: str) -> None:
    proxy = started()
    person.email, person.password = visitor, "password of a visitor"
    page = enter(proxy, person)
    assert person.met == ["/login", "/consent"]
    assert page.url.path == "/place"
    assert told(page)["Email"] == visitor
    who = person.http.get(f"{proxy.url}/oauth2/userinfo").json()
    assert who == {"user": told(page)["User"], "email": visitor}
    assert person.http.get(f"{proxy.url}/oauth2/auth").status_code == 202

    assert person.http.get(f"{proxy.url}/oauth2/sign_out").status_code == 302
    assert told(enter(proxy, person))["User"] == who["user"]
    assert person.met == ["/login", "/consent"]  # signed out there, logged in here


def test_whose_address_nobody_verified_is_let_in_once_an_operator_has(
    started: Started, provider: Provider, person: Person
) -> None:
    proxy = started()
    person.email = "bartender@example.com"
    page = enter(proxy, person)
    assert page.status_code == 403
    assert "You do not have permission to access this resource." in text_of(page)
    assert "email not verified: email in id_token (bartender@example.com) isn't verified" in proxy.log()
    provider.operate("users", "verify", "bartender@example.com")
    assert told(enter(proxy, person))["Email"] == "bartender@example.com"
    assert person.met == ["/login", "/consent"]


def test_without_pkce_its_page_and_its_log_say_so(started: Started, person: Person) -> None:
    proxy = started(without="code_challenge_method")
    page = enter(proxy, person)
    assert person.met == []
    assert page.status_code == 403
    assert "The upstream identity provider returned an error: invalid_request" in text_of(page)
    assert page.url.params["error_description"] == "PKCE is required: code_challenge is missing."
    assert "you have not enabled one with --code-challenge-method" in proxy.log()


def test_a_session_is_refreshed_and_its_sign_out_ends_it_at_the_provider(
    started: Started, provider: Provider, person: Person, visitor: str
) -> None:
    more = snippet(PAPER, "toml", "cookie_refresh").replace('"10m"', '"1s"') + "pass_access_token = true\n"
    proxy = started("offline_access", more=more)
    person.email, person.password = visitor, "password of a visitor"
    first = told(enter(proxy, person))
    second, deadline = first, time.monotonic() + 10
    while second["Access-Token"] == first["Access-Token"] and time.monotonic() < deadline:
        time.sleep(0.2)
        second = told(person.http.get(f"{proxy.url}/place"))
    assert first["Access-Token"] != second["Access-Token"], proxy.log()
    assert first["User"] == second["User"]
    assert provider.active(second["Access-Token"])

    assert person.http.get(f"{proxy.url}/oauth2/sign_out").status_code == 302
    assert not provider.active(second["Access-Token"]), proxy.log()


def test_a_new_client_is_told_the_preferred_username_and_the_roles_as_groups(
    started: Started, person: Person, visitor: str
) -> None:
    more = 'scope = "openid profile email roles"\n'
    proxy = started("roles", policy={"id_token_claims": True, "claim_aliases": True}, more=more)
    person.email, person.password = visitor, "password of a visitor"
    found = told(enter(proxy, person))
    assert found["Preferred-Username"] == visitor
    assert found["Groups"] == "cook,waiter"
