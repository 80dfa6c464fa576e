"""What an operator watches the service with, made from one catalogue: `scripts/docs` writes it beside docs/reference.

catalogue      every metric, as authsvc/metrics defines it
alerts         when somebody is told, why, and what to look for in log and audit events; each with a case that fires
dashboard      a dashboard of Grafana, of the metrics
prometheus     rules.yaml and its tests for promtool, of the alerts
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.support.sight import dashboard, prometheus

ROOT = Path(__file__).parents[3]

FILES: dict[Path, Callable[[], str]] = {
    ROOT / "deploy/prometheus/rules.yaml": prometheus.rules,
    ROOT / "deploy/prometheus/rules_test.yaml": prometheus.rules_test,
    ROOT / "deploy/helm/authsvc/files/rules.yaml": prometheus.rules,
    ROOT / "deploy/grafana/authsvc.json": dashboard.dashboard,
}
