"""The program oauth2-proxy in front of a small application, each a server on loopback of this process's."""

from __future__ import annotations

import json
import os
import shutil
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Self

from tests.interop.conftest import Provider
from tests.interop.programs.running import Program
from tests.interop.programs.workshop import Workshop
from tests.support.papers import snippet
from tests.support.replicas import free_port

PAPER = Path(__file__).parents[2] / "docs/clients.md"
VARIABLE = "AUTHSVC_TEST_OAUTH2_PROXY"


def program() -> str | None:
    """The one that is named or on PATH, else the one that scripts/interop builds."""
    found = os.environ.get(VARIABLE) or shutil.which("oauth2-proxy")
    if not found and (workshop := Workshop.named()):
        found = str(workshop.go("oauth2-proxy"))
    return found


class _Application(BaseHTTPRequestHandler):
    """Says what it was told of the person."""

    def do_GET(self) -> None:
        body = json.dumps(dict(self.headers)).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


class OAuth2Proxy:
    """With the configuration of docs/clients.md, and the addresses, ids and secrets of this test."""

    def __init__(self, directory: Path, provider: Provider, client_id: str, secret: str) -> None:
        self.directory, self.provider = directory, provider
        self.port = free_port()
        self.url = f"https://localhost:{self.port}"
        self.callback = f"{self.url}/oauth2/callback"
        self.client = (client_id, secret)
        self.process: Program | None = None
        self._application = ThreadingHTTPServer(("127.0.0.1", 0), _Application)
        threading.Thread(target=self._application.serve_forever, daemon=True).start()

    def configured(self, more: str, without: str) -> Path:
        shown = snippet(PAPER, "toml", 'provider = "oidc"') + more
        client_id, secret = self.client
        for theirs, ours in {
            "https://auth.example.com": self.provider.issuer,
            '"proxy"': json.dumps(client_id),
            "its-secret": secret,
            "https://wiki.example.com": self.url,
            "0123456789abcdef0123456789abcdef": os.urandom(16).hex(),
            "http://127.0.0.1:8080": f"http://127.0.0.1:{self._application.server_address[1]}",
        }.items():
            assert theirs in shown
            shown = shown.replace(theirs, ours)
        file = self.directory / "oauth2-proxy.toml"
        file.write_text("".join(line for line in shown.splitlines(True) if not without or without not in line))
        return file

    def start(self, more: str = "", without: str = "") -> Self:
        """`more` is appended to the configuration, the line with `without` is left out."""
        found = program()
        assert found
        listening = {
            "config": self.configured(more, without),
            "http-address": "",
            "https-address": f"127.0.0.1:{self.port}",
            "tls-cert-file": self.provider.tls.cert_file,
            "tls-key-file": self.provider.tls.key_file,
        }
        words = [f"--{name}={value}" for name, value in listening.items()]
        unset = {name: "" for name in os.environ if name.startswith("OAUTH2_PROXY_")}
        env = {**unset, "SSL_CERT_FILE": str(self.provider.tls.ca_file)}
        self.process = Program([found, *words], self.directory, env, self.port).start()
        return self

    def log(self) -> str:
        return self.process.log.read_text() if self.process else ""

    def stop(self) -> None:
        if self.process:
            self.process.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failure: object) -> None:
        self.stop()
        self._application.shutdown()
        self._application.server_close()
