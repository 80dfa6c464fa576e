"""Refreshes of sessions that are drawn from full tables: does a table of ten million cost more than an empty one?"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys

from bench.browser import Browser, exchanges
from bench.fill import drawn, fill, tokens
from bench.measure import Result, cost_table, measure
from bench.service import Scenario, Service, post_raw

DRAWN = 40_000
"""Sessions that are refreshed in turns: so many that hardly any comes twice, and pages are met cold."""


def measure_all(service: Service, options: argparse.Namespace) -> list[str]:
    """Two tables. Every row has tables of its size and a PostgreSQL of the same settings; the first is compared with
    the others."""
    service.browsers = service.browsers or [Browser(service.url).log_in("test@example.com")]
    post_raw(service, exchanges(service.browsers, 1)[0])  # the row that is copied
    results: list[Result] = []
    there = 0
    for number, wanted in enumerate(sorted(options.sessions)):
        chains = None
        if wanted > 1:
            print(f"filling: {wanted:,} sessions …", file=sys.stderr)
            took = asyncio.run(fill(service.stores.admin_url, wanted - there, number))
            print(f"  {took:.0f} s", file=sys.stderr)
            chains = tokens(service.env, "customer", drawn(wanted - there, DRAWN, number), number)
            there = wanted
        scenario = Scenario(f"refresh, {wanted:,} sessions", None, chains=True)
        print(f"measuring {scenario.name} …", file=sys.stderr)
        results.append(measure(service, scenario, options.rounds, options.seconds, chains))
    return [*_table(results), "", *cost_table(results)]


def _table(results: list[Result]) -> list[str]:
    lines = [
        "| request | a second | x RSA signatures | to the first row | CPU of the worker | p50 at half load "
        "| p99 at half load | to the first row |",
        "|---|---|---|---|---|---|---|---|",
    ]
    first = results[0]
    for one in results:
        ratio, p99 = (
            statistics.median(here) / statistics.median(there)
            for here, there in ((one.ratios, first.ratios), (one.p99, first.p99))
        )
        lines.append(
            f"| {one.scenario.name} | {statistics.median(one.rates):,.0f} | {statistics.median(one.ratios):.2f} "
            f"({min(one.ratios):.2f} to {max(one.ratios):.2f}) | **{(ratio - 1) * 100:+.0f} %** "
            f"| {statistics.median(one.cpu) * 1e6:,.0f} µs | {statistics.median(one.p50) * 1000:.2f} ms "
            f"| {statistics.median(one.p99) * 1000:.2f} ms ({min(one.p99) * 1000:.2f} to {max(one.p99) * 1000:.2f}) "
            f"| **{(p99 - 1) * 100:+.0f} %** |"
        )
    return lines
