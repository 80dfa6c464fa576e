"""A collector of OpenTelemetry: an HTTP server that reads what it is sent as OTLP, with the library's own messages."""

from __future__ import annotations

import gzip
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True)
class Received:
    """A span. Ids are hexadecimal; `parent` is empty where it has none."""

    trace: str
    id: str
    parent: str
    name: str
    kind: int
    failed: bool
    state: str
    attributes: dict[str, Any]
    resource: dict[str, Any]
    started: int
    ended: int


@dataclass
class Collector:
    """`spans` is all that came, `raw` the bytes of it. `status`: what it answers, None: not a word."""

    status: int | None = 200
    spans: list[Received] = field(default_factory=list)
    raw: bytes = b""
    asked: int = 0
    url: str = ""

    def take(self, body: bytes) -> None:
        self.raw += body
        for of_resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            resource = _plain(of_resource.resource.attributes)
            for of_scope in of_resource.scope_spans:
                self.spans += [_received(span, resource) for span in of_scope.spans]

    def trace(self, name: str) -> list[Received]:
        """The spans of the one trace that has a span of this name; none where there is no such trace yet."""
        ids = {span.trace for span in self.spans if span.name == name}
        assert len(ids) <= 1, ids
        return [span for span in self.spans if span.trace in ids]

    def until(self, there: Callable[[], object], seconds: float = 10) -> None:
        deadline = time.monotonic() + seconds
        while not there():
            assert time.monotonic() < deadline, [span.name for span in self.spans]
            time.sleep(0.02)


def tree(spans: list[Received]) -> list[str]:
    """Names in the order in which they began, each child beneath its parent by two spaces."""
    known = {span.id for span in spans}

    def below(parent: str, depth: int) -> Iterator[str]:
        children = [one for one in spans if one.parent == parent or (not parent and one.parent not in known)]
        for one in sorted(children, key=lambda one: one.started):
            yield "  " * depth + one.name
            yield from below(one.id, depth + 1)

    return list(below("", 0))


def _received(span: Any, resource: dict[str, Any]) -> Received:
    return Received(
        trace=span.trace_id.hex(),
        id=span.span_id.hex(),
        parent=span.parent_span_id.hex(),
        name=span.name,
        kind=span.kind,
        failed=span.status.code == 2,
        state=span.trace_state,
        attributes=_plain(span.attributes),
        resource=resource,
        started=span.start_time_unix_nano,
        ended=span.end_time_unix_nano,
    )


def _plain(attributes: Any) -> dict[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in attributes}


@contextmanager
def collecting() -> Iterator[Collector]:
    """A collector on a free port of this machine. `url` is for OTEL_EXPORTER_OTLP_ENDPOINT."""
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            collector.asked += 1
            while collector.status is None:
                time.sleep(0.05)
            if collector.status == 200:
                assert (self.path, self.headers["content-type"]) == ("/v1/traces", "application/x-protobuf")
                collector.take(gzip.decompress(body) if self.headers["content-encoding"] == "gzip" else body)
            self.send_response(collector.status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    collector.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield collector
    finally:
        collector.status = collector.status or 503
        server.shutdown()
        server.server_close()
