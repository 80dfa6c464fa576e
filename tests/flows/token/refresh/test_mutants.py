"""The suite is judged: each trap of the rule, built into the statement or the triggers, must break the promise that
names it. A mutant that survived would say that nothing holds the rule in that place."""

from __future__ import annotations

import re
from collections.abc import Iterator
from uuid import UUID

import pytest

from authsvc.rules.confirmation import UNBOUND, Confirmation
from authsvc.rules.person_record import Login
from authsvc.rules.token.refresh_rotation import Patience, judge_refresh
from authsvc.store import migrate
from authsvc.store.postgres import Database
from authsvc.store.token import grants
from authsvc.store.token.grants import Refreshed
from tests.flows.token.refresh.bench import Bench
from tests.flows.token.refresh.promises import PROMISES
from tests.support.twins import Mutant

REAL = grants.REFRESH


_PARENT = "WHEN $3::bigint = g.parent THEN CASE"
_LOST = "WHEN $5::int > 0 AND now() - g.rotated_at <= $8::int * interval '1 second' THEN 'supersede'"
_REUSE = "ELSE 'reuse' END AS verdict) v"
_MOVED = "WHEN s.verdict IN ('rotate', 'recover', 'supersede') THEN greatest(now(), g.rotated_at)"

STATEMENT = [
    Mutant(
        "a nullable operand: NOT (false OR NULL) is NULL, and the CASE falls through",
        _REUSE,
        "WHEN NOT ($3::bigint = g.generation OR $3::bigint = nullif(g.parent, g.parent)) THEN 'reuse'"
        " ELSE 'rotate' END AS verdict) v",
        "a_token_that_is_neither_live_nor_parent_is_reuse",
    ),
    Mutant(
        "a NULL scope lets every scope through",
        "NOT ($6::text[] <@ g.scope)",
        "NOT ($6::text[] <@ nullif(g.scope, g.scope))",
        "a_wider_scope_spends_nothing",
    ),
    Mutant("a lost role goes on", "$9::text IS NULL OR", "true OR", "a_lost_role_spends_nothing"),
    Mutant("any role will do", "$9 = ANY (u.roles)", "cardinality(u.roles) > 0", "a_lost_role_spends_nothing"),
    Mutant(
        "a lost role spends the token",
        "WHEN s.verdict IN ('rotate', 'recover') THEN $3::bigint + 1",
        "WHEN s.verdict IN ('rotate', 'recover', 'role_missing') THEN $3::bigint + 1",
        "a_lost_role_spends_nothing",
    ),
    Mutant(
        "the late branch covers the parent and defeats strict",
        f"{_LOST}\n                    ELSE 'reuse' END",
        f"{_LOST}\n                    WHEN now() - g.rotated_at <= interval '30 seconds' THEN 'late' ELSE 'reuse' END",
        "a_strict_client_has_no_grace_not_even_before_the_rotation",
    ),
    Mutant(
        "the late branch covers the parent and stretches the grace",
        _LOST,
        f"WHEN $5::int > 0 AND now() - g.rotated_at <= interval '30 seconds' THEN 'late'\n                    {_LOST}",
        "the_grace_is_as_long_as_the_client_was_given_and_no_longer",
    ),
    Mutant(
        "a lost answer is believed for ever",
        _LOST,
        "WHEN $5::int > 0 AND $8::int >= 0 THEN 'supersede'",
        "a_lost_answer_is_believed_as_long_as_the_client_was_given_and_no_longer",
    ),
    Mutant(
        "every client is given the usual three days",
        _LOST,
        _LOST.replace("$8::int", "greatest($8::int, 259200)"),
        "a_lost_answer_is_believed_as_long_as_the_client_was_given_and_no_longer",
    ),
    Mutant(
        "no answer is ever lost",
        _LOST,
        "WHEN $5::int < 0 AND $8::int < 0 THEN 'supersede'",
        "a_lost_answer_is_believed_as_long_as_the_client_was_given_and_no_longer",
    ),
    Mutant(
        "a lost answer defeats strict",
        _LOST,
        _LOST.replace("$5::int > 0 AND ", ""),
        "a_strict_client_has_no_grace_not_even_before_the_rotation",
    ),
    Mutant(
        "every client is given thirty seconds at least",
        "<= $5::int * interval '1 second'",
        "<= greatest($5::int, 30) * interval '1 second'",
        "the_grace_is_as_long_as_the_client_was_given_and_no_longer",
    ),
    Mutant(
        "strict without its explicit > 0",
        "$5::int > 0 AND now() - g.rotated_at",
        "now() - g.rotated_at",
        "whoever_waited_for_the_winner_is_judged_by_what_the_winner_left",
    ),
    Mutant(
        "the repeat cap ends the session",
        "ELSE 'crowded' END",
        "ELSE 'reuse' END",
        "the_257th_repeat_is_a_loop_and_ends_nothing",
    ),
    Mutant(
        "repeats are not counted",
        "THEN g.repeats + 1",
        "THEN g.repeats",
        "the_257th_repeat_is_a_loop_and_ends_nothing",
    ),
    Mutant(
        "rotations are not counted",
        "THEN greatest(now(), g.paced_until) + interval '0:00:00.100000'",
        "THEN g.paced_until",
        "rotations_that_run_ahead_of_their_pace_are_a_loop_and_spend_nothing",
    ),
    Mutant(
        "what was not used up is saved up",
        "greatest(now(), g.paced_until)",
        "g.paced_until",
        "rotations_that_run_ahead_of_their_pace_are_a_loop_and_spend_nothing",
    ),
    Mutant(
        "a loop of rotations ends the session",
        "interval '0:01:00' THEN 'crowded'",
        "interval '0:01:00' THEN 'reuse'",
        "rotations_that_run_ahead_of_their_pace_are_a_loop_and_spend_nothing",
    ),
    Mutant(
        "a loop may go on by lost answers",
        "WHEN v.verdict IN ('rotate', 'recover', 'supersede')",
        "WHEN v.verdict IN ('rotate', 'recover')",
        "rotations_that_run_ahead_of_their_pace_are_a_loop_and_spend_nothing",
    ),
    Mutant(
        "the joined session decides, not the row that is locked",
        "WHEN g.ended THEN 'ended'",
        "WHEN NOT (SELECT s.is_active FROM user_sessions s WHERE s.id = g.session_id) THEN 'ended'",
        "a_refresh_that_waited_for_the_end_is_refused",
    ),
    Mutant(
        "the joined person decides, not the row that is locked",
        "WHEN g.ended THEN 'ended'",
        "WHEN (SELECT u.disabled_at IS NOT NULL FROM user_sessions s JOIN users u ON u.id = s.user_id"
        " WHERE s.id = g.session_id) THEN 'ended'",
        "a_refresh_that_waited_for_the_end_is_refused",
    ),
    Mutant(
        "the grace slides with every repeat",
        _MOVED,
        _MOVED.replace("'supersede'", "'supersede', 'repeat'"),
        "repeating_does_not_prolong_the_grace",
    ),
    Mutant(
        "the start of the grace falls back to a waiter's own time",
        "greatest(now(), g.rotated_at)",
        "now()",
        "the_start_of_the_grace_never_moves_back",
    ),
    Mutant(
        "the generation one behind is accepted as live",
        "WHEN $3::bigint = g.generation THEN 'rotate'",
        "WHEN $3::bigint IN (g.generation, g.generation - 1) THEN 'rotate'",
        "the_live_token_rotates_and_the_used_one_is_repeated_without_a_change",
    ),
    Mutant(
        "no successor guard: anything used may supersede",
        _PARENT,
        "WHEN $3::bigint < g.generation THEN CASE",
        "a_token_that_is_neither_live_nor_parent_is_reuse",
    ),
    Mutant(
        "the one before is taken for the parent: a void successor comes back to life",
        _PARENT,
        "WHEN $3::bigint IN (g.parent, g.generation - 1) THEN CASE",
        "a_token_that_is_neither_live_nor_parent_is_reuse",
    ),
    Mutant(
        "superseding forgets the token that was shown",
        "CASE WHEN s.verdict IN ('rotate', 'recover') THEN $3::bigint ELSE g.parent END",
        "CASE WHEN s.verdict IN ('rotate', 'recover') THEN $3::bigint"
        " WHEN s.verdict = 'supersede' THEN g.generation ELSE g.parent END",
        "the_statement_and_the_function_agree_on_the_whole_table",
    ),
    Mutant(
        "a wider scope spends the token",
        "s.verdict IN ('rotate', 'recover')",
        "s.verdict IN ('rotate', 'recover', 'wider_scope')",
        "a_wider_scope_spends_nothing",
    ),
    Mutant(
        "the narrowing of the scope is kept",
        "SET (verdict,",
        "SET scope = CASE WHEN cardinality($6::text[]) > 0 THEN $6::text[] ELSE g.scope END, (verdict,",
        "a_narrower_scope_is_not_kept",
    ),
    Mutant(
        "a late tab is taken for a thief",
        "THEN 'late'",
        "THEN 'reuse'",
        "a_tab_late_by_two_or_three_changes_nothing",
    ),
    Mutant(
        "one ahead is refused after a failover",
        "$3::bigint > g.generation + 1",
        "$3::bigint > g.generation",
        "one_ahead_recovers_and_further_ahead_changes_nothing",
    ),
    Mutant(
        "a forged future ends the session",
        "THEN 'ahead'",
        "THEN 'reuse'",
        "one_ahead_recovers_and_further_ahead_changes_nothing",
    ),
    Mutant(
        "an ended session still finds reuse",
        "WHEN g.ended THEN 'ended'\n",
        "WHEN g.ended AND $3::bigint >= g.generation THEN 'ended'\n",
        "an_ended_session_refuses_and_finds_no_reuse",
    ),
    Mutant(
        "expiry is forgotten",
        "WHEN g.expires_at <= now() THEN 'expired'\n",
        "",
        "an_ended_session_refuses_and_finds_no_reuse",
    ),
    Mutant(
        "a bound grant serves every key",
        "g.dpop_jkt IN ('', $7)",
        "$7::text IS NOT NULL",
        "a_bound_grant_knows_its_own_key_alone",
    ),
    Mutant(
        "a bound grant serves whoever shows no key",
        "g.dpop_jkt IN ('', $7)",
        "('' = $7 OR g.dpop_jkt IN ('', $7))",
        "a_bound_grant_knows_its_own_key_alone",
    ),
    Mutant(
        "an unbound grant refuses whoever has a key",
        "g.dpop_jkt IN ('', $7)",
        "g.dpop_jkt = $7",
        "an_unbound_grant_takes_any_key_and_none",
    ),
    Mutant(
        "any secret will do",
        " AND g.secret_hash = $2",
        " AND $2::bytea <> ''",
        "another_secret_or_another_client_knows_no_grant",
    ),
    Mutant(
        "any client will do",
        " AND g.client_id = $4",
        " AND $4::text <> ''",
        "another_secret_or_another_client_knows_no_grant",
    ),
]

