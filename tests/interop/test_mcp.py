"""The official MCP SDK, client and server, unmodified: from the address of a server to its tools, by way of its
metadata (RFC 9728), ours (RFC 8414) and the client's document. `scripts/setup mcp` makes the Python that has it."""

from __future__ import annotations

import json
import os
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from authsvc_devkit.tls import make_certificate
from tests.interop.client_document import document_at
from tests.interop.person import Person
from tests.support.replicas import Replicas, free_port

ROOT = Path(__file__).parents[2]
PYTHON = Path(os.environ.get("AUTHSVC_TEST_MCP", ROOT / ".venv-mcp/bin/python"))
CLIENT = Path(__file__).with_name("mcp_client.py")
pytestmark = pytest.mark.skipif(not PYTHON.exists(), reason="no Python with the MCP SDK: scripts/setup mcp")


def started(*words: str, **env: str) -> subprocess.Popen[str]:
    path = os.pathsep.join(str(ROOT / "clients" / name) for name in ("jws", "verifier"))
    return subprocess.Popen(
        [str(PYTHON), *words],
        env={**os.environ, "PYTHONPATH": path, **env},
        cwd=ROOT / "clients/verifier/examples",
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


@contextmanager
def mcp_server(issuer: str, port: int) -> Iterator[str]:
    """The example, as its docstring starts it."""
    resource = f"http://127.0.0.1:{port}/mcp"
    process = started("-m", "uvicorn", "mcp_server:app", "--port", str(port), ISSUER=issuer, RESOURCE=resource)
    try:
        for _ in range(200):
            try:
                told = httpx2.get(f"http://127.0.0.1:{port}/.well-known/oauth-protected-resource/mcp", trust_env=False)
                break
            except httpx2.TransportError:
                assert process.poll() is None, "it ended"
                time.sleep(0.1)
        assert told.json()["authorization_servers"] == [issuer]
        yield resource
    finally:
        process.terminate()
        process.wait(10)


@pytest.mark.parametrize("by_document", [True, False], ids=["document", "registration"])
def test_an_agent_finds_its_way(replicas: Replicas, tmp_path: Path, by_document: bool) -> None:
    """By its document, or by a registration without a token where the operator opens that."""
    tls, port, callback = make_certificate(tmp_path), free_port(), "http://127.0.0.1:3999/callback"
    [replica] = replicas.start(
        own_issuer=True,
        own_interpreter=True,
        AUTHSVC_CLIENT_ID_METADATA_DOCUMENTS="on" if by_document else "off",
        AUTHSVC_CLIENT_REGISTRATION="off" if by_document else "open",
        AUTHSVC_STRANGER_AUDIENCES=f"http://127.0.0.1:{port}/mcp",
        AUTHSVC_STRANGER_SCOPES="notes.read notes.write",
        SSL_CERT_FILE=str(tls.ca_file),
    )
    with document_at(tls, callback) as document, mcp_server(replica.url, port) as resource:
        agent = started(str(CLIENT), resource, callback, document)
        try:
            assert agent.stdout is not None and agent.stdin is not None
            url = agent.stdout.readline().strip()
            browser = Person(ssl.create_default_context())
            agent.stdin.write(browser.sent_back(url, callback) + "\n")
            agent.stdin.flush()
            told = json.loads(agent.stdout.readline())
        finally:
            agent.terminate()
            agent.wait(10)
    assert browser.met == ["/login", "/consent"]
    assert (told["client_id"] == document) is by_document
    assert told["written"] == f"{told['client_id']} wrote it down."
    assert told["read"] == ["milk"]
    assert told["refreshed"], "offline_access was asked for, and a refresh token came"
    assert told["again"] == ["milk", "milk"]
