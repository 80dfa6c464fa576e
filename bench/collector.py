"""A collector of traces that takes everything and keeps nothing, in a process of its own on the load's core."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from bench.service import LOAD_CORE, ROOT
from bench.yardstick import on_core


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Nobody reads it."""


@contextmanager
def collector() -> Iterator[str]:
    """Its address, for OTEL_EXPORTER_OTLP_ENDPOINT."""
    command = [sys.executable, "-m", "bench.collector"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT, **on_core(LOAD_CORE)
    ) as one:
        assert one.stdin and one.stdout
        try:
            yield one.stdout.readline().decode().strip()
        finally:
            one.terminate()


if __name__ == "__main__":
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        print(f"http://127.0.0.1:{server.server_port}", flush=True)
        server.serve_forever()
