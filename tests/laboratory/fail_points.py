"""A replica dies at one step of one rotation, and its caller asks again elsewhere."""

from __future__ import annotations

import random
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

from tests.laboratory.doomed import ROTATION
from tests.laboratory.history import OK, History, opened
from tests.laboratory.invariants import check
from tests.laboratory.people import PASSWORD, Desk, invite
from tests.laboratory.world import REPLICAS, World


@dataclass
class Fell:
    """`wrong`: what is wrong with what the caller was answered then, if anything is."""

    point: str
    place: int
    died: bool
    wrong: str


async def kill_at(world: World, point: str, number: int) -> Fell:
    """Log in, rotate once, rotate where the replica dies, and ask again at each of the others."""
    desk = Desk(world, History(wall=time.time() - world.clock()), random.Random(point))
    [person] = await invite(world, 1)
    others = [place.number for place in world.places if place.number != number and place.alive]
    login = await desk.login(f"person-{person}@example.com", PASSWORD, others[0])
    assert login.outcome == OK, login.line()
    first = await desk.refresh(login.grant, login.given, others[0])
    assert first.outcome == OK, first.line()
    place = world.places[number]
    armed = place.arm(point)
    await desk.refresh(login.grant, first.given, number)
    died = await place.died() and not armed.exists()  # its last answer may be here before it dies
    again = [await desk.refresh(login.grant, first.given, other) for other in others]
    last = await desk.refresh(login.grant, again[-1].given or first.given, others[-1])
    last.settled = True
    wrong = [str(one) for one in check(desk.history)]
    for call, expected in [*((one, 2) for one in again), (last, 3)]:
        if call.outcome != OK or opened(call.given).generation != expected:
            wrong.append(f"not generation {expected}: {call.line()}")
    return Fell(point, number, died, "; ".join(wrong))


async def each(world: World) -> AsyncIterator[Fell]:
    """Every step at every replica."""
    for number in range(REPLICAS):
        for point in ROTATION:
            yield await kill_at(world, point, number)
            await world.heal()
            await world.revive()
