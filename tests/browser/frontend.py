"""A frontend of somebody else's: a page with oidc-client-ts on an origin of its own, under a strict policy."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

PAGE = b"""<!doctype html><html lang="en"><head><title>Frontend</title><link rel="icon" href="data:,">
<script src="/oidc-client-ts.js"></script><script type="module" src="/frontend.js"></script></head>
<body><main><h1>Frontend</h1><p id="state">loading</p></main></body></html>"""
LIBRARY = "node_modules/oidc-client-ts/dist/browser/oidc-client-ts.min.js"


class Frontend:
    """Serves http://localhost:PORT until `close`. Its page may speak with itself and the issuer, and nothing else."""

    def __init__(self, client_id: str) -> None:
        self.client_id = client_id
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self.url = f"http://localhost:{self.server.server_port}"
        self.redirect_uris = (f"{self.url}/callback", f"{self.url}/silent")
        self.signed_out = f"{self.url}/bye"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def serve(self, issuer: str, directory: Path) -> None:
        """From now on, as a frontend of this issuer; `directory` has node_modules."""
        config = {
            "authority": issuer,
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uris[0],
            "silent_redirect_uri": self.redirect_uris[1],
            "post_logout_redirect_uri": self.signed_out,
            "scope": "openid profile email offline_access",
            "loadUserInfo": True,
            "automaticSilentRenew": False,
        }
        script = Path(__file__).with_name("frontend.js").read_bytes()
        self.server.RequestHandlerClass = type(
            "Handler",
            (_Handler,),
            {
                "policy": f"default-src 'none'; script-src 'self'; img-src data:; connect-src 'self' {issuer}; "
                f"frame-src 'self' {issuer}; frame-ancestors 'self'; base-uri 'none'",
                "files": {
                    "/config.json": ("application/json", json.dumps(config).encode()),
                    "/oidc-client-ts.js": ("text/javascript", (directory / LIBRARY).read_bytes()),
                    "/frontend.js": ("text/javascript", script),
                },
            },
        )

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


class _Handler(BaseHTTPRequestHandler):
    policy: ClassVar[str] = "default-src 'none'"
    files: ClassVar[dict[str, tuple[str, bytes]]] = {}

    def do_POST(self) -> None:
        """The answer of a request with response_mode=form_post."""
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.do_GET()

    def do_GET(self) -> None:
        kind, body = self.files.get(self.path.partition("?")[0], ("text/html; charset=utf-8", PAGE))
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Security-Policy", self.policy)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Addresses carry codes; a test's output need not."""
