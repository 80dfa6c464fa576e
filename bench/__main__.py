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
from base64 import b64encode
from datetime import UTC, datetime
from pathlib import Path

import asyncpg

from authsvc.runtime import open_runtime
from authsvc.settings import load
from authsvc_devkit.demo import BACKEND_SECRET
from bench import certificates, count, crowd, flame, workers
from bench.browser import AUTHORIZE, Browser, add_sessions
from bench.collector import collector
from bench.load import request
from bench.measure import Result, cost_table, measure, quantile, table
from bench.pairs import compare
from bench.service import CHAINS, LOAD_CORE, LOGIN, ROOT, Scenario, Service, authsvc, send
from bench.stores import ES256_CLIENT, ROOMY, Stores, running
from bench.yardstick import on_core

GRANT = "grant_type=client_credentials"
BASIC, ES256 = (
    f"Authorization: Basic {b64encode(f'{client_id}:{BACKEND_SECRET}'.encode()).decode()}\r\n"
    for client_id in ("backend", ES256_CLIENT.id)
)
SESSIONS = 1000
RESULTS = Path(__file__).with_name("RESULTS.md")
TURN_SECONDS = 3
"""Of a paused and of a running sweep, in turns. Less than idle_in_transaction_session_timeout."""


def sweep_under_load(service: Service, sessions: int) -> tuple[float, float, float, int]:
    """Median p99 of paced refreshes while a sweep of `sessions` expired sessions is paused, and while it runs, in
    turns: a shared machine is never the same for minutes. Then the seconds that the sweep ran, and errors."""
    scenario = Scenario("refresh", 0, chains=True)
    chains = service.refresh_tokens(CHAINS)
    asyncio.run(_expire(service.env, service.stores.admin_url, sessions))
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
                found.append(quantile(answer["latencies"], 0.99))
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


def _scenarios(service: Service) -> list[Scenario]:
    tokens = [service.post("/api/auth/login", LOGIN)["access_token"] for _ in range(16)]
    login = request("POST", "/api/auth/login", json.dumps(LOGIN), kind="json")
    asyncio.run(add_sessions(service.env, "admin@example.com", SESSIONS - 1))  # and the one that looks at them
    service.browsers = [Browser(service.url).log_in("test@example.com") for _ in range(16)]
    crowded = Browser(service.url).log_in("admin@example.com")
    account = request("GET", "/account", headers=f"Cookie: {crowded.cookie_header}\r\n")
    return [
        Scenario("client_credentials", 0.62, (request("POST", "/token", GRANT, BASIC),)),
        Scenario("client_credentials, ES256", None, (request("POST", "/token", GRANT, ES256),)),
        Scenario("refresh_token", 0.40, chains=True),
        Scenario("introspection", 0.50, tuple(request("POST", "/introspect", f"token={one}", BASIC) for one in tokens)),
        Scenario("JWKS", 6.0, (request("GET", "/.well-known/jwks.json"),)),
        Scenario("code exchange", 0.22, codes=True),
        Scenario("login page", None, (request("GET", AUTHORIZE),), goal_p99=0.015),
        Scenario(f"account with {SESSIONS:,} sessions", None, (account,), goal_p99=0.030),
        Scenario("login", 0.84, (login,), connections=4, yardstick="hashes"),
    ]


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
    arguments.add_argument(
        "--with",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        dest="more",
        help="a setting of this checkout alone, with --against; may be repeated",
    )
    arguments.add_argument("--write", action="store_true", help=f"write the table to {RESULTS.name}")
    arguments.add_argument("--workers", type=int, metavar="N", help="also one worker and N, on every core")
    arguments.add_argument(
        "--sessions",
        type=int,
        nargs="+",
        default=[],
        metavar="N",
        help="also refreshes with so many sessions in the tables",
    )
    arguments.add_argument(
        "--flame",
        type=Path,
        metavar="FILE",
        help="also draw where the worker's time goes: .svg, .json (speedscope), .txt",
    )
    arguments.add_argument(
        "--count",
        action="store_true",
        help="instructions and calls of Python a request, instead of its time: the same on a busy machine",
    )
    options = arguments.parse_args()
    flame.check(options.flame)
    directory = tempfile.TemporaryDirectory(prefix="authsvc-bench-", dir=os.environ.get("AUTHSVC_BENCH_DIR"))
    settings = ROOMY if options.sessions else {}
    with directory as place, running(Path(place), settings, LOAD_CORE) as stores:
        lines = _lines(stores, options)
    text = "\n".join(lines) + "\n"
    print(text)
    if options.write:
        RESULTS.write_text(text)


