"""Metrics: every series this service has, on one screen. Label values come from closed sets: words of ours, route
names, methods, status codes; never a name, an address or a path that a caller chose.

Several workers share their values through files. The parent calls `prepare_multiprocess(directory)` before it starts
them (prometheus_client picks its storage when it is first imported, so the workers must be new interpreters), calls
`mark_dead(pid)` when one ends, and may serve `/metrics` for all of them.
"""

from __future__ import annotations

import atexit
import os
import socket
import threading
from bisect import bisect_left
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import TCPServer
from time import sleep
from typing import NoReturn

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
    multiprocess,
)

from authsvc import __version__, logs
from authsvc.rules.token.refresh import RefreshVerdict

DIRECTORY = "PROMETHEUS_MULTIPROC_DIR"
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"))
SERIES_LIMIT = 2_000  # of (endpoint, method, status); past it everything new is counted as `other`
WRITE_SECONDS = 1.0
REQUEST_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
SWEEP_BUCKETS = (0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0)

disable_created_metrics()  # type: ignore[no-untyped-call]
REGISTRY = CollectorRegistry()

requests = Counter("authsvc_requests", "Requests answered.", ("endpoint", "method", "status"), registry=REGISTRY)
request_seconds = Histogram(
    "authsvc_request_seconds", "Time to answer (s).", ("endpoint",), buckets=REQUEST_BUCKETS, registry=REGISTRY
)
tokens_issued = Counter("authsvc_tokens_issued", "Access tokens issued.", ("grant_type",), registry=REGISTRY)
refresh = Counter("authsvc_refresh", "Refresh requests by the rule's verdict.", ("verdict",), registry=REGISTRY)
state_rollback = Counter(
    "authsvc_state_rollback", "Signs that a store lost writes it had acknowledged.", registry=REGISTRY
)
logins = Counter("authsvc_logins", "Login attempts by result.", ("result",), registry=REGISTRY)
rate_limited = Counter("authsvc_rate_limited", "Requests answered 429.", ("endpoint",), registry=REGISTRY)
revocations = Counter("authsvc_revocations", "Revocations written.", ("kind",), registry=REGISTRY)
backchannel_logouts = Counter(
    "authsvc_backchannel_logouts", "Attempts to tell a client of a logout, by outcome.", ("result",), registry=REGISTRY
)
client_key_fetches = Counter(
    "authsvc_client_key_fetches", "Requests for the keys at a client's jwks_uri.", ("result",), registry=REGISTRY
)
store_errors = Counter("authsvc_store_errors", "Failures of a store.", ("store", "kind"), registry=REGISTRY)
sweep_deleted = Counter("authsvc_sweep_deleted", "Rows deleted by the clean-up.", ("table",), registry=REGISTRY)
sweep_seconds = Histogram(
    "authsvc_sweep_seconds", "Duration of a clean-up (s).", buckets=SWEEP_BUCKETS, registry=REGISTRY
)
key_age = Gauge(
    "authsvc_key_age_seconds", "Age of the signing key (s).", registry=REGISTRY, multiprocess_mode="livemostrecent"
)
keys = Gauge("authsvc_keys", "Keys by phase.", ("phase",), registry=REGISTRY, multiprocess_mode="livemostrecent")
keys_announced = Counter("authsvc_keys_announced", "Keys that a replica made because it was time.", registry=REGISTRY)
redis_trusted = Gauge(
    "authsvc_redis_trusted", "1 if every worker may answer from Redis.", registry=REGISTRY, multiprocess_mode="livemin"
)
sync_age = Gauge(
    "authsvc_sync_age_seconds", "Age of the oldest worker's view of what changed (s).", registry=REGISTRY,
    multiprocess_mode="livemax",
)  # fmt: skip
feed_subscribers = Gauge(
    "authsvc_feed_subscribers", "Streams of the revocation feed.", registry=REGISTRY, multiprocess_mode="livesum"
)
feed_events = Counter(
    "authsvc_feed_events", "Events sent to subscribers of the revocation feed.", ("event",), registry=REGISTRY
)
feed_ended = Counter("authsvc_feed_ended", "Streams of the revocation feed that ended.", ("reason",), registry=REGISTRY)
feed_lag = Histogram(
    "authsvc_feed_lag_seconds", "From the beginning of a revoking transaction to the worker's reading (s).",
    buckets=REQUEST_BUCKETS, registry=REGISTRY,
)  # fmt: skip
feed_age = Gauge(
    "authsvc_feed_age_seconds", "Age of the oldest worker's view of the revocation feed, where it has one (s).",
    registry=REGISTRY, multiprocess_mode="livemax",
)  # fmt: skip
status_list_seconds = Histogram(
    "authsvc_status_list_seconds", "Time to build a status list (s).", buckets=REQUEST_BUCKETS, registry=REGISTRY
)
log_lines_dropped = Counter("authsvc_log_lines_dropped", "Log lines lost: nobody read them.", registry=REGISTRY)
refused = Counter("authsvc_refused", "Requests refused before they had a route.", ("status",), registry=REGISTRY)
build_info = Gauge(
    "authsvc_build_info", "1, with the version.", ("version",), registry=REGISTRY, multiprocess_mode="livemax"
)

