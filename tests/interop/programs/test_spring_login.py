"""A site of Spring Boot that logs people in, as docs/clients.md configures it."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from tests.interop.conftest import Provider
from tests.interop.person import Person
from tests.interop.programs.running import Program, java_trusting
from tests.interop.programs.shown import Shown, key_files
from tests.interop.programs.workshop import HERE, Workshop
from tests.support.replicas import free_port

STARTER = "spring-boot-starter-oauth2-client"
WIKI = (HERE / "Wiki.java").read_text()


def started(jar: Path, tmp_path: Path, shown: Shown) -> Program:
    """Over https, as a receiver of logout tokens has to be."""
    (tmp_path / "application.yml").write_text(shown.block("yaml"))
    tls = shown.provider.tls
    words = [f"--server.ssl.certificate={tls.cert_file}", f"--server.ssl.certificate-private-key={tls.key_file}"]
    command = [*java_trusting(shown.provider, tmp_path), "-jar", str(jar), "--server.port={port}", *words]
    return Program(command, tmp_path, port=int(shown.url.rpartition(":")[2]))


def logged_in(person: Person, shown: Shown, wiki: Program) -> dict[str, str]:
    answer = person.visit(f"{shown.url}/oauth2/authorization/authsvc")
    assert answer.status_code in (200, 404), wiki.log.read_text()[-3000:]  # it goes on to /, where nothing is
    told = person.http.get(f"{shown.url}/who")
    assert told.status_code == 200, wiki.log.read_text()[-3000:]
    return dict(told.json())


def refreshed(person: Person, shown: Shown, wiki: Program) -> None:
    """The access token ends within the minute before which Spring refreshes it: each request has a new one."""
    first, second = (person.http.get(f"{shown.url}/token") for _ in range(2))
    assert (first.status_code, second.status_code) == (200, 200), wiki.log.read_text()[-3000:]
    assert first.text != second.text
    assert shown.provider.active(second.text)


@pytest.mark.parametrize("version", [3, 4])
def test_login_refresh_and_both_logouts(
    version: int, workshop: Workshop, provider: Provider, person: Person, tmp_path: Path
) -> None:
    shown = Shown("Spring Boot: login", provider, f"spring-login-{version}", f"https://localhost:{free_port()}")
    shown.registered("--access-token-seconds", "30")
    with started(workshop.spring(version, STARTER, WIKI, shown.block("java")), tmp_path, shown) as wiki:
        told = logged_in(person, shown, wiki)
        assert person.met == ["/login", "/consent"]
        assert (told["name"], told["preferred_username"]) == ("Test", "test@example.com")
        refreshed(person, shown, wiki)
        ended_here(person, shown, wiki)

        logged_in(person, shown, wiki)
        token = person.http.get(f"{shown.url}/token").text
        ended_there(person, shown, wiki)
        assert not provider.active(token)


def ended_here(person: Person, shown: Shown, wiki: Program) -> None:
    """The session at the provider ends; Spring is told, and knows nobody any more."""
    person.visit(f"{shown.provider.issuer}/logout")
    assert person.met[-1] == "/logout"
    deadline = time.monotonic() + 15
    while person.http.get(f"{shown.url}/who").status_code == 200:
        assert time.monotonic() < deadline, wiki.log.read_text()[-3000:]
        time.sleep(0.2)


def ended_there(person: Person, shown: Shown, wiki: Program) -> None:
    page = person.http.get(f"{shown.url}/logout")
    csrf = re.search(r'name="_csrf"[^>]*value="([^"]*)"', page.text)
    assert csrf, page.text
    answer = person.http.post(f"{shown.url}/logout", data={"_csrf": csrf[1]})
    assert answer.headers["location"].startswith(f"{shown.provider.issuer}/logout?"), answer.headers
    back = person.http.get(answer.headers["location"])
    assert back.headers["location"] == f"{shown.url}/", (back.status_code, back.text)


def test_three_without_a_bean_sends_a_nonce_and_no_pkce(
    workshop: Workshop, provider: Provider, person: Person, tmp_path: Path
) -> None:
    shown = Shown("Spring Boot: login", provider, "spring-nonce", f"https://localhost:{free_port()}").registered()
    with started(workshop.spring(3, STARTER, WIKI), tmp_path, shown) as wiki:
        refused = person.http.get(person.http.get(f"{shown.url}/oauth2/authorization/authsvc").headers["location"])
        assert "PKCE+is+required" in refused.headers["location"]
        provider.operate("clients", "choose-login", "spring-nonce", "--pkce", "nonce")
        time.sleep(1.5)
        assert logged_in(person, shown, wiki)["name"] == "Test"


def test_four_sends_pkce_by_itself(workshop: Workshop, provider: Provider, person: Person, tmp_path: Path) -> None:
    shown = Shown("Spring Boot: login", provider, "spring-pkce", f"https://localhost:{free_port()}").registered()
    with started(workshop.spring(4, STARTER, WIKI), tmp_path, shown) as wiki:
        assert logged_in(person, shown, wiki)["name"] == "Test"


@pytest.mark.parametrize("version", [3, 4])
def test_private_key_jwt(version: int, workshop: Workshop, provider: Provider, person: Person, tmp_path: Path) -> None:
    names = key_files(tmp_path)
    shown = Shown(
        "Spring Boot: private_key_jwt",
        provider,
        f"spring-key-{version}",
        f"https://localhost:{free_port()}",
        names,
    ).registered(
        "--access-token-seconds", "30", "--id-token-on-refresh", *(("--pkce", "nonce") if version == 3 else ())
    )
    with started(workshop.spring(version, STARTER, WIKI, shown.block("java")), tmp_path, shown) as wiki:
        told = logged_in(person, shown, wiki)
        assert told["email"] == "test@example.com"
        time.sleep(1.1)
        refreshed(person, shown, wiki)
        later = person.http.get(f"{shown.url}/who").json()
        assert later["iat"] != told["iat"], "Spring judged the ID token of the refresh, and took it"
        assert later["sub"] == told["sub"]
