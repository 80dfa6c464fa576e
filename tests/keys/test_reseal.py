"""Signing keys under a new master key: all that can be opened, and nothing where one that is needed cannot."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

from authsvc.keys.master import MasterKeys, with_first, with_new_key
from authsvc.keys.plans import PlanRefused
from authsvc.keys.records import SigningKey
from authsvc.keys.reseal import ResealPlan, kids_under, plan_reseal
from authsvc.keys.ring import Keyring
from authsvc.keys.seal import open_sealed, seal, sealed_under
from tests.support.jose import DAY, HOUR, MASTER, MINUTE, NOW, POLICY, claims, entropy, private, ring, row
from tests.support.signing import sign_now
from tests.support.spoilt import spoilt_bytes

OLD = MasterKeys.generate(entropy)
ADDED, _ = with_new_key(OLD, os.urandom)
BOTH = MasterKeys.parse(with_first(ADDED, 2))
NEW = MasterKeys.parse(ADDED.splitlines()[-1])
FIRST = row(0, signs_until=NOW + HOUR, drop_after=NOW + HOUR + POLICY.keep)
SECOND = row(1, "ES256", at=NOW - DAY)
WITHDRAWN = replace(row(2), withdrawn_at=NOW)
DROPPED = row(3, at=NOW - 9 * DAY, signs_until=NOW - 2 * DAY, drop_after=NOW - DAY)
ROWS = (FIRST, SECOND, WITHDRAWN, DROPPED)


def resealed(master: MasterKeys, rows: tuple[SigningKey, ...]) -> tuple[SigningKey, ...]:
    plan = plan_reseal(master, rows, NOW, os.urandom)
    assert isinstance(plan, ResealPlan)
    return tuple(replace(key, sealed=plan.sealed.get(key.kid, key.sealed)) for key in rows)


def test_every_key_is_sealed_under_the_current_one_and_is_the_same_key() -> None:
    after = resealed(BOTH, ROWS)
    assert {sealed_under(key.sealed) for key in after} == {2}
    for before, now in zip(ROWS, after, strict=True):
        assert replace(now, sealed=before.sealed) == before
        der = open_sealed(NEW, now.kid, now.alg, now.sealed)
        assert der == open_sealed(MASTER, before.kid, before.alg, before.sealed)
    keys = Keyring(NEW)
    keys.load(after, NOW)
    assert keys.jwks == ring(*ROWS).jwks


def test_it_is_done_once_however_often_it_is_asked() -> None:
    plan = plan_reseal(BOTH, resealed(BOTH, ROWS), NOW, os.urandom)
    assert plan == ResealPlan({}, ())


def test_back_again_is_the_same_step() -> None:
    back = MasterKeys.parse(ADDED)
    assert kids_under(resealed(back, resealed(BOTH, ROWS)), NOW) == {1: (FIRST.kid, SECOND.kid)}


@pytest.mark.parametrize(
    "bad",
    [
        replace(FIRST, sealed=seal(NEW, FIRST.kid, "RS256", b"x", os.urandom)),
        replace(FIRST, sealed=spoilt_bytes(FIRST.sealed)),
        replace(FIRST, sealed=SECOND.sealed),
        replace(FIRST, alg="PS256"),
        replace(FIRST, sealed=seal(BOTH, FIRST.kid, "RS256", b"no key", os.urandom)),
        replace(FIRST, announced_at=NOW + MINUTE, signs_from=NOW + DAY, sealed=b""),
    ],
)
def test_where_a_key_that_is_needed_does_not_open_nothing_is_resealed_and_it_is_named(bad: SigningKey) -> None:
    verdict = plan_reseal(BOTH, (bad, SECOND), NOW, os.urandom)
    assert isinstance(verdict, PlanRefused)
    assert verdict.reason.startswith(f"nothing was resealed: key {FIRST.kid}: ")
    assert verdict.reason.count("\n") == 0
    assert SECOND.kid not in verdict.reason


def test_one_under_the_current_key_that_does_not_open_is_found_too() -> None:
    now = resealed(BOTH, ROWS)[0]
    assert isinstance(plan_reseal(BOTH, (replace(now, sealed=spoilt_bytes(now.sealed)),), NOW, os.urandom), PlanRefused)


def test_what_is_gone_and_does_not_open_is_left_alone() -> None:
    rows = (FIRST, replace(WITHDRAWN, sealed=b"\x01\x09" + bytes(60)), replace(DROPPED, sealed=b""))
    plan = plan_reseal(BOTH, rows, NOW, os.urandom)
    assert isinstance(plan, ResealPlan)
    assert (list(plan.sealed), plan.left) == ([FIRST.kid], (WITHDRAWN.kid, DROPPED.kid))


def test_it_is_told_which_master_key_is_needed_by_whom() -> None:
    assert kids_under(ROWS, NOW) == {1: (FIRST.kid, SECOND.kid)}
    assert kids_under((resealed(BOTH, ROWS)[0], SECOND), NOW) == {2: (FIRST.kid,), 1: (SECOND.kid,)}
    assert kids_under((replace(FIRST, sealed=b"junk"),), NOW) == {}


def test_a_process_that_has_opened_the_keys_is_not_disturbed_even_without_the_new_one() -> None:
    running = ring(FIRST, SECOND)
    before = running.jwks
    running.load(resealed(BOTH, (FIRST, SECOND)), NOW)
    assert running.unopened == ()
    assert running.jwks == before
    assert sign_now(running, claims(), typ="at+jwt", now=NOW).count(".") == 2


def test_a_plan_prints_no_key() -> None:
    plan = plan_reseal(BOTH, ROWS, NOW, os.urandom)
    der = private().private_numbers()  # type: ignore[union-attr]
    assert repr(plan) == "ResealPlan(left=())"
    assert str(der.d) not in repr(plan)  # type: ignore[union-attr]
