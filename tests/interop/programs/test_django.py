"""python-social-auth and django-allauth in a Django site, with the settings that docs/clients.md shows."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.interop.conftest import Provider
from tests.interop.person import Person
from tests.interop.programs.running import Program, trusting
from tests.interop.programs.shown import Shown
from tests.interop.programs.workshop import Workshop
from tests.support.replicas import free_port

HERE = Path(__file__).parent


@pytest.mark.parametrize(
    ("title", "environment", "method", "start"),
    [
        ("python-social-auth", "social", "POST", "/login/oidc/"),
        ("django-allauth", "allauth", "GET", "/accounts/oidc/authsvc/login/"),
    ],
)
def test_a_person_logs_in(
    title: str,
    environment: str,
    method: str,
    start: str,
    workshop: Workshop,
    provider: Provider,
    person: Person,
    tmp_path: Path,
) -> None:
    port = free_port()
    shown = Shown(title, provider, environment, f"http://127.0.0.1:{port}").registered()
    python = workshop.python(environment)
    for name in ("django_site.py", "django_site_urls.py"):
        shutil.copy(HERE / name, tmp_path)
    (tmp_path / "shown.py").write_text(shown.block("python"))
    command = [str(python), "django_site.py", "shown.py", "{port}"]
    with Program(command, tmp_path, trusting(provider), port) as site:
        told = person.visit(f"{site.url}{start}", method)
        assert told.status_code == 200, site.log.read_text()[-3000:]
        found = told.json()
        assert person.visit(f"{site.url}/who").json() == found
    assert person.met[-2:] == ["/login", "/consent"]
    assert found["email"] == "test@example.com"
    assert found["username"] == "test@example.com"
    assert found["uid"] not in ("", found["email"]), "accounts are keyed by sub"
