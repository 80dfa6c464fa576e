"""What is due in the life of keys: the next key in time, and no sooner."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from authsvc.keys.phases import signer
from authsvc.keys.plans import GeneratePlan, KeepLonger, apply_changes, due_at, plan_step
from authsvc.keys.records import SigningKey
from tests.support.jose import DAY, HOUR, MINUTE, NOW, POLICY, SECOND, planned, policy_with

RSA = ("RS256",)
SIGN = POLICY.life.sign
CURRENT = planned("current", -91 * DAY, -HOUR, SIGN - HOUR)
NEXT = planned("next", -HOUR, SIGN - HOUR, 2 * SIGN - HOUR)
LINE = (CURRENT, NEXT)


def make(plan: Any, keys: tuple[SigningKey, ...], kid: str) -> tuple[SigningKey, ...]:
    assert isinstance(plan, GeneratePlan)
    return (*apply_changes(keys, plan.changes), plan.row(kid, {}, b""))


def test_an_installation_without_keys_gets_two_one_that_signs_and_one_that_follows() -> None:
    first = make(plan_step((), NOW, POLICY, RSA), (), "first")
    assert signer(first, NOW) is first[0]
    both = make(plan_step(first, NOW, POLICY, RSA), first, "second")
    assert both[1].signs_from == both[0].signs_until == NOW + SIGN
    assert plan_step(both, NOW, POLICY, RSA) is None


@pytest.mark.parametrize(
    ("keys", "due"),
    [
        ((), NOW),
        ((CURRENT,), CURRENT.signs_from - POLICY.wait),
        (LINE, NEXT.signs_from - POLICY.wait),
        ((replace(CURRENT, withdrawn_at=NOW),), NOW),
        ((replace(CURRENT, signs_until=NOW, drop_after=NOW + DAY),), NOW),
        ((replace(CURRENT, signs_until=NOW, drop_after=NOW + DAY), NEXT), NOW),
        ((CURRENT, replace(NEXT, withdrawn_at=NOW)), CURRENT.signs_from - POLICY.wait),
    ],
)
def test_the_next_key_is_due_a_whole_announcement_before_the_last_one_signs(keys: Any, due: Any) -> None:
    assert due_at(keys, NOW, POLICY, "RS256") == due
    assert (plan_step(keys, NOW, POLICY, RSA) is not None) == (due <= NOW)


def test_it_is_due_to_the_second_and_done_it_is_no_longer() -> None:
    at = NEXT.signs_from - POLICY.wait
    assert plan_step(LINE, at - SECOND, POLICY, RSA) is None
    plan = plan_step(LINE, at, POLICY, RSA)
    three = make(plan, LINE, "third")
    assert plan_step(three, at, POLICY, RSA) is None
    assert (three[2].signs_from, three[1].signs_until) == (NEXT.signs_from + SIGN, NEXT.signs_from + SIGN)


def test_late_it_is_announced_in_full_and_the_key_before_it_signs_for_longer() -> None:
    late = NEXT.signs_from + SIGN - HOUR  # an hour before nobody would sign
    plan = plan_step(LINE, late, POLICY, RSA)
    three = make(plan, LINE, "third")
    assert three[2].signs_from == late + POLICY.wait
    assert three[1].signs_until == late + POLICY.wait
    assert signer(three, late + POLICY.wait - SECOND) is three[1]


def test_where_nobody_signs_a_key_is_made_that_signs_at_once() -> None:
    after = NEXT.signs_from + 2 * SIGN
    plan = plan_step(LINE, after, POLICY, RSA)
    assert isinstance(plan, GeneratePlan)
    assert plan.signs_from == after


def test_every_algorithm_has_a_line_of_its_own_and_a_new_one_is_announced_first() -> None:
    plan = plan_step(LINE, NOW, POLICY, ("RS256", "ES256"))
    assert isinstance(plan, GeneratePlan)
    assert (plan.alg, plan.signs_from) == ("ES256", NOW + POLICY.wait)
    keys = make(plan, LINE, "ec")
    keys = make(plan_step(keys, NOW, POLICY, ("RS256", "ES256")), keys, "ec2")
    assert plan_step(keys, NOW, POLICY, ("RS256", "ES256")) is None
    assert signer(keys, NOW, "ES256") is None
    assert signer(keys, NOW + POLICY.wait, "ES256") is keys[2]
    assert plan_step(LINE, NOW, POLICY, RSA) is None


def test_when_tokens_live_longer_than_was_foreseen_keys_stay_longer() -> None:
    longer = policy_with(longest_token=DAY)
    plan = plan_step(LINE, NOW, longer, RSA)
    assert isinstance(plan, KeepLonger)
    after = apply_changes(LINE, plan.changes)
    assert [key.drop_after - key.signs_until for key in after] == [longer.keep, longer.keep]  # type: ignore[operator]
    assert plan_step(after, NOW, longer, RSA) is None
    shorter = policy_with(longest_token=MINUTE)
    assert plan_step(after, NOW, shorter, RSA) is None


def test_a_key_that_signs_no_more_stays_for_the_new_length_too() -> None:
    """Its last tokens may have it: given moments before the end, or before the database was restored."""
    longer = policy_with(longest_token=DAY)
    retired = planned("retired", -99 * DAY, -99 * DAY, -HOUR)
    dropped = replace(retired, kid="dropped", drop_after=NOW - SECOND)
    plan = plan_step((retired, dropped, *LINE), NOW, longer, RSA)
    assert isinstance(plan, KeepLonger)
    assert [change.kid for change in plan.changes] == ["retired", "dropped", "current", "next"]
    assert {change.drop_after for change in plan.changes[:2]} == {NOW - HOUR + longer.keep}


def test_but_not_one_whose_last_token_is_dead_and_never_a_withdrawn_one() -> None:
    longer = policy_with(longest_token=DAY)
    gone = planned("gone", -99 * DAY, -99 * DAY, -longer.keep)
    stolen = planned("stolen", -99 * DAY, -99 * DAY, -HOUR, withdrawn_at=NOW - SECOND)
    plan = plan_step((gone, stolen, *LINE), NOW, longer, RSA)
    assert [change.kid for change in plan.changes] == ["current", "next"]  # type: ignore[union-attr]
