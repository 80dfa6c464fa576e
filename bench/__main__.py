"""`scripts/bench`: start the service on one core, the load generator and the stores on another, print a table."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg

from authsvc.flows.keys import manage_keys
from authsvc.keys.master import MasterKeys
from authsvc.runtime import open_runtime
from authsvc.settings import load
from authsvc.store import migrate
from authsvc_devkit import demo
from authsvc_devkit.servers import Servers
from bench.browser import AUTHORIZE, Browser, add_sessions
from bench.load import request
from bench.pairs import compare
from bench.service import CHAINS, LOAD_CORE, LOGIN, ROOT, SERVICE_CORE, Scenario, Service, authsvc, send
from bench.yardstick import hashes, on_core, signatures

BASIC = "Authorization: Basic YmFja2VuZDpiYWNrZW5kLXNlY3JldA==\r\n"
SESSIONS = 1000
RESULTS = Path(__file__).with_name("RESULTS.md")
TURN_SECONDS = 3
"""Of a paused and of a running sweep, in turns. Less than idle_in_transaction_session_timeout."""


@dataclass
class Result:
    scenario: Scenario
    rates: list[float]
    ratios: list[float]
    cpu: list[float]
    """CPU of the worker a request, in seconds, a round: steadier than throughput where the machine is shared."""
    p50: float
    p99: float
    errors: int


def _same_database(admin_url: str, database_url: str) -> str:
    return urlsplit(admin_url)._replace(path=urlsplit(database_url).path).geturl()


def _quantile(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else float("nan")


def measure(service: Service, scenario: Scenario, rounds: int, seconds: float) -> Result:
    """Rounds of yardstick, load, yardstick; then latencies at half of the median throughput."""
    yardstick = signatures if scenario.yardstick == "signatures" else hashes
    chains = service.refresh_tokens(CHAINS) if scenario.chains else []
    warm = send(service, scenario, 0.5, None, chains, likely=400)
    likely = 1.5 * warm["answers"] / warm["seconds"]
    rates, ratios, cpu, errors = [], [], [], 0
    for _ in range(rounds):
        before = yardstick(SERVICE_CORE)
        answer = send(service, scenario, seconds, None, chains, likely)
        cpu.append(answer["cpu"] / max(1, answer["answers"]))
        after = yardstick(SERVICE_CORE)
        rates.append(answer["answers"] / answer["seconds"])
        ratios.append(rates[-1] / ((before + after) / 2))
        errors += answer["errors"]
    half = statistics.median(rates) / 2
    paced = send(service, scenario, seconds, half, chains, likely=half)
    return Result(
        scenario,
        rates,
        ratios,
        cpu,
        _quantile(paced["latencies"], 0.5),
        _quantile(paced["latencies"], 0.99),
        errors + paced["errors"],
    )


def sweep_under_load(service: Service, admin_url: str, sessions: int) -> tuple[float, float, float, int]:
    """Median p99 of paced refreshes while a sweep of `sessions` expired sessions is paused, and while it runs, in
    turns: a shared machine is never the same for minutes. Then the seconds that the sweep ran, and errors."""
    scenario = Scenario("refresh", 0, chains=True)
    chains = service.refresh_tokens(CHAINS)
    asyncio.run(_expire(service.env, admin_url, sessions))
    send(service, scenario, 1, 300, chains, 0)
    sweeper = subprocess.Popen(
        [*authsvc(ROOT), "sweep"],
        cwd=ROOT,
        env={**os.environ, **service.env},
        stdout=subprocess.DEVNULL,
        **on_core(LOAD_CORE),
    )
    quiet: list[float] = []
    busy: list[float] = []
    errors, ran = 0, 0.0
    while sweeper.poll() is None:
        for signal_sent, found in ((signal.SIGSTOP, quiet), (signal.SIGCONT, busy)):
            sweeper.send_signal(signal_sent)
            started = time.perf_counter()
            answer = send(service, scenario, TURN_SECONDS, 300, chains, 0)
            if sweeper.poll() is None:
                found.append(_quantile(answer["latencies"], 0.99))
            if found is busy:
                ran += time.perf_counter() - started
            errors += answer["errors"]
    return statistics.median(quiet), statistics.median(busy), ran, errors


async def _expire(env: dict[str, str], admin_url: str, sessions: int) -> None:
    runtime = open_runtime(load({**env}))
    async with runtime.db.transaction(seconds=300) as connection:
        await connection.execute("SET LOCAL statement_timeout = 0")
        user = await connection.fetchval("SELECT id FROM users LIMIT 1")
        await connection.execute(
            """WITH made AS (
                   INSERT INTO user_sessions (id, user_id, device_info, created_at, expires_at, last_activity)
                   SELECT gen_random_uuid(), $1, 'bench', now() - interval '8 days', now() - interval '1 day',
                          now() - interval '2 days' FROM generate_series(1, $2) RETURNING id, expires_at)
               INSERT INTO grants (id, session_id, client_id, scope, audience, secret_hash, expires_at)
               SELECT gen_random_uuid(), id, 'customer', '{openid}', '{x}', sha256(id::text::bytea), expires_at
               FROM made""",
            user,
            sessions,
            timeout=300,
        )
    await runtime.close()
    # What a million inserts leave behind is none of the sweep's: the quiet measurement must be quiet.
    connection = await asyncpg.connect(admin_url, timeout=30)
    await connection.execute("VACUUM ANALYZE", timeout=300)
    await connection.execute("CHECKPOINT", timeout=300)
    await connection.close()


async def _prepare(env: dict[str, str]) -> None:
    runtime = open_runtime(load(env))
    await migrate.migrate(runtime.db)
    await manage_keys.generate(runtime, "bench")
    await demo.add_demo_data(runtime, "bench")
    await runtime.close()
    await add_sessions(env, "admin@example.com", SESSIONS - 1)  # and the one that looks at them


def _scenarios(service: Service) -> list[Scenario]:
    tokens = [service.post("/api/auth/login", LOGIN)["access_token"] for _ in range(16)]
    login = request("POST", "/api/auth/login", json.dumps(LOGIN), kind="json")
    service.browsers = [Browser(service.url).log_in("test@example.com") for _ in range(16)]
    crowded = Browser(service.url).log_in("admin@example.com")
    account = request("GET", "/account", headers=f"Cookie: {crowded.cookie_header}\r\n")
    return [
        Scenario("client_credentials", 0.62, (request("POST", "/token", "grant_type=client_credentials", BASIC),)),
        Scenario("refresh_token", 0.40, chains=True),
        Scenario("introspection", 0.50, tuple(request("POST", "/introspect", f"token={one}", BASIC) for one in tokens)),
        Scenario("JWKS", 6.0, (request("GET", "/.well-known/jwks.json"),)),
        Scenario("code exchange", 0.22, codes=True),
        Scenario("login page", None, (request("GET", AUTHORIZE),), goal_p99=0.015),
        Scenario(f"account with {SESSIONS:,} sessions", None, (account,), goal_p99=0.030),
        Scenario("login", 0.84, (login,), connections=4, yardstick="hashes"),
    ]


def _table(results: list[Result]) -> list[str]:
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
            f"| {_goal(one.scenario)} | {one.p50 * 1000:.2f} ms | {one.p99 * 1000:.2f} ms |"
        )
    return lines


def _goal(scenario: Scenario) -> str:
    parts = [f"{scenario.goal:.2f}"] if scenario.goal is not None else []
    if scenario.goal_p99 is not None:
        parts.append(f"p99 at most {scenario.goal_p99 * 1000:.0f} ms")
    return ", ".join(parts)


def main() -> None:
    arguments = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    arguments.add_argument(
        "--rounds", type=int, default=3, help="rounds of each scenario (default 3); medians are shown"
    )
    arguments.add_argument("--seconds", type=float, default=4, help="seconds of load a round (default 4)")
    arguments.add_argument("--sweep", type=int, default=0, metavar="N", help="also sweep N expired sessions under load")
    arguments.add_argument("--only", metavar="NAME", action="append", help="a scenario's name; may be repeated")
    arguments.add_argument(
        "--against",
        metavar="DIR",
        type=Path,
        help="compare with another checkout, both workers on one core and in turns: CPU per request, and nothing else",
    )
    arguments.add_argument("--write", action="store_true", help=f"write the table to {RESULTS.name}")
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory(prefix="authsvc-bench-") as directory:
        Path(directory).chmod(0o711)
        with Servers(Path(directory) / "data") as servers:
            for pid in (servers.postgres.pid, servers.redis.pid):
                _pin(pid)
            env = {
                "AUTHSVC_ISSUER": "http://localhost:8000",
                "AUTHSVC_DATABASE_URL": servers.database_url,
                "AUTHSVC_REDIS_URL": servers.redis_url,
                "AUTHSVC_MASTER_KEY": MasterKeys.generate(os.urandom),
                "AUTHSVC_METRICS": "main",
                "AUTHSVC_DRAIN_SECONDS": "0",
            }
            asyncio.run(_prepare(env))
            if options.against:
                lines = _compare(env, options)
            else:
                lines = _measure_all(Service(env), _same_database(servers.admin_url, servers.database_url), options)
    text = "\n".join(lines) + "\n"
    print(text)
    if options.write:
        RESULTS.write_text(text)


def _pin(pid: int) -> None:
    if hasattr(os, "sched_setaffinity"):
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        for one in (pid, *map(int, children)):
            os.sched_setaffinity(one, {LOAD_CORE})


def _compare(env: dict[str, str], options: argparse.Namespace) -> list[str]:
    ours, theirs = Service(env), Service(env, options.against.resolve())
    try:
        for service in (ours, theirs):
            service.start()
        both = zip(_scenarios(ours), _scenarios(theirs), strict=True)
        pairs = [pair for pair in both if not options.only or pair[0].name in options.only]
        return compare(ours, theirs, pairs, options.rounds, options.seconds)
    finally:
        ours.stop()
        theirs.stop()


def _measure_all(service: Service, admin_url: str, options: argparse.Namespace) -> list[str]:
    starts = []
    for _ in range(3):
        starts.append(service.start())
        service.stop()
    starts.append(service.start())
    service.log.unlink()  # it is for a start that fails
    try:
        results = []
        for scenario in _scenarios(service):
            if not options.only or scenario.name in options.only:
                print(f"measuring {scenario.name} … ({service.memory_mb():.0f} MB)", file=sys.stderr)
                results.append(measure(service, scenario, options.rounds, options.seconds))
        memory = service.memory_mb()
        lines = [
            "# Benchmark",
            "",
            f"{datetime.now(UTC):%F}, Python {platform.python_version()}, {os.cpu_count()} cores. One worker on one",
            "core; load generator, PostgreSQL (fsync on) and Valkey on another. Rate limits, logs and metrics on.",
            f"`scripts/bench --rounds {options.rounds} --seconds {options.seconds:g}`",
            "",
            *_table(results),
            "",
            f"Errors: {sum(one.errors for one in results)}. Memory of the worker after all of it: {memory:.0f} MB.",
            f"`authsvc serve` to ready: {statistics.median(starts):.2f} s ({min(starts):.2f} to {max(starts):.2f}).",
        ]
        if options.sweep:
            print(f"sweeping {options.sweep:,} expired sessions …", file=sys.stderr)
            quiet, busy, took, errors = sweep_under_load(service, admin_url, options.sweep)
            lines += [
                "",
                f"Sweep of {options.sweep:,} expired sessions in {took:.0f} s, at 300 refreshes a second: p99 "
                f"{quiet * 1000:.2f} ms paused, {busy * 1000:.2f} ms running ({(busy / quiet - 1) * 100:+.0f} %), "
                f"{errors} errors.",
            ]
        return lines
    finally:
        service.stop()


if __name__ == "__main__":
    main()
