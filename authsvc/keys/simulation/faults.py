"""Faults and operators, drawn by chance: at any time, but most of all around the instants at which keys change."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

from authsvc.keys.phases import published
from authsvc.keys.plans import PlanRefused
from authsvc.keys.policy import MAX_PUBLISHED_KEYS, PROPAGATION, KeyPolicy
from authsvc.keys.records import SigningKey
from authsvc.keys.simulation.database import Rows, able
from authsvc.keys.simulation.records import NO_TIME, SECOND
from authsvc.keys.simulation.replicas import Replica
from authsvc.keys.simulation.scene import POLL_INTERVAL, READINESS_INTERVAL
from authsvc.keys.simulation.traffic import Traffic
from authsvc.keys.simulation.verifiers import Verifier
from authsvc.keys.simulation.world import World

HOUR: Final = 3600 * SECOND


class Trouble:
    """Draws anew for every key that is announced."""

    def __init__(self, world: World, traffic: Traffic) -> None:
        self._world = world
        self._traffic = traffic
        self._policy = world.scene.policy
        self._kinds: tuple[tuple[float, Callable[[], object]], ...] = (
            (0.30, self._cut_replica),
            (0.15, self._crash),
            (0.06, lambda: self._down(self._span())),
            (0.03, self._restore),
            (0.25, self._cut_verifier),
            (0.10, self._rotate_now),
            (0.05, self._withdraw),
            (0.03, self._generate),
            (0.03, self._lengthen),
            (0.003, self._script),
        )
        self._drawn_for = 0
        self._longest = world.scene.around.longest_token

    def draw(self) -> None:
        """After each change of keys; for those that are new."""
        world = self._world
        keys = world.database.rows.keys
        made = len(world.account.keys)
        if made == self._drawn_for:
            return
        self._drawn_for = made
        key = keys[-1]
        self._lag(key)
        if world.chance.happens(0.2):
            self._rotate_at(key.announced_at + world.database.rows.policy.may_sign_after)
        for likely, happen in self._kinds:
            if world.chance.happens(likely):
                at = self._moment(key)
                world.at(at, happen)
                self._traffic.attend(at)

    def _lag(self, key: SigningKey) -> None:
        """A replica that just failed to hear of the new key serves the old JWKS as long as the balancer lets it; and
        services start that ask it last."""
        world = self._world
        if world.chance.happens(0.7):
            return
        replica = self._cut_replica()
        if replica.asked_until > world.now and world.chance.happens(0.5):
            for verifier in world.verifiers:
                world.at(replica.asked_until - world.chance.within(NO_TIME, SECOND), self._start_verifier, verifier)

    def _start_verifier(self, verifier: Verifier) -> None:
        verifier.restart()
        verifier.pass_by(self._world.now)

    def _moment(self, key: SigningKey) -> datetime:
        """Around one of the instants in the key's life, or anywhere."""
        world, policy = self._world, self._policy
        ahead = max(key.signs_from - world.now, SECOND)
        pivot = world.chance.one_of(
            (key.signs_from, key.signs_from, key.signs_from - policy.wait, key.signs_from + policy.keep, world.now)
        )
        width = world.chance.one_of((SECOND, PROPAGATION, policy.seen_by_all, policy.seen_by_all, ahead))
        return max(pivot + world.chance.within(-width, width), world.now + world.chance.within(NO_TIME, ahead / 100))

    def _span(self) -> timedelta:
        """How long something lasts: a moment, or longer than anybody may rely on."""
        world, policy = self._world, self._policy
        if world.chance.happens(0.97):
            most = world.chance.one_of(
                (2 * SECOND, 2 * PROPAGATION, 2 * policy.seen_by_all, 2 * policy.wait, policy.keep)
            )
        else:
            most = 3 * policy.life.sign
        return world.chance.within(NO_TIME, most)

    # Faults

    def _cut_replica(self) -> Replica:
        world = self._world
        replica = world.chance.one_of(world.replicas)
        heard, span = world.now - world.chance.within(NO_TIME, POLL_INTERVAL), self._span()
        replica.cut(heard)
        replica.cut_until = max(replica.cut_until, world.now + span)
        world.at(replica.cut_until + POLL_INTERVAL * world.chance.share(), world.link, replica)
        return replica

    def _crash(self) -> None:
        """Killed, and started again: with its disk or a new one, able to reach the database or not."""
        world = self._world
        replica = world.chance.one_of(world.replicas)
        if not replica.up:
            return
        replica.crash(keeps_disk=world.chance.happens(0.5))
        back = world.now + min(self._span(), HOUR)
        if world.chance.happens(0.3):
            replica.cut_until = max(replica.cut_until, back + self._span())
        world.at(back, self._start, replica)

    def _start(self, replica: Replica) -> None:
        replica.start()
        self._world.at(max(self._world.soon(), replica.cut_until), self._world.link, replica)

    def _down(self, span: timedelta) -> bool:
        """The database is away for everybody. False: it is already."""
        world = self._world
        if not world.database.up:
            return False
        world.database.up = False
        for replica in world.replicas:
            replica.cut(world.now - world.chance.within(NO_TIME, POLL_INTERVAL))
        world.at(world.now + span, self._back)
        self._traffic.attend(world.now + span)
        return True

    def _back(self) -> None:
        world = self._world
        world.database.up = True
        for replica in world.replicas:
            world.at(max(world.soon(), replica.cut_until), world.link, replica)

    def _restore(self) -> None:
        """The database is lost, and comes back as a backup: taken at any time within the interval that was promised. It
        takes people a while. What was done since is done again before replicas come in, as keys/README.md says."""
        world = self._world
        if not world.scene.life.backup or world.scene.lease is None:
            return  # replicas that sign without end would begin to with keys that the backup lacks
        latest = world.now - world.chance.within(NO_TIME, world.scene.life.backup)
        span = 2 * READINESS_INTERVAL + PROPAGATION + min(self._span(), HOUR)
        if self._down(span):
            world.at(world.now + span, self._restored, latest)

    def _restored(self, latest: datetime) -> None:
        world = self._world
        world.database.restore(latest, world.now)
        world.database.lengthen(self._longest, world.now)
        for kid in sorted(world.account.withdrawn):
            if any(key.kid == kid and key.withdrawn_at is None for key in world.database.rows.keys):
                self.withdraw(kid)
        world.account.restored(world.database.rows.keys, world.now)
        world.published()

    def _cut_verifier(self) -> None:
        world = self._world
        verifier = world.chance.one_of(world.verifiers)
        if world.chance.happens(0.8):
            verifier.cut(world.now + self._span(), world.now)
        else:
            self._start_verifier(verifier)

    # Operators

    def _rotate_now(self) -> None:
        """An operator is impatient; refused, he comes back when he was told to."""
        world = self._world
        judges, alg = world.scene.judges, world.chance.one_of(world.scene.life.algorithms)
        world.operate(lambda rows: judges.plan_rotate(rows.keys, world.now, rows.policy, True, alg))
        rows = world.database.rows
        ahead = [key.announced_at for key in rows.keys if key.alg == alg and key.signs_from > world.now]
        may_sign_after = min(ahead, default=world.now) + rows.policy.may_sign_after
        if ahead and may_sign_after > world.now:
            self._rotate_at(may_sign_after)

    def _rotate_at(self, at: datetime) -> None:
        at += self._world.chance.within(NO_TIME, SECOND)
        self._world.at(at, self._rotate_now)
        self._traffic.attend(at)

    def _script(self) -> None:
        """Somebody's cron job makes keys, or rotates, as often as it may."""
        world = self._world
        command = self._rotate_now if world.chance.happens(0.5) else self._generate
        for time in range(2 * MAX_PUBLISHED_KEYS):
            world.at(world.now + time * (self._policy.may_sign_after + SECOND), command)

    def _generate(self) -> None:
        world = self._world
        judges, alg = world.scene.judges, world.chance.one_of(world.scene.life.algorithms)

        def judge(rows: Rows) -> Any:
            full = judges.crowded(rows.keys, world.now, rows.policy)
            return full or judges.plan_generate(rows.keys, world.now, rows.policy, alg)

        world.operate(judge)

    def _lengthen(self) -> None:
        """A client is given longer tokens, or has them no more; not longer than the JWKS has room for keys to stay."""
        world, scene = self._world, self._world.scene
        longest = scene.around.longest_token * world.chance.one_of((1, 1, 2, 4))
        rows, policy = world.database.rows, KeyPolicy(scene.life, scene.around_with(longest))
        number = len(published(rows.keys, world.now)) + len(scene.life.algorithms) * policy.published
        if world.database.up and (policy.published <= rows.policy.published or number <= MAX_PUBLISHED_KEYS):
            self._longest = longest
            world.database.lengthen(longest, world.now)
            world.published()

    def _withdraw(self) -> None:
        """The key that signs, one that will, or one that did."""
        world = self._world
        living = [key for key in world.database.rows.keys if key.withdrawn_at is None]
        signing = [key for key in living if able(key, world.now)]
        pool = signing if signing and world.chance.happens(0.6) else living
        if pool:
            self.withdraw(world.chance.one_of(pool).kid)

    def withdraw(self, kid: str) -> None:
        """As keys/README.md says: where no other key can sign, one is made first."""
        world = self._world
        if world.database.busy and world.scene.takes_turns:
            world.at(world.now + POLL_INTERVAL, self.withdraw, kid)
            return
        judges = world.scene.judges
        judge: Callable[[Rows], Any] = lambda rows: judges.plan_withdraw(rows.keys, world.now, kid)  # noqa: E731
        plan = world.operate(judge)
        key = next((key for key in world.database.rows.keys if key.kid == kid), None)
        if isinstance(plan, PlanRefused) and key is not None and able(key, world.now):
            world.operate(lambda rows: judges.plan_generate(rows.keys, world.now, rows.policy, key.alg))
            world.operate(judge)
