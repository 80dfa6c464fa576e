"""Each promise has its mutants: rules broken on purpose, one at a time. The simulation finds every one of them.

A mutant is another judge, handed to the world; the code of production is as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from authsvc.keys import phases, plans
from authsvc.keys.plans import GeneratePlan, WithdrawPlan
from authsvc.keys.policy import PROPAGATION, KeyLife, KeyPolicy, Surroundings
from authsvc.keys.records import SigningKey
from authsvc.keys.simulation.run import simulate
from authsvc.keys.simulation.scene import Judges, Scene
from authsvc.keys.simulation.verifiers import KINDS, Kind, Ours, OursFollowing
from tests.keys.simulation.scenes import (
    AROUND,
    BUILT_IN,
    BY_KEYS_ALONE,
    EXACT,
    HOUR,
    TIGHT,
    UNHEEDED,
    Keys,
    published_when_it_signs,
    tight,
)

REFUSED = "no valid token is refused"
ACCEPTED_LATE = "a withdrawn key's token is refused in time"
NOBODY = "some key signs at every instant"
LOST = "a restore loses no key that has signed"
SIGNS_ON = "a withdrawn key signs no more"
ONE_LINE = "one line of keys"
SMALL = "the JWKS stays small"


# Plans and steps


def sign_at_once(keys: Keys, now: datetime, policy: KeyPolicy, algorithms: Sequence[str]) -> Any:
    """The next key signs when it is made, as most providers have it."""
    plan = plans.plan_step(keys, now, policy, algorithms)
    if not isinstance(plan, GeneratePlan):
        return plan
    current = phases.signer(keys, now, plan.alg)
    ended = () if current is None else (replace(current, signs_until=now, drop_after=now + policy.keep),)
    until = now + policy.life.sign
    return replace(plan, signs_from=now, signs_until=until, drop_after=until + policy.keep, changes=ended)


def made_too_late(keys: Keys, now: datetime, policy: KeyPolicy, algorithms: Sequence[str]) -> Any:
    """A key is made when there is none."""
    plan = plans.plan_step(keys, now, policy, algorithms)
    late = isinstance(plan, GeneratePlan) and phases.signer(keys, now, plan.alg) is not None
    return None if late else plan


def withdrawn_without_successor(keys: Keys, now: datetime, kid: str) -> Any:
    plan = plans.plan_withdraw(keys, now, kid)
    return replace(plan, successor=None, changes=plan.changes[:1]) if isinstance(plan, WithdrawPlan) else plan


def rotated_unripe(keys: Keys, now: datetime, policy: KeyPolicy, at_once: bool, alg: str) -> Any:
    """`rotate --now` does as it is told."""
    around = replace(policy.around, jwks_max_age=timedelta(), skew=-PROPAGATION)
    return plans.plan_rotate(keys, now, replace(policy, around=around), at_once, alg)


def never_full(keys: Keys, now: datetime, policy: KeyPolicy) -> None:
    return None


# Phases


def signs_on(keys: Keys, now: datetime, alg: str) -> SigningKey | None:
    """The key that began last, whatever its end is."""
    able = [key for key in keys if key.alg == alg and key.signs_from <= now and key.withdrawn_at is None]
    return max(able, key=phases.order, default=None)


def signs_though_withdrawn(keys: Keys, now: datetime, alg: str) -> SigningKey | None:
    """The first that may, as if nothing had been withdrawn."""
    able = [key for key in keys if key.alg == alg and key.signs_from <= now and not phases.ended(_unstained(key), now)]
    return min(able, key=phases.order, default=None)


def _unstained(key: SigningKey) -> SigningKey:
    return replace(key, withdrawn_at=None)


def published_though_withdrawn(keys: Keys, now: datetime) -> list[SigningKey]:
    return [key for key in keys if key.drop_after is None or key.drop_after > now]


# Policies


class DropsEarly(KeyPolicy):
    keep = property(lambda self: self.around.jwks_max_age)  # type: ignore[assignment]


class ForgetsTheBackup(KeyPolicy):
    may_sign_after = property(lambda self: self.seen_by_all)  # type: ignore[assignment]


class ForgetsPropagation(KeyPolicy):
    seen_by_all = property(lambda self: self.around.jwks_max_age + self.around.skew)  # type: ignore[assignment]


class HeedsTheMaxAge(KeyPolicy):
    seen_by_all = property(lambda self: self.around.jwks_max_age + self.skew)  # type: ignore[assignment]


def blind_to_clients(life: KeyLife, around: Surroundings) -> KeyPolicy:
    """A client has longer tokens than the settings say, and nobody counts them."""
    return KeyPolicy(life, replace(around, longest_token=EXACT.longest_token))


# Verifiers


class Deaf(OursFollowing):
    """It does not hear what was withdrawn, nor that the set is another: it asks when its set is old."""

    def find(self, kid: str, now: datetime) -> str:
        return Ours.find(self, kid, now)

    def keys_changed(self, now: datetime) -> None:
        pass


class Trusting(Deaf):
    """What is in its cache is good, and it asks only for what is not."""

    @property
    def period(self) -> timedelta:
        return timedelta(days=9999)


def instead(kind: Kind) -> tuple[Kind, ...]:
    return tuple(kind if known is OursFollowing else known for known in KINDS)


NO_BACKUP = Scene(replace(tight(AROUND), backup=HOUR), AROUND)
"""Announced for as long as caches need, though a backup needs longer: `may_sign_after` must make up for it."""


@dataclass(frozen=True, slots=True)
class Mutant:
    scene: Scene
    found: set[str]
    judges: Judges | None = None
    rotations: int = 400

    @property
    def world(self) -> Scene:
        return replace(self.scene, judges=self.judges) if self.judges else self.scene


MUTANTS = {
    "sign at once": Mutant(BUILT_IN, {REFUSED}, Judges(plan_step=sign_at_once)),
    "sign at once, published first when it signs": Mutant(
        BUILT_IN, {REFUSED}, Judges(published=published_when_it_signs)
    ),
    "drop early": Mutant(TIGHT, {REFUSED}, Judges(policy_of=DropsEarly)),
    "skip the lock": Mutant(replace(BUILT_IN, takes_turns=False), {ONE_LINE}),
    "unbounded trust in the cache": Mutant(replace(BUILT_IN, kinds=instead(Trusting)), {ACCEPTED_LATE}),
    "deaf to withdrawals": Mutant(replace(BUILT_IN, kinds=instead(Deaf)), {ACCEPTED_LATE}),
    "no backup before it signs": Mutant(NO_BACKUP, {LOST}, Judges(policy_of=ForgetsTheBackup), 2000),
    "no propagation between replicas": Mutant(TIGHT, {REFUSED}, Judges(policy_of=ForgetsPropagation), 1000),
    "counts on any max-age": Mutant(UNHEEDED, {REFUSED}, Judges(policy_of=HeedsTheMaxAge), 1000),
    "cut off, it signs past its end": Mutant(BY_KEYS_ALONE, {REFUSED}, Judges(signer=signs_on), 2000),
    "the next key is made when nobody signs": Mutant(BUILT_IN, {NOBODY}, Judges(plan_step=made_too_late)),
    "withdrawn, and it signs": Mutant(BUILT_IN, {SIGNS_ON}, Judges(signer=signs_though_withdrawn)),
    "withdrawn without a successor": Mutant(BUILT_IN, {NOBODY}, Judges(plan_withdraw=withdrawn_without_successor)),
    "withdrawn, and still published": Mutant(BUILT_IN, {ACCEPTED_LATE}, Judges(published=published_though_withdrawn)),
    "rotate now, seen or not": Mutant(TIGHT, {REFUSED}, Judges(plan_rotate=rotated_unripe)),
    "longer tokens, and no key stays longer": Mutant(TIGHT, {REFUSED}, Judges(policy_of=blind_to_clients)),
    "any number of keys": Mutant(BUILT_IN, {SMALL}, Judges(crowded=never_full), 2000),
}


@pytest.mark.parametrize("name", [pytest.param(name, id=name) for name in MUTANTS])
def test_the_simulation_finds_a_rule_that_is_broken(name: str) -> None:
    mutant = MUTANTS[name]
    result = simulate(mutant.world, rotations=mutant.rotations, seed=21)
    assert {violation.promise for violation in result.violations} & mutant.found, result
    story = "\n".join(result.violations[0].story)
    assert "k" in story
    assert result.rotations <= mutant.rotations + 1
