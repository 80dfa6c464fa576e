"""SQL decides, `judge_redemption` explains: both give the same verdict and leave the same row, whatever the case; and
whoever breaks the statement in one place is caught by that."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from functools import partial

import pytest
from hypothesis import strategies as st

from authsvc.rules.authorize.redemption import CodeState, RedemptionVerdict, Use
from authsvc.rules.confirmation import from_stored
from authsvc.store.authorize import codes
from tests.flows.token.code.twin import CODE_HASH, FIRST, NET, SECOND, USE, Case, agree, compare, place
from tests.support.twins import MICROSECOND, WITHOUT_A_ROW, Judges, Mutant, around, caught, connected

EXAMPLES = 300
SAID = set(RedemptionVerdict) - WITHOUT_A_ROW


@pytest.fixture(scope="module")
def judges(module_database_url: str) -> Iterator[Judges[Case]]:
    with connected(module_database_url) as (runner, sql):
        runner.run(place(sql))
        yield Judges(runner, sql, partial(agree, sql))


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Any state of a row, also one that no history leads to; most uses are nearly right."""
    keys = st.sampled_from(("", "", "key", "other", "x5t#S256:key", "x5t#S256:other")).map(from_stored)
    resources = st.lists(st.sampled_from("abc"), max_size=2, unique=True).map(tuple)
    use = Use(
        client_id=draw(st.sampled_from(("customer",) * 7 + ("strict",))),
        redirect_uri=draw(st.sampled_from((USE.redirect_uri,) * 7 + ("https://app.example/other",))),
        code_challenge=draw(st.sampled_from((USE.code_challenge,) * 7 + ("other", None))),
        resource=draw(resources),
        proved=draw(keys),
        bound_to=draw(keys),
        secret_hash=draw(st.sampled_from((FIRST, SECOND))),
        required_role=draw(st.sampled_from((None, None, None, "customer", "bartender"))),
    )
    return Case(
        state=draw(st.sampled_from((CodeState.ISSUED, CodeState.ISSUED, CodeState.REDEEMED, CodeState.BURNT))),
        redirect_uri=draw(st.sampled_from((USE.redirect_uri,) * 7 + (None,))),
        challenge=draw(st.sampled_from((USE.code_challenge,) * 7 + (None,))),
        code_left=draw(st.one_of(st.none(), around(timedelta(0)), st.just(timedelta(seconds=30)))),
        secret_hash=draw(st.sampled_from((CODE_HASH, FIRST, FIRST))),
        bound_to=draw(keys),
        audience=draw(resources),
        age=draw(st.sampled_from((timedelta(0), timedelta(seconds=30), timedelta(seconds=-1)))),
        left=draw(st.one_of(st.just(timedelta(days=7)), around(timedelta(0)))),
        ended=draw(st.sampled_from((False,) * 7 + (True,))),
        use=use,
    )


def test_the_statement_and_the_function_agree_on_any_state(judges: Judges[Case]) -> None:
    judges.any(cases(), examples=EXAMPLES)


def test_the_net_for_the_mutants_meets_every_verdict(judges: Judges[Case]) -> None:
    assert set(judges.each(NET)) == SAID


@pytest.mark.parametrize(("off", "verdict"), [(-1, "expired"), (0, "expired"), (1, "redeemed")])
def test_a_code_expires_to_the_microsecond(judges: Judges[Case], off: int, verdict: str) -> None:
    assert judges.one(Case(code_left=off * MICROSECOND)) == verdict


@pytest.mark.parametrize(("off", "verdict"), [(-1, "ended"), (0, "ended"), (1, "redeemed")])
def test_a_grant_ends_to_the_microsecond(judges: Judges[Case], off: int, verdict: str) -> None:
    assert judges.one(Case(left=off * MICROSECOND)) == verdict


