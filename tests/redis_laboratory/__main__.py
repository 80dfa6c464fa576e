"""Break Redis many times under load, by seed, and check what was promised: no revocation forgotten on any replica, no
refresh and no login answered otherwise than without the fault.

    .venv/bin/python -m tests.redis_laboratory --faults 1000 --seed 7 --kinds one,sentinel,cluster

Two replicas serve in this process, on a private PostgreSQL. People refresh and log in all the time; sessions end
before, during and after each fault. Whose end was acknowledged is asked for on both replicas from then on: one that is
active a second later was forgotten.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import redis

from authsvc import logs
from authsvc.store.errors import StoreUnavailable
from authsvc.store.revocation.revocation_set import Answer
from authsvc.store.revocation.revocations import Bearer
from authsvc_devkit.servers import Servers
from tests.conftest import copied_database, place_for_data, prepare
from tests.faults.conftest import Service, active, logout, serving
from tests.redis_laboratory.places import PLACES, Place
from tests.support.calls import LOGIN, refresh

REPLICAS = 2
NOBODYS = Bearer(jti="nobodys", sid=None, user_id=None, client_id="x", issued_at=0)
FORGIVEN_SECONDS = 1.0
MOST_WATCHED = 400
RECOVERY_SECONDS = 40.0


@dataclass
class Tally:
    """Of one fault's name."""

    schedules: int = 0
    spoilt: int = 0
    recoveries: list[float] = field(default_factory=list)
    forgotten: list[str] = field(default_factory=list)
    wrong: Counter[str] = field(default_factory=Counter)


@dataclass
class History:
    """What clients were told, judged while it is written. `now`: the fault that is played."""

    tallies: dict[str, Tally] = field(default_factory=lambda: defaultdict(Tally))
    now: str = "none"
    ended: list[tuple[dict[str, Any], float]] = field(default_factory=list)
    asked: int = 0
    answered: int = 0
    slowest: float = 0.0

    def was_ended(self, tokens: dict[str, Any]) -> None:
        self.ended.append((tokens, time.monotonic()))

    def answer(self, what: str, status: int, seconds: float) -> None:
        self.answered += 1
        self.slowest = max(self.slowest, seconds)
        if status != 200:
            self.tallies[self.now].wrong[f"{what} {status}"] += 1

    async def check(self, services: list[Service], which: list[tuple[dict[str, Any], float]]) -> None:
        for number, service in enumerate(services):
            for tokens, at in which:
                asked_at = time.monotonic()
                self.asked += 1
                if await active(service.http, tokens) is True and asked_at - at >= FORGIVEN_SECONDS:
                    said = (
                        f"replica {number}: session {tokens['session_id']} active {asked_at - at:.2f} s after its end"
                    )
                    self.tallies[self.now].forgotten.append(said)


async def run(place: Place, services: list[Service], faults: int, minutes: float, chance: random.Random) -> History:
    history, over = History(), time.monotonic() + minutes * 60
    tasks = [asyncio.create_task(work) for work in _load(history, services)]
    try:
        await _recovered(services)
        names = list(place.faults)
        for number in range(faults):
            name = names[number % len(names)] if number < len(names) else chance.choice(names)
            history.now = f"{place.kind}: {name}"
            await _play(place.faults[name], place, services, history, chance)
            if any(task.done() for task in tasks) or time.monotonic() > over:
                break
            if (number + 1) % 20 == 0:
                print(f"{place.kind}: {number + 1} faults", file=sys.stderr, flush=True)
        history.now = f"{place.kind}: afterwards"
        await history.check(services, history.ended[-MOST_WATCHED:])
    finally:
        for task in tasks:
            if task.done() and not task.cancelled() and task.exception():
                raise task.exception()  # type: ignore[misc]
            task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return history


async def _play(
    fault: Callable[[random.Random], Awaitable[None]],
    place: Place,
    services: list[Service],
    history: History,
    chance: random.Random,
) -> None:
    """Sessions end on both sides of the fault and while it lasts, at random moments."""
    tally = history.tallies[history.now]
    tally.schedules += 1
    people = [await _logged_in(chance.choice(services), history) for _ in range(4)]
    before = len(history.ended)
    ending = asyncio.create_task(_end(people, services, history, chance))
    await asyncio.sleep(chance.uniform(0, 0.4))
    try:
        await fault(chance)
        await place.heal()
    except (TimeoutError, LookupError, RuntimeError, OSError, redis.RedisError) as error:
        tally.spoilt += 1  # the servers did not do what was wanted of them: no verdict on the service
        print(f"{history.now}: {error!r}", file=sys.stderr, flush=True)
        await place.heal()
    healed = time.monotonic()
    await ending
    try:
        await _recovered(services)
        tally.recoveries.append(time.monotonic() - healed)
    except TimeoutError:
        tally.wrong["not recovered"] += 1
    await history.check(services, history.ended[before:])


