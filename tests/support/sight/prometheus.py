"""Rules for Prometheus, and their tests for promtool, as text."""

from __future__ import annotations

from typing import Any

import yaml

from tests.support.sight.alerts import ALERTS, Alert, Series

INTERVAL = "30s"


def rules() -> str:
    group = {"name": "authsvc", "rules": [_rule(alert) for alert in ALERTS]}
    return (
        "# Rules for Prometheus (`rule_files`), the same as in the chart; deploy/README.md says more. Written by\n"
        "# `scripts/docs` from tests/support/sight/alerts.py; rules_test.yaml tries them: `promtool test rules`.\n"
        + _yaml({"groups": [group]})
    )


def rules_test() -> str:
    """For each alert a test in which it fires and one in which it does not."""
    tests = [_test(alert, fires) for alert in ALERTS for fires in (True, False)]
    return "# `promtool test rules rules_test.yaml`, in this directory. Written by `scripts/docs`.\n" + _yaml(
        {"rule_files": ["rules.yaml"], "evaluation_interval": INTERVAL, "tests": tests}
    )


def _rule(alert: Alert) -> dict[str, Any]:
    waited = {"for": alert.wait} if alert.wait else {}
    return {
        "alert": alert.name,
        "expr": alert.expr,
        **waited,
        "labels": {"severity": alert.severity},
        "annotations": _annotations(alert),
    }


def _annotations(alert: Alert) -> dict[str, str]:
    events = {"events": ", ".join(alert.events)} if alert.events else {}
    return {"summary": alert.summary, **events}


def _test(alert: Alert, fires: bool) -> dict[str, Any]:
    annotations = _annotations(alert)
    for label, value in alert.told.items():
        annotations["summary"] = annotations["summary"].replace(f"{{{{ $labels.{label} }}}}", value)
    told = {"exp_labels": {"severity": alert.severity, **alert.told}, "exp_annotations": annotations}
    return {
        "name": f"{alert.name} {'fires' if fires else 'is quiet'}",
        "interval": INTERVAL,
        "input_series": _series(alert.fires if fires else alert.quiet),
        "alert_rule_test": [{"eval_time": alert.at, "alertname": alert.name, "exp_alerts": [told] if fires else []}],
    }


def _series(series: Series) -> list[dict[str, str]]:
    return [{"series": name, "values": values} for name, values in series.items()]


def _yaml(value: object) -> str:
    text: str = yaml.safe_dump(value, sort_keys=False, width=110)
    return text
