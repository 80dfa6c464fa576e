"""Refresh rotation: "repeat, then supersede" (RFC 9700 section 4.14.2, made safe for lost answers).

The same judgement stands in SQL (`store/token/grants`), where the row lock makes it the decision. `judge_refresh` is
its readable twin: a property test holds both to the same verdict and the same row, and each line is a test by name.

    presented n                       verdict
    n = generation                    rotate       parent := n, generation := n + 1
    n = generation + 1                recover      rotate: only we can have made it, PostgreSQL lost its last commit
    n = parent, within the grace      repeat       the same successor again: lost answer, second tab, parallel calls
    the same, more than 256 times     crowded      a client in a loop: nothing given, nothing ended
    over 600 rotations in a minute    crowded      likewise, whichever would have been the next
    n = parent, later, a lost answer  supersede    its successor was never used: void it, give generation + 1
    n = parent, later than that       reuse        the session ends
    n = parent, strict client         reuse        the session ends
    two or three older, within 30 s   late         nothing given, nothing ended: come back in a second
    older                             reuse        the session ends
    the client's role is lost         role_missing nothing is spent: who gets it back goes on
    a scope that was not granted      wider_scope  nothing is spent
    the grant has ended               ended        refused, as all below
    its time is over                  expired
    further ahead                     ahead
    no such grant                     unknown      no row to judge, or one that is bound to another key
    not made by us for this client    forged       nobody asks for a row
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum

from authsvc.records import frozen
from authsvc.rules.token.refresh_token import MAX_GENERATION

MAX_REPEATS = 256
"""Answers that repeat one generation. More is a client in a loop: 503, never the end of an honest session."""

ROTATION_PACE = timedelta(milliseconds=100)
"""How long each rotation takes at the pace that a grant may keep up, 600 a minute."""
ROTATION_LEAD = timedelta(minutes=1)
"""How far rotations may run ahead of that pace. Further is a client in a loop, too."""

LATE_WINDOW = timedelta(seconds=30)
LATE_GENERATIONS = (2, 3)


class RefreshVerdict(StrEnum):
    """What is said of a presented refresh token, by the rule, the statement, the log and the metric alike."""

    ROTATE = "rotate"
    RECOVER = "recover"
    REPEAT = "repeat"
    SUPERSEDE = "supersede"
    LATE = "late"
    CROWDED = "crowded"
    REUSE = "reuse"
    ROLE_MISSING = "role_missing"
    WIDER_SCOPE = "wider_scope"
    ENDED = "ended"
    EXPIRED = "expired"
    AHEAD = "ahead"
    UNKNOWN = "unknown"
    FORGED = "forged"

    @property
    def reason(self) -> str:
        """The `reason` of the log line where this refuses the request."""
        return _REASONS.get(self, f"refresh_{self}")


_REASONS = {
    RefreshVerdict.REUSE: "refresh_token_reuse",
    RefreshVerdict.ROLE_MISSING: "role_missing",
    RefreshVerdict.WIDER_SCOPE: "scope_wider_than_granted",
    RefreshVerdict.FORGED: "refresh_token_forged_or_foreign",
}

ACCEPTED = frozenset((RefreshVerdict.ROTATE, RefreshVerdict.RECOVER, RefreshVerdict.REPEAT, RefreshVerdict.SUPERSEDE))
"""The verdicts that give tokens."""
_MOVING = ACCEPTED - {RefreshVerdict.REPEAT}


@frozen
class Grant:
    """The refresh state of what a session gave to one client; `generation` is the live one. `paced_until`: when its
    rotations so far would be over at their pace."""

    generation: int
    parent: int
    rotated_at: datetime
    repeats: int
    expires_at: datetime
    ended: bool
    scope: tuple[str, ...]
    paced_until: datetime


@frozen
class Patience:
    """How long after the last rotation, in seconds, the parent is still answered: with the same successor (`grace`, 0
    for strict clients), then with a new one (`lost_answer`), because whoever shows it may not have heard of the old."""

    grace: int
    lost_answer: int


STRICT = Patience(grace=0, lost_answer=0)


def judge_refresh(
    grant: Grant,
    presented: int,
    *,
    patience: Patience,
    scope: tuple[str, ...],
    now: datetime,
    role_missing: bool = False,
) -> tuple[RefreshVerdict, Grant]:
    """Judge a genuine token of generation `presented`: the verdict, and the grant's row afterwards.

    `scope` is what was asked; () asks for all that was granted. `role_missing`: the client wants a role of its people
    that this person has not, or not any more.
    """
    verdict = _judge_generation(grant, presented, patience, now)
    if verdict in ACCEPTED and role_missing:
        verdict = RefreshVerdict.ROLE_MISSING
    # RFC 6749 section 6: a narrower scope may be asked, never a wider one. Asking too much spends nothing.
    if verdict in ACCEPTED and not set(scope) <= set(grant.scope):
        verdict = RefreshVerdict.WIDER_SCOPE
    if verdict in _MOVING and grant.paced_until > now + ROTATION_LEAD:
        verdict = RefreshVerdict.CROWDED
    return verdict, _after(grant, verdict, presented, now)


def _judge_generation(grant: Grant, presented: int, patience: Patience, now: datetime) -> RefreshVerdict:
    if grant.ended:
        return RefreshVerdict.ENDED
    if grant.expires_at <= now:
        return RefreshVerdict.EXPIRED
    age = now - grant.rotated_at
    behind = grant.generation - presented
    if behind < -1 or presented >= MAX_GENERATION:
        return RefreshVerdict.AHEAD
    if behind in (0, -1):
        return RefreshVerdict.RECOVER if behind else RefreshVerdict.ROTATE
    if presented == grant.parent:
        # A waiter that started before the winner sees a negative age: strict needs the explicit `> 0`.
        if patience.grace > 0 and age <= timedelta(seconds=patience.grace):
            return RefreshVerdict.REPEAT if grant.repeats < MAX_REPEATS else RefreshVerdict.CROWDED
        lost = patience.grace > 0 and age <= timedelta(seconds=patience.lost_answer)
        return RefreshVerdict.SUPERSEDE if lost else RefreshVerdict.REUSE
    # Never the parent: a late branch that covered it would stretch the grace and defeat strict clients.
    if behind in LATE_GENERATIONS and age <= LATE_WINDOW:
        return RefreshVerdict.LATE
    return RefreshVerdict.REUSE


def _after(grant: Grant, verdict: RefreshVerdict, presented: int, now: datetime) -> Grant:
    if verdict is RefreshVerdict.REPEAT:
        return replace(grant, repeats=grant.repeats + 1)
    if verdict not in ACCEPTED:
        return grant
    paced_until = max(now, grant.paced_until) + ROTATION_PACE
    moved = replace(grant, rotated_at=max(now, grant.rotated_at), repeats=0, paced_until=paced_until)
    if verdict is RefreshVerdict.SUPERSEDE:
        return replace(moved, generation=grant.generation + 1)
    return replace(moved, generation=presented + 1, parent=presented)
