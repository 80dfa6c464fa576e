"""A host of a client's, which serves the document that it is."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from authsvc_devkit.tls import TlsFiles


@contextmanager
def document_at(tls: TlsFiles, callback: str) -> Iterator[str]:
    """A host of the client's, which serves its document over https."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            document = {"client_id": url, "client_name": "Agent", "redirect_uris": [callback]}
            body = json.dumps({**document, "grant_types": ["authorization_code", "refresh_token"]}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tls.cert_file, tls.key_file)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    url = f"https://localhost:{server.server_port}/client.json"
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield url
    finally:
        server.shutdown()
        server.server_close()
