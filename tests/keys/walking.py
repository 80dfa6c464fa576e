"""A random walk through the life of keys, which looks at every instant whether a promise is broken."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from authsvc.keys.phases import Phase, next_change, phases_at, published, signer
from authsvc.keys.plans import (
    GeneratePlan,
    PlanRefused,
    WithdrawPlan,
    apply_changes,
    due_at,
    plan_generate,
    plan_rotate,
    plan_step,
    plan_withdraw,
)
from authsvc.keys.policy import KeyPolicy
from authsvc.keys.records import SigningKey
from tests.support.jose import NOW

TICK = timedelta(microseconds=1)
ACTIONS = ["generate", "generate", "rotate", "rotate_now", "rotate_now", "withdraw"]


@dataclass
class World:
    policy: KeyPolicy
    now: datetime = NOW
    keys: tuple[SigningKey, ...] = ()
    excused: set[str] = field(default_factory=set)
    """Keys that had to sign before every cache had seen them."""
    last_signed: dict[str, datetime] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)

    def act(self, action: str, which: int) -> None:
        if action == "withdraw":
            kid = self.keys[which % len(self.keys)].kid if self.keys else "none"
            plan = plan_withdraw(self.keys, self.now, kid)
        elif action == "generate":
            plan = plan_generate(self.keys, self.now, self.policy)
        else:
            plan = plan_rotate(self.keys, self.now, self.policy, at_once=action == "rotate_now")
        self.seen.add(f"{action} {type(plan).__name__}")
        if isinstance(plan, PlanRefused):
            assert plan.reason
            return
        self.carry_out(plan)
        self.step()

    def carry_out(self, plan) -> None:
        before = self.keys
        self.keys = apply_changes(self.keys, getattr(plan, "changes", ()))
        assert [key.kid for key in self.keys] == [key.kid for key in before]
        if isinstance(plan, GeneratePlan):
            self._insert(plan)
        if isinstance(plan, WithdrawPlan) and plan.successor:
            self.excused.add(plan.successor)

    def step(self) -> None:
        """What a replica does by itself."""
        for _ in range(10_000):
            plan = plan_step(self.keys, self.now, self.policy, ["RS256"])
            if plan is None:
                return
            self.seen.add(f"step {type(plan).__name__}")
            self.carry_out(plan)
        raise AssertionError("always something is due")

    def _insert(self, plan: GeneratePlan) -> None:
        kid = f"k{len(self.keys)}"
        assert plan.announced_at == self.now
        if plan.signs_from == self.now:
            assert not self.keys, "only the first key signs at once"
            self.excused.add(kid)
        self.keys += (plan.row(kid, {}, b""),)

    def live(self, span: timedelta) -> None:
        """Let time pass, and look at every instant that could differ from the one before."""
        end = self.now + span
        while (due := due_at(self.keys, self.now, self.policy, "RS256")) <= end:
            self._pass(max(due, self.now))
            self.step()
        self._pass(end)

    def _pass(self, end: datetime) -> None:
        for at in (self.now, *self._instants(end), end):
            self._look(at)
        self.now = end

    def _instants(self, end: datetime) -> Iterator[datetime]:
        at = self.now
        while (following := next_change(self.keys, at)) is not None and following <= end:
            yield following - TICK
            yield following
            at = following

    def _look(self, at: datetime) -> None:
        shown = {key.kid for key in published(self.keys, at)}
        signing = signer(self.keys, at)
        if self.keys:
            assert signing is not None, f"nobody signs at {at}"
        if signing is not None:
            assert signing.kid in shown
            if signing.kid not in self.excused:
                assert at >= signing.announced_at + self.policy.around.jwks_max_age + self.policy.skew
                assert at >= signing.announced_at + self.policy.life.backup
            ready = [key for key in self.keys if key.signs_from > at and key.withdrawn_at is None]
            assert ready, "no key is announced to follow a leaked one"
            self.last_signed[signing.kid] = max(at, self.last_signed.get(signing.kid, at))
        withdrawn = {key.kid for key in self.keys if key.withdrawn_at}
        for kid, signed in self.last_signed.items():
            if kid not in withdrawn and at <= signed + self.policy.around.longest_token + self.policy.skew:
                assert kid in shown, f"a token of {kid}, signed at {signed}, no longer verifies at {at}"
        for key in self.keys:
            assert key.announced_at <= key.signs_from, "the database refuses this row"
            if key.signs_until is not None:
                assert key.drop_after is not None
                assert key.drop_after > key.signs_until, "the database refuses this row"
        assert list(phases_at(self.keys, at).values()).count(Phase.SIGNING) <= 1


def walk(policy: KeyPolicy, steps: Iterable[tuple[str, int, int]]) -> World:
    world = World(policy)
    world.act("generate", 0)
    for action, which, seconds in steps:
        world.act(action, which)
        world.live(timedelta(seconds=seconds))
    world.live(policy.keep + policy.wait + 2 * policy.life.sign)
    return world
