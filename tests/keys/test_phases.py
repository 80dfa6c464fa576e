from __future__ import annotations

from datetime import timedelta

import pytest

from authsvc.keys.phases import Phase, last_change, next_change, phase_of, published, signer
from tests.support.jose import DAY, HOUR, MINUTE, NOW, POLICY, planned

ZERO = timedelta()
TICK = timedelta(microseconds=1)
# old signs until NOW, new from NOW on, next is announced for tomorrow; gone and stolen are history.
OLD = planned("old", -40 * DAY, -39 * DAY, ZERO)
NEW = planned("new", -1 * DAY, ZERO, DAY)
NEXT = planned("next", -1 * MINUTE, DAY)
GONE = planned("gone", -90 * DAY, -89 * DAY, -39 * DAY)
STOLEN = planned("stolen", -90 * DAY, -89 * DAY, None, withdrawn_at=NOW - DAY)
OTHER = planned("other", -2 * DAY, -2 * DAY, None, alg="ES256")
KEYS = (NEXT, STOLEN, OLD, OTHER, GONE, NEW)


@pytest.mark.parametrize(
    ("key", "at", "phase"),
    [
        (OLD, NOW - 39 * DAY - TICK, Phase.ANNOUNCED),
        (OLD, NOW - 39 * DAY, Phase.SIGNING),
        (OLD, NOW - TICK, Phase.SIGNING),
        (OLD, NOW, Phase.RETIRED),
        (OLD, NOW + POLICY.keep - TICK, Phase.RETIRED),
        (OLD, NOW + POLICY.keep, Phase.DROPPED),
        (NEW, NOW - TICK, Phase.ANNOUNCED),
        (NEW, NOW, Phase.SIGNING),
        (NEW, NOW + DAY, Phase.RETIRED),
        (NEXT, NOW, Phase.ANNOUNCED),
        (NEXT, NOW + DAY, Phase.SIGNING),
        (NEXT, NOW + 9000 * DAY, Phase.SIGNING),
        (GONE, NOW, Phase.DROPPED),
        (STOLEN, NOW, Phase.WITHDRAWN),
        (STOLEN, NOW - 80 * DAY, Phase.WITHDRAWN),
        (OTHER, NOW, Phase.SIGNING),
    ],
)
def test_a_key_is_announced_then_signs_then_retires_then_drops(key, at, phase):
    assert phase_of(key, KEYS, at) is phase


def test_phases_are_words_for_people_and_json():
    assert [str(phase) for phase in Phase] == ["announced", "signing", "retired", "dropped", "withdrawn"]


def test_an_open_ended_key_retires_when_a_newer_one_signs_and_stays_published():
    first, second = planned("first", -2 * DAY, -2 * DAY), planned("second", -1 * DAY, ZERO)
    keys = (second, first)
    assert signer(keys, NOW - TICK) is first
    assert signer(keys, NOW) is second
    assert phase_of(first, keys, NOW) is Phase.RETIRED
    assert first in published(keys, NOW + 9000 * DAY)


def test_replicas_agree_on_the_signer_whatever_the_order_of_the_rows():
    twins = [planned(kid, -1 * DAY, ZERO) for kid in "abc"]
    assert {signer(order, NOW).kid for order in (twins, twins[::-1], twins[1:] + twins[:1])} == {"c"}


def test_nobody_signs_before_the_first_key_or_after_the_last():
    key = planned("only", ZERO, HOUR, 2 * HOUR)
    assert signer((), NOW) is None
    assert signer((key,), NOW) is None
    assert signer((key,), NOW + HOUR) is key
    assert signer((key,), NOW + 2 * HOUR) is None
    assert signer((key,), NOW + HOUR, "ES256") is None


def test_a_withdrawn_key_does_not_sign_even_where_the_clock_is_behind():
    key = planned("stolen", -1 * DAY, -1 * DAY, None, withdrawn_at=NOW + MINUTE)
    assert signer((key,), NOW) is None
    assert published((key,), NOW) == []


def test_the_jwks_shows_announced_signing_and_retired_keys_oldest_first():
    assert [key.kid for key in published(KEYS, NOW)] == ["old", "other", "new", "next"]
    assert [key.kid for key in published(KEYS, NOW + POLICY.keep)] == ["other", "new", "next"]


def test_between_two_changes_nothing_changes():
    at, seen = NOW - 100 * DAY, []
    while (following := next_change(KEYS, at)) is not None:
        for instant in (at, following - TICK):
            state = [(key.kid, phase_of(key, KEYS, instant)) for key in KEYS]
            seen.append(state)
        assert seen[-1] == seen[-2]
        assert last_change(KEYS, following) == following
        assert last_change(KEYS, following - TICK) == (at if len(seen) > 2 else None)
        at = following
    assert len(seen) == 2 * len(
        {
            NOW - 89 * DAY,
            NOW - 39 * DAY,
            NOW - 39 * DAY + POLICY.keep,
            NOW - 2 * DAY,
            NOW,
            NOW + POLICY.keep,
            NOW + DAY,
            NOW + DAY + POLICY.keep,
        }
    )
    assert next_change((), NOW) is None
    assert last_change((), NOW) is None
