"""What is foretold of the keys is what the replicas do."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from random import Random

import pytest

from authsvc.keys.forecast import MAX_FORECAST_KEYS, Duty, Forecast, Happening, Line, forecast
from authsvc.keys.records import SigningKey
from tests.keys.lines import CURRENT, LINE, NEXT, RSA, SIGN, ahead
from tests.keys.walking import ACTIONS, walk
from tests.support.jose import DAY, HOUR, MINUTE, NOW, POLICY, SECOND, planned, policy_with

KEEP = POLICY.keep
ANNOUNCED, SIGNS, RETIRED, DROPPED, KEPT_LONGER = (
    Happening.ANNOUNCED,
    Happening.SIGNS,
    Happening.RETIRED,
    Happening.DROPPED,
    Happening.KEPT_LONGER,
)


def told(found: Forecast) -> list[tuple[timedelta, str, Happening]]:
    return [(event.at - NOW, event.kid, event.what) for event in found.events]


def test_every_step_of_every_key_is_told_also_of_those_that_are_not_made_yet() -> None:
    turn = SIGN - HOUR
    found = ahead(LINE)
    assert told(found) == [
        (turn - POLICY.wait, "new RS256 key 1", ANNOUNCED),
        (turn, "next", SIGNS),
        (turn, "current", RETIRED),
        (turn + KEEP, "current", DROPPED),
        (turn + SIGN - POLICY.wait, "new RS256 key 2", ANNOUNCED),
        (turn + SIGN, "new RS256 key 1", SIGNS),
        (turn + SIGN, "next", RETIRED),
        (turn + SIGN + KEEP, "next", DROPPED),
    ]
    assert found.until == NOW + 5 * SIGN / 2 + POLICY.wait
    assert found.made == {"new RS256 key 1", "new RS256 key 2"}
    assert found.overdue == ()


def test_it_says_until_when_no_replica_is_needed_and_what_happens_without_one() -> None:
    found = ahead(LINE)
    assert found.duty == Duty("RS256", NOW + SIGN - HOUR - POLICY.wait)
    assert found.lines == (Line("RS256", "current", NOW + 2 * SIGN - HOUR),)
    assert ahead(LINE, DAY).duty is None
    assert told(ahead(LINE, DAY)) == []


def test_nothing_is_changed_in_the_rows_as_they_are_and_the_new_ones_join_them() -> None:
    found = ahead(LINE)
    assert found.keys[:2] == LINE
    assert [key.signs_from for key in found.keys] == [NOW - HOUR + number * SIGN for number in range(4)]


def test_an_installation_without_keys_gets_two_at_once() -> None:
    found = ahead((), DAY)
    assert told(found) == [
        (timedelta(), "new RS256 key 1", SIGNS),
        (timedelta(), "new RS256 key 1", ANNOUNCED),
        (timedelta(), "new RS256 key 2", ANNOUNCED),
    ]
    assert found.overdue == (Duty("RS256", NOW),)
    assert found.lines == (Line("RS256", None, None),)


@pytest.mark.parametrize(
    ("keys", "since"),
    [
        ((CURRENT,), -HOUR - POLICY.wait),
        ((CURRENT, replace(NEXT, signs_from=NOW + HOUR)), HOUR - POLICY.wait),
        ((replace(CURRENT, withdrawn_at=NOW - MINUTE),), -MINUTE),
        ((replace(CURRENT, signs_until=NOW - 2 * DAY, drop_after=NOW + DAY),), -2 * DAY),
        ((replace(CURRENT, signs_until=NOW - 2 * DAY, drop_after=NOW + DAY), NEXT), -2 * DAY),
        (LINE, None),
    ],
)
def test_what_should_have_been_done_is_overdue_since(keys: tuple[SigningKey, ...], since: timedelta | None) -> None:
    assert ahead(keys).overdue == (() if since is None else (Duty("RS256", NOW + since),))


def test_overdue_it_is_done_now_and_the_plan_goes_on_from_there() -> None:
    late = (CURRENT, replace(NEXT, signs_from=NOW + HOUR, signs_until=NOW + 2 * HOUR, drop_after=NOW + DAY))
    found = ahead(late)
    assert told(found)[:4] == [
        (timedelta(), "new RS256 key 1", ANNOUNCED),
        (HOUR, "next", SIGNS),
        (HOUR, "current", RETIRED),
        (HOUR + SIGN - POLICY.wait, "new RS256 key 2", ANNOUNCED),
    ]
    assert found.overdue == (Duty("RS256", NOW + HOUR - POLICY.wait),)
    assert found.duty == Duty("RS256", NOW + HOUR + SIGN - POLICY.wait)


def test_an_algorithm_that_the_policy_takes_up_is_announced_first_and_one_that_it_drops_runs_out() -> None:
    up = ahead(LINE, 2 * DAY, ("RS256", "ES256"))
    assert told(up) == [
        (timedelta(), "new ES256 key 1", ANNOUNCED),
        (timedelta(), "new ES256 key 2", ANNOUNCED),
        (POLICY.wait, "new ES256 key 1", SIGNS),
    ]
    assert up.overdue == (Duty("ES256", NOW),)
    assert up.lines[1] == Line("ES256", None, None)
    last = planned("last", -DAY, -HOUR, HOUR, alg="ES256")
    down = ahead((*LINE, last), DAY)
    assert told(down) == [(HOUR, "last", RETIRED), (HOUR + KEEP, "last", DROPPED)]
    assert down.lines == (Line("RS256", "current", LINE[1].signs_until), Line("ES256", "last", NOW + HOUR))


def test_ends_that_are_put_off_are_told() -> None:
    longer = policy_with(longest_token=DAY)
    found = ahead(LINE, DAY, policy=longer)
    assert [(kid, what) for _, kid, what in told(found)] == [("current", KEPT_LONGER), ("next", KEPT_LONGER)]
    assert found.keys[0].drop_after == CURRENT.signs_until + longer.keep  # type: ignore[operator]


def test_withdrawn_and_dropped_keys_have_no_future() -> None:
    gone = (
        replace(CURRENT, kid="stolen", withdrawn_at=NOW - DAY),
        planned("old", -99 * DAY, -98 * DAY, -9 * DAY),
    )
    assert ahead((*LINE, *gone)).events == ahead(LINE).events
    only = planned("only", -99 * DAY, -98 * DAY, -9 * DAY, alg="ES256")
    assert [line.alg for line in ahead((*LINE, only)).lines] == ["RS256"]


def test_a_key_without_an_end_signs_for_ever() -> None:
    endless = replace(NEXT, signs_until=None, drop_after=None)
    assert ahead((CURRENT, endless)).lines == (Line("RS256", "current", None),)


def test_however_far_one_looks_it_comes_to_an_end() -> None:
    hasty = policy_with(sign=SECOND)
    found = ahead(LINE, 3650 * DAY, policy=hasty)
    assert len(found.made) == MAX_FORECAST_KEYS
    assert NOW < found.until < NOW + 3650 * DAY
    assert all(event.at <= found.until for event in found.events)


def _rows(keys: tuple[SigningKey, ...]) -> list[tuple[str, datetime, datetime, datetime | None, datetime | None, bool]]:
    return sorted(
        (key.alg, key.announced_at, key.signs_from, key.signs_until, key.drop_after, key.withdrawn_at is not None)
        for key in keys
    )


@pytest.mark.parametrize("seed", range(20))
def test_what_is_foretold_is_what_the_replicas_do(seed: int) -> None:
    """After a life with operators in it, the world of the random walk goes on by itself: to the very rows, and to the
    very instants at which keys change their phases."""
    dice = Random(seed)
    waits = [timedelta(seconds=dice.randint(*b)) for b in ((0, 2000), (5, 600), (10, 1800), (0, 120))]
    chosen = policy_with(*waits, sign=timedelta(seconds=dice.randint(1500, 9000)), backup=timedelta(seconds=700))
    world = walk(chosen, [(dice.choice(ACTIONS), dice.randint(0, 99), dice.randint(0, 4000)) for _ in range(20)])
    span = 5 * chosen.life.sign
    found = forecast(world.keys, world.now, chosen, RSA, world.now + span)
    before = len(world.keys)
    world.live(span)
    assert _rows(found.keys) == _rows(world.keys)
    assert len(found.made) == len(world.keys) - before
    assert found.overdue == ()
    signing = [event.at for event in found.events if event.what is SIGNS]
    assert signing == sorted(key.signs_from for key in found.keys if found.now < key.signs_from <= found.until)