TRIGGERS = [
    Mutant(
        "the end of a session forgets its grants",
        "UPDATE grants SET ended = true, ended_at = now() WHERE session_id = NEW.id AND NOT ended;",
        "",
        "an_ended_session_refuses_and_finds_no_reuse",
        "user_sessions_after_end",
    ),
    Mutant(
        "the operator's expiry forgets the grants",
        "IF OLD.expires_at <> NEW.expires_at THEN",
        "IF false THEN",
        "an_ended_session_refuses_and_finds_no_reuse",
        "user_sessions_after_end",
    ),
    Mutant(
        "the end of a session writes no revocation",
        "PERFORM revoke('session', NEW.id::text, NEW.end_reason);",
        "",
        "the_end_and_its_revocation_are_one",
        "user_sessions_after_end",
    ),
    Mutant(
        "disabling a person forgets the sessions",
        "IF NEW.disabled_at IS NOT NULL AND OLD.disabled_at IS NULL THEN",
        "IF false THEN",
        "disabling_a_person_refuses_every_grant",
        "users_disabled",
    ),
]


@pytest.fixture(autouse=True)
def real_statement() -> Iterator[None]:
    yield
    grants.REFRESH = REAL


async def broken(bench: Bench) -> set[str]:
    """The promises that do not hold."""
    found = set()
    for name, holds in PROMISES.items():
        try:
            await holds(bench)
        except AssertionError:
            found.add(name)
    return found


