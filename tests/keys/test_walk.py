"""A random walk over the plans, with a clock that moves between them: the promises hold at every instant of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from authsvc.keys import plans
from authsvc.keys.plans import (
    apply_changes,
)
from authsvc.keys.policy import KeyPolicy
from tests.keys.walking import ACTIONS, TICK, World, walk
from tests.support.jose import policy_with


def _seconds(least: int, most: int) -> st.SearchStrategy[timedelta]:
    return st.integers(least, most).map(lambda seconds: timedelta(seconds=seconds))


POLICIES = st.builds(
    policy_with,
    announce=_seconds(0, 2000),
    jwks_max_age=_seconds(5, 600),
    longest_token=_seconds(10, 1800),
    skew=_seconds(0, 120),
    sign=_seconds(1500, 30_000),
    backup=_seconds(0, 1000),
)
PAUSES = [0, 1, 60, 300, 700, 1000, 2500, 9000]
STEPS = st.lists(
    st.tuples(
        st.sampled_from(ACTIONS),
        st.integers(0, 5),
        st.sampled_from(PAUSES) | st.integers(0, 4000),
    ),
    max_size=30,
)


def long_walk(seed: int, length: int = 150) -> World:
    dice = Random(seed)
    seconds = [
        timedelta(seconds=dice.randint(*between))
        for between in ((0, 2000), (5, 600), (10, 1800), (0, 120), (1500, 30_000))
    ]
    steps = [
        (dice.choice(ACTIONS), dice.randint(0, 999), dice.choice([*PAUSES, dice.randint(0, 4000)]))
        for _ in range(length)
    ]
    return walk(policy_with(*seconds), steps)


@settings(max_examples=500, deadline=None)
@given(policy=POLICIES, steps=STEPS)
def test_whatever_operators_do_every_instant_has_a_signer_and_every_token_verifies(policy, steps):
    walk(policy, steps)


def test_so_it_is_on_long_walks_through_every_verdict():
    seen = set().union(*(long_walk(seed).seen for seed in range(30)))
    assert seen == {
        "generate GeneratePlan",
        "rotate AlreadyPlanned",
        "rotate_now PlanRefused",
        "rotate_now RotatePlan",
        "step GeneratePlan",
        "withdraw PlanRefused",
        "withdraw WithdrawPlan",
    }


def _sign_early(monkeypatch):
    monkeypatch.setattr(KeyPolicy, "wait", property(lambda policy: policy.skew))


def _switch_early(monkeypatch):
    monkeypatch.setattr(KeyPolicy, "seen_by_all", property(lambda policy: timedelta()))


def _drop_early(monkeypatch):
    monkeypatch.setattr(KeyPolicy, "keep", property(lambda policy: policy.around.jwks_max_age))


def _leave_a_gap(monkeypatch):
    monkeypatch.setattr(plans, "_close_gap", lambda rest, gone, now: ())


def _end_nobody(monkeypatch):
    monkeypatch.setattr(plans, "_closed", lambda key, at, policy: replace(key, signs_until=at - TICK))


def _withdraw_without_successor(monkeypatch):
    monkeypatch.setattr(World, "act", _withdrawing_blindly)


def _withdrawing_blindly(world, action, which, act=World.act):
    if action == "withdraw":
        key = world.keys[which % len(world.keys)]
        world.keys = apply_changes(world.keys, (replace(key, withdrawn_at=world.now),))
    else:
        act(world, action, which)


MUTANTS = [_sign_early, _switch_early, _drop_early, _leave_a_gap, _end_nobody, _withdraw_without_successor]


@pytest.mark.parametrize("mutant", MUTANTS)
def test_the_walk_finds_a_plan_that_breaks_a_promise(mutant, monkeypatch):
    mutant(monkeypatch)
    with pytest.raises(AssertionError):
        for seed in range(30):
            long_walk(seed)
