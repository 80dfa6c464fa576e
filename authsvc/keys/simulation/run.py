"""`simulate`: one world, from its first key to so many rotations."""

from __future__ import annotations

from collections.abc import Callable

from authsvc.keys.simulation.faults import Trouble
from authsvc.keys.simulation.scene import CALENDAR_SPAN, Scene
from authsvc.keys.simulation.traffic import Traffic
from authsvc.keys.simulation.violations import Account
from authsvc.keys.simulation.world import World


class TooLong(Exception):
    """So many rotations do not fit between the years 2 and 9900. `most`: how many do."""

    def __init__(self, most: int) -> None:
        super().__init__(f"at most {most} rotations fit the calendar")
        self.most = most


def simulate(scene: Scene, *, rotations: int, seed: int, told: Callable[[int], None] = lambda seen: None) -> Account:
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
    return world.account
