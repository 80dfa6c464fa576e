"""The text that is scraped, of one worker or of several that share their values through files; and its port, an HTTP
server in a daemon thread beside the service's own.

The parent calls `prepare_multiprocess(directory)` before it starts workers (prometheus_client picks its storage when it
is first imported, so they must be new interpreters), `mark_dead(pid)` when one ends, and may serve it for all of them.
"""

from __future__ import annotations

import os
import socket
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import TCPServer

from prometheus_client import CollectorRegistry, generate_latest, multiprocess

from authsvc.metrics import REGISTRY

DIRECTORY = "PROMETHEUS_MULTIPROC_DIR"
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def prepare_multiprocess(directory: str | Path) -> None:
    """Make the directory (mode 0700), delete a former run's files, and name it in the environment for the workers.

    For the parent, before it starts workers. OSError if the directory cannot be used.
    """
    path = Path(directory)
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    for file in path.glob("*.db"):
        file.unlink(missing_ok=True)
    os.environ[DIRECTORY] = str(path)


def mark_dead(pid: int) -> None:
    """Forget the live gauges of a worker that ended; what it counted stays counted."""
    if directory := os.environ.get(DIRECTORY):
        with suppress(FileNotFoundError):
            multiprocess.mark_process_dead(pid, directory)  # type: ignore[no-untyped-call]


def render() -> tuple[bytes, str]:
    """The exposition and its Content-Type: of all workers when they share a directory, else of this process."""
    directory = os.environ.get(DIRECTORY)
    if not directory:
        return generate_latest(REGISTRY), CONTENT_TYPE
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry, directory)  # type: ignore[no-untyped-call]
    return generate_latest(registry), CONTENT_TYPE


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
        if self.address_family == socket.AF_INET6:  # `[::]` is every address, those of IPv4 too
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
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
