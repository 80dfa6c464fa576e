"""Two checkouts compared: both workers on one core, with the same stores, loaded in turns.

A shared machine is never the same for minutes, so the CPU of a request is compared pair by pair: half a minute later
both have changed, and their ratio has not. Which of the two begins changes with every pair.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Sequence

from bench.service import CHAINS, Scenario, Service, send


def compare(
    ours: Service, theirs: Service, scenarios: Sequence[tuple[Scenario, Scenario]], pairs: int, seconds: float
) -> list[str]:
    """A table: the median of the ratios ours to theirs, and the middle half of them. `seconds` of load a turn."""
    lines = ["| request | CPU here | CPU there | here to there (middle half) |", "|---|---|---|---|"]
    for scenario, their_scenario in scenarios:
        print(f"comparing {scenario.name} …", file=sys.stderr)
        here, there = _Side(ours, scenario), _Side(theirs, their_scenario)
        for number in range(pairs):
            for side in (here, there) if number % 2 else (there, here):
                side.turn(seconds)
        ratios = [one / other for one, other in zip(here.cpu, there.cpu, strict=True)]
        low, middle, high = statistics.quantiles(ratios, n=4) if pairs > 1 else ratios * 3
        cpu = " | ".join(f"{statistics.median(side.cpu) * 1e6:,.0f} µs" for side in (here, there))
        lines.append(f"| {scenario.name} | {cpu} | **{middle:.3f}** ({low:.3f} to {high:.3f}) |")
    return lines


class _Side:
    """One checkout under one scenario. `cpu`: seconds a request, a turn."""

    def __init__(self, service: Service, scenario: Scenario) -> None:
        self.service = service
        self.scenario = scenario
        self.cpu: list[float] = []
        self._chains = service.refresh_tokens(CHAINS) if scenario.chains else []
        warm = send(service, scenario, 0.5, None, self._chains, likely=400)
        self._likely = 1.5 * warm["answers"] / warm["seconds"]

    def turn(self, seconds: float) -> None:
        answer = send(self.service, self.scenario, seconds, None, self._chains, self._likely)
        self.cpu.append(answer["cpu"] / max(1, answer["answers"]))
