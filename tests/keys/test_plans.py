from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from authsvc.keys.phases import Phase, phase_of, published, signer
from authsvc.keys.plans import (
    AlreadyPlanned,
    GeneratePlan,
    PlanRefused,
    RotatePlan,
    WithdrawPlan,
    apply_changes,
    crowded,
    plan_generate,
    plan_rotate,
    plan_withdraw,
)
from authsvc.keys.policy import MAX_PUBLISHED_KEYS, said
from authsvc.keys.records import SigningKey
from tests.support.jose import DAY, HOUR, MINUTE, NOW, POLICY, SECOND, planned, policy_with

ZERO = timedelta()
LONE = planned("lone", -9 * DAY, -9 * DAY)
OLD = planned("old", -9 * DAY, -9 * DAY, 12 * HOUR)
RIPE = planned("ripe", -12 * HOUR, 12 * HOUR)
YOUNG = planned("young", -1 * MINUTE, 12 * HOUR)
GONE = planned("gone", -90 * DAY, -90 * DAY, -9 * DAY)


# generate --------------------------------------------------------------------------------------------------------


def test_the_first_key_of_its_algorithm_signs_at_once():
    until = NOW + POLICY.life.sign
    assert plan_generate((), NOW, POLICY) == GeneratePlan("RS256", NOW, NOW, until, until + POLICY.keep, ())
    assert plan_generate((), NOW, POLICY, "ES256") == GeneratePlan("ES256", NOW, NOW, until, until + POLICY.keep, ())


def test_the_first_key_of_a_further_algorithm_is_announced_like_any_other():
    # Verifiers hold a JWKS of ours, and in it no such key.
    at = NOW + DAY
    until = at + POLICY.life.sign
    assert plan_generate((LONE,), NOW, POLICY, "ES256") == GeneratePlan(
        "ES256", NOW, at, until, until + POLICY.keep, ()
    )
    young = planned("young", -HOUR, 23 * HOUR, 99 * DAY, alg="ES256")
    assert plan_generate((LONE, young), NOW, POLICY, "ES256").signs_from == NOW + DAY
    ended = planned("ended", -99 * DAY, -99 * DAY, -DAY, alg="ES256")
    assert plan_generate((LONE, ended), NOW, POLICY, "ES256").signs_from == NOW


def test_a_later_key_is_announced_first_and_ends_its_predecessor():
    plan = plan_generate((GONE, LONE), NOW, POLICY)
    end = NOW + DAY
    assert plan == GeneratePlan(
        "RS256",
        NOW,
        end,
        end + POLICY.life.sign,
        end + POLICY.life.sign + POLICY.keep,
        (replace(LONE, signs_until=end, drop_after=end + POLICY.keep),),
    )


def test_a_key_stays_published_until_its_last_token_is_dead_in_every_clock():
    assert POLICY.keep == POLICY.around.longest_token + POLICY.around.jwks_max_age + POLICY.skew


def test_a_key_signs_only_after_every_cache_has_seen_it():
    hasty = policy_with(announce=SECOND)
    assert plan_generate((LONE,), NOW, hasty).signs_from == NOW + POLICY.around.jwks_max_age + POLICY.skew


def test_a_third_key_queues_behind_the_announced_one():
    plan = plan_generate((OLD, RIPE), NOW, POLICY)
    assert plan.signs_from == NOW + DAY
    assert [change.kid for change in plan.changes] == ["ripe"]
    shorter = policy_with(announce=HOUR)
    assert plan_generate((OLD, RIPE), NOW, shorter).signs_from == RIPE.signs_from


def test_a_key_that_finds_nobody_signing_signs_at_once_until_the_announced_one():
    ended = replace(OLD, signs_until=NOW - DAY, drop_after=NOW + DAY)
    assert plan_generate((ended,), NOW, POLICY).signs_from == NOW
    plan = plan_generate((ended, RIPE), NOW, POLICY)
    assert (plan.signs_from, plan.signs_until) == (NOW, RIPE.signs_from)
    assert plan.drop_after == RIPE.signs_from + POLICY.keep


# rotate ----------------------------------------------------------------------------------------------------------


def test_rotate_says_when_an_announced_key_will_sign():
    assert plan_rotate((OLD, RIPE), NOW, POLICY, at_once=False) == AlreadyPlanned("ripe", NOW + 12 * HOUR)


def test_rotate_asks_for_a_new_key_when_none_is_announced():
    assert plan_rotate((LONE,), NOW, POLICY, at_once=False) == plan_generate((LONE,), NOW, POLICY)