def source_of(function: str) -> str:
    """The newest definition of a function in the migrations, to be run over an older one."""
    sql = "".join(migration.sql for migration in migrate.available())
    found = re.findall(rf"CREATE (?:OR REPLACE )?(FUNCTION {function}\(.*?\$\$.*?\$\$;)", sql, re.DOTALL)
    return f"CREATE OR REPLACE {found[-1]}"


async def read_then_write(
    db: Database,
    grant_id: UUID,
    secret_hash: bytes,
    presented: int,
    *,
    client_id: str,
    patience: Patience,
    scope: tuple[str, ...],
    proved: Confirmation = UNBOUND,
    required_role: str | None = None,
) -> Refreshed | None:
    """What the store must not do."""
    seen = await grants.look(db, grant_id, secret_hash, client_id=client_id)
    if seen is None or not proved.satisfies(seen.bound_to):
        return None
    grant = seen.grant
    verdict, after = judge_refresh(
        grant,
        presented,
        patience=patience,
        scope=scope,
        now=seen.now,
        role_missing=required_role is not None and required_role not in seen.roles,
    )
    await db.fetchrow(
        "UPDATE grants SET generation = $2, parent = $3, rotated_at = $4, repeats = $5, paced_until = $6 WHERE id = $1",
        grant_id,
        after.generation,
        after.parent,
        after.rotated_at,
        after.repeats,
        after.paced_until,
    )
    return Refreshed(
        verdict,
        after.generation,
        Login(seen.user_id, seen.session_id, seen.now, (), ()),
        after.scope,
        (),
        after.expires_at,
        seen.now,
    )