def _lines(stores: Stores, options: argparse.Namespace) -> list[str]:
    if options.count:
        with Service(stores) as service:
            return count.counted(service, [one for one in _scenarios(service) if _wanted(one, options)])
    return _compare(stores, options) if options.against else _measure_all(stores, options)


def _wanted(scenario: Scenario, options: argparse.Namespace) -> bool:
    return not options.only or scenario.name in options.only


def _compare(stores: Stores, options: argparse.Namespace) -> list[str]:
    ours, theirs = Service(stores), Service(stores, options.against.resolve())
    with collector() as url:
        ours.env |= {"OTEL_EXPORTER_OTLP_ENDPOINT": url, **dict(one.split("=", 1) for one in options.more)}
        return _compared(ours, theirs, options)


def _compared(ours: Service, theirs: Service, options: argparse.Namespace) -> list[str]:
    with ours, theirs:
        both = zip(_scenarios(ours), _scenarios(theirs), strict=True)
        pairs = [pair for pair in both if _wanted(pair[0], options)]
        return compare(ours, theirs, pairs, options.rounds, options.seconds)


def _measure_all(stores: Stores, options: argparse.Namespace) -> list[str]:
    starts, with_certificate = [], certificates.measured(stores, options)
    for _ in range(3):
        with Service(stores) as service:
            starts.append(service.started)
    with Service(stores) as service:
        starts.append(service.started)
        results = []
        for scenario in _scenarios(service):
            if _wanted(scenario, options):
                print(f"measuring {scenario.name} … ({service.memory_mb():.0f} MB)", file=sys.stderr)
                results.append(measure(service, scenario, options.rounds, options.seconds))
                if options.flame:
                    flame.draw(service, scenario, options.flame)
        results += with_certificate
        lines = _report(results, service.memory_mb(), starts, options)
        if options.sessions:
            lines += ["", *crowd.measure_all(service, options)]
        if options.sweep:
            lines += ["", _sweep(service, options.sweep)]
    if options.workers:
        lines += ["", *workers.compare(stores, options)]
    return lines


def _report(results: list[Result], memory: float, starts: list[float], options: argparse.Namespace) -> list[str]:
    command = f"scripts/bench --rounds {options.rounds} --seconds {options.seconds:g}"
    command += f" --workers {options.workers}" if options.workers else ""
    command += f" --sessions {' '.join(map(str, options.sessions))}" if options.sessions else ""
    return [
        "# Benchmark",
        "",
        f"{datetime.now(UTC):%F}, Python {platform.python_version()}, {os.cpu_count()} cores. One worker on one",
        "core; load generator, PostgreSQL (fsync on) and Valkey on another. Rate limits, logs and metrics on.",
        f"`{command}`",
        "",
        *table(results),
        "",
        f"Errors: {sum(one.errors for one in results)}. Memory of the worker after all of it: {memory:.0f} MB.",
        f"`authsvc serve` to ready: {statistics.median(starts):.2f} s ({min(starts):.2f} to {max(starts):.2f}).",
        "",
        *cost_table(results),
    ]


def _sweep(service: Service, sessions: int) -> str:
    print(f"sweeping {sessions:,} expired sessions …", file=sys.stderr)
    quiet, busy, took, errors = sweep_under_load(service, sessions)
    return (
        f"Sweep of {sessions:,} expired sessions in {took:.0f} s, at 300 refreshes a second: p99 {quiet * 1000:.2f} ms "
        f"paused, {busy * 1000:.2f} ms running ({(busy / quiet - 1) * 100:+.0f} %), {errors} errors."
    )


if __name__ == "__main__":
    main()
