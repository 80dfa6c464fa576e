"""Every metric, as authsvc/metrics defines it."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.support.house import read_package

PACKAGE = Path(__file__).parents[3] / "authsvc"


@dataclass(frozen=True)
class Metric:
    """`name` as it is scraped, without the endings of a histogram's series. `labels`: with those of their values that
    are there from the start. `kind`: counter, gauge or histogram."""

    name: str
    kind: str
    labels: dict[str, list[str]]
    help: str


@cache
def metrics() -> tuple[Metric, ...]:
    for module in read_package(PACKAGE):
        if "simulation" not in module.name and module.name != "__main__":
            importlib.import_module(f"authsvc.{module.name}" if module.name != "__init__" else "authsvc")
    registry = importlib.import_module("authsvc.metrics").REGISTRY
    found = []
    for collector in registry._collector_to_names:
        labels = getattr(collector, "_labelnames", ())
        for family in collector.collect():
            if family.name.startswith("process_"):
                continue
            name = f"{family.name}_total" if family.type == "counter" else family.name
            started = {
                label: sorted({sample.labels[label] for sample in family.samples if label in sample.labels})
                for label in labels
            }
            found.append(Metric(name, family.type, started, family.documentation))
    return tuple(found)
