"""One history: who calls, what breaks meanwhile, how all is healed, and what everybody is asked in the end."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from tests.laboratory.breakages import BREAKAGES, WEIGHTS
from tests.laboratory.history import OK, UNAVAILABLE, UNKNOWN, History, Row
from tests.laboratory.invariants import HEARD_SECONDS, Violation, acknowledged, check
from tests.laboratory.people import Browser, Desk, Device, Person, Watcher, invite
from tests.laboratory.world import World

LOAD_SECONDS = 1.2
PEOPLE = 5
WATCHERS = 2
SETTLING_SECONDS = 120.0
SLOW = "I8"
"""Judged apart: on a machine that is busy with something else, it is that machine's."""


@dataclass
class Outcome:
    """`recovery`: seconds from the healing to the last call that was not served. `slow`: calls that took too long."""

    seed: str
    faults: Sequence[str]
    history: History
    recovery: float = 0
    violations: list[Violation] = field(default_factory=list)
    slow: list[Violation] = field(default_factory=list)


def drawn(seed: str, only: Sequence[str] = ()) -> tuple[list[str], random.Random]:
    """What breaks in the schedule of this seed, and the dice for the rest. `only`: out of these."""
    dice = random.Random(seed)
    names = list(only or BREAKAGES)
    weights = [WEIGHTS[name] for name in names]
    return dice.choices(names, weights, k=dice.choice((1, 1, 2, 3))), dice


async def play(world: World, seed: str, only: Sequence[str] = ()) -> Outcome:
    faults, dice = drawn(seed, only)
    history = History(wall=time.time() - world.clock())
    desk = Desk(world, history, dice)
    people = [Person(desk, number) for number in await invite(world, PEOPLE)]
    watcher = Watcher(desk, people)
    until = world.clock() + LOAD_SECONDS
    calling = [person.live(until) for person in people for _ in range(dice.choice((1, 2)))]
    calling += [Browser(desk, person).live(until) for person in people[:2]]
    calling += [watcher.live(until) for _ in range(WATCHERS)]
    breaking = [_break(world, desk, name, dice) for name in faults]
    load = asyncio.gather(*calling)
    await asyncio.gather(*breaking)
    outcome = Outcome(seed, faults, history)
    await world.heal()
    healed = world.clock()
    await world.revive()
    await load
    await _settle(world, desk, people)
    await _read_rows(world, history)
    outcome.recovery = _recovery(history, healed)
    found = check(history)
    outcome.violations = [one for one in found if one.invariant != SLOW]
    outcome.slow = [one for one in found if one.invariant == SLOW]
    return outcome


def _recovery(history: History, healed: float) -> float:
    late = [call.ended or call.began for call in history.calls if call.outcome in (UNAVAILABLE, UNKNOWN)]
    return max((at - healed for at in late if at > healed), default=0)


async def _break(world: World, desk: Desk, name: str, dice: random.Random) -> None:
    await asyncio.sleep(dice.uniform(0.15, 0.8))
    await BREAKAGES[name](world, desk, dice)


async def _settle(world: World, desk: Desk, people: list[Person]) -> None:
    """Each replica answers again; then the living refresh, and the dead are dead everywhere, for good."""
    began = world.clock()
    for place in world.places:
        while (await desk.machine(place.number)).outcome != OK:
            assert world.clock() - began < SETTLING_SECONDS, f"replica {place.number} does not come back"
            await asyncio.sleep(0.02)
    devices = [device for person in people for device in person.devices if device.grant]
    told = [at for device in devices if (at := acknowledged(desk.history, device.grant)) is not None]
    await asyncio.sleep(max(0, max(told, default=0) + HEARD_SECONDS + 0.05 - world.clock()))
    await asyncio.gather(*(_ask_once_more(desk, device) for device in devices))
    for place in world.places:
        await desk.jwks(place.number)


async def _ask_once_more(desk: Desk, device: Device) -> None:
    place = desk.anywhere()
    for _ in range(40):  # a breaker that is open yet, connections that died: they end within the second
        call = await desk.refresh(device.grant, device.token, place)
        if call.outcome not in (UNAVAILABLE, UNKNOWN):
            break
        await asyncio.sleep(0.1)
    call.settled = True
    for other in desk.world.places:
        await desk.introspect(device.grant, device.access, other.number)


async def _read_rows(world: World, history: History) -> None:
    grants = [UUID(grant) for grant in history.logins()]
    async with world.sql() as sql:
        rows = await sql.fetch("SELECT id, generation, ended, session_id FROM grants WHERE id = ANY ($1)", grants)
        history.rows = {row["id"].hex: Row(row["generation"], row["ended"]) for row in rows}
        sessions = {str(row["session_id"]): row["id"].hex for row in rows}
        ended = await sql.fetch(
            "SELECT subject FROM revocations WHERE kind = 'session' AND subject = ANY ($1) ORDER BY xid, sequence",
            list(sessions),
        )
        history.revoked = list(dict.fromkeys(sessions[row["subject"]] for row in ended))