def test_rotate_now_lets_a_key_sign_that_every_cache_has_seen():
    plan = plan_rotate((OLD, RIPE), NOW, POLICY, at_once=True)
    assert isinstance(plan, RotatePlan)
    assert (plan.kid, plan.replaces) == ("ripe", "old")
    after = apply_changes((OLD, RIPE), plan.changes)
    assert signer(after, NOW).kid == "ripe"
    assert phase_of(after[0], after, NOW) is Phase.RETIRED


def test_rotate_now_never_shortens_the_time_a_key_stays_published():
    # A replica that has not heard of it goes on signing with the old key until the end that it knows.
    plan = plan_rotate((OLD, RIPE), NOW, POLICY, at_once=True)
    assert apply_changes((OLD,), plan.changes)[0].drop_after == OLD.drop_after


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ((), ["keys generate"]),
        ((LONE,), ["no key is announced", "keys generate"]),
        ((OLD, YOUNG), ["key young", "announced 1 min ago", "5 min more", "2030-01-01 12:05:00 UTC"]),
        ((LONE, replace(RIPE, withdrawn_at=NOW)), ["keys generate"]),
    ],
)
def test_rotate_now_without_a_seen_key_is_refused_with_what_to_do(keys, says):
    verdict = plan_rotate(keys, NOW, POLICY, at_once=True)
    assert isinstance(verdict, PlanRefused)
    for words in says:
        assert words in verdict.reason


def test_rotate_now_waits_to_the_second():
    at = YOUNG.announced_at + POLICY.seen_by_all
    assert isinstance(plan_rotate((OLD, YOUNG), at - SECOND, POLICY, at_once=True), PlanRefused)
    assert isinstance(plan_rotate((OLD, YOUNG), at, POLICY, at_once=True), RotatePlan)


def test_rotate_now_waits_for_a_backup_too():
    daily = policy_with(backup=DAY)
    verdict = plan_rotate((OLD, replace(RIPE, announced_at=NOW - 23 * HOUR)), NOW, daily, at_once=True)
    assert isinstance(verdict, PlanRefused)
    assert "a restored backup may lack it for 1 h 1 min more" in verdict.reason
    assert "backup 24 h + 1 min" in verdict.reason
    ripe = replace(RIPE, announced_at=NOW - DAY - MINUTE)
    assert isinstance(plan_rotate((OLD, ripe), NOW, daily, at_once=True), RotatePlan)


def test_algorithms_rotate_apart_from_each_other():
    other = replace(LONE, kid="ec", alg="ES256")
    verdict = plan_rotate((OLD, RIPE, other), NOW, POLICY, at_once=True)
    assert "ec" not in [change.kid for change in verdict.changes]
    assert isinstance(plan_rotate((OLD, RIPE, other), NOW, POLICY, at_once=True, alg="ES256"), PlanRefused)


def crowd(number: int) -> tuple[SigningKey, ...]:
    """An operator rotated daily: who could still sign by old news stays published."""
    retired = tuple(
        planned(f"k{day}", -99 * DAY, -day * DAY, -HOUR, drop_after=NOW + day * DAY) for day in range(1, number)
    )
    return (*retired, OLD)


def test_no_operator_fills_the_jwks_beyond_what_verifiers_read():
    assert crowded(crowd(MAX_PUBLISHED_KEYS - 3), NOW, POLICY) is None
    full = crowd(MAX_PUBLISHED_KEYS - 2)
    assert isinstance(refused := crowded(full, NOW, POLICY), PlanRefused)
    for words in ("holds 58 keys", "until 2030-01-02 00:36:00 UTC", "keys withdraw"):
        assert words in refused.reason
    assert plan_rotate((*full, RIPE), NOW, POLICY, at_once=True) == crowded((*full, RIPE), NOW, POLICY)
    # Another line needs room of its own, and so do keys that sign for an hour only.
    assert POLICY.published == 2
    assert crowded(crowd(40), NOW, policy_with(sign=HOUR))
    assert crowded((*crowd(MAX_PUBLISHED_KEYS - 6), replace(LONE, alg="ES256")), NOW, POLICY) is None
    assert crowded((*crowd(MAX_PUBLISHED_KEYS - 5), replace(LONE, alg="ES256")), NOW, POLICY)
    # What is due or urgent is done.
    assert isinstance(plan_withdraw((*full, RIPE), NOW, "old"), WithdrawPlan)
    assert isinstance(plan_generate((*full, RIPE), NOW, POLICY), GeneratePlan)


# withdraw --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("following", [RIPE, YOUNG])
def test_a_leaked_signing_key_is_replaced_at_once_even_by_a_young_one(following):
    plan = plan_withdraw((OLD, following), NOW, "old")
    assert isinstance(plan, WithdrawPlan)
    assert plan.successor == following.kid
    after = apply_changes((OLD, following), plan.changes)
    assert signer(after, NOW).kid == following.kid
    assert [key.kid for key in published(after, NOW)] == [following.kid]


