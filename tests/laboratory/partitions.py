"""Each link between three hosts is broken, both ways and each way alone, and each host's cable is pulled; every replica
must do what the table says of the store that it cannot reach."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

import httpx2

from authsvc.store.errors import StoreUnavailable
from tests.laboratory.hands import Hands
from tests.laboratory.history import OK, UNAVAILABLE, Call, History
from tests.laboratory.hosts import CACHE, CALLERS, PORT, PRIMARY, REPLICAS, STANDBY, Hosts
from tests.laboratory.invariants import check
from tests.laboratory.network import Network, why_not
from tests.laboratory.people import PASSWORD, Desk, Device, Person, invite
from tests.laboratory.world import World

POSTGRES, REDIS = "postgresql", "redis"
LEASE_SECONDS = 30.0
CLIENT_SECONDS = 60.0
SLACK = 3.0
"""Seconds in which a replica notices that a store is away: hysteresis of readiness, deadlines, a breaker."""
PROMPT = 0.3
"""Whoever waits longer on a quiet machine is at a store that does not answer."""
NAMES = {PRIMARY: "A (PostgreSQL)", CACHE: "B (Valkey)", STANDBY: "C (standby)"}

SERVED, TURNED_AWAY, EITHER = frozenset({OK}), frozenset({UNAVAILABLE}), frozenset({OK, UNAVAILABLE})


@dataclass(frozen=True)
class Partition:
    """`pulled`: the host whose cable is; else what `lost` (senders, receivers) names."""

    name: str
    lost: tuple[tuple[int, int], ...] = ()
    pulled: int = 0

    def cuts(self, one: int, other: int) -> bool:
        return self.pulled in (one, other) or any({one, other} == set(pair) for pair in self.lost)

    def away(self, replica: int) -> frozenset[str]:
        """The stores that this replica cannot reach."""
        stores = ((POSTGRES, PRIMARY), (REDIS, CACHE))
        return frozenset(store for store, host in stores if host != replica and self.cuts(replica, host))

    def reached(self, replica: int) -> bool:
        """By callers."""
        return self.pulled != replica


def partitions() -> Iterator[Partition]:
    for one, other in ((PRIMARY, CACHE), (PRIMARY, STANDBY), (CACHE, STANDBY)):
        names = NAMES[one], NAMES[other]
        yield Partition(f"{names[0]} x {names[1]}", ((one, other), (other, one)))
        yield Partition(f"{names[0]} -> {names[1]} lost", ((one, other),))
        yield Partition(f"{names[1]} -> {names[0]} lost", ((other, one),))
    for host in REPLICAS:
        yield Partition(f"cable of {NAMES[host]}", pulled=host)


def expected(what: str, away: frozenset[str], seconds: float) -> frozenset[str]:
    """What an endpoint may answer so long after a partition began; docs/faults.md has the table."""
    if what in ("jwks", "discovery", "live") or not away:
        return SERVED
    if seconds < SLACK:
        return EITHER
    if POSTGRES not in away:
        return SERVED
    if what == "machine":
        return EITHER if seconds < CLIENT_SECONDS + SLACK else TURNED_AWAY
    if what == "introspect" and REDIS not in away:
        return SERVED if seconds < LEASE_SECONDS - SLACK else EITHER if seconds < LEASE_SECONDS + SLACK else TURNED_AWAY
    return TURNED_AWAY


class Table(World):
    """The callers' side: places are the replicas, by their hosts' addresses."""

    def __init__(self, hosts: Hosts) -> None:
        self.runtime = hosts.runtime
        self.places = [_At(f"http://{Network.address(number)}:{PORT}") for number in REPLICAS]  # type: ignore[misc]
        self._zero = monotonic()
        self.http = httpx2.AsyncClient(timeout=6, trust_env=False)


@dataclass
class _At:
    url: str


@dataclass
class Found:
    name: str
    asked: int = 0
    turned_away: int = 0
    wrong: list[str] = field(default_factory=list)
    recovery: float = 0
    balanced: tuple[int, int] = (0, 0)
    """Of the refreshes through HAProxy: served, asked."""


class Trial:
    """One partition: probes at every replica that callers reach, for so many seconds; then recovery."""

    def __init__(self, world: Table, hosts: Hosts, partition: Partition) -> None:
        self.world, self.hosts, self.partition = world, hosts, partition
        self.history = History(wall=time.time() - world.clock())
        self.desk = Desk(world, self.history, random.Random(partition.name))
        self.found = Found(partition.name)

    async def run(self, seconds: float) -> Found:
        people = [Person(self.desk, number) for number in await invite(self.world, 8)]
        self.devices: dict[int, list[Device]] = {}
        for place in range(3):
            self.devices[place] = [await self._device(people.pop(), place), await self._device(people.pop(), place)]
        balanced = await self._device(people.pop(), 0)
        for place in range(3):
            for _ in range(3):
                await self.desk.machine(place)
        await asyncio.sleep(1)
        for sender, receiver in self.partition.lost:
            self.hosts.network.lose(sender, receiver)
        if self.partition.pulled:
            self.hosts.network.pull(self.partition.pulled)
        self.began = self.world.clock()
        reached = [place for place in range(3) if self.partition.reached(place + 1)]
        await asyncio.gather(*(self._probe(place, seconds) for place in reached), self._balanced(balanced, seconds))
        self.hosts.network.heal()
        await self._recovered(balanced)
        self.found.wrong += [str(one) for one in check(self.history) if one.invariant != "I8"]
        return self.found

    async def _device(self, person: Person, place: int) -> Device:
        device = Device(self.desk, person)
        call = await self.desk.login(person.email, PASSWORD, place)
        assert call.outcome == OK, call.line()
        device.take(call)
        return device

    async def _probe(self, place: int, seconds: float) -> None:
        """Every row of the table, again and again."""
        living, leaving = self.devices[place]
        while self.world.clock() - self.began < seconds:
            await self._judge(self._refresh(living, place))
            await self._judge(self.desk.introspect(living.grant, living.access, place))
            await self._judge(self.desk.machine(place))
            await self._judge(self._login(living, place))
            await self._judge(self._sessions(living, place))
            for path, what in (("/.well-known/jwks.json", "jwks"), ("/livez", "live"), ("/readyz", "ready")):
                await self._judge(self._get(path, what, place))
            await self._judge(self._get("/.well-known/openid-configuration", "discovery", place))
            await asyncio.sleep(0.3)
        await self._judge(self._logout(leaving, place))

    async def _judge(self, asking: Any) -> None:
        begun = self.world.clock() - self.began
        call: Call = await asking
        self.found.asked += 1
        self.found.turned_away += call.outcome == UNAVAILABLE
        away = self.partition.away(call.place + 1)
        may = expected(call.what, away, begun)
        if (call.ended or 0) - self.began < SLACK or (call.ended or 0) - call.began > PROMPT:
            may = may | EITHER  # it had not noticed yet; or the machine was busy, and a deadline went by
        if call.outcome not in may:
            self.found.wrong.append(f"{begun:.1f} s, {'+'.join(sorted(away)) or 'no store'} away: {call.line()}")

    async def _refresh(self, device: Device, place: int) -> Call:
        call = await self.desk.refresh(device.grant, device.token, place)
        device.take(call)
        return call

    async def _login(self, device: Device, place: int) -> Call:
        return await self.desk.login(device.person.email, PASSWORD, place)

    async def _sessions(self, device: Device, place: int) -> Call:
        call = self.desk._begin("sessions", place)
        bearer = {"Authorization": f"Bearer {device.access}"}
        await self.desk.send(call, "GET", "/api/auth/sessions", headers=bearer)
        return call

    async def _get(self, path: str, what: str, place: int) -> Call:
        call = self.desk._begin(what, place)
        await self.desk.send(call, "GET", path)
        if what == "ready":
            call.odd = ""  # it is a balancer's, and says no Retry-After
        return call

    async def _logout(self, device: Device, place: int) -> Call:
        body = {"refresh_token": device.token}
        return await self.desk.end(place, "POST", "/api/auth/logout", grant=device.grant, json=body)

    async def _balanced(self, device: Device, seconds: float) -> None:
        """Somebody who knows HAProxy alone."""
        served = asked = 0
        url = f"http://{Network.address(CALLERS)}:{PORT}/token"
        while (at := self.world.clock() - self.began) < seconds:
            call = self.desk._begin("refresh", -1, grant=device.grant, presented=device.token)
            form = {"grant_type": "refresh_token", "client_id": "customer", "refresh_token": device.token}
            try:
                answer = await self.world.http.post(url, data=form)
            except httpx2.TransportError:
                call.ended = self.world.clock()
            else:
                self.desk.write(call, answer)
                self.desk._take(call, answer)
                device.take(call)
            if at > SLACK + 3:
                asked, served = asked + 1, served + (call.outcome == OK)
            await asyncio.sleep(0.2)
        self.found.balanced = served, asked

    async def _recovered(self, balanced: Device) -> None:
        healed = self.world.clock()
        for place in range(3):
            while (await self._refresh(self.devices[place][0], place)).outcome != OK:
                if self.world.clock() - healed > 30:
                    self.found.wrong.append(f"replica {place + 1} does not come back")
                    return
                await asyncio.sleep(0.05)
        self.found.recovery = self.world.clock() - healed
        await asyncio.sleep(1.2)
        for place in range(3):
            for device in self.devices[place]:
                call = await self.desk.refresh(device.grant, device.token, place)
                call.settled = True
                await self.desk.introspect(device.grant, device.access, place)


def run(seconds: float, only: str = "", say: Callable[[str], None] = print) -> bool:
    """All of them, `seconds` each. True: every answer was one of the table's, and every invariant held."""
    if missing := why_not():
        say(f"skipped: {missing}")
        return True
    hands = Hands()
    with Hosts() as hosts:
        return hands.run(_all(hosts, seconds, only, say))


