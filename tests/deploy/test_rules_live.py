"""The rules for Prometheus beside a service that is well: what they look for is there, and nothing is to be told."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

import httpx2
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.deploy.judges import ask
from tests.support.replicas import Replicas
from tests.support.sight.catalogue import metrics
from tests.support.sight.dashboard import queries, title

DEPLOY = Path(__file__).parents[2] / "deploy"
RULES = DEPLOY / "prometheus/rules.yaml"
GAUGES = re.compile(r"(?:max|min)\((authsvc_\w+)(?:\{(\w+)=\"(\w+)\"\})?\) ([<>]) ([\d.]+)")
"""A rule over the present: `max(authsvc_keys{phase="signing"}) < 1`."""
SERIES = re.compile(r"(authsvc_\w+)\{(\w+)=\"(\w+)\"\}")


def rules() -> list[dict[str, Any]]:
    [group] = yaml.safe_load(RULES.read_text())["groups"]
    found: list[dict[str, Any]] = group["rules"]
    return found


def scraped(url: str) -> dict[str, list[tuple[dict[str, str], float]]]:
    """Name of a series -> its labels and values."""
    found: dict[str, list[tuple[dict[str, str], float]]] = {}
    text = httpx2.get(f"{url}/metrics", trust_env=False).text
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, []).append((sample.labels, sample.value))
    return found


def test_nothing_is_to_be_told_of_a_service_that_is_well(replicas: Replicas) -> None:
    [replica] = replicas.start(AUTHSVC_METRICS="main")
    judged = 0
    deadline = time.monotonic() + 20
    while True:
        series = scraped(replica.url)
        told = []
        for rule in rules():
            for name, label, value, sign, limit in GAUGES.findall(rule["expr"]):
                values = [number for labels, number in series.get(name, ()) if not label or labels.get(label) == value]
                judged += 1
                if not values:
                    told.append(f"{rule['alert']}: {name} is not there yet")
                    continue
                edge = max(values) if rule["expr"].startswith("max") else min(values)
                if (edge > float(limit)) if sign == ">" else (edge < float(limit)):
                    told.append(f"{rule['alert']}: {name} {values}")
        if not told or time.monotonic() > deadline:  # the next key is announced within seconds
            break
        time.sleep(0.5)
    assert told == []
    assert judged > 5


def test_whatever_a_rule_looks_for_is_there_before_it_happens(replicas: Replicas) -> None:
    """`increase` sees nothing of a series that begins with its first event."""
    [replica] = replicas.start(AUTHSVC_METRICS="main")
    wanted = {found for rule in rules() for found in SERIES.findall(rule["expr"])}
    deadline = time.monotonic() + 20
    while True:
        series = scraped(replica.url)
        missing = {
            (name, label, value)
            for name, label, value in wanted
            if all(labels.get(label) != value for labels, _ in series.get(name, []))
        }
        if not missing or time.monotonic() > deadline:  # keys are counted soon after the start
            break
        time.sleep(0.5)
    assert not missing


def test_every_panel_of_the_dashboard_asks_for_what_a_replica_gives(replicas: Replicas) -> None:
    panels = json.loads((DEPLOY / "grafana/authsvc.json").read_text())["panels"]
    asked = [target["expr"] for panel in panels for target in panel.get("targets", ())]
    assert asked == [query for panel in panels for query in _queries_of(panel)]
    known = {f"{metric.name}_bucket" if metric.kind == "histogram" else metric.name: metric for metric in metrics()}
    assert {name for query in asked for name in re.findall(r"authsvc_\w+", query)} == known.keys()
    [replica] = replicas.start(AUTHSVC_METRICS="main")
    text, series = httpx2.get(f"{replica.url}/metrics", trust_env=False).text, scraped(replica.url)
    for name, metric in known.items():
        family = metric.name.removesuffix("_total") if f"# TYPE {metric.name} " not in text else metric.name
        assert f"# TYPE {family} {metric.kind}\n" in text, name
        for label in metric.labels:
            assert all(label in labels for labels, _ in series.get(name, ())), name
    readable = [query.replace("$__rate_interval", "5m").replace("$job", ".*") for query in asked]
    assert ask({"queries": readable}) == {"wrong": []}


def test_no_panel_of_the_dashboard_lies_over_another() -> None:
    panels = json.loads((DEPLOY / "grafana/authsvc.json").read_text())["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    places = [tuple(panel["gridPos"][side] for side in "xywh") for panel in panels]
    for number, (x, y, w, h) in enumerate(places):
        assert 0 <= x < x + w <= 24
        assert not [1 for a, b, c, d in places[:number] if a < x + w and x < a + c and b < y + h and y < b + d]


def _queries_of(panel: dict[str, Any]) -> list[str]:
    """The queries of the metric that a panel is called by."""
    titles = {title(metric): metric for metric in metrics()}
    return list(queries(titles[panel["title"]]).values()) if panel["type"] == "timeseries" else []
