"""Many schedules one after the other in one world, and their table."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any

from tests.laboratory.breakages import BREAKAGES
from tests.laboratory.schedule import Outcome, play
from tests.laboratory.world import World

BUSY = 1.5
"""Runnable processes a core, from which on a slow call is the machine's."""
MOST_KEPT = 20


@dataclass
class Tally:
    """Of one fault: in how many schedules it was, and what came of these."""

    schedules: int = 0
    violations: int = 0
    recovery: float = 0


@dataclass
class Report:
    seed: str
    tallies: dict[str, Tally] = field(default_factory=dict)
    schedules: int = 0
    calls: int = 0
    served: int = 0
    sessions: int = 0
    slow: int = 0
    slow_when_idle: int = 0
    recovery: float = 0
    failed: list[tuple[str, list[str]]] = field(default_factory=list)
    """(seed of the schedule, its violations)"""
    kept: str = ""
    """Where the histories of failed schedules are."""
    seconds: float = 0

    def add(self, outcome: Outcome) -> None:
        self.schedules += 1
        calls = outcome.history.calls
        self.calls += len(calls)
        self.served += sum(call.outcome == "ok" for call in calls)
        self.sessions += len(outcome.history.logins())
        self.recovery = max(self.recovery, outcome.recovery)
        self.slow += len(outcome.slow)
        if os.getloadavg()[0] < BUSY * (os.cpu_count() or 1):
            self.slow_when_idle += len(outcome.slow)
        for name in set(outcome.faults):
            tally = self.tallies.setdefault(name, Tally())
            tally.schedules += 1
            tally.violations += len(outcome.violations)
            tally.recovery = max(tally.recovery, outcome.recovery)
        if outcome.violations:
            self._keep(outcome)

    def _keep(self, outcome: Outcome) -> None:
        self.failed.append((outcome.seed, [str(one) for one in outcome.violations]))
        if len(self.failed) > MOST_KEPT:
            return
        self.kept = self.kept or tempfile.mkdtemp(prefix="laboratory-failed-")
        file = Path(self.kept) / f"{outcome.seed}.txt"
        head = [f"seed {outcome.seed}: {', '.join(outcome.faults)}", *map(str, outcome.violations), ""]
        file.write_text("\n".join([*head, *(call.line() for call in outcome.history.calls)]) + "\n")

    @property
    def good(self) -> bool:
        return not self.failed and not self.slow_when_idle

    def text(self) -> str:
        lines = [f"{'fault':<30}{'schedules':>10}{'violations':>12}{'worst recovery':>16}"]
        for name in sorted(self.tallies, key=list(BREAKAGES).index):
            one = self.tallies[name]
            lines.append(f"{name:<30}{one.schedules:>10}{one.violations:>12}{one.recovery:>14.2f} s")
        number = sum(len(found) for _, found in self.failed)
        lines.append(f"{'all':<30}{self.schedules:>10}{number:>12}{self.recovery:>14.2f} s")
        lines.append(
            f"seed {self.seed}: {self.schedules} schedules, {self.sessions} sessions, {self.calls} calls "
            f"({self.served} served) in {self.seconds:.0f} s; {self.slow} calls longer than 5 s"
            f" ({self.slow_when_idle} of them on an idle machine); load {os.getloadavg()[0]:.1f}"
        )
        for seed, found in self.failed[:MOST_KEPT]:
            lines.append(f"FAILED {seed}: {found[0]}" + (f" and {len(found) - 1} more" if len(found) > 1 else ""))
        if self.kept:
            lines.append(f"histories: {self.kept}")
        return "\n".join(lines)

    def as_json(self) -> str:
        members: dict[str, Any] = {**vars(self), "tallies": {name: vars(one) for name, one in self.tallies.items()}}
        return json.dumps(members, indent=2)


async def run(
    world: World,
    seed: str,
    *,
    schedules: int = 2**31,
    seconds: float = float("inf"),
    first: int = 0,
    only: Sequence[str] = (),
    stop_at_first: bool = False,
) -> Report:
    """Until so many schedules were played, or so many seconds went by. Schedule n is that of the seed `seed-n`."""
    report, began = Report(seed), monotonic()
    for number in range(first, first + schedules):
        if monotonic() - began > seconds:
            break
        try:
            report.add(await play(world, f"{seed}-{number}", only))
        except BaseException:
            print("\n" + report.text(), file=sys.stderr)
            raise
        report.seconds = monotonic() - began
        _show(report, schedules, seconds)
        if stop_at_first and report.failed:
            break
    return report


def _show(report: Report, schedules: int, seconds: float) -> None:
    """Progress, for whoever waits."""
    end = f"of {schedules}" if seconds == float("inf") else f"{report.seconds:.0f} of {seconds:.0f} s"
    line = f"{report.schedules} schedules ({end}), {report.calls} calls, {len(report.failed)} failed"
    if sys.stderr.isatty():
        print(f"\r{line}", end="", file=sys.stderr, flush=True)
    elif report.schedules % 25 == 0:
        print(line, file=sys.stderr, flush=True)
