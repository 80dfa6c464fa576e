"""FastMCP, server and client, and the MCP SDKs for TypeScript and Go as its clients, as docs/agents.md shows them."""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from authsvc_devkit.servers import Servers
from authsvc_devkit.tls import make_certificate
from tests.interop.client_document import document_at
from tests.interop.conftest import Provider, provided
from tests.interop.person import Person
from tests.interop.programs.running import Program, Talker, trusting
from tests.interop.programs.shown import ISSUER, PAPER, section
from tests.interop.programs.workshop import Workshop
from tests.support.replicas import free_port

AGENTS = PAPER.parents[1] / "docs/agents.md"
LIFE = 10
"""Seconds that an access token lives here, so that a test sees the end of one."""
CALLBACK = "http://127.0.0.1:3999/callback"
"""Nobody listens there: the person pastes the address."""


@dataclass
class Notes:
    """The server of docs/agents.md, and the provider that lets agents register."""

    provider: Provider
    url: str

    def block(self, title: str, language: str, place: int = 0) -> str:
        text = [text for found, text in section(title, AGENTS) if found == language][place]
        return text.replace(ISSUER, self.provider.issuer).replace("https://mcp.example.com", self.url)


@pytest.fixture(scope="module")
def notes(
    workshop: Workshop, servers: Servers, base_env: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Notes]:
    port, place = free_port(), tmp_path_factory.mktemp("notes")
    url, python = f"http://127.0.0.1:{port}", workshop.python("fastmcp")
    [settings] = [text for language, text in section("FastMCP", AGENTS) if language == "sh"]
    words = shlex.split(settings.replace("https://mcp.example.com", url))
    env = {
        **dict(word.split("=", 1) for word in words),
        "AUTHSVC_ACCESS_TOKEN_SECONDS": str(LIFE),
        "AUTHSVC_CLIENT_ID_METADATA_DOCUMENTS": "on",
        "AUTHSVC_DEV_MODE": "true",  # documents at https://localhost
    }
    with provided(servers, base_env, f"agents{port}", make_certificate(place), **env) as provider:
        made = Notes(provider, url)
        (place / "notes.py").write_text(made.block("FastMCP", "python"))
        command = [str(python), "-m", "uvicorn", "notes:app", "--host", "127.0.0.1", "--port", "{port}"]
        with Program(command, place, trusting(provider), port):
            yield made


@pytest.fixture
def agent(notes: Notes) -> Iterator[Person]:
    person = Person(notes.provider.trust)
    with person.http:
        yield person


def test_fastmcps_client_registers_and_calls_a_tool(
    notes: Notes, agent: Person, workshop: Workshop, tmp_path: Path
) -> None:
    fastmcp(notes, agent, workshop, tmp_path, notes.block("FastMCP", "python", 1))


def test_fastmcps_client_is_what_its_document_says(
    notes: Notes, agent: Person, workshop: Workshop, tmp_path: Path
) -> None:
    with document_at(notes.provider.tls, "http://localhost/callback") as document:
        program = notes.block("FastMCP", "python", 2).replace("https://agents.example.com/client.json", document)
        fastmcp(notes, agent, workshop, tmp_path, program)
        listed = notes.provider.operate("clients", "list")
    assert document in listed


def fastmcp(notes: Notes, agent: Person, workshop: Workshop, tmp_path: Path, program: str) -> None:
    """It opens the person's browser by Python's webbrowser, which takes a command from BROWSER."""
    opened = tmp_path / "opened"
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > {opened}.new\nmv {opened}.new {opened}\n')
    browser.chmod(0o700)
    (tmp_path / "agent.py").write_text(program)
    command = [str(workshop.python("fastmcp")), str(tmp_path / "agent.py")]
    env = {**trusting(notes.provider), "BROWSER": f"{browser} %s"}
    with Talker(command, env) as client:
        deadline = time.monotonic() + 60
        while not opened.exists():
            assert client.process.poll() is None, client.ended()
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert agent.visit(opened.read_text().strip()).status_code == 200
        assert client.line()
    assert agent.met == ["/login", "/consent"]


def test_the_sdk_for_typescript(notes: Notes, agent: Person, workshop: Workshop, tmp_path: Path) -> None:
    (tmp_path / "agent.mjs").write_text(notes.block("MCP SDK for TypeScript", "js"))
    (tmp_path / "node_modules").symlink_to(workshop.npm("mcp") / "node_modules")
    pasted(notes, agent, ["node", str(tmp_path / "agent.mjs")])


def test_the_sdk_for_go(notes: Notes, agent: Person, workshop: Workshop) -> None:
    source = notes.block("MCP SDK for Go", "go").replace(f'"{notes.url}/mcp"', 'os.Getenv("SERVER") + "/mcp"')
    assert "SERVER" in source
    pasted(notes, agent, [str(workshop.go("mcp", source))])


def pasted(notes: Notes, agent: Person, command: list[str]) -> None:
    """The tool knows the person, and still does when the first token has ended."""
    with Talker(command, {**trusting(notes.provider), "SERVER": notes.url}) as client:
        client.say(agent.sent_back(client.line(), CALLBACK))
        who = client.line()
        time.sleep(LIFE + 1)
        client.say("again")
        assert client.line() == who
    assert agent.met == ["/login", "/consent"]
