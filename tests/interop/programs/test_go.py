"""Programs in Go, as docs/clients.md shows them."""

from __future__ import annotations

from pathlib import Path

from tests.interop.conftest import Provider
from tests.interop.person import Person
from tests.interop.programs.workshop import Program, Shown, Workshop, trusting
from tests.support.replicas import free_port


def test_go_oidc_logs_a_person_in(workshop: Workshop, provider: Provider, person: Person, tmp_path: Path) -> None:
    port = free_port()
    shown = Shown("go-oidc", provider, "go-oidc", f"http://127.0.0.1:{port}").registered()
    built = workshop.go("go-oidc", _by_environment(shown))
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
