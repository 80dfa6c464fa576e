"""Time and events: who changes keys, who hears of it when, and whom the balancer asks."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from heapq import heappop, heappush
from itertools import count
from typing import Any, Final

from authsvc.keys.phases import signer
from authsvc.keys.plans import WithdrawPlan
from authsvc.keys.simulation.chance import Chance
from authsvc.keys.simulation.database import Database, Rows, able
from authsvc.keys.simulation.records import NO_TIME, SECOND, Served
from authsvc.keys.simulation.replicas import Replica
from authsvc.keys.simulation.scene import LONGEST_TRANSACTION, POLL_INTERVAL, START, UNREADY_AFTER, Scene
from authsvc.keys.simulation.verifiers import OursFollowing, Stream
from authsvc.keys.simulation.violations import MAX_VIOLATIONS, Account

SLOW_ANSWER: Final = 0.5 * SECOND
"""A slow answer to a request for the JWKS."""
REDIS_LEASE: Final = 30 * SECOND
"""Introspection by a replica that is cut off (`runtime.LEASE_SECONDS`)."""


class World:
    """`attended_until`: until when background work of verifiers is played out; nothing changes while nobody looks."""

    def __init__(self, scene: Scene, seed: int) -> None:
        self.scene = scene
        self.now = START
        self.chance = Chance(seed)
        self.account = Account(scene, seed)
        self.database = Database(scene, self.now)
        self.replicas = [Replica(number, scene, self.chance) for number in range(1, scene.replicas + 1)]
        self.verifiers = [
            scene.kinds[place % len(scene.kinds)](place + 1, self, scene.around, self.chance)
            for place in range(scene.verifiers)
        ]
        self.attended_until = self.now
        self.on_change: list[Callable[[], None]] = []
        self._events: list[tuple[datetime, int, Callable[..., object], tuple[Any, ...]]] = []
        self._numbers = count(1)
        self.signs: dict[str, str] = {}
        """alg -> the key that signs."""
        self.signed_since: dict[str, datetime] = {}

    # Time

    def at(self, when: datetime, what: Callable[..., object], *args: Any) -> None:
        heappush(self._events, (max(when, self.now), next(self._numbers), what, args))

    def later(self, at: datetime, what: Callable[..., None], *args: Any) -> None:
        if at <= self.attended_until:
            self.at(at, what, *args)

    def run(self, rotations: int, told: Callable[[int], None]) -> None:
        """Until so many rotations were seen, or enough went wrong, or nothing will ever happen again. `told(n)`: n
        rotations were seen."""
        account = self.account
        seen = 0
        while self._events and account.rotations < rotations and len(account.violations) < MAX_VIOLATIONS:
            self.now, _, what, args = heappop(self._events)
            what(*args)
            if account.rotations != seen:
                seen = account.rotations
                told(seen)
        if not self._events and not account.violations:
            account.broken("some key signs at every instant", self.now, "nobody makes keys any more")
        account.passed = self.now - START

    def soon(self, most: timedelta = POLL_INTERVAL) -> datetime:
        return self.now + most * self.chance.share()

    # Replicas

    def link(self, replica: Replica) -> None:
        """It reads the database, if it can."""
        if replica.up and self.database.up and self.now >= replica.cut_until:
            replica.hear(self.database.rows, self.now)
            self.at(self.soon(), self.look, replica, replica.life, replica.rows)

    def look(self, replica: Replica, life: int, rows: Rows) -> None:
        """`flows/keys/keep_keys`: twice a second a replica looks whether something is due by what it knows."""
        if replica.rows is not rows or replica.life != life or not replica.linked:
            return  # what it will hear next makes it look again
        own = self.now + replica.offset
        if rows.step(own) is not None:
            if self._step(replica):
                return
            wait = POLL_INTERVAL
        else:
            due = rows.due(own)
            wait = (due if due > own else rows.at(own).until) - own
        self.at(self.now + wait + POLL_INTERVAL * self.chance.share(), self.look, replica, life, rows)

    def _step(self, replica: Replica) -> bool:
        """`manage_keys.step`: judged again on the rows under the lock, by PostgreSQL's time. False: not done."""
        if self.database.busy and self.scene.takes_turns:
            return False
        read = self.database.rows
        plan = read.step(self.now)
        if plan is None:
            return False
        begun, connection = self.now, replica.linked_since

        def commit() -> None:
            self.database.busy = False
            if replica.linked_since == connection:
                self.write(read, plan, begun)
            elif replica.linked:  # rolled back; who is linked again only now has looked already
                self.at(self.soon(), self.look, replica, replica.life, replica.rows)

        self.database.busy = True
        self.at(begun + self._commit_takes(), commit)
        return True

    def _commit_takes(self) -> timedelta:
        if self.chance.happens(0.7):
            return self.chance.within(0.02 * SECOND, 0.3 * SECOND)
        return self.chance.within(NO_TIME, 2 * SECOND if self.chance.happens(0.7) else LONGEST_TRANSACTION)

    # Changes

    def operate(self, judge: Callable[[Rows], Any]) -> Any:
        """An operator's command: it waits for the lock, and its transaction is short. The plan; None: no database."""
        if not self.database.up:
            return None
        if self.database.busy and self.scene.takes_turns:
            self.at(self.now + POLL_INTERVAL, self.operate, judge)
            return None
        plan = judge(self.database.rows)
        if hasattr(plan, "changes"):
            self.write(self.database.rows, plan, self.now)
        else:
            self.account.counted["refused_now"] += 1
        return plan

    def write(self, read: Rows, plan: Any, begun: datetime) -> None:
        """A change is committed, and the replicas hear of it one by one."""
        made = self.database.write(read, plan, self.now)
        if made is not None and made.signs_from <= begun and not _signs(read, made.alg, begun):
            self.account.hasty.add(made.kid)
        if isinstance(plan, WithdrawPlan) and plan.successor:
            withdrawn = next(key for key in read.keys if key.kid == plan.kid)
            if able(withdrawn, begun):
                self.account.hasty.add(plan.successor)
        self.published()

    def published(self) -> None:
        """There are new rows."""
        self.account.written(self.database.rows.keys, self.now)
        self.turn()
        for replica in self.replicas:
            if replica.linked:
                self.at(self.soon(), self._read, replica, replica.life)
        for verifier in self.verifiers:
            if isinstance(verifier, OursFollowing):
                heard_at = self.now + self.chance.within(POLL_INTERVAL, 2 * SECOND)
                self.later(heard_at, verifier.keys_changed, heard_at)
        for follow in self.on_change:
            follow()

    def _read(self, replica: Replica, life: int) -> None:
        if replica.linked and replica.life == life and replica.rows is not self.database.rows:
            replica.hear(self.database.rows, self.now)
            self.account.published(replica.name, replica.snapshot or frozenset(), self.now)
            self.at(self.soon(), self.look, replica, life, replica.rows)

    def turn(self) -> None:
        """Counts a rotation wherever another key signs than before."""
        for alg in self.scene.life.algorithms:
            key = signer(self.database.rows.keys, self.now, alg)
            if key is not None and self.signs.get(alg) != key.kid:
                self.account.rotations += alg in self.signs
                self.signed_since.setdefault(alg, self.now)
                self.signs[alg] = key.kid

    # The balancer

    def route(self) -> Replica | None:
        """A replica that is ready as far as the balancer knows; where there is none, any that answers."""
        up = self.running()
        return self.chance.one_of([replica for replica in up if replica.asked(self.now)] or up) if up else None

    def running(self) -> list[Replica]:
        return [replica for replica in self.replicas if replica.up]

    # What verifiers ask

    @property
    def withdrawn(self) -> dict[str, datetime]:
        return self.account.withdrawn

    def fetch(self) -> Served | None:
        replica = self.route()
        if replica is None or self.chance.happens(0.003):
            return None
        kids = replica.jwks(self.now)
        return None if kids is None else Served(kids, replica.name, replica.asked(self.now))

    def takes(self) -> timedelta:
        return self.chance.within(NO_TIME, SLOW_ANSWER)

    def stream(self) -> Stream | None:
        replica = self.route()
        return partial(replica.feed, replica.life) if replica and replica.linked else None

    def introspect(self, kid: str) -> bool | None:
        replica = self.route()
        kids = replica.jwks(self.now) if replica else None
        if replica is None or kids is None:
            return None
        silent = replica.silent_for(self.now)
        if silent > REDIS_LEASE:
            return None
        return True if kid in kids else None if silent > UNREADY_AFTER else False


def _signs(rows: Rows, alg: str, now: datetime) -> bool:
    return any(key.alg == alg and able(key, now) for key in rows.keys)