MUTANTS = [
    Mutant("a burnt code lives again", "WHEN g.code_state = 'burnt' THEN 'burnt'", "WHEN false THEN 'burnt'"),
    Mutant("any client will do", "g.client_id <> $3", "$3 = ''"),
    Mutant("any redirect_uri will do", "g.code_redirect_uri IS DISTINCT FROM $4", "$4 = ''"),
    Mutant("a row without a redirect_uri fits all", "g.code_redirect_uri IS DISTINCT FROM", "g.code_redirect_uri <>"),
    Mutant("any verifier will do", "g.code_challenge IS DISTINCT FROM $5", "$5 = ''"),
    Mutant("a row without a challenge fits all", "g.code_challenge IS DISTINCT FROM", "g.code_challenge <>"),
    Mutant("any key will do", "g.dpop_jkt NOT IN ('', $8)", "$8 = 'none'"),
    Mutant("no key will do", "g.dpop_jkt NOT IN ('', $8)", "g.dpop_jkt NOT IN ('', $8) AND $8 <> ''"),
    Mutant(
        "the key is asked for again later", "WHEN g.code_state = 'issued' AND g.dpop_jkt NOT", "WHEN g.dpop_jkt NOT"
    ),
    Mutant("a second use is none", "WHEN g.code_state = 'redeemed' AND NOT", "WHEN false AND NOT"),
    Mutant("the same use again is a second one", "AND NOT (g.secret_hash = $6 AND g.dpop_jkt = $9)", ""),
    Mutant("another secret is the same use", "(g.secret_hash = $6 AND g.dpop_jkt = $9)", "(g.dpop_jkt = $9)"),
    Mutant("another key is the same use", "(g.secret_hash = $6 AND g.dpop_jkt = $9)", "(g.secret_hash = $6)"),
    Mutant("the end is forgotten", "WHEN g.ended OR g.expires_at <= now()", "WHEN g.expires_at <= now()"),
    Mutant("the end of the session is forgotten", "WHEN g.ended OR g.expires_at <= now()", "WHEN g.ended"),
    Mutant("a code never gets old", "(g.code_expires_at > now()) IS NOT TRUE", "g.code_expires_at IS NULL"),
    Mutant("a code without an end has none", "(g.code_expires_at > now()) IS NOT TRUE", "g.code_expires_at <= now()"),
    Mutant("a code lasts a moment longer", "(g.code_expires_at > now())", "(g.code_expires_at >= now())"),
    Mutant("the same use again gets old", "WHEN g.code_state = 'issued' AND (g.code_exp", "WHEN (g.code_exp"),
    Mutant("everything may be asked for", "NOT ($7::text[] <@ g.audience)", "cardinality($7::text[]) < 0"),
    Mutant("nothing may be asked for", "NOT ($7::text[] <@ g.audience)", "NOT (g.audience <@ $7::text[])"),
    Mutant("no role is needed", "$10::text IS NULL OR", "true OR"),
    Mutant("any role will do", "AND $10 = ANY (u.roles)", ""),
    Mutant("who wants no role refuses all", "$10::text IS NULL OR", ""),
    Mutant("a lost role burns the code", "THEN g.code_state ELSE 'burnt'", "THEN 'burnt' ELSE 'burnt'"),
    Mutant("a lost role ends the grant", "NOT IN ('redeemed', 'role_missing')", "<> 'redeemed'"),
    Mutant("what is wrong does not burn", "ELSE 'burnt' END", "ELSE g.code_state END"),
    Mutant("what is wrong later burns", "WHEN g.code_state <> 'issued' THEN g.code_state\n", "WHEN false THEN ''\n"),
    Mutant("a burnt code's grant lives on", "g.ended OR (g.code_state = 'issued' AND", "g.ended OR (false AND"),
    Mutant("a wrong second use ends the grant", "g.ended OR (g.code_state = 'issued' AND", "g.ended OR ("),
    Mutant("the code's secret stays", "THEN $6 ELSE g.secret_hash", "THEN g.secret_hash ELSE g.secret_hash"),
    Mutant("a wrong use sets the secret", "THEN $6 ELSE g.secret_hash", "THEN $6 ELSE $6"),
    Mutant("the time of the use is not kept", "THEN now() ELSE g.rotated_at", "THEN g.rotated_at ELSE g.rotated_at"),
    Mutant("the grant is not bound", "THEN $9 ELSE g.dpop_jkt", "THEN g.dpop_jkt ELSE g.dpop_jkt"),
    Mutant("the grant is bound to what was proved", "THEN $9 ELSE g.dpop_jkt", "THEN $8 ELSE g.dpop_jkt"),
]


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_broken_statement_is_caught(judges: Judges[Case], mutant: Mutant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codes, "REDEEM", mutant.of(codes.REDEEM))
    assert judges.runner.run(caught(judges.sql, partial(compare, judges.sql), NET))
