"""scripts/faults with a word: one figure each."""

from __future__ import annotations

import argparse
import os
import random
import sys
from collections.abc import Callable
from typing import Any

from tests.laboratory import fail_points, figures, mutants, partitions
from tests.laboratory.world import World, in_world

Command = Callable[[list[str]], int]


def _asked(name: str, about: str, arguments: list[str], **options: Any) -> argparse.Namespace:
    """`options`: name -> (type, default, meaning)."""
    parser = argparse.ArgumentParser(f"scripts/faults {name}", description=about)
    for option, (kind, default, meaning) in options.items():
        flag = f"--{option.replace('_', '-')}"
        parser.add_argument(flag, type=kind, default=default, help=f"{meaning} ({default})")
    return parser.parse_args(arguments)


def run_fail_points(arguments: list[str]) -> int:
    _asked("fail-points", "A replica dies at every step of a rotation, each of three replicas in turn.", arguments)

    async def work(world: World) -> int:
        wrong = kills = 0
        async for fell in fail_points.each(world):
            kills += 1
            said = fell.wrong or ("" if fell.died else "it did not die")
            wrong += bool(said)
            print(f"{fell.point:<20} replica {fell.place}  {said or 'same successor elsewhere'}", flush=True)
        print(f"{kills} kills at {kills // 3} steps, {wrong} wrong")
        return wrong

    return 1 if in_world(work) else 0


def run_mutants(arguments: list[str]) -> int:
    asked = _asked(
        "mutants",
        "Break the service on purpose: the laboratory must notice.",
        arguments,
        seed=(str, "", "of the schedules; drawn"),
        schedules=(int, 40, "at most, for each mutant"),
        only=(str, "", "one of them"),
    )
    seed = asked.seed or str(random.SystemRandom().randrange(1, 2**32))
    missed = 0
    for name in mutants.names():
        if asked.only in ("", name):
            caught = mutants.hunt(name, seed, asked.schedules)
            missed += not caught.by
            told = f"schedule {caught.schedules}: {caught.by}" if caught.by else f"NOT in {caught.schedules} schedules"
            print(f"{name:<45} {told}", flush=True)
    print(f"seed {seed}: {missed} not caught", file=sys.stdout)
    return 1 if missed else 0


def _figure(name: str, work: Callable[..., Any], about: str, env: dict[str, str], **options: Any) -> Command:
    """A command that prints a figure and judges it. `env`: of the replicas."""

    def run(arguments: list[str]) -> int:
        asked = vars(_asked(name, about, arguments, **options))

        async def measured(world: World) -> bool:
            good: bool = await work(world, **asked)
            print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores; {'good' if good else 'NOT GOOD'}")
            return good

        return 0 if in_world(measured, module="authsvc", **env) else 1

    return run


SECONDS = (float, 20.0, "how long")


def run_partitions(arguments: list[str]) -> int:
    asked = _asked(
        "partitions",
        "Break each link between three hosts (network namespaces; needs root), both ways and each way alone.",
        arguments,
        seconds=(float, 60.0, "of each"),
        only=(str, "", "partitions whose name has this"),
    )
    return 0 if partitions.run(asked.seconds, asked.only) else 1


COMMANDS: dict[str, Command] = {
    "partitions": run_partitions,
    "fail-points": run_fail_points,
    "mutants": run_mutants,
    "rolling": _figure(
        "rolling",
        figures.rolling,
        "Replace three replicas behind HAProxy again and again: no request fails.",
        {"AUTHSVC_DRAIN_SECONDS": "5"},
        requests=(int, 20_000, "how many"),
        rate=(float, 300.0, "a second"),
    ),
    "herd": _figure(
        "herd",
        figures.herd,
        "PostgreSQL is away and comes back to everybody at once.",
        {},
        people=(int, 200, "how many"),
        outage=(float, 10.0, "seconds"),
    ),
    "overload": _figure(
        "overload", figures.overload, "More than can be served.", {}, seconds=SECONDS, times=(float, 5.0, "the peak")
    ),
    "stuffing": _figure(
        "stuffing",
        figures.stuffing,
        "Guesses from 10,000 addresses, while others refresh and known devices log in.",
        {**figures.REAL_HASHES, "AUTHSVC_TRUSTED_PROXIES": "127.0.0.1/32"},
        rate=(float, 1000.0, "guesses a second"),
        seconds=SECONDS,
    ),
    "slow-sockets": _figure(
        "slow-sockets",
        figures.slow_sockets,
        "Connections that send a byte a second, while others refresh.",
        {},
        sockets=(int, 2000, "how many"),
        seconds=SECONDS,
    ),
    "soak": _figure(
        "soak",
        figures.soak,
        "Load for long: memory, descriptors and rows must not grow.",
        {},
        minutes=(float, 60.0, "how long"),
        rate=(float, 60.0, "requests a second"),
    ),
}
