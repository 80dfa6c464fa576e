"""Programs in Go, as docs/clients.md shows them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.interop.conftest import Provider
from tests.interop.person import Person
from tests.interop.programs.workshop import Program, Shown, Workshop, trusting
from tests.support.replicas import free_port


@pytest.mark.parametrize(("title", "name"), [("go-oidc", "go-oidc"), ("zitadel/oidc", "zitadel-oidc")])
def test_a_person_logs_in(
    title: str, name: str, workshop: Workshop, provider: Provider, person: Person, tmp_path: Path
) -> None:
    port = free_port()
    shown = Shown(title, provider, name, f"http://127.0.0.1:{port}").registered()
    built = workshop.go(name, _by_environment(shown))
    names = {"ISSUER": provider.issuer, "CLIENT": shown.client_id, "SECRET": shown.secret, "URL": shown.url}
    with Program([str(built)], tmp_path, {**trusting(provider), "PORT": str(port), **names}, port) as wiki:
        answer = person.visit(f"{wiki.url}/login")
        assert answer.status_code == 200, answer.text
        told = answer.json()
    assert person.met == ["/login", "/consent"]
    assert (told["name"], told["email"], told["preferred_username"]) == ("Test", "test@example.com", "test@example.com")


def _by_environment(shown: Shown) -> str:
    """The names of a run are read from the environment, so that the program is built once."""
    source = shown.block("go")
    for ours, name in {
        shown.provider.issuer: "ISSUER",
        shown.client_id: "CLIENT",
        shown.secret: "SECRET",
    }.items():
        assert f'"{ours}"' in source
        source = source.replace(f'"{ours}"', f'os.Getenv("{name}")')
    return source.replace(f'"{shown.url}/callback"', 'os.Getenv("URL") + "/callback"')
