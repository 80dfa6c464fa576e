"""The checker is judged: a good history passes, and each invariant, broken by hand, is named."""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations

import pytest

from tests.laboratory.handmade import Story, access, good, grant_of, token
from tests.laboratory.history import Row
from tests.laboratory.invariants import INVARIANTS, check
from tests.laboratory.register import GIVEN, NOT_NOW, REFUSED, Op, explained

Spoil = Callable[[Story], object]

UNAVAILABLE = {"outcome": "unavailable", "status": 503}

BAD: dict[str, tuple[str, Spoil]] = {
    "two tokens of one generation": ("I1", lambda s: s.refresh(2, 3, given=token("ann", 3, mac="another"))),
    "another secret": ("I1", lambda s: s.refresh(2, 3, given=token("ann", 3, secret="another"))),
    "another person's token": ("I1", lambda s: s.refresh(2, 3, given=token("bob", 3))),
    "an old token rotates": ("I2", lambda s: (s.refresh(3, 4), s.refresh(4, 5), s.refresh(0, 6))),
    "a fork": ("I2", lambda s: (s.refresh(3, 4), s.refresh(3, 5))),
    "a void token is used": (
        "I2",
        lambda s: (s.refresh(3, 4), s.call("tick", seconds=31), s.refresh(3, 5), s.refresh(4, 6)),
    ),
    "a refresh after the logout": ("I3", lambda s: s.refresh(0, 1, "bob")),
    "a refresh at another replica after the logout": ("I3", lambda s: s.refresh(0, 1, "bob", place=2)),
    "active after the logout": ("I3", lambda s: s.call("userinfo", "bob", access=access("k1", "bob"), active=True)),
    "active a second after an eviction": (
        "I3",
        lambda s: (
            s.history.evicting.append((99, 99.5)),
            s.call("introspect", "bob", access=access("k1", "bob"), active=True, began=100.6, ended=100.7),
        ),
    ),
    "a refresh after an eviction": ("I3", lambda s: (s.history.evicting.append((0, 200)), s.refresh(0, 1, "bob"))),
    "a refresh after the password was changed elsewhere": (
        "I3",
        lambda s: (s.call("end", "", person="ann", spares="x"), s.refresh(3, 4)),
    ),
    "a token of no published key": ("I4", lambda s: (s.refresh(3, 4, access=access("k2", "ann")), s.keys("k1"))),
    "a key that leaves before its tokens die": ("I4", lambda s: s.keys("k3")),
    "a key that leaves at one replica": ("I4", lambda s: s.keys("k3", place=1)),
    "a signature by another key": (
        "I4",
        lambda s: (s.refresh(3, 4, access=access("k1", "ann", signed_by="k2")), s.keys("k1")),
    ),
    "a login that is not there": ("I5", lambda s: s.login("eve")),
    "a living session that is lost": ("I5", lambda s: s.refresh(3, settled=True)),
    "a living session that is not served after all": ("I5", lambda s: s.refresh(3, settled=True, **UNAVAILABLE)),
    "invalid_grant for a living session": ("I6", lambda s: s.refresh(3)),
    "invalid_token for a living session": (
        "I6",
        lambda s: s.call("userinfo", outcome="refused", status=401, error="invalid_token"),
    ),
    "inactive for a living session": ("I6", lambda s: s.call("introspect", active=False)),
    "a 500": ("I6", lambda s: s.refresh(3, outcome="broken", status=500, error="")),
    "a 503 that clears a cookie": ("I6", lambda s: s.refresh(3, odd="set-cookie", **UNAVAILABLE)),
    "a right password that is wrong": (
        "I6",
        lambda s: s.call("login", "", outcome="refused", status=401, error="invalid_credentials"),
    ),
    "a generation that falls": ("I7", lambda s: s.refresh(1, 2)),
    "alive again": (
        "I7",
        lambda s: (s.call("introspect", active=False), s.call("introspect", active=True, began=100, ended=101)),
    ),
    "a key that comes back": ("I7", lambda s: (s.keys("k1", "k2"), s.keys("k1"), s.keys("k1", "k2"))),
    "a call of six seconds": ("I8", lambda s: s.refresh(3, 4, began=100, ended=106)),
    "a code for two": ("I11", lambda s: _two_redemptions(s)),
    "a code once more, and nobody minds": ("I11", lambda s: _replayed_code(s)),
    "a token that is not stored": ("I12", lambda s: (s.refresh(3, 4), s.rows("ann", 3, ended=False))),
    "an end that is not stored": ("I12", lambda s: s.rows("bob", 0, ended=False)),
    "an end without its revocation": ("I12", lambda s: s.history.revoked.__setitem__(0, grant_of("ann"))),
    "revocations in the wrong order": ("I12", lambda s: _two_ends(s)),
}


def _two_redemptions(story: Story) -> None:
    for name in ("cat", "dan"):
        story.call("redeem", name, code="c", given=token(name, 0), access=access("k1", name), person=name)


