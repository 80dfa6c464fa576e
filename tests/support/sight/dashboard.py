"""A dashboard of Grafana: every metric of the catalogue in one panel, by what kind of metric it is."""

from __future__ import annotations

import json
from typing import Any

from tests.support.sight.catalogue import Metric, metrics

ROWS = {
    "Requests": ("requests_total", "request_seconds", "refused_total", "rate_limited_total", "limiter_total"),
    "Logins and tokens": ("logins_total", "tokens_issued_total", "refresh_total", "revocations_total", "hashes"),
    "Stores": (
        *("store_errors_total", "redis_trusted", "sync_age_seconds", "state_rollback_total", "db_connections"),
        *("db_waiting", "hot_update_ratio", "sweep_deleted_total", "sweep_seconds"),
    ),
    "Keys": (
        "keys",
        "key_age_seconds",
        "key_phase_seconds",
        "keys_announced_total",
        "client_key_fetches_total",
        "client_document_reads_total",
    ),
    "Revocation feed and status lists": (
        *("feed_lag_seconds", "feed_age_seconds", "feed_subscribers", "feed_events_total", "feed_ended_total"),
        "status_list_seconds",
    ),
    "Mails and logouts": (
        *("mails_total", "mails_waiting", "mails_oldest_seconds"),
        *("backchannel_logouts_total", "logouts_waiting", "logouts_oldest_seconds"),
    ),
    "The process": ("loop_lag_seconds", "log_lines_dropped_total", "spans_sent_total", "spans_dropped_total"),
}
"""Metrics, without `authsvc_`. What none of them names, such as `build_info`, stands in the last row."""
WIDTH, HEIGHT, COLUMNS = 8, 8, 3
SERIES = '{job=~"$job"}'


def dashboard() -> str:
    panels: list[dict[str, Any]] = []
    at = 0
    for row, members in _rows().items():
        panels.append({"id": len(panels) + 1, "type": "row", "title": row, "collapsed": False, "panels": []})
        panels[-1]["gridPos"] = {"h": 1, "w": WIDTH * COLUMNS, "x": 0, "y": at}
        for number, metric in enumerate(members):
            place = {
                "h": HEIGHT,
                "w": WIDTH,
                "x": number % COLUMNS * WIDTH,
                "y": at + 1 + number // COLUMNS * HEIGHT,
            }
            panels.append(_panel(len(panels) + 1, metric, place))
        at += 1 + -(-len(members) // COLUMNS) * HEIGHT
    return json.dumps({**_HEAD, "panels": panels}, indent=1) + "\n"


def queries(metric: Metric) -> dict[str, str]:
    """Legend -> PromQL."""
    by = f" by ({', '.join(metric.labels)})" if metric.labels else ""
    legend = " ".join(f"{{{{{label}}}}}" for label in metric.labels) or metric.name.removeprefix("authsvc_")
    if metric.kind == "counter":
        return {legend: f"sum{by} (rate({metric.name}{SERIES}[$__rate_interval]))"}
    if metric.kind == "histogram":
        buckets = f"sum by (le) (rate({metric.name}_bucket{SERIES}[$__rate_interval]))"
        return {f"p{share}": f"histogram_quantile(0.{share}, {buckets})" for share in (50, 99)}
    worst = "min" if metric.name in ("authsvc_redis_trusted", "authsvc_hot_update_ratio") else "max"
    return {legend: f"{worst}{by} ({metric.name}{SERIES})"}


def title(metric: Metric) -> str:
    return metric.name.removeprefix("authsvc_").removesuffix("_total").replace("_", " ")


def _rows() -> dict[str, list[Metric]]:
    known = {metric.name.removeprefix("authsvc_"): metric for metric in metrics()}
    rows = {row: [known.pop(name) for name in names] for row, names in ROWS.items()}
    rows["The process"] += [known[name] for name in sorted(known)]
    return rows


def _panel(number: int, metric: Metric, place: dict[str, int]) -> dict[str, Any]:
    unit = "s" if metric.kind == "histogram" or metric.name.endswith("_seconds") else "short"
    return {
        "id": number,
        "type": "timeseries",
        "title": title(metric),
        "description": metric.help,
        "datasource": _SOURCE,
        "gridPos": place,
        "fieldConfig": {"defaults": {"unit": "ops" if metric.kind == "counter" else unit, "min": 0}, "overrides": []},
        "options": {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi"}},
        "targets": [
            {"refId": chr(ord("A") + index), "datasource": _SOURCE, "expr": expr, "legendFormat": legend}
            for index, (legend, expr) in enumerate(queries(metric).items())
        ],
    }


_SOURCE = {"type": "prometheus", "uid": "${datasource}"}
_HEAD: dict[str, Any] = {
    "uid": "authsvc",
    "title": "authsvc",
    "description": "Written by scripts/docs from the metrics that authsvc defines.",
    "tags": ["authsvc"],
    "schemaVersion": 39,
    "version": 1,
    "editable": True,
    "refresh": "30s",
    "time": {"from": "now-6h", "to": "now"},
    "templating": {
        "list": [
            {"name": "datasource", "type": "datasource", "query": "prometheus", "label": "Prometheus"},
            {
                "name": "job",
                "type": "query",
                "label": "Job",
                "datasource": _SOURCE,
                "query": {"query": "label_values(authsvc_build_info, job)", "refId": "job"},
                "definition": "label_values(authsvc_build_info, job)",
                "refresh": 2,
                "includeAll": True,
                "multi": True,
                "allValue": ".*",
                "current": {"text": "All", "value": "$__all"},
            },
        ]
    },
    "annotations": {"list": []},
    "links": [],
}
