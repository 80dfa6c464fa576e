"""SQL decides, `judge_poll` explains: both give the same verdict and leave the same row, whatever the case; and whoever
breaks the statement in one place is caught by that."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from functools import partial

import pytest
from hypothesis import strategies as st

from authsvc.rules.confirmation import from_stored
from authsvc.rules.device.polling import ALLOWANCE, LONGEST_INTERVAL, PollVerdict, RequestState
from authsvc.store.device import requests
from tests.flows.device.twin import ANOTHER, NET, OF_ANOTHER, PERSON, SESSION, Case, agree, compare, place
from tests.support.twins import MICROSECOND, WITHOUT_A_ROW, Judges, Mutant, around, caught, connected

EXAMPLES = 300
SAID = set(PollVerdict) - WITHOUT_A_ROW


@pytest.fixture(scope="module")
def judges(module_database_url: str) -> Iterator[Judges[Case]]:
    with connected(module_database_url) as (runner, sql):
        runner.run(place(sql))
        yield Judges(runner, sql, partial(agree, sql))


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Any state of the rows, also one that no history leads to; most are nearly as they should be."""
    keys = st.sampled_from(("", "", "key", "other", "x5t#S256:key", "x5t#S256:other")).map(from_stored)
    interval = draw(st.sampled_from((5, 10, LONGEST_INTERVAL - 1, LONGEST_INTERVAL, LONGEST_INTERVAL + 1)))
    polled = st.one_of(
        st.none(),
        around(timedelta(0), timedelta(seconds=interval), timedelta(seconds=interval) - ALLOWANCE),
        st.timedeltas(timedelta(seconds=-5), timedelta(seconds=120)),
    )
    roles = st.sampled_from((("bartender",), ("customer", "bartender"), ("customer",), ()))
    return Case(
        state=draw(st.sampled_from((RequestState.ALLOWED, *RequestState))),
        bound_to=draw(keys),
        interval=interval,
        polled=draw(polled),
        left=draw(st.one_of(st.just(timedelta(minutes=5)), around(timedelta(0)))),
        allowed_by=draw(st.sampled_from((PERSON,) * 7 + (ANOTHER, None))),
        allowed_in=draw(st.sampled_from((SESSION,) * 7 + (OF_ANOTHER, None))),
        disabled=draw(st.sampled_from((False,) * 7 + (True,))),
        roles=draw(roles),
        session_active=draw(st.sampled_from((True,) * 7 + (False,))),
        session_left=draw(st.one_of(st.just(timedelta(days=1)), around(timedelta(0)))),
        proved=draw(keys),
        required_role=draw(st.sampled_from((None, "bartender", "bartender"))),
    )


def test_the_statement_and_the_function_agree_on_any_state(judges: Judges[Case]) -> None:
    judges.any(cases(), examples=EXAMPLES)


def test_the_net_for_the_mutants_meets_every_verdict(judges: Judges[Case]) -> None:
    assert set(judges.each(NET)) == SAID


@pytest.mark.parametrize(("off", "verdict"), [(-1, "slow_down"), (0, "pending"), (1, "pending")])
def test_the_interval_less_half_a_second_for_the_network_ends_to_the_microsecond(
    judges: Judges[Case], off: int, verdict: str
) -> None:
    polled = timedelta(seconds=9.5) + off * MICROSECOND
    assert judges.one(Case(RequestState.PENDING, interval=10, polled=polled)) == verdict


@pytest.mark.parametrize(("off", "verdict"), [(-1, "expired"), (0, "expired"), (1, "redeemed")])
def test_a_request_expires_to_the_microsecond(judges: Judges[Case], off: int, verdict: str) -> None:
    assert judges.one(Case(left=off * MICROSECOND)) == verdict


def test_a_request_begins_a_session_for_whoever_allowed_it(judges: Judges[Case]) -> None:
    case = Case(allowed_by=ANOTHER, allowed_in=OF_ANOTHER, required_role=None)
    assert judges.one(case) == "redeemed"


MUTANTS = [
    Mutant("any key will do", "d.dpop_jkt NOT IN ('', $9)", "$9 = 'none'"),
    Mutant("no key will do", "d.dpop_jkt NOT IN ('', $9)", "d.dpop_jkt NOT IN ('', $9) AND $9 <> ''"),
    Mutant("an unbound request wants no key", "d.dpop_jkt NOT IN ('', $9)", "d.dpop_jkt <> $9"),
    Mutant("a code is redeemed twice", "WHEN d.state = 'redeemed' THEN 'used'", "WHEN d.state = '' THEN 'used'"),
    Mutant("a request never gets old", "WHEN d.expires_at <= now()", "WHEN d.expires_at < now() - interval '1 day'"),
    Mutant("a request lasts a moment longer", "WHEN d.expires_at <= now()", "WHEN d.expires_at < now()"),
    Mutant(
        "a used code expires",
        "WHEN d.state = 'redeemed' THEN",
        "WHEN d.state = 'redeemed' AND d.expires_at > now() THEN",
    ),
    Mutant("who was denied may ask again", "WHEN d.state = 'denied' THEN 'denied'", "WHEN d.state = '' THEN 'denied'"),
    Mutant("nobody has to allow", "WHEN d.state = 'allowed' THEN", "WHEN d.state IN ('allowed', 'pending') THEN"),
    Mutant(
        "who was allowed is slowed down",
        "WHEN d.state = 'allowed' THEN",
        "WHEN d.state = 'allowed' AND d.polled_at < now() THEN",
    ),
    Mutant("everybody may hurry", "WHEN d.polled_at > now()", "WHEN d.polled_at > now() + interval '1 day'"),
    Mutant("nothing is allowed for the network", "'0:00:00.500000'", "'0:00:00'"),
    Mutant("the interval is met too late", "WHEN d.polled_at > now()", "WHEN d.polled_at >= now()"),
    Mutant("the interval does not grow", "d.interval_seconds + 5", "d.interval_seconds"),
    Mutant("the interval grows without end", "least(d.interval_seconds + 5, 60)", "d.interval_seconds + 5"),
    Mutant(
        "every poll slows down", "CASE WHEN v.verdict = 'slow_down' THEN least", "CASE WHEN v.verdict <> '' THEN least"
    ),
    Mutant("the last poll is forgotten", "greatest(now(), d.polled_at)", "d.polled_at"),
    Mutant("the last poll falls back to a waiter's time", "greatest(now(), d.polled_at)", "now()"),
    Mutant("the code is not spent", "THEN 'redeemed' ELSE d.state", "THEN d.state ELSE d.state"),
    Mutant("what is refused is spent", "THEN 'redeemed' ELSE d.state", "THEN 'redeemed' ELSE 'redeemed'"),
    Mutant("a disabled person may allow", "u.disabled_at IS NULL AND", "true AND"),
    Mutant("a person without the role may allow", "OR $4 = ANY (u.roles)", "OR $4 <> ''"),
    Mutant("a role is wanted where none is", "$4::text IS NULL OR", "$4::text IS NULL AND"),
    Mutant("an ended session allows", "s.is_active AND", "true AND"),
    Mutant("an old session allows", "AND s.expires_at > now()", "AND s.expires_at IS NOT NULL"),
    Mutant("another's session allows", "AND s.user_id = u.id", ""),
    Mutant("whoever is gone has denied it", "AND p.id IS NULL THEN 'ended'", "AND p.id IS NULL THEN 'denied'"),
]


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_broken_statement_is_caught(judges: Judges[Case], mutant: Mutant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "POLL", mutant.of(requests.POLL))
    assert judges.runner.run(caught(judges.sql, partial(compare, judges.sql), NET))
