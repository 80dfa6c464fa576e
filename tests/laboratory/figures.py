"""Figures of trouble, each with its command: a rolling restart, a herd, overload, stuffing, slow sockets, a soak."""

from __future__ import annotations

import asyncio
import gc
import itertools
import os
import random
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic

from tests.deploy.proxies import program
from tests.laboratory.balancer import haproxy
from tests.laboratory.load import Sessions, Told, Wire, as_fast_as_answered, by_timetable, post_json
from tests.laboratory.people import PASSWORD, invite
from tests.laboratory.world import World
from tests.support.replicas import free_port

SPREAD_SECONDS = 6.0
"""Longer than a head may take."""
REAL_HASHES = {"AUTHSVC_ARGON2_MEMORY_KIB": "19456", "AUTHSVC_ARGON2_TIME_COST": "2", "AUTHSVC_HASH_QUEUE": "50"}


@contextmanager
def uncollected() -> Iterator[None]:
    """For a minute or two: with 2,000 connections the collector stops this process for 80 ms, and that is no replica's
    latency."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


async def _sessions(world: World, number: int, wires: list[Wire]) -> Sessions:
    sessions = Sessions(wires)
    numbers = await invite(world, number)
    await sessions.log_in([f"person-{one}@example.com" for one in numbers], PASSWORD)
    return sessions


def _direct(world: World) -> list[Wire]:
    """The replicas themselves, without a proxy between."""
    return [Wire(place.replica.port) for place in world.places if place.replica is not None]


def memory(world: World) -> float:
    """MB that the replicas hold."""
    pages = 0
    for place in world.places:
        if place.replica is not None:
            pages += int(Path(f"/proc/{place.replica.process.pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def descriptors(world: World) -> int:
    return sum(len(os.listdir(f"/proc/{place.replica.process.pid}/fd")) for place in world.places if place.replica)


async def rolling(world: World, requests: int, rate: float) -> bool:
    """Replicas are replaced one after the other behind HAProxy, again and again, under load."""
    ports = [free_port() for _ in world.places]
    for place, port in zip(world.places, ports, strict=True):
        await place.start(port)
    await asyncio.gather(*(place.until_ready() for place in world.places))
    with tempfile.TemporaryDirectory(prefix="laboratory-haproxy-", dir="/tmp") as directory:
        config, front = Path(directory) / "haproxy.cfg", free_port()
        config.write_text(haproxy(f"127.0.0.1:{front}", [f"127.0.0.1:{port}" for port in ports]))
        balancer = await asyncio.create_subprocess_exec(
            program("haproxy"), "-db", "-f", str(config), stderr=asyncio.subprocess.DEVNULL
        )
        try:
            await asyncio.sleep(2.5)
            sessions = await _sessions(world, 60, [Wire(front)])
            load = asyncio.create_task(by_timetable(sessions.mixed, rate, requests / rate))
            replaced = 0
            while not load.done():
                place = world.places[replaced % len(world.places)]
                code = await place.end()
                assert code == 0, f"a drained replica ended with {code}"
                await place.start(ports[place.number])
                await place.until_ready()
                replaced += 1
                await asyncio.wait([load], timeout=2)
            told = await load
        finally:
            balancer.kill()
            await balancer.wait()
    failed = told.asked - told.served
    print(
        f"rolling restart behind HAProxy at {rate:.0f}/s: {replaced} replicas replaced, {failed} failed; {told.text()}"
    )
    if failed:
        print(f"refreshes that failed, by whose answer: {dict(sessions.reasons)}")
    return failed == 0 and sessions.lost == 0


async def herd(world: World, people: int, outage: float) -> bool:
    """PostgreSQL is away while everybody wants to refresh, and comes back to all of them at once."""
    sessions = await _sessions(world, people, _direct(world))
    peak = await as_fast_as_answered(sessions.refresh, 16, 6)
    async with world.postgres_busy:
        await world.hands.do(world.servers.postgres.kill)
        out = await as_fast_as_answered(lambda: _patient(sessions.refresh), people // 2, outage)
        await world.hands.do(world.servers.postgres.start)
    back = monotonic()
    first = 0.0

    async def noted() -> int:
        nonlocal first
        status = await sessions.refresh()
        if status == 200 and not first:
            first = monotonic() - back
        return status

    after = await as_fast_as_answered(noted, people // 2, 10)
    share = (after.served / after.seconds) / max(1, peak.served / peak.seconds)
    print(f"before: {peak.text()}\nwhile PostgreSQL is away: {out.text()}\nafter: {after.text()}")
    heard = f"{first:.2f} s" if first else "by nobody"
    print(f"first served {heard} after its return; goodput {share:.0%} of the peak; {sessions.lost} sessions lost")
    return share >= 0.85 and sessions.lost == 0 and 0 < first <= 1


async def _patient(ask) -> int:  # type: ignore[no-untyped-def]
    status: int = await ask()
    if status != 200:
        await asyncio.sleep(random.uniform(0.2, 0.6))
    return status


async def overload(world: World, seconds: float, times: float) -> bool:
    """So many times what is served at most, by a timetable that waits for nobody."""
    sessions = await _sessions(world, 400, _direct(world))
    peak = await as_fast_as_answered(sessions.machine, 24, 8)
    rate = peak.served / peak.seconds
    calm = await by_timetable(sessions.refresh, max(5, rate / 8), 5)
    over = await by_timetable(sessions.machine, rate * times, seconds, most=2000)
    await asyncio.sleep(10)
    after = await by_timetable(sessions.refresh, max(5, rate / 8), 5)
    share = over.served / over.seconds / rate
    print(f"peak: {peak.text()}\ncalm: {calm.text()}\n{times:g} times the peak, {seconds:.0f} s: {over.text()}")
    print(f"10 s later: {after.text()}\ngoodput {share:.0%} of the peak")
    return share >= 0.85 and after.served == after.asked


async def stuffing(world: World, rate: float, seconds: float) -> bool:
    """Wrong passwords of unknown people from 10,000 addresses, while others refresh and known devices log in."""
    wires = _direct(world)
    sessions = await _sessions(world, 60, wires)
    known = [await _known_device(world, wires) for _ in range(10)]
    calm = await by_timetable(sessions.refresh, 20, 5)
    held, guesses = memory(world), itertools.count()

    async def guess() -> int:
        number = next(guesses)
        address = f"198.{18 + number % 2}.{number // 250 % 20}.{number % 250 + 1}"
        text = f'{{"email": "nobody-{number}@example.com", "password": "guess"}}'.encode()
        return (
            await random.choice(wires).ask(
                post_json("/api/auth/login", text, headers=f"X-Forwarded-For: {address}\r\n")
            )
        )[0]

    async def come_back() -> int:
        email, cookie = random.choice(known)
        text = f'{{"email": "{email}", "password": "{PASSWORD}"}}'.encode()
        return (await random.choice(wires).ask(post_json("/api/auth/login", text, headers=f"Cookie: {cookie}\r\n")))[0]

    with uncollected():
        attack = asyncio.create_task(by_timetable(guess, rate, seconds))
        others, devices = await asyncio.gather(
            by_timetable(sessions.refresh, 20, seconds), by_timetable(come_back, 2, seconds)
        )
        attacked = await attack
    grown = memory(world) - held
    print(f"calm refreshes: {calm.text()}\nguesses at {rate:.0f}/s: {attacked.text()}\nrefreshes: {others.text()}")
    print(f"known devices: {devices.text()}\nmemory of {len(world.places)} replicas: {grown:+.1f} MB")
    return others.at(0.99) <= 50 and devices.served >= 0.99 * devices.asked and grown <= 64


async def _known_device(world: World, wires: list[Wire]) -> tuple[str, str]:
    """Somebody and the cookie of their device."""
    [number] = await invite(world, 1)
    email = f"person-{number}@example.com"
    body = {"email": email, "password": PASSWORD}
    answer = await world.http.post(f"http://127.0.0.1:{wires[0].port}/api/auth/login", json=body)
    assert answer.status_code == 200, answer.text
    cookie = f"authsvc_device={answer.cookies['authsvc_device']}"
    world.http.cookies.clear()
    return email, cookie


async def slow_sockets(world: World, sockets: int, seconds: float) -> bool:
    """So many connections that send a byte a second, while others refresh."""
    wires = _direct(world)
    sessions = await _sessions(world, 40, wires)
    with uncollected():
        calm = await by_timetable(sessions.refresh, 30, seconds)
        held = memory(world)
        trickling = [asyncio.create_task(_trickle(random.choice(wires).port)) for _ in range(sockets)]
        await asyncio.sleep(SPREAD_SECONDS + 1)
        during = await by_timetable(sessions.refresh, 30, seconds)
    grown = memory(world) - held
    for task in trickling:
        task.cancel()
    cut = sum(
        not isinstance(one, BaseException) and one for one in await asyncio.gather(*trickling, return_exceptions=True)
    )
    print(f"calm: {calm.text()}\nwith {sockets} slow sockets: {during.text()}")
    print(f"{cut} were refused by then; memory {grown:+.1f} MB; p99 {during.at(0.99) / calm.at(0.99) - 1:+.0%}")
    return during.served == during.asked


async def _trickle(port: int) -> int:
    """How often it was cut off; it comes again at once. Each has its own moment: all in step would be two thousand
    callers of this very process at once, each second, and so many new connections after each deadline."""
    cut = 0
    await asyncio.sleep(random.uniform(0, SPREAD_SECONDS))
    while True:
        with suppress(OSError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                for byte in itertools.cycle(b"GET / HTTP/1.1\r\nHost: x\r\nX: "):
                    writer.write(bytes([byte]))
                    with suppress(TimeoutError):
                        async with asyncio.timeout(1):
                            await reader.read(1000)  # the refusal, or the end
                        cut += 1
                        break
            except asyncio.CancelledError:
                return cut
            finally:
                writer.close()
        await asyncio.sleep(0.1)


async def soak(world: World, minutes: float, rate: float) -> bool:
    """Load for long: what grows? Slopes are those of the second half, when the caches are full."""
    sessions = await _sessions(world, 200, _direct(world))
    samples: list[tuple[float, float, float]] = []
    load = asyncio.create_task(by_timetable(sessions.mixed, rate, minutes * 60))
    began = monotonic()
    while not load.done():
        samples.append(((monotonic() - began) / 3600, memory(world), float(descriptors(world))))
        await asyncio.wait([load], timeout=min(10, minutes * 3))
    told: Told = await load
    late = samples[len(samples) // 2 :]
    slopes = [_slope([(at, one[kind]) for at, *one in late]) for kind in (0, 1)]
    async with world.sql() as sql:
        rows = (
            await sql.fetchval("SELECT count(*) FROM grants"),
            await sql.fetchval("SELECT count(*) FROM user_sessions"),
        )
    print(f"soak, {minutes:g} min at {rate:.0f}/s: {told.text()}")
    print(
        f"memory {samples[0][1]:.1f} -> {samples[-1][1]:.1f} MB ({slopes[0] / len(world.places):+.2f} MB/h a replica)",
        end="; ",
    )
    print(f"descriptors {samples[0][2]:.0f} -> {samples[-1][2]:.0f} ({slopes[1]:+.1f}/h); grants, sessions: {rows}")
    return sessions.lost == 0 and rows == (200, 200)


def _slope(points: list[tuple[float, float]]) -> float:
    """Least squares, a unit of x."""
    if len(points) < 2:
        return 0
    mean_x, mean_y = (sum(axis) / len(points) for axis in zip(*points, strict=True))
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / spread if spread else 0
