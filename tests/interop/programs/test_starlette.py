"""Authlib in a Starlette application, as docs/clients.md shows it."""

from __future__ import annotations

import re
import time
from pathlib import Path

from tests.interop.conftest import Provider
from tests.interop.person import Person
from tests.interop.programs.running import Program, trusting
from tests.interop.programs.shown import Shown
from tests.interop.programs.workshop import Workshop
from tests.support.replicas import free_port

TITLE = "Authlib and Starlette"


def application(workshop: Workshop, tmp_path: Path, shown: Shown, port: int, leave_out: str = "") -> Program:
    python = workshop.python("starlette")
    (tmp_path / "wiki.py").write_text(
        re.sub(leave_out, "", shown.block("python")) if leave_out else shown.block("python")
    )
    command = [str(python), "-m", "uvicorn", "wiki:app", "--host", "127.0.0.1", "--port", "{port}"]
    return Program(command, tmp_path, trusting(shown.provider), port)


def test_a_person_logs_in(workshop: Workshop, provider: Provider, person: Person, tmp_path: Path) -> None:
    port = free_port()
    shown = Shown(TITLE, provider, "starlette", f"http://127.0.0.1:{port}").registered()
    with application(workshop, tmp_path, shown, port) as wiki:
        told = person.visit(f"{wiki.url}/login").json()
    assert person.met == ["/login", "/consent"]
    assert (told["name"], told["email"], told["preferred_username"]) == ("Test", "test@example.com", "test@example.com")


def test_a_client_that_was_let_off_needs_no_option(
    workshop: Workshop, provider: Provider, person: Person, tmp_path: Path
) -> None:
    """Authlib sends a nonce by itself, and compares it."""
    port = free_port()
    shown = Shown(TITLE, provider, "starlette-nonce", f"http://127.0.0.1:{port}").registered()
    without = r', "code_challenge_method": "S256"'
    with application(workshop, tmp_path, shown, port, without) as wiki:
        assert person.visit(f"{wiki.url}/login").status_code == 500
        assert "PKCE+is+required" in wiki.log.read_text()
        provider.operate("clients", "choose-login", "starlette-nonce", "--pkce", "nonce")
        for _ in range(20):
            time.sleep(0.5)  # a worker knows of it within a second, and uvicorn closes connections after a 500
            told = person.visit(f"{wiki.url}/login")
            if told.status_code == 200:
                break
        assert told.json()["email"] == "test@example.com"