async def _all(hosts: Hosts, seconds: float, only: str, say: Callable[[str], None]) -> bool:
    hosts.network.enter(CALLERS)
    world, wrong = Table(hosts), 0
    for place in world.places:
        await _until_ready(world, place.url)
    say(f"{'partition':<36}{'answers':>8}{'503':>6}{'wrong':>7}{'recovery':>10}   through HAProxy")
    for partition in partitions():
        if only and only not in partition.name:
            continue
        found = await Trial(world, hosts, partition).run(seconds)
        wrong += len(found.wrong)
        served, asked = found.balanced
        numbers = f"{found.asked:>8}{found.turned_away:>6}{len(found.wrong):>7}{found.recovery:>8.2f} s"
        say(f"{found.name:<36}{numbers}   {served} of {asked} served")
        for line in found.wrong[:5]:
            say(f"    {line}")
    await world.http.aclose()
    await world.runtime.close()
    say(f"{seconds:g} s each: {wrong} wrong")
    return not wrong


async def _until_ready(world: World, url: str) -> None:
    ends = monotonic() + 60
    while monotonic() < ends:
        try:
            if (await world.http.get(url + "/readyz")).status_code == 200:
                return
        except (httpx2.TransportError, StoreUnavailable):
            pass
        await asyncio.sleep(0.1)
    raise RuntimeError(f"{url} does not get ready")