def test_after_an_emergency_a_replica_whose_clock_is_behind_still_has_a_key():
    plan = plan_withdraw((OLD, RIPE), NOW, "old")
    assert signer(apply_changes((OLD, RIPE), plan.changes), NOW - 30 * SECOND).kid == "ripe"
    # ... but no key has ever signed before it was announced: the database refuses that.
    just = replace(YOUNG, announced_at=NOW - SECOND)
    plan = plan_withdraw((OLD, just), NOW, "old")
    assert apply_changes((just,), plan.changes)[0].signs_from == just.announced_at


def test_without_an_announced_key_the_only_signer_is_not_withdrawn():
    verdict = plan_withdraw((GONE, LONE), NOW, "lone")
    assert isinstance(verdict, PlanRefused)
    assert "keys generate" in verdict.reason
    assert isinstance(plan_withdraw((LONE, replace(RIPE, alg="ES256")), NOW, "lone"), PlanRefused)


def test_when_an_announced_key_is_withdrawn_the_key_before_it_signs_on():
    plan = plan_withdraw((OLD, RIPE), NOW, "ripe")
    assert plan.successor is None
    after = apply_changes((OLD, RIPE), plan.changes)
    assert (after[0].signs_until, after[0].drop_after) == (None, None)
    assert signer(after, NOW + 9000 * DAY).kid == "old"


def test_when_the_middle_of_a_queue_is_withdrawn_no_gap_is_left():
    middle = replace(RIPE, signs_until=NOW + 2 * DAY, drop_after=NOW + 2 * DAY + POLICY.keep)
    last = planned("last", -1 * HOUR, 2 * DAY)
    keys = (OLD, middle, last)
    after = apply_changes(keys, plan_withdraw(keys, NOW, "ripe").changes)
    assert after[0].signs_until == last.signs_from
    assert after[0].drop_after == last.signs_from + POLICY.keep
    assert signer(after, last.signs_from).kid == "last"


def test_a_retired_key_is_withdrawn_without_touching_the_others():
    retired = planned("retired", -9 * DAY, -9 * DAY, -1 * MINUTE)
    plan = plan_withdraw((retired, LONE), NOW, "retired")
    assert [change.kid for change in plan.changes] == ["retired"]
    assert published(apply_changes((retired, LONE), plan.changes), NOW) == [LONE]


def test_who_withdraws_the_old_key_right_after_rotating_leaves_no_slow_clock_without_a_key():
    keys = apply_changes((OLD, RIPE), plan_rotate((OLD, RIPE), NOW, POLICY, at_once=True).changes)
    later = NOW + SECOND
    plan = plan_withdraw(keys, later, "old")
    assert plan.successor is None
    after = apply_changes(keys, plan.changes)
    for clock in (later, NOW - 30 * SECOND):
        assert signer(after, clock).kid == "ripe"
    # A minute later nobody's clock needs it, and the line is left alone.
    assert [change.kid for change in plan_withdraw(keys, NOW + 2 * MINUTE, "old").changes] == ["old"]


@pytest.mark.parametrize(
    ("kid", "says"), [("nobody", "no key has this kid"), ("stolen", "withdrawn already"), ("gone", "dropped already")]
)
def test_what_cannot_be_withdrawn_is_refused_with_the_reason(kid, says):
    keys = (GONE, LONE, RIPE, replace(OLD, kid="stolen", withdrawn_at=NOW))
    verdict = plan_withdraw(keys, NOW, kid)
    assert isinstance(verdict, PlanRefused)
    assert says in verdict.reason


@pytest.mark.parametrize(
    ("span", "words"),
    [
        (ZERO, "0 s"),
        (59 * SECOND, "59 s"),
        (90 * SECOND, "1 min 30 s"),
        (25 * HOUR + 5 * SECOND, "25 h 5 s"),
        (DAY - MINUTE, "23 h 59 min"),
    ],
)
def test_waiting_times_are_said_in_words(span, words):
    assert said(span) == words


def test_a_refusal_says_what_caches_do():
    policy = policy_with(announce=ZERO, jwks_max_age=90 * SECOND, longest_token=ZERO, skew=DAY)
    assert "(JWKS max-age 1 min 30 s + skew 24 h)" in plan_rotate((OLD, YOUNG), NOW, policy, at_once=True).reason
    brief = policy_with(announce=ZERO, jwks_max_age=SECOND, longest_token=ZERO, skew=DAY)
    reason = plan_rotate((OLD, YOUNG), NOW, brief, at_once=True).reason
    assert "(30 s until verifiers ask for the JWKS again + skew 24 h)" in reason
