"""Programs of npm, as docs/clients.md shows them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.interop.conftest import Provider
from tests.interop.person import Person
from tests.interop.programs.api import becomes, caller, id_token, own_token, status
from tests.interop.programs.running import Program, trusting
from tests.interop.programs.shown import Shown
from tests.interop.programs.workshop import Workshop
from tests.support.replicas import free_port

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
        told = person.visit(begun.headers["location"]).json()
        assert told["user"] == {"name": "Test", "email": "test@example.com"}, wiki.log.read_text()[-2000:]
    assert person.met == ["/login", "/consent"]


def test_better_auth_logs_a_person_in(workshop: Workshop, provider: Provider, person: Person, tmp_path: Path) -> None:
    port = free_port()
    shown = Shown("better-auth", provider, "better-auth", f"http://127.0.0.1:{port}").registered()
    with program(
        workshop, "better-auth", tmp_path, shown, port, AUTH_SECRET="of the tests, with 32 characters"
    ) as wiki:
        start = f"{wiki.url}/api/auth/sign-in/social"
        begun = person.http.post(start, json={"provider": "authsvc", "callbackURL": "/api/auth/get-session"})
        assert begun.status_code == 200, wiki.log.read_text()[-2000:]
        told = person.visit(begun.json()["url"]).json()
        assert (told["user"]["name"], told["user"]["email"]) == ("Test", "test@example.com"), told
        out = person.http.post(f"{wiki.url}/api/auth/sign-out", json={}, headers={"Origin": wiki.url})
        assert out.status_code == 200, out.text
        assert person.http.get(f"{wiki.url}/api/auth/get-session").json() is None
    assert person.met == ["/login", "/consent"]


def test_fastify_logs_a_person_in_refreshes_and_revokes(
    workshop: Workshop, provider: Provider, person: Person, tmp_path: Path
) -> None:
    port = free_port()
    shown = Shown("@fastify/oauth2", provider, "fastify", f"http://127.0.0.1:{port}").registered()
    with program(workshop, "fastify", tmp_path, shown, port) as wiki:
        answer = person.visit(f"{wiki.url}/login")
        assert answer.status_code == 200, answer.text
        assert (answer.json()["name"], answer.json()["email"]) == ("Test", "test@example.com")
    assert person.met == ["/login", "/consent"]


def test_jsonwebtoken_takes_what_is_for_its_api_and_nothing_else(
    workshop: Workshop, provider: Provider, person: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    shown = Shown("jsonwebtoken", provider, "jsonwebtoken", AUDIENCE).registered()
    with program(workshop, "jsonwebtoken", tmp_path, shown, port) as api:
        orders = f"{api.url}/orders"
        assert status(orders, own_token(provider, "jsonwebtoken", shown.secret)) == 200, api.log.read_text()[-2000:]
        assert status(orders, None) == 401
        other = caller(provider, "jsonwebtoken-other")
        assert status(orders, own_token(provider, "jsonwebtoken-other", other)) == 401
        assert status(orders, id_token(provider, person, "jsonwebtoken-person", monkeypatch)) == 401
        provider.operate("clients", "choose-access-tokens", "jsonwebtoken", "--access-token-typ", "JWT")
        becomes(401, lambda: status(orders, own_token(provider, "jsonwebtoken", shown.secret)))


def test_hono_takes_a_token_of_the_type_jwt_and_no_other(
    workshop: Workshop, provider: Provider, person: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor an ID token, by the audience alone: it does not look at what else a token says."""
    port = free_port()
    shown = Shown("hono", provider, "hono", AUDIENCE).registered()
    with program(workshop, "hono", tmp_path, shown, port) as api:
        orders = f"{api.url}/orders"
        assert status(orders, own_token(provider, "hono", shown.secret)) == 200, api.log.read_text()[-2000:]
        assert status(orders, None) == 401
        assert status(orders, id_token(provider, person, "hono-person", monkeypatch)) == 401
        provider.operate("clients", "choose-access-tokens", "hono", "--access-token-typ", "at+jwt")
        becomes(401, lambda: status(orders, own_token(provider, "hono", shown.secret)))
