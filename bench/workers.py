"""One worker and several on the same cores: what more of them bring where generator and stores have no core of their
own."""

from __future__ import annotations

import argparse
import os
import statistics
import sys
from base64 import b64encode

from authsvc_devkit.demo import BACKEND_SECRET
from bench.load import request
from bench.service import CHAINS, Scenario, Service, send
from bench.stores import Stores

_BASIC = f"Authorization: Basic {b64encode(f'backend:{BACKEND_SECRET}'.encode()).decode()}\r\n"
SCENARIOS = (
    Scenario("client_credentials", 1.8, (request("POST", "/token", "grant_type=client_credentials", _BASIC),)),
    Scenario("refresh_token", 1.8, chains=True),
)


def compare(stores: Stores, options: argparse.Namespace) -> list[str]:
    """A table. Both have the same machine: they are loaded in turns, and nothing is pinned.

    What these cores allow: a worker runs on one core at a time, and where it fills that, its throughput is 1 / its CPU
    a request. All cores together do not serve more than cores / (CPU of a worker and of all others a request)."""
    many = options.workers
    stores.put_on(set(range(os.cpu_count() or 1)))
    lines = [
        f"| request, nothing pinned | 1 worker | {many} workers | {many} to 1 (range) | goal | these cores allow "
        "| CPU of a request: workers, stores and generator |",
        "|---|---|---|---|---|---|---|",
    ]
    with Service(stores, core=None) as one, Service(stores, workers=many, core=None) as several:
        for scenario in SCENARIOS:
            print(f"one worker and {many}: {scenario.name} …", file=sys.stderr)
            lines.append(_row(one, several, scenario, options))
    return lines


def _row(one: Service, several: Service, scenario: Scenario, options: argparse.Namespace) -> str:
    rates: tuple[list[float], list[float]] = ([], [])
    worker, others = [], []
    chains = [service.refresh_tokens(CHAINS) if scenario.chains else [] for service in (one, several)]
    for _ in range(options.rounds):
        for service, found, tokens in zip((one, several), rates, chains, strict=True):
            answer = send(service, scenario, options.seconds, None, tokens, likely=0)
            found.append(answer["answers"] / answer["seconds"])
            worker.append(answer["cpu"] / answer["answers"])
            others.append((answer["postgres"] + answer["redis"] + answer["generator"]) / answer["answers"])
    ratios = [more / less for less, more in zip(*rates, strict=True)]
    own, beside = statistics.median(worker), statistics.median(others)
    allowed = (os.cpu_count() or 1) * own / (own + beside)
    return (
        f"| {scenario.name} | {statistics.median(rates[0]):,.0f} | {statistics.median(rates[1]):,.0f} "
        f"| **{statistics.median(ratios):.2f}** ({min(ratios):.2f} to {max(ratios):.2f}) | {scenario.goal} "
        f"| {allowed:.2f} | {own * 1e6:,.0f} µs, {beside * 1e6:,.0f} µs |"
    )
