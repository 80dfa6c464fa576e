"""`simulate`: one world, from its first key to so many rotations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from authsvc.keys.simulation.faults import Trouble
from authsvc.keys.simulation.scene import CALENDAR_SPAN, START, Scene
from authsvc.keys.simulation.traffic import Traffic
from authsvc.keys.simulation.violations import Violation
from authsvc.keys.simulation.world import World


class TooLong(Exception):
    """So many rotations do not fit between the years 2 and 9900. `most`: how many do."""

    def __init__(self, most: int) -> None:
        super().__init__(f"at most {most} rotations fit the calendar")
        self.most = most


@dataclass(frozen=True, slots=True)
class Result:
    """`passed`: virtual time. `counted`: names of `account.COUNTED`."""

    seed: int
    rotations: int
    signatures: int
    verifications: int
    violations: Sequence[Violation]
    counted: Counter[str]
    passed: timedelta


def simulate(scene: Scene, *, rotations: int, seed: int, told: Callable[[int], None] = lambda seen: None) -> Result:
    """Play it. `told(n)`: n rotations were seen. It ends early when enough violations were found. Raises TooLong."""
    most = CALENDAR_SPAN // scene.life.sign
    if rotations > most:
        raise TooLong(most)
    world = World(scene, seed)
    traffic = Traffic(world)
    trouble = Trouble(world, traffic)
    world.on_change += [traffic.mark_changes, trouble.draw]
    for replica in world.replicas:
        world.at(world.soon(), world.link, replica)
    world.run(rotations, told)
    account = world.account
    return Result(
        seed,
        account.rotations,
        account.signatures,
        account.verifications,
        tuple(account.violations),
        account.counted,
        world.now - START,
    )