def _replayed_code(story: Story) -> None:
    story.call("redeem", "cat", code="c", given=token("cat", 0), access=access("k1", "cat"), person="cat")
    story.call("redeem", "", code="c", outcome="refused", status=400, error="invalid_grant")
    story.refresh(0, 1, "cat")


def _two_ends(story: Story) -> None:
    story.call("end", "ann", person="ann")
    story.rows("ann", 3, ended=True)
    story.history.revoked = [grant_of("ann"), grant_of("bob")]


def _stolen_then_ended(story: Story) -> None:
    """Its first token was shown once more, which ended it; that it was asked to end came after another's end."""
    for name in ("cat", "dan"):
        story.login(name)
        story.rows(name, 6, ended=True)
    for generation in range(6):
        story.refresh(generation, generation + 1, "cat")
    story.refresh(0, None, "cat")
    story.call("end", "dan", person="dan")
    story.call("end", "cat", person="cat")
    story.history.revoked = [grant_of(name) for name in ("bob", "cat", "dan")]


def test_a_good_history_passes() -> None:
    assert check(good().history) == []


@pytest.mark.parametrize("name", BAD)
def test_what_is_broken_is_named(name: str) -> None:
    invariant, spoil = BAD[name]
    story = good()
    story.history.rows = {
        one: Row(99 if one == grant_of("ann") else 9, row.ended) for one, row in story.history.rows.items()
    }
    spoil(story)
    found = check(story.history)
    assert invariant in {violation.invariant for violation in found}, [str(violation) for violation in found]


def test_every_invariant_is_broken_somewhere() -> None:
    assert {invariant for invariant, _ in BAD.values()} >= set(INVARIANTS)


@pytest.mark.parametrize(
    "honest",
    [
        lambda s: s.unheard(3),
        lambda s: (s.unheard(3), s.refresh(4, 5)),
        lambda s: (s.refresh(3, 4), s.call("tick", seconds=31), s.refresh(3, 5), s.refresh(5, 6)),
        lambda s: (s.unheard(3), s.unheard(4), s.refresh(5, 6)),
        lambda s: (s.refresh(3, 4), s.refresh(4, 5), s.refresh(3, **UNAVAILABLE)),
        lambda s: (s.call("end", "ann", **UNAVAILABLE), s.refresh(3, 4), s.refresh(4)),
        lambda s: s.call("introspect", "bob", access=access("k1", "bob"), active=True, began=9.6, ended=9.7),
        lambda s: (s.refresh(3, 4, began=100, ended=101), s.refresh(3, 4, began=100.5, ended=100.7, place=1)),
        lambda s: [s.refresh(n, n + 1) for n in range(3, 9)] + [s.refresh(2), s.refresh(9)],
        lambda s: (s.history.withdrawn.add("k1"), s.call("introspect", access=access("k1", "ann"), active=False)),
        _stolen_then_ended,
        lambda s: (
            s.history.evicting.append((99, 99.5)),
            s.call("introspect", "bob", access=access("k1", "bob"), active=False, began=98, ended=98.5),
            s.call("introspect", "bob", access=access("k1", "bob"), active=True, began=100.4, ended=100.5),
        ),
    ],
    ids=[
        "lost",
        "lost and gone on",
        "superseded",
        "lost twice",
        "late",
        "perhaps ended",
        "heard",
        "tabs",
        "stolen",
        "withdrawn",
        "stolen, then ended with others",
        "evicted just now",
    ],
)
def test_an_honest_history_passes(honest: Spoil) -> None:
    story = good()
    story.history.rows = {one: Row(99, row.ended) for one, row in story.history.rows.items()}
    honest(story)
    assert [str(found) for found in check(story.history)] == []


# The register


def _refresh(presented: int, given: int, began: float, ended: float) -> Op:
    return Op("refresh", began, ended, False, presented, GIVEN, given)


def test_the_order_of_the_record_means_nothing() -> None:
    ops = [_refresh(0, 1, 1, 9), _refresh(0, 1, 1, 9), _refresh(1, 2, 2, 9), Op("refresh", 3, 9, False, 0, REFUSED)]
    ended = Op("end", 4, 8)
    assert all(explained([*order, ended]) for order in permutations(ops))


def test_real_time_is_kept() -> None:
    assert explained([_refresh(0, 1, 1, 2), _refresh(1, 2, 3, 4)])
    assert not explained([_refresh(1, 2, 1, 2), _refresh(0, 1, 3, 4)])


def test_a_call_without_an_answer_may_have_worked_late_or_never() -> None:
    lost = Op("refresh", 1, float("inf"), True, 0, NOT_NOW)
    assert explained([lost, _refresh(0, 1, 5, 6)])
    assert explained([lost, _refresh(1, 2, 5, 6)])
    assert not explained([lost, _refresh(2, 3, 5, 6)])


def test_forty_calls_that_nobody_answered_are_judged_at_once() -> None:
    lost = [Op("refresh", at, float("inf"), True, at % 4, NOT_NOW) for at in range(40)]
    assert explained([*lost, _refresh(0, 1, 50, 51)])
    assert not explained([*lost, _refresh(7, 8, 50, 51)])
