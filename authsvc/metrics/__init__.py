"""Metrics: every series this service has, on one screen. Label values come from closed sets: words of ours, route
names, methods, status codes; never a name, an address or a path that a caller chose.
"""

from __future__ import annotations

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)

from authsvc import __version__, logs
from authsvc.rules.token.refresh_rotation import RefreshVerdict

METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"))
SERIES_LIMIT = 2_000  # of (endpoint, method, status); past it everything new is counted as `other`
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
    "authsvc_sync_age_seconds",
    "Age of the oldest worker's view of what changed (s).",
    registry=REGISTRY,
    multiprocess_mode="livemax",
)
feed_subscribers = Gauge(
    "authsvc_feed_subscribers", "Streams of the revocation feed.", registry=REGISTRY, multiprocess_mode="livesum"
)
feed_events = Counter(
    "authsvc_feed_events", "Events sent to subscribers of the revocation feed.", ("event",), registry=REGISTRY
)
feed_ended = Counter("authsvc_feed_ended", "Streams of the revocation feed that ended.", ("reason",), registry=REGISTRY)
feed_lag = Histogram(
    "authsvc_feed_lag_seconds",
    "From the beginning of a revoking transaction to the worker's reading (s).",
    buckets=REQUEST_BUCKETS,
    registry=REGISTRY,
)
feed_age = Gauge(
    "authsvc_feed_age_seconds",
    "Age of the oldest worker's view of the revocation feed, where it has one (s).",
    registry=REGISTRY,
    multiprocess_mode="livemax",
)
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


def token_issued(grant_type: str) -> None:
    """Count an access token."""
    tokens_issued.labels(grant_type).inc()


def observe_refused(status: int) -> None:
    """Count a request that the wire protocol refused: for `DeadlineProtocol.on_refused`."""
    refused.labels(str(status)).inc()
