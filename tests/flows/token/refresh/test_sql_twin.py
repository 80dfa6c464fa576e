"""SQL decides, `judge_refresh` explains: both give the same verdict and leave the same row, whatever the case."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import timedelta
from functools import partial

import pytest
from hypothesis import strategies as st

from authsvc.rules.token.refresh_rotation import LATE_WINDOW, MAX_REPEATS, ROTATION_LEAD, Patience, RefreshVerdict
from authsvc.rules.token.refresh_token import MAX_GENERATION
from authsvc.store.postgres import Database
from tests.flows.token.refresh.bench import LOST_ANSWER, SCOPE, Bench
from tests.flows.token.refresh.twin import GRID, Case, agree
from tests.support.twins import MICROSECOND, WITHOUT_A_ROW, Judges, around, connected

EXAMPLES = int(os.environ.get("REFRESH_TWIN_EXAMPLES", "600"))
LIVING = set(RefreshVerdict) - WITHOUT_A_ROW - {RefreshVerdict.ENDED, RefreshVerdict.EXPIRED}


@pytest.fixture
def judges(module_database_url: str) -> Iterator[Judges[Case]]:
    with connected(module_database_url) as (runner, sql):
        bench = Bench(Database(module_database_url, size=1, statement_cache_size=100), sql)
        runner.run(bench.place())
        yield Judges(runner, sql, partial(agree, bench))


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Any state of a row, also one that no history leads to; values crowd around the bounds of the rule."""
    near = st.integers(-6, 4)
    generation = draw(st.one_of(st.integers(0, 12), st.integers(0, MAX_GENERATION - 2)))
    grace = draw(st.sampled_from((0, 1, 5, 30, 300)))
    lost_answer = draw(st.sampled_from((0, 20, 600, LOST_ANSWER)))
    ages = st.one_of(
        around(timedelta(0), timedelta(seconds=grace), timedelta(seconds=lost_answer), LATE_WINDOW),
        st.timedeltas(timedelta(seconds=-40), timedelta(seconds=340)),
        st.timedeltas(timedelta(0), timedelta(days=400)),
    )
    lives = st.one_of(
        st.just(timedelta(days=7)), around(timedelta(0)), st.timedeltas(timedelta(days=-10), timedelta(days=40))
    )
    words = st.lists(st.sampled_from((*SCOPE, "admin")), max_size=4).map(tuple)
    parent = max(-1, draw(st.one_of(st.just(-1), near).map(lambda off: generation + off)))
    presented = st.one_of(
        near.map(lambda off: generation + off), st.just(parent), st.just(parent), st.integers(0, MAX_GENERATION)
    )
    return Case(
        presented=min(max(0, draw(presented)), MAX_GENERATION),
        generation=generation,
        parent=parent,
        age=draw(ages),
        left=draw(lives),
        ahead=draw(st.one_of(st.just(timedelta(0)), around(timedelta(0), ROTATION_LEAD))),
        repeats=draw(st.sampled_from((0, 1, MAX_REPEATS - 1, MAX_REPEATS, MAX_REPEATS + 1))),
        ended=draw(st.sampled_from((False,) * 7 + (True,))),
        patience=Patience(grace, lost_answer),
        granted=draw(words),
        asked=draw(st.one_of(st.just(()), words)),
        role=draw(st.sampled_from((None, None, None, "customer", "bartender"))),
    )


def test_the_statement_and_the_function_agree_on_any_state(judges: Judges[Case]) -> None:
    seen, wanted = judges.any(cases(), examples=EXAMPLES), set(RefreshVerdict) - WITHOUT_A_ROW
    for _ in range(4):  # until every row of the table was met: which ones are, is chance
        if set(seen) != wanted:
            seen += judges.any(cases(), examples=EXAMPLES)
    assert set(seen) == wanted, seen


def test_the_net_for_the_mutants_meets_every_verdict_of_a_living_grant(judges: Judges[Case]) -> None:
    assert set(judges.each(GRID)) == LIVING


@pytest.mark.parametrize("grace", [1, 30, 300])
@pytest.mark.parametrize(("off", "verdict"), [(-1, "repeat"), (0, "repeat"), (1, "supersede")])
def test_the_grace_ends_to_the_microsecond(judges: Judges[Case], grace: int, off: int, verdict: str) -> None:
    case = Case(6, age=timedelta(seconds=grace) + off * MICROSECOND, patience=Patience(grace, LOST_ANSWER))
    assert judges.one(case) == verdict


@pytest.mark.parametrize("seconds", [31, 600, LOST_ANSWER])
@pytest.mark.parametrize(("off", "verdict"), [(-1, "supersede"), (0, "supersede"), (1, "reuse")])
def test_a_lost_answer_is_believed_to_the_microsecond(
    judges: Judges[Case], seconds: int, off: int, verdict: str
) -> None:
    case = Case(6, age=timedelta(seconds=seconds) + off * MICROSECOND, patience=Patience(30, seconds))
    assert judges.one(case) == verdict


@pytest.mark.parametrize(("off", "verdict"), [(-1, "late"), (0, "late"), (1, "reuse")])
def test_the_late_window_ends_to_the_microsecond(judges: Judges[Case], off: int, verdict: str) -> None:
    assert judges.one(Case(5, age=timedelta(seconds=30) + off * MICROSECOND)) == verdict


@pytest.mark.parametrize(("off", "verdict"), [(-1, "rotate"), (0, "rotate"), (1, "crowded")])
def test_the_lead_of_the_rotations_ends_to_the_microsecond(judges: Judges[Case], off: int, verdict: str) -> None:
    assert judges.one(Case(7, ahead=ROTATION_LEAD + off * MICROSECOND)) == verdict


@pytest.mark.parametrize(("off", "verdict"), [(-1, "expired"), (0, "expired"), (1, "rotate")])
def test_a_session_expires_to_the_microsecond(judges: Judges[Case], off: int, verdict: str) -> None:
    assert judges.one(Case(7, left=off * MICROSECOND)) == verdict
