"""REFRESH: every row of the rule's table, by name."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from authsvc.rules.token.refresh_rotation import ACCEPTED, Grant, Patience, judge_refresh
from authsvc.rules.token.refresh_token import MAX_GENERATION

THREE_DAYS = 259_200
T0 = datetime(2026, 1, 1, tzinfo=UTC)
GRANT = Grant(
    generation=7,
    parent=6,
    rotated_at=T0,
    repeats=0,
    expires_at=T0 + timedelta(days=7),
    ended=False,
    scope=("openid", "profile"),
    paced_until=T0,
)


def judge(
    presented: int,
    *,
    after: float = 1,
    grace: int = 30,
    lost_answer: int = THREE_DAYS,
    scope: tuple[str, ...] = (),
    grant: Grant = GRANT,
    role_missing: bool = False,
) -> str:
    """The verdict, with the generation that is given where one is: "rotate 8"."""
    now = T0 + timedelta(seconds=after)
    verdict, row = judge_refresh(
        grant, presented, patience=Patience(grace, lost_answer), scope=scope, now=now, role_missing=role_missing
    )
    return f"{verdict} {row.generation}" if verdict in ACCEPTED else verdict


def test_the_live_token_rotates() -> None:
    assert judge(7) == "rotate 8"
    assert judge(7, after=86_400) == "rotate 8"


def test_a_token_one_ahead_means_that_the_database_lost_its_last_commit_and_rotates() -> None:
    assert judge(8) == "recover 9"


@pytest.mark.parametrize("after", [-0.5, 0, 1, 29.9, 30])
def test_the_parent_within_the_grace_is_given_the_same_successor_again(after: float) -> None:
    assert judge(6, after=after) == "repeat 7"


@pytest.mark.parametrize("after", [30.001, 60, 86_400, THREE_DAYS])
def test_the_parent_after_the_grace_supersedes_its_unused_successor(after: float) -> None:
    assert judge(6, after=after) == "supersede 8"


@pytest.mark.parametrize("after", [THREE_DAYS + 0.001, 5 * 86_400])
def test_the_parent_that_comes_later_than_a_lost_answer_may_is_reuse(after: float) -> None:
    assert judge(6, after=after) == "reuse"
    assert judge(7, after=after) == "rotate 8"


@pytest.mark.parametrize("grace", [1, 30, 300])
def test_how_long_a_lost_answer_is_believed_does_not_shorten_the_grace(grace: int) -> None:
    assert judge(6, after=grace, grace=grace, lost_answer=0) == "repeat 7"
    assert judge(6, after=grace + 0.001, grace=grace, lost_answer=0) == "reuse"


@pytest.mark.parametrize("after", [-0.5, 0, 1, 31, 86_400])
def test_a_strict_client_has_no_grace_at_all_not_even_for_a_waiter_from_before_the_rotation(after: float) -> None:
    assert judge(6, after=after, grace=0) == "reuse"


@pytest.mark.parametrize(
    ("presented", "verdict"), [(6, "role_missing"), (7, "role_missing"), (5, "late"), (3, "reuse")]
)
def test_a_lost_role_spends_nothing_and_hides_no_copy(presented: int, verdict: str) -> None:
    assert judge(presented, role_missing=True) == verdict


@pytest.mark.parametrize("presented", [5, 4])
def test_a_tab_late_by_two_or_three_is_told_to_come_back(presented: int) -> None:
    assert judge(presented, after=30) == "late"
    assert judge(presented, after=30.001) == "reuse"


@pytest.mark.parametrize("presented", [3, 2, 1, 0])
def test_anything_older_is_reuse_even_at_once(presented: int) -> None:
    assert judge(presented, after=0) == "reuse"


def test_a_void_successor_is_reuse_even_within_the_grace() -> None:
    superseded = replace(GRANT, generation=8, parent=6)  # 7 was given, never used, and is void
    assert judge(7, grant=superseded) == "reuse"
    assert judge(6, grant=superseded) == "repeat 8"


def test_a_parent_two_behind_is_judged_as_the_parent_not_as_a_late_tab() -> None:
    superseded = replace(GRANT, generation=8, parent=6)
    assert judge(6, after=31, grant=superseded) == "supersede 9"
    assert judge(6, after=1, grace=0, grant=superseded) == "reuse"


@pytest.mark.parametrize("presented", [9, 10, 2**31, MAX_GENERATION])
def test_further_ahead_is_refused_and_ends_nothing(presented: int) -> None:
    assert judge(presented) == "ahead"


def test_the_last_generation_cannot_be_rotated() -> None:
    assert judge(MAX_GENERATION, grant=replace(GRANT, generation=MAX_GENERATION)) == "ahead"


@pytest.mark.parametrize("presented", [8, 7, 6, 5, 0])
def test_an_ended_or_expired_grant_refuses_everything_and_finds_no_reuse(presented: int) -> None:
    assert judge(presented, grant=replace(GRANT, ended=True)) == "ended"
    assert judge(presented, after=7 * 86_400) == "expired"


def test_the_257th_repeat_is_a_client_in_a_loop_not_a_thief() -> None:
    assert judge(6, grant=replace(GRANT, repeats=255)) == "repeat 7"
    assert judge(6, grant=replace(GRANT, repeats=256)) == "crowded"
    assert judge(6, after=31, grant=replace(GRANT, repeats=256)) == "supersede 8"


@pytest.mark.parametrize("presented", [7, 8, 6])
def test_rotations_further_ahead_of_their_pace_than_a_minute_are_a_loop(presented: int) -> None:
    at, after = T0 + timedelta(seconds=91), 31
    allowed = replace(GRANT, paced_until=at)
    assert judge(presented, after=after, grant=allowed) in ("rotate 8", "recover 9", "supersede 8")
    assert judge(presented, after=after, grant=replace(GRANT, paced_until=at + timedelta(microseconds=1))) == "crowded"


def test_a_loop_may_have_its_answer_again_and_a_wider_scope_is_said_first() -> None:
    running = replace(GRANT, paced_until=T0 + timedelta(hours=1))
    assert judge(6, grant=running) == "repeat 7"
    assert judge(7, grant=running, scope=("admin",)) == "wider_scope"
    assert judge(3, grant=running) == "reuse"


def test_six_hundred_rotations_a_minute_go_on_for_ever_and_a_quiet_hour_saves_nothing_up() -> None:
    now, grant, given = T0 + timedelta(hours=1), GRANT, 0
    for number in range(2000):
        verdict, grant = judge_refresh(
            grant, grant.generation, patience=Patience(30, THREE_DAYS), scope=(), now=now + number * timedelta(0)
        )
        given += verdict == "rotate"
    assert given == 601
    for number in range(1, 1000):
        verdict, grant = judge_refresh(
            grant,
            grant.generation,
            patience=Patience(30, THREE_DAYS),
            scope=(),
            now=now + number * timedelta(milliseconds=100),
        )
        assert verdict == "rotate", number


def test_a_narrower_scope_may_be_asked_and_a_wider_one_spends_nothing() -> None:
    assert judge(7, scope=("openid",)) == "rotate 8"
    assert judge(7, scope=("openid", "admin")) == "wider_scope"
    assert judge(0, scope=("admin",)) == "reuse"


def test_the_first_token_has_no_parent_that_anything_could_match() -> None:
    fresh = replace(GRANT, generation=0, parent=-1)
    assert judge(0, grant=fresh) == "rotate 1"
    assert judge(1, grant=fresh) == "recover 2"