build_info.labels(__version__).set(1)
for _verdict in RefreshVerdict:  # a rate over a series that appears with its first event misses that event
    refresh.labels(_verdict)
for _result in ("delivered", "failed", "given_up", "postponed"):
    backchannel_logouts.labels(_result)
for _result in ("answered", "failed"):
    client_key_fetches.labels(_result)
for _event in ("snapshot", "revocation", "jwks", "heartbeat"):
    feed_events.labels(_event)
for _reason in ("gone", "slow", "drained", "expired", "revoked", "closed"):
    feed_ended.labels(_reason)
logs.on_dropped(log_lines_dropped.inc)


class _Timed:
    """How long one endpoint took, not yet in its histogram."""

    def __init__(self, endpoint: str) -> None:
        self.child = request_seconds.labels(endpoint)
        self.sum = 0.0
        self.buckets = [0] * (len(REQUEST_BUCKETS) + 1)
        self.written = (0.0, list(self.buckets))

    def write(self) -> None:
        total, buckets = self.sum, list(self.buckets)
        self.child._sum.inc(total - self.written[0])
        for value, now, before in zip(self.child._buckets, buckets, self.written[1], strict=True):
            if now != before:
                value.inc(now - before)
        self.written = (total, buckets)


class _Counted:
    """How often one (endpoint, method, status) was answered, not yet in its counter."""

    def __init__(self, endpoint: str, method: str, status: str, timed: _Timed) -> None:
        self.child = requests.labels(endpoint, method, status)
        self.count = 0
        self.written = 0
        self.timed = timed

    def write(self) -> None:
        count = self.count
        self.child.inc(count - self.written)
        self.written = count


_counted: dict[tuple[str, str, int], _Counted] = {}
_timed: dict[str, _Timed] = {}
_writing = threading.Lock()


def observe_request(endpoint: str, method: str, status: int, seconds: float) -> None:
    """Count one answered request. `endpoint` is the route's name (a closed set), `seconds` how long it took.

    For one thread, the event loop's. It adds up in plain numbers, because prometheus_client's locks and files cost ten
    times as much; `write_out` carries the sums over, once a second and before every `render`.
    """
    counted = _counted.get((endpoint, method, status))
    if counted is None:
        counted = _count(endpoint, method, status)
    counted.count += 1
    timed = counted.timed
    timed.sum += seconds
    timed.buckets[bisect_left(REQUEST_BUCKETS, seconds)] += 1


def _count(endpoint: str, method: str, status: int) -> _Counted:
    """The place of a new series. Callers choose methods, so only known ones get one of their own."""
    if method not in METHODS:
        method = "other"
    if (endpoint, method, status) not in _counted and len(_counted) >= SERIES_LIMIT:
        endpoint, method, status = "other", "other", 0
    key = (endpoint, method, status)
    if key not in _counted:
        with _writing:
            if not _counted:
                threading.Thread(target=_write_for_ever, name="metrics-writer", daemon=True).start()
                atexit.register(write_out)
            timed = _timed.setdefault(endpoint, _timed.get(endpoint) or _Timed(endpoint))
            _counted[key] = _Counted(endpoint, method, str(status), timed)
    return _counted[key]


def write_out() -> None:
    """Carry what was observed into prometheus_client's own storage (the shared files, with several workers)."""
    with _writing:
        for counted in _counted.values():
            if counted.count != counted.written:
                counted.write()
        for timed in _timed.values():
            if timed.sum != timed.written[0] or timed.buckets != timed.written[1]:
                timed.write()


def _write_for_ever() -> NoReturn:
    while True:
        sleep(WRITE_SECONDS)
        write_out()


_issued: dict[str, Counter] = {}


def token_issued(grant_type: str) -> None:
    """Count an access token, by way of the series found before: looking a label up costs more than counting."""
    series = _issued.get(grant_type)
    if series is None:
        series = _issued[grant_type] = tokens_issued.labels(grant_type)
    series.inc()


def observe_refused(status: int) -> None:
    """Count a request that the wire protocol refused: for `DeadlineProtocol.on_refused`."""
    refused.labels(str(status)).inc()


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
    write_out()
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


ProcessCollector(registry=REGISTRY)
