"""Refresh rotation: "repeat, then supersede" (RFC 9700 section 4.14.2, made safe for lost answers).

The same judgement stands in SQL (`store/token/grants`), where the row lock makes it the decision. This function is its
readable twin: a property test holds both to the same answers, and every row below is a test by name.

    presented n                       verdict
    n = generation                    Rotate       parent := n, generation := n + 1
    n = generation + 1                Rotate       recovered: only we can have made it, PostgreSQL lost its last commit
    n = parent, within the grace      Repeat       the same successor again: lost answer, second tab, parallel calls
    n = parent, later                 Supersede    its successor was never used: void it, give generation + 1
    n = parent, strict client         Reuse
    two or three older, within 30 s   Late         nothing given, nothing ended: come back in a second
    older                             Reuse        the session ends
    ended, expired, further ahead     Refused
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from authsvc.rules.records import Grant
from authsvc.rules.token.refresh_token import MAX_GENERATION

MAX_REPEATS = 256
"""Answers that repeat one generation. More is a client in a loop: 503, never the end of an honest session."""

LATE_WINDOW = timedelta(seconds=30)
LATE_GENERATIONS = (2, 3)


@dataclass(frozen=True, slots=True)
class Rotate:
    generation: int
    recovered: bool = False


@dataclass(frozen=True, slots=True)
class Repeat:
    generation: int


@dataclass(frozen=True, slots=True)
class Supersede:
    generation: int


@dataclass(frozen=True, slots=True)
class Late:
    pass


@dataclass(frozen=True, slots=True)
class Crowded:
    pass


@dataclass(frozen=True, slots=True)
class Reuse:
    pass


@dataclass(frozen=True, slots=True)
class WiderScope:
    pass


@dataclass(frozen=True, slots=True)
class Refused:
    reason: str


Verdict = Rotate | Repeat | Supersede | Late | Crowded | Reuse | WiderScope | Refused


def judge_refresh(
    grant: Grant, presented: int, *, grace_seconds: int, scope: tuple[str, ...], now: datetime
) -> Verdict:
    """Judge a genuine token of generation `presented`. `scope` is what was asked; () asks for all that was granted."""
    if grant.ended:
        return Refused("grant_ended")
    if grant.expires_at <= now:
        return Refused("session_expired")
    verdict = _judge_generation(grant, presented, grace_seconds, now)
    # RFC 6749 section 6: a narrower scope may be asked, never a wider one. Asking too much spends nothing.
    if isinstance(verdict, Rotate | Repeat | Supersede) and not set(scope) <= set(grant.scope):
        return WiderScope()
    return verdict


def _judge_generation(grant: Grant, presented: int, grace_seconds: int, now: datetime) -> Verdict:
    age = now - grant.rotated_at
    behind = grant.generation - presented
    if behind < -1 or presented >= MAX_GENERATION:
        return Refused("generation_ahead")
    if behind in (0, -1):
        return Rotate(presented + 1, recovered=behind == -1)
    if presented == grant.parent:
        # A waiter that started before the winner sees a negative age: strict needs the explicit `> 0`.
        if grace_seconds > 0 and age <= timedelta(seconds=grace_seconds):
            return Repeat(grant.generation) if grant.repeats < MAX_REPEATS else Crowded()
        return Supersede(grant.generation + 1) if grace_seconds > 0 else Reuse()
    # Never the parent: a late branch that covered it would stretch the grace and defeat strict clients.
    if behind in LATE_GENERATIONS and age <= LATE_WINDOW:
        return Late()
    return Reuse()