async def _end(people: list[Any], services: list[Service], history: History, chance: random.Random) -> None:
    for tokens in people:
        await asyncio.sleep(chance.uniform(0, 0.5))
        service = chance.choice(services)
        answer = await logout(service.http, tokens)
        if answer.status_code == 204:
            history.was_ended(tokens)
            if await active(service.http, tokens) is True:
                history.tallies[history.now].forgotten.append("acknowledged, and active at once at the same replica")
        else:
            history.tallies[history.now].wrong[f"logout {answer.status_code}"] += 1


async def _logged_in(service: Service, history: History) -> dict[str, Any]:
    """Somebody who tries until it works; every refusal is told."""
    while True:
        started = time.monotonic()
        answer = await service.http.post("/api/auth/login", json=LOGIN)
        history.answer("login", answer.status_code, time.monotonic() - started)
        if answer.status_code == 200:
            tokens: dict[str, Any] = answer.json()
            return tokens
        await asyncio.sleep(0.2)


def _load(history: History, services: list[Service]) -> list[Any]:
    async def refreshes(service: Service) -> None:
        token = (await _logged_in(service, history))["refresh_token"]
        while True:
            started = time.monotonic()
            answer = await refresh(service.http, token)
            history.answer("refresh", answer.status_code, time.monotonic() - started)
            token = answer.json().get("refresh_token", token)
            await asyncio.sleep(0.15)  # a session may be rotated 600 times a minute

    async def logs_in(service: Service) -> None:
        while True:
            await _logged_in(service, history)
            await asyncio.sleep(0.1)

    async def watches() -> None:
        while True:
            if watched := history.ended[-MOST_WATCHED:]:
                await history.check(services, random.sample(watched, min(6, len(watched))))
            await asyncio.sleep(0.02)

    return [*(refreshes(one) for one in services), *(logs_in(one) for one in services), watches()]


async def _recovered(services: list[Service]) -> None:
    """Until every replica answers for revocations from Redis again. Raises TimeoutError."""
    async with asyncio.timeout(RECOVERY_SECONDS):
        for service in services:
            while True:
                with suppress(StoreUnavailable):
                    found = await service.runtime.revocation_set.find(NOBODYS)
                    if found is Answer.LIVE and service.runtime.following.redis_trusted:
                        break
                await asyncio.sleep(0.02)


@asynccontextmanager
async def replicas(servers: Servers, env: dict[str, str], url: str, seed: int) -> AsyncIterator[list[Service]]:
    async with copied_database(servers) as database, AsyncExitStack() as stack:
        settings = {
            **env,
            "AUTHSVC_DATABASE_URL": database,
            "AUTHSVC_REDIS_URL": url,
            "AUTHSVC_REDIS_PREFIX": f"lab{seed}",
            "AUTHSVC_SESSIONS_PER_PERSON": "10000",
        }
        yield [await stack.enter_async_context(serving(settings, address=f"192.0.2.{n + 1}")) for n in range(REPLICAS)]


def table(histories: dict[str, History]) -> int:
    """Print it; the number of violations."""
    print(f"{'fault':<34}{'schedules':>10}{'spoilt':>8}{'forgotten':>11}{'other errors':>14}{'worst recovery':>16}")
    bad = 0
    for history in histories.values():
        for name, tally in sorted(history.tallies.items()):
            worst = f"{max(tally.recoveries):.1f} s" if tally.recoveries else "-"
            bad += len(tally.forgotten) + tally.wrong.total()
            wrong = ", ".join(f"{count} {what}" for what, count in tally.wrong.items()) or "0"
            counts = f"{tally.schedules:>10}{tally.spoilt:>8}{len(tally.forgotten):>11}"
            print(f"{name:<34}{counts}{wrong:>14}{worst:>16}")
            for said in tally.forgotten[:5]:
                print(f"    {said}")
    for kind, history in histories.items():
        counts = f"{history.answered} refreshes and logins, the slowest {history.slowest:.2f} s"
        print(f"{kind}: {counts}; {len(history.ended)} sessions ended, {history.asked} questions about them")
    return bad


async def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faults", type=int, default=60, help="in all, shared by the kinds")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--kinds", default=",".join(PLACES))
    parser.add_argument("--minutes", type=float, default=1440, help="begin no further fault of a kind after so long")
    asked = parser.parse_args()
    print(f"seed {asked.seed}", flush=True)
    logs.configure("warning", "json", sys.stderr)
    kinds = asked.kinds.split(",")
    histories = {}
    with place_for_data() as data_dir, Servers(data_dir, durable=False) as servers:
        env = await prepare(servers)
        for number, kind in enumerate(kinds):
            chance = random.Random(f"{asked.seed} {kind}")
            share = asked.faults // len(kinds) + (number < asked.faults % len(kinds))
            async with PLACES[kind]() as place, replicas(servers, env, place.url, asked.seed) as services:
                histories[kind] = await run(place, services, share, asked.minutes, chance)
    return 1 if table(histories) else 0


if __name__ == "__main__":
    try:
        sys.exit(asyncio.run(main()))
    except redis.RedisError as error:
        sys.exit(f"the laboratory itself failed: {error!r}")