@pytest.mark.parametrize("name", PROMISES)
async def test_the_real_statement_keeps_its_promise(bench: Bench, name: str) -> None:
    await PROMISES[name](bench)


@pytest.mark.parametrize("mutant", STATEMENT, ids=lambda mutant: mutant.name)
async def test_a_broken_statement_is_caught(bench: Bench, mutant: Mutant) -> None:
    grants.REFRESH = mutant.of(REAL)
    with pytest.raises(AssertionError):
        await PROMISES[mutant.breaks](bench)


@pytest.mark.parametrize("mutant", TRIGGERS, ids=lambda mutant: mutant.name)
async def test_a_broken_trigger_is_caught(bench: Bench, mutant: Mutant) -> None:
    source = source_of(mutant.function)
    await bench.sql.execute(mutant.of(source))
    try:
        with pytest.raises(AssertionError):
            await PROMISES[mutant.breaks](bench)
    finally:
        await bench.sql.execute(source)


@pytest.mark.parametrize(
    "column",
    ["generation", "parent", "rotated_at", "repeats", "ended", "expires_at", "scope", "dpop_jkt", "paced_until"],
)
async def test_a_column_that_may_be_null_is_caught(bench: Bench, column: str) -> None:
    await bench.sql.execute(f"ALTER TABLE grants ALTER {column} DROP NOT NULL")
    try:
        with pytest.raises(AssertionError, match=column):
            await PROMISES["nothing_that_the_rule_reads_can_be_null"](bench)
    finally:
        await bench.sql.execute(f"DELETE FROM grants WHERE {column} IS NULL")
        await bench.sql.execute(f"ALTER TABLE grants ALTER {column} SET NOT NULL")


async def test_reading_first_and_writing_afterwards_is_caught(bench: Bench) -> None:
    """As one statement: the new state is computed from a row read beside the one that is locked."""
    apart = REAL.replace("UPDATE grants AS g\n", "UPDATE grants AS held\n")
    apart = apart.replace(
        "    WHERE g.id = $1 AND", "    FROM (SELECT * FROM grants OFFSET 0) g WHERE held.id = g.id AND g.id = $1 AND"
    ).replace("RETURNING g.verdict, g.generation,", "RETURNING held.verdict, held.generation,")
    assert apart.count("held") == 4
    grants.REFRESH = apart
    assert await broken(bench) >= {
        "parallel_calls_of_one_token_make_one_rotation",
        "whoever_waited_for_the_winner_is_judged_by_what_the_winner_left",
        "a_refresh_that_waited_for_the_end_is_refused",
    }


async def test_two_statements_without_a_lock_are_caught(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Alone it is right, which is what makes it a trap: only the promises with two at once fail."""
    monkeypatch.setattr(grants, "refresh", read_then_write)
    assert await broken(bench) == {
        "parallel_calls_of_one_token_make_one_rotation",
        "whoever_waited_for_the_winner_is_judged_by_what_the_winner_left",
        "a_refresh_that_waited_for_the_end_is_refused",
    }
