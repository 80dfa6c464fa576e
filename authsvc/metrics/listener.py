"""The port of `/metrics`: an HTTP server in a daemon thread, beside the service's own."""

from __future__ import annotations

import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer

from authsvc.metrics.exposition import render


class _Handler(BaseHTTPRequestHandler):
    server_version = "authsvc"
    sys_version = ""
    timeout = 5.0

    def do_GET(self) -> None:
        if self.path.partition("?")[0] != "/metrics":
            self._send(404, b"not found\n", "text/plain")
            return
        self._send(200, *render())

    do_HEAD = do_GET

    def _send(self, status: int, body: bytes, content_type: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Scrapes are not logged."""


class MetricsServer(ThreadingHTTPServer):
    """The metrics listener: `.port` is where it listens, `.stop()` ends it."""

    daemon_threads = True

    def __init__(self, host: str, port: int) -> None:
        info = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        self.address_family = info[0]
        super().__init__(info[4][:2], _Handler)  # type: ignore[arg-type]

    def server_bind(self) -> None:
        TCPServer.server_bind(self)  # HTTPServer's asks the DNS for our own name, which can take seconds
        self.server_name, self.server_port = "", int(self.server_address[1])

    def handle_error(self, request: object, client_address: object) -> None:
        """A scraper that goes away is no news, and the default prints a traceback."""

    @property
    def port(self) -> int:
        return self.server_port

    def stop(self) -> None:
        """Stop listening; returns when the port is free."""
        self.shutdown()
        self.server_close()


def serve_metrics(host: str, port: int) -> MetricsServer:
    """Serve GET /metrics on its own port (0: any free one) from a daemon thread. OSError if it cannot listen."""
    server = MetricsServer(host, port)
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    return server
