"""What the refresh statement and the triggers promise, one function each. They hold on the real ones and, as
test_mutants.py shows, each trap of the rule makes some of them fail."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import asyncpg

from authsvc.store.session import sessions
from authsvc.store.token import grants
from tests.flows.token.refresh.bench import LOST_ANSWER, SCOPE, Bench
from tests.flows.token.refresh.twin import GRID, agree

Promise = Callable[[Bench], Awaitable[None]]
PROMISES: dict[str, Promise] = {}


def promise(function: Promise) -> Promise:
    PROMISES[function.__name__] = function
    return function


# The table


@promise
async def the_statement_and_the_function_agree_on_the_whole_table(bench: Bench) -> None:
    await bench.place()
    for case in GRID:
        await agree(bench, case)


@promise
async def the_live_token_rotates_and_the_used_one_is_repeated_without_a_change(bench: Bench) -> None:
    await bench.place(7, age=86_400)
    assert await bench.refresh(7) == "rotate 8"
    rotated = await bench.row()
    assert (rotated["generation"], rotated["parent"]) == (8, 7)
    assert await bench.refresh(7) == "repeat 8"
    assert await bench.row() == {**rotated, "repeats": 1}


@promise
async def the_grace_is_as_long_as_the_client_was_given_and_no_longer(bench: Bench) -> None:
    await bench.place(7, age=4)
    assert await bench.refresh(6, grace=10) == "repeat 7"
    await bench.place(7, age=11)
    assert await bench.refresh(6, grace=10) == "supersede 8"
    assert await bench.refresh(7, grace=10) == "reuse"  # the void successor


@promise
async def a_lost_answer_is_believed_as_long_as_the_client_was_given_and_no_longer(bench: Bench) -> None:
    for given in (60, LOST_ANSWER):
        await bench.place(7, age=given - 5)
        assert await bench.refresh(6, lost_answer=given) == "supersede 8"
        await bench.place(7, age=given + 5)
        assert await bench.refresh(6, lost_answer=given) == "reuse"
        await bench.place(7, age=given + 5)
        assert await bench.refresh(7, lost_answer=given) == "rotate 8"  # the live one serves as long as the session


@promise
async def repeating_does_not_prolong_the_grace(bench: Bench) -> None:
    await bench.place(7, age=20)
    before = (await bench.row())["rotated_at"]
    assert await bench.refresh(6) == "repeat 7"
    assert (await bench.row())["rotated_at"] == before


@promise
async def a_strict_client_has_no_grace_not_even_before_the_rotation(bench: Bench) -> None:
    for age in (-0.5, 0, 1, 31, LOST_ANSWER + 1):
        await bench.place(7, age=age)
        assert await bench.refresh(6, grace=0) == "reuse"


@promise
async def a_token_that_is_neither_live_nor_parent_is_reuse(bench: Bench) -> None:
    await bench.place(7, age=31)
    for presented in (5, 4, 3, 0):
        assert await bench.refresh(presented) == "reuse"
    await bench.place(7, age=1)
    assert await bench.refresh(3) == "reuse"
    await bench.place(8, parent=6, age=1)
    assert await bench.refresh(7) == "reuse"


@promise
async def a_tab_late_by_two_or_three_changes_nothing(bench: Bench) -> None:
    await bench.place(7, age=1)
    before = await bench.row()
    assert [await bench.refresh(presented) for presented in (5, 4)] == ["late", "late"]
    assert await bench.row() == before


@promise
async def one_ahead_recovers_and_further_ahead_changes_nothing(bench: Bench) -> None:
    await bench.place(7)
    before = await bench.row()
    assert [await bench.refresh(presented) for presented in (9, 10, 2**32 - 1)] == ["ahead"] * 3
    assert await bench.row() == before
    assert await bench.refresh(8) == "recover 9"
    assert await bench.refresh(8) == "repeat 9"


@promise
async def the_257th_repeat_is_a_loop_and_ends_nothing(bench: Bench) -> None:
    await bench.place(7, repeats=255)
    assert await bench.refresh(6) == "repeat 7"
    assert await bench.refresh(6) == "crowded"
    assert await bench.refresh(7) == "rotate 8"
    assert await bench.refresh(7) == "repeat 8"


@promise
async def rotations_that_run_ahead_of_their_pace_are_a_loop_and_spend_nothing(bench: Bench) -> None:
    await bench.place(7, age=31, ahead=61)
    before = await bench.row()
    for presented in (7, 8, 6):
        assert await bench.refresh(presented) == "crowded"
    assert await bench.row() == before
    await bench.place(7, ahead=59)
    assert await bench.refresh(7) == "rotate 8"
    assert await bench.refresh(7) == "repeat 8"
    after = (await bench.row())["paced_until"]
    assert await bench.refresh(8) == "rotate 9"
    assert (await bench.row())["paced_until"] > after
    await bench.place(7, ahead=-86_400)  # what was not used up is not saved up
    assert await bench.refresh(7) == "rotate 8"
    assert (await bench.row())["paced_until"] > (await bench.row())["rotated_at"]


@promise
async def a_wider_scope_spends_nothing(bench: Bench) -> None:
    await bench.place(7)
    before = await bench.row()
    assert await bench.refresh(7, scope=("openid", "admin")) == "wider_scope"
    assert await bench.refresh(6, scope=("admin",)) == "wider_scope"
    assert await bench.row() == before


@promise
async def a_lost_role_spends_nothing(bench: Bench) -> None:
    await bench.place(7)
    before = await bench.row()
    for presented in (6, 7, 8):
        assert await bench.refresh(presented, required_role="bartender") == "role_missing"
    assert await bench.row() == before
    assert await bench.refresh(5, grace=0, required_role="bartender") == "late"
    assert await bench.refresh(6, grace=0, required_role="bartender") == "reuse", "a copy is found all the same"
    assert await bench.refresh(7, required_role="customer") == "rotate 8"


@promise
async def a_narrower_scope_is_not_kept(bench: Bench) -> None:
    await bench.place(7)
    assert await bench.refresh(7, scope=("openid",)) == "rotate 8"
    again = await bench.answer(8)
    assert again is not None
    assert again.scope == SCOPE


@promise
async def another_secret_or_another_client_knows_no_grant(bench: Bench) -> None:
    await bench.place(7)
    before = await bench.row()
    assert await bench.refresh(7, secret_hash=bytes(32)) == "unknown"
    assert await bench.refresh(7, client_id="strict", grace=0) == "unknown"
    assert await bench.row() == before


@promise
async def the_start_of_the_grace_never_moves_back(bench: Bench) -> None:
    await bench.place(7, age=-5)  # as a waiter sees it that began before the winner did
    before = (await bench.row())["rotated_at"]
    assert await bench.refresh(7) == "rotate 8"
    assert (await bench.row())["rotated_at"] >= before


@promise
async def a_bound_grant_knows_its_own_key_alone(bench: Bench) -> None:
    await bench.place(7)
    await bench.sql.execute("UPDATE grants SET dpop_jkt = 'own' WHERE id = $1", bench.grant_id)
    before = await bench.row()
    for key in ("other", ""):
        for presented in (7, 8, 6, 1):  # neither spent nor taken for a replay
            assert await bench.refresh(presented, proved=key) == "unknown"
    assert await bench.row() == before
    assert await bench.refresh(7, proved="own") == "rotate 8"


@promise
async def an_unbound_grant_takes_any_key_and_none(bench: Bench) -> None:
    await bench.place(7)
    assert await bench.refresh(7, proved="some") == "rotate 8"
    assert await bench.refresh(8) == "rotate 9"
    assert await bench.refresh(9, proved="other") == "rotate 10"


@promise
async def nothing_that_the_rule_reads_can_be_null(bench: Bench) -> None:
    await bench.place()
    for column in (
        "generation",
        "parent",
        "rotated_at",
        "repeats",
        "ended",
        "expires_at",
        "scope",
        "secret_hash",
        "dpop_jkt",
        "paced_until",
    ):
        try:
            await bench.sql.execute(f"UPDATE grants SET {column} = NULL WHERE id = $1", bench.grant_id)
        except asyncpg.NotNullViolationError:
            continue
        raise AssertionError(f"{column} took a NULL")


# Several at once


@promise
async def parallel_calls_of_one_token_make_one_rotation(bench: Bench) -> None:
    await bench.place(7, age=86_400)
    answers = await bench.behind(
        "SELECT FROM grants WHERE id = $1 FOR UPDATE",
        bench.grant_id,
        meanwhile=lambda: asyncio.gather(*(bench.refresh(7) for _ in range(8))),
        waiters=8,
    )
    assert sorted(answers) == ["repeat 8"] * 7 + ["rotate 8"]
    row = await bench.row()
    assert (row["generation"], row["parent"], row["repeats"]) == (8, 7, 7)


@promise
async def whoever_waited_for_the_winner_is_judged_by_what_the_winner_left(bench: Bench) -> None:
    for grace, expected in ((0, "reuse"), (30, "repeat 8")):
        await bench.place(7, age=86_400)
        waiter = await bench.behind(
            # The winner began after the waiter and came first all the same: to the waiter its rotation is yet to come.
            "UPDATE grants SET generation = 8, parent = 7, rotated_at = now() + interval '1 second' WHERE id = $1",
            bench.grant_id,
            meanwhile=lambda: bench.refresh(7, grace=grace),  # noqa: B023 - awaited in this turn
        )
        assert waiter == expected


# The end


@promise
async def an_ended_session_refuses_and_finds_no_reuse(bench: Bench) -> None:
    for statement in (
        "UPDATE user_sessions SET is_active = false WHERE id = $1",
        "UPDATE user_sessions SET expires_at = now() WHERE id = $1",
    ):
        await bench.place(7)
        await bench.sql.execute(statement, bench.session_id)
        before = await bench.row()
        assert {await bench.refresh(presented) for presented in (8, 7, 6, 5, 0)} <= {"ended", "expired"}
        assert await bench.row() == before


@promise
async def a_refresh_that_waited_for_the_end_is_refused(bench: Bench) -> None:
    await bench.place(7)
    waiter = await bench.behind(
        "UPDATE user_sessions SET is_active = false WHERE id = $1",
        bench.session_id,
        meanwhile=lambda: bench.refresh(7),
    )
    assert waiter == "ended"
    assert (await bench.row())["generation"] == 7


@promise
async def disabling_a_person_refuses_every_grant(bench: Bench) -> None:
    await bench.place(7)
    await bench.sql.execute("UPDATE users SET disabled_at = now() WHERE email = 'test@example.com'")
    try:
        assert await bench.refresh(7) == "ended"
    finally:
        await bench.sql.execute("UPDATE users SET disabled_at = NULL")


@promise
async def the_end_and_its_revocation_are_one(bench: Bench) -> None:
    await bench.place(7)
    ended = await sessions.end(bench.db, bench.session_id, "logout")
    assert ended is not None
    assert await bench.sql.fetchval(
        "SELECT count(*) FROM revocations WHERE kind = 'session' AND subject = $1", str(bench.session_id)
    )


@promise
async def two_revokes_of_the_two_grants_of_a_session_end_it_whatever_their_order(bench: Bench) -> None:
    await bench.place(7)
    other, other_hash = await bench.add_grant("strict")

    async def revoke_other() -> None:
        await grants.revoke(bench.db, other, other_hash, client_id="strict", reason="revoked")

    # The first revoke as its transaction, open while the second one looks for living grants.
    await bench.behind(
        """WITH locked AS (SELECT id FROM user_sessions WHERE id = $1 FOR NO KEY UPDATE)
           UPDATE grants SET ended = true, ended_at = now() FROM locked WHERE grants.id = $2""",
        bench.session_id,
        bench.grant_id,
        meanwhile=revoke_other,
    )
    assert not await bench.sql.fetchval("SELECT is_active FROM user_sessions WHERE id = $1", bench.session_id)
