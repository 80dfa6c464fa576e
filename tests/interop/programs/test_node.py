"""Programs of npm, as docs/clients.md shows them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx2
import pytest
from requests_oauthlib import OAuth2Session

from tests.interop.conftest import REDIRECT, Provider, app
from tests.interop.person import Person
from tests.interop.programs.workshop import Program, Shown, Workshop, trusting
from tests.support.replicas import free_port
from tests.support.service import bearer

AUDIENCE = "https://orders.example.com"


def program(workshop: Workshop, name: str, tmp_path: Path, shown: Shown, port: int, **env: str) -> Program:
    packages = workshop.npm(name)
    (tmp_path / "program.mjs").write_text(shown.block("js"))
    (tmp_path / "node_modules").symlink_to(packages / "node_modules")
    command = ["node", "program.mjs"]
    return Program(command, tmp_path, {**trusting(shown.provider), "PORT": str(port), **env}, port)


def test_auth_js_logs_a_person_in(workshop: Workshop, provider: Provider, person: Person, tmp_path: Path) -> None:
    port = free_port()
    shown = Shown("Auth.js", provider, "authjs", f"http://127.0.0.1:{port}").registered()
    with program(workshop, "authjs", tmp_path, shown, port, AUTH_SECRET="of-the-tests") as wiki:
        csrf = person.http.get(f"{wiki.url}/auth/csrf").json()["csrfToken"]
        form = {"csrfToken": csrf, "callbackUrl": f"{wiki.url}/"}
        begun = person.http.post(f"{wiki.url}/auth/signin/authsvc", data=form)
        assert begun.status_code == 302, wiki.log.read_text()[-2000:]
        page = person.visit(begun.headers["location"])
        print(page.url, page.text, page.history, wiki.log.read_text())
        told = page.json()
        assert told["user"] == {"name": "Test", "email": "test@example.com"}, wiki.log.read_text()[-2000:]
    assert person.met == ["/login", "/consent"]


def own_token(provider: Provider, client_id: str, secret: str) -> dict[str, Any]:
    """What a service gets for itself."""
    with httpx2.Client(verify=provider.trust, trust_env=False) as http:
        form = {"grant_type": "client_credentials"}
        answer = http.post(f"{provider.issuer}/token", data=form, auth=(client_id, secret))
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_hono_takes_a_token_of_the_type_jwt_and_no_other(
    workshop: Workshop, provider: Provider, tmp_path: Path
) -> None:
    port = free_port()
    shown = Shown("hono", provider, "hono", AUDIENCE).registered()
    with program(workshop, "hono", tmp_path, shown, port) as orders:

        def status() -> int:
            token = own_token(provider, "hono", shown.secret)["access_token"]
            return httpx2.get(f"{orders.url}/orders", headers=bearer(token), trust_env=False).status_code

        assert status() == 200, orders.log.read_text()[-2000:]
        assert httpx2.get(f"{orders.url}/orders", trust_env=False).status_code == 401
        provider.operate("clients", "choose-access-tokens", "hono", "--access-token-typ", "at+jwt")
        for _ in range(50):
            if status() == 401:
                break
        else:
            pytest.fail("hono takes at+jwt: the paper says that it does not")


def test_hono_takes_no_id_token_of_a_client(
    workshop: Workshop, provider: Provider, person: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the audience alone: it does not look at what else a token says."""
    port = free_port()
    shown = Shown("hono", provider, "hono-id", AUDIENCE).registered()
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(provider.tls.ca_file))
    with program(workshop, "hono", tmp_path, shown, port) as orders:
        token = _id_token(provider, person)
        assert httpx2.get(f"{orders.url}/orders", headers=bearer(token), trust_env=False).status_code == 401


def _id_token(provider: Provider, person: Person) -> str:
    provider.register(app("hono-person", secret="of-the-app"))
    with OAuth2Session("hono-person", redirect_uri=REDIRECT, scope=["openid"], pkce="S256") as session:
        url, _ = session.authorization_url(f"{provider.issuer}/authorize")
        back = person.sent_to(url)
        got = session.fetch_token(f"{provider.issuer}/token", authorization_response=back, client_secret="of-the-app")
    return str(got["id_token"])
