"""One scenario measured: throughput beside the yardstick, latencies at half of it, and what it costs the machine."""

from __future__ import annotations

import re
import shutil
import signal
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.service import CHAINS, Scenario, Service, send
from bench.stores import family
from bench.yardstick import hashes, signatures

PARTS = ("cpu", "postgres", "redis", "wal", "packets", "bytes")
"""Of what `send` answers, what `Result.spent` adds up."""
TRACED_SECONDS = 0.5


@dataclass
class Result:
    """Of several rounds. `cpu`: of the worker a request, in seconds: steadier than throughput where the machine is
    shared. `p50`, `p99`: a paced round, in seconds. `spent`: a request, by the names in PARTS, and `calls`: system
    calls of the worker, NaN where nothing counts them."""

    scenario: Scenario
    rates: list[float] = field(default_factory=list)
    ratios: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    p50: list[float] = field(default_factory=list)
    p99: list[float] = field(default_factory=list)
    errors: int = 0
    spent: dict[str, float] = field(default_factory=dict)


def quantile(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else float("nan")


def measure(
    service: Service, scenario: Scenario, rounds: int, seconds: float, chains: list[str] | None = None
) -> Result:
    """Rounds of yardstick, load, yardstick; then as many at half of the median throughput: a machine that stalls once
    for 50 ms makes the p99 of one round, and not the median of several. `chains`: refresh tokens, or a new login's."""
    yardstick = signatures if scenario.yardstick == "signatures" else hashes
    core = 0 if service.core is None else service.core
    if chains is None:
        chains = service.refresh_tokens(CHAINS) if scenario.chains else []
    warm = send(service, scenario, 0.5, None, chains, likely=400)
    likely = 1.5 * warm["answers"] / warm["seconds"]
    result = Result(scenario)
    totals = dict.fromkeys(("answers", *PARTS), 0.0)
    for _ in range(rounds):
        before = yardstick(core)
        answer = send(service, scenario, seconds, None, chains, likely)
        after = yardstick(core)
        result.cpu.append(answer["cpu"] / max(1, answer["answers"]))
        result.rates.append(answer["answers"] / answer["seconds"])
        result.ratios.append(result.rates[-1] / ((before + after) / 2))
        result.errors += answer["errors"]
        for name in totals:
            totals[name] += answer[name]
    half = statistics.median(result.rates) / 2
    for _ in range(rounds):
        paced = send(service, scenario, seconds, half, chains, likely=half)
        result.p50.append(quantile(paced["latencies"], 0.5))
        result.p99.append(quantile(paced["latencies"], 0.99))
        result.errors += paced["errors"]
    result.spent = {name: totals[name] / max(1.0, totals["answers"]) for name in PARTS}
    result.spent["calls"] = _system_calls(
        service, lambda: send(service, scenario, TRACED_SECONDS, None, chains, likely)
    )
    return result


def _system_calls(service: Service, load: Callable[[], dict[str, Any]]) -> float:
    """System calls of the worker a request, as strace counts them; NaN without strace, or where it may not."""
    strace = shutil.which("strace")
    if not strace or not service.process:
        return float("nan")
    with tempfile.NamedTemporaryFile(prefix="authsvc-bench-") as report:
        options = [f"--attach={pid}" for pid in family(service.process.pid)]
        tracer = subprocess.Popen([strace, "-f", "-c", "-q", "-o", report.name, *options], stderr=subprocess.PIPE)
        time.sleep(0.3)  # until it has attached
        answers = load()["answers"]
        tracer.send_signal(signal.SIGINT)
        tracer.wait(10)
        found = re.search(r"^100\.00\s.*?(\d+)\s+(?:\d+\s+)?total$", Path(report.name).read_text(), re.MULTILINE)
    return int(found[1]) / max(1, answers) if found else float("nan")


def table(results: list[Result]) -> list[str]:
    lines = [
        "| request | a second | CPU | beside | ratio (median, range) | goal | p50 at half load | p99 at half load |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for one in results:
        beside = "RSA signatures" if one.scenario.yardstick == "signatures" else "argon2id hashes"
        lines.append(
            f"| {one.scenario.name} | {statistics.median(one.rates):,.0f} "
            f"| {statistics.median(one.cpu) * 1e6:,.0f} µs ({min(one.cpu) * 1e6:,.0f} to {max(one.cpu) * 1e6:,.0f}) "
            f"| {beside} "
            f"| **{statistics.median(one.ratios):.2f}** ({min(one.ratios):.2f} to {max(one.ratios):.2f}) "
            f"| {_goal(one.scenario)} | {statistics.median(one.p50) * 1000:.2f} ms "
            f"| {statistics.median(one.p99) * 1000:.2f} ms ({min(one.p99) * 1000:.2f} to {max(one.p99) * 1000:.2f}) |"
        )
    return lines


def _goal(scenario: Scenario) -> str:
    parts = [f"{scenario.goal:.2f}"] if scenario.goal is not None else []
    if scenario.goal_p99 is not None:
        parts.append(f"p99 at most {scenario.goal_p99 * 1000:.0f} ms")
    return ", ".join(parts)


def cost_table(results: list[Result]) -> list[str]:
    """What a request costs beyond the worker's loop, at full load."""
    lines = [
        "| a request costs | worker | PostgreSQL | Valkey | WAL | packets | bytes | system calls |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for one in results:
        seconds = " | ".join(f"{one.spent[name] * 1e6:,.0f} µs" for name in ("cpu", "postgres", "redis"))
        calls = f"{one.spent['calls']:.1f}" if one.spent["calls"] == one.spent["calls"] else "not counted"
        lines.append(
            f"| {one.scenario.name} | {seconds} | {one.spent['wal']:,.0f} B | {one.spent['packets']:.1f} "
            f"| {one.spent['bytes']:,.0f} | {calls} |"
        )
    return lines
