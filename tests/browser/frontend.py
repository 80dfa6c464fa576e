"""Pages on origins of their own, under a strict policy: with oidc-client-ts, as somebody else's frontend has it, and
with the module of clients/browser."""

from __future__ import annotations

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

from authsvc.web.pages.headers import script_hash

PAGE = b"""<!doctype html><html lang="en"><head><title>Frontend</title><link rel="icon" href="data:,">
<script src="/oidc-client-ts.js"></script><script type="module" src="/frontend.js"></script></head>
<body><main><h1>Frontend</h1><p id="state">loading</p></main></body></html>"""
LIBRARY = "node_modules/oidc-client-ts/dist/browser/oidc-client-ts.min.js"
APP = b"""<!doctype html><html lang="en"><head><title>App</title><link rel="icon" href="data:,">
<script type="module" src="/app.js"></script></head>
<body><main><h1>App</h1><p id="state">loading</p></main></body></html>"""
AXIOS = "node_modules/axios/dist/esm/axios.min.js"

Files = dict[str, tuple[str, bytes]]


class Site:
    """Serves http://localhost:PORT until `close`."""

    def __init__(self) -> None:
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self.url = f"http://localhost:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def publish(self, page: bytes, policy: str, files: Files) -> None:
        """From now on `page` is at every address but those of `files` (path -> media type and content)."""
        self.server.RequestHandlerClass = type("Handler", (_Handler,), {"page": page, "policy": policy, "files": files})

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


class App(Site):
    """Pages with the module. /CLIENT/STORAGE[/dpop|/step-up] is one, and its redirect URI; /README and /package are
    those that the two READMEs show. They may load scripts from the issuer, speak with it and with `api`, and nothing
    else."""

    def redirect_uris(self, client_id: str) -> tuple[str, ...]:
        storages = ("memory", "session", "local")
        ways = ("", "/dpop", "/step-up")
        pages = [f"{self.url}/{client_id}/{storage}{way}" for storage in storages for way in ways]
        return (*pages, f"{self.url}/README", f"{self.url}/package")

    def serve(self, issuer: str, directory: Path, documented: dict[str, str], api: str = "") -> None:
        """`documented`: path -> HTML. `directory` has node_modules. `api`: origin of a service that takes tokens."""
        inline = [
            f"'{script_hash(script)}'"
            for page in documented.values()
            for script in re.findall(r'<script type="module">(.*?)</script>', page, re.DOTALL)
        ]
        html, script = "text/html; charset=utf-8", "text/javascript"
        config = {"issuer": issuer, "origins": [api] if api else []}
        self.publish(
            APP,
            f"default-src 'none'; script-src 'self' {issuer} {' '.join(inline)}; img-src data:; "
            f"connect-src 'self' {issuer} {api}; frame-ancestors 'none'; base-uri 'none'",
            {
                "/config.json": ("application/json", json.dumps(config).encode()),
                "/app.js": (script, Path(__file__).with_name("app.js").read_bytes()),
                "/axios.js": (script, (directory / AXIOS).read_bytes()),
                **{path: (html, page.encode()) for path, page in documented.items()},
            },
        )


class Frontend(Site):
    """Its page may speak with itself and the issuer, and nothing else."""

    def __init__(self, client_id: str) -> None:
        super().__init__()
        self.client_id = client_id
        self.redirect_uris = (f"{self.url}/callback", f"{self.url}/silent")
        self.signed_out = f"{self.url}/bye"

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
        self.publish(
            PAGE,
            f"default-src 'none'; script-src 'self'; img-src data:; connect-src 'self' {issuer}; "
            f"frame-src 'self' {issuer}; frame-ancestors 'self'; base-uri 'none'",
            {
                "/config.json": ("application/json", json.dumps(config).encode()),
                "/oidc-client-ts.js": ("text/javascript", (directory / LIBRARY).read_bytes()),
                "/frontend.js": ("text/javascript", script),
            },
        )


class _Handler(BaseHTTPRequestHandler):
    page: ClassVar[bytes] = b""
    policy: ClassVar[str] = "default-src 'none'"
    files: ClassVar[Files] = {}

    def do_POST(self) -> None:
        """The answer of a request with response_mode=form_post."""
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.do_GET()

    def do_GET(self) -> None:
        kind, body = self.files.get(self.path.partition("?")[0], ("text/html; charset=utf-8", self.page))
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Security-Policy", self.policy)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Addresses carry codes; a test's output need not."""
