"""Metrics: every series this service has, on one screen. Label values come from closed sets: words of ours, route
names, methods, status codes; never a name, an address or a path that a caller chose.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from itertools import chain
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, disable_created_metrics

from authsvc import __version__, logs
from authsvc.rules.token.refresh_rotation import RefreshVerdict

METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"))
SERIES_LIMIT = 2_000  # of (endpoint, method, status); past it everything new is counted as `other`
REQUEST_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
SWEEP_BUCKETS = (0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0)

disable_created_metrics()  # type: ignore[no-untyped-call]
REGISTRY = CollectorRegistry()


def _counter(name: str, help: str, *labels: str, **known: Iterable[str]) -> Counter:
    """`known`: a label, with those of its values that are there from the start: a rate over a series that appears with
    its first event misses that event."""
    made = Counter(name, help, (*labels, *known), registry=REGISTRY)
    for value in chain(*known.values()):
        made.labels(value)
    return made


def _gauge(name: str, help: str, *labels: str, of: Literal["livemostrecent", "livemin", "livemax", "livesum"]) -> Gauge:
    """`of`: how one value is made of those of several workers."""
    return Gauge(name, help, labels, registry=REGISTRY, multiprocess_mode=of)


def _histogram(name: str, help: str, *labels: str, buckets: tuple[float, ...] = REQUEST_BUCKETS) -> Histogram:
    return Histogram(name, help, labels, buckets=buckets, registry=REGISTRY)


requests = _counter("authsvc_requests", "Requests answered.", "endpoint", "method", "status")
request_seconds = _histogram("authsvc_request_seconds", "Time to answer (s).", "endpoint")
tokens_issued = _counter("authsvc_tokens_issued", "Access tokens issued.", "grant_type")
refresh = _counter("authsvc_refresh", "Refresh requests by the rule's verdict.", verdict=RefreshVerdict)
state_rollback = _counter("authsvc_state_rollback", "Signs that a store lost writes it had acknowledged.")
rollback_suspected = _gauge(
    "authsvc_rollback_suspected", "1 while PostgreSQL is taken for a restored backup.", of="livemax"
)
logins = _counter("authsvc_logins", "Login attempts by result.", "result")
limiter = _counter(
    "authsvc_limiter",
    "Attempts that took a place in the counts of failures, or found none; without Redis in the worker's memory.",
    verdict=("free", "limited", "free_without_redis", "limited_without_redis"),
)
client_document_reads = _counter(
    "authsvc_client_document_reads",
    "Requests for the documents of clients (client ID metadata documents).",
    result=("read", "failed", "refused"),
)
rate_limited = _counter("authsvc_rate_limited", "Requests answered 429.", "endpoint")
revocations = _counter("authsvc_revocations", "Revocations written.", "kind")
backchannel_logouts = _counter(
    "authsvc_backchannel_logouts",
    "Attempts to tell a client of a logout, by outcome.",
    result=("delivered", "failed", "given_up", "postponed"),
)
logouts_waiting = _gauge("authsvc_logouts_waiting", "Clients to be told of a logout.", of="livemostrecent")
logouts_oldest = _gauge(
    "authsvc_logouts_oldest_seconds",
    "Age of the logout that a client was not told of for longest (s).",
    of="livemostrecent",
)
mails = _counter(
    "authsvc_mails", "Mails by outcome of an attempt.", result=("sent", "put_off", "given_up", "postponed")
)
mails_waiting = _gauge("authsvc_mails_waiting", "Mails that wait to be sent.", of="livemostrecent")
mails_oldest = _gauge(
    "authsvc_mails_oldest_seconds", "Age of the mail that has waited longest (s).", of="livemostrecent"
)
client_key_fetches = _counter(
    "authsvc_client_key_fetches", "Requests for the keys at a client's jwks_uri.", result=("answered", "failed")
)
store_errors = _counter("authsvc_store_errors", "Failures of a store.", "store", "kind")
db_connections = _gauge("authsvc_db_connections", "Connections to PostgreSQL that are in use.", of="livesum")
db_waiting = _gauge("authsvc_db_waiting", "Callers that wait for a connection to PostgreSQL.", of="livesum")
hot_updates = _gauge(
    "authsvc_hot_update_ratio",
    "Share of updates that touched no index, since statistics began.",
    "table",
    of="livemostrecent",
)
loop_lag = _histogram(
    "authsvc_loop_lag_seconds", "How late the event loop came to a timer, looked at twice a second (s)."
)
hashes = _gauge("authsvc_hashes", "Passwords that are hashed, or wait in the queue for it.", of="livesum")
sweep_deleted = _counter("authsvc_sweep_deleted", "Rows deleted by the clean-up.", "table")
sweep_seconds = _histogram("authsvc_sweep_seconds", "Duration of a clean-up (s).", buckets=SWEEP_BUCKETS)
key_age = _gauge("authsvc_key_age_seconds", "Age of the signing key (s).", of="livemostrecent")
key_phase_age = _gauge(
    "authsvc_key_phase_seconds",
    "For how long the oldest key of a phase has been in it (s).",
    "phase",
    of="livemostrecent",
)
keys = _gauge("authsvc_keys", "Keys by phase.", "phase", of="livemostrecent")
keys_announced = _counter("authsvc_keys_announced", "Keys that a replica made because it was time.")
redis_trusted = _gauge("authsvc_redis_trusted", "1 if every worker may answer from Redis.", of="livemin")
sync_age = _gauge("authsvc_sync_age_seconds", "Age of the oldest worker's view of what changed (s).", of="livemax")
feed_subscribers = _gauge("authsvc_feed_subscribers", "Streams of the revocation feed.", of="livesum")
feed_events = _counter(
    "authsvc_feed_events",
    "Events sent to subscribers of the revocation feed.",
    event=("snapshot", "revocation", "jwks", "heartbeat"),
)
feed_ended = _counter(
    "authsvc_feed_ended",
    "Streams of the revocation feed that ended.",
    reason=("gone", "slow", "drained", "expired", "revoked", "closed"),
)
feed_lag = _histogram(
    "authsvc_feed_lag_seconds", "From the beginning of a revoking transaction to the worker's reading (s)."
)
feed_age = _gauge(
    "authsvc_feed_age_seconds",
    "Age of the oldest worker's view of the revocation feed, where it has one (s).",
    of="livemax",
)
status_list_seconds = _histogram("authsvc_status_list_seconds", "Time to build a status list (s).")
log_lines_dropped = _counter("authsvc_log_lines_dropped", "Log lines lost: nobody read them.")
spans_sent = _counter("authsvc_spans_sent", "Spans of traces that the collector took.")
spans_dropped = _counter("authsvc_spans_dropped", "Spans lost: the collector did not take them in time.")
refused = _counter("authsvc_refused", "Requests refused before they had a route.", "status")
build_info = _gauge("authsvc_build_info", "1, with the version.", "version", of="livemax")

build_info.labels(__version__).set(1)
logs.on_dropped(log_lines_dropped.inc)
ProcessCollector(registry=REGISTRY)

_series: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}


def observe_request(endpoint: str, method: str, status: int, seconds: float) -> None:
    """Count one answered request. `endpoint` is the route's name (a closed set), `seconds` how long it took."""
    counted, timed = _series.get((endpoint, method, status)) or _series_of(endpoint, method, status)
    counted.inc()
    timed.observe(seconds)


def _series_of(endpoint: str, method: str, status: int) -> tuple[Counter, Histogram]:
    """Finds or makes two series. Callers choose methods, so only known ones get one of their own."""
    if method not in METHODS:
        method = "other"
    if (endpoint, method, status) not in _series and len(_series) >= SERIES_LIMIT:
        endpoint, method, status = "other", "other", 0
    key = (endpoint, method, status)
    if key not in _series:
        _series[key] = requests.labels(endpoint, method, str(status)), request_seconds.labels(endpoint)
    return _series[key]


@cache
def refreshes_judged(verdict: RefreshVerdict) -> Counter:
    """The series of a verdict: to look it up by its label is 1 µs of every refresh."""
    return refresh.labels(verdict)


@cache
def tokens_issued_by(grant_type: str) -> Counter:
    """The series of a grant type, whose name is one of ours."""
    return tokens_issued.labels(grant_type)


def observe_refused(status: int) -> None:
    """Count a request that the wire protocol refused: for `DeadlineProtocol.on_refused`."""
    refused.labels(str(status)).inc()
