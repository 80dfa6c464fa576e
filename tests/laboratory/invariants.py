"""What must hold of a history, one function an invariant; docs/faults.md says them in words.

I8 (bounded work) is judged here by time alone; I9 and I10 are other tests' (tests/faults/test_canaries.py,
test_enumeration.py)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import NamedTuple

from jwt import PyJWK, PyJWS
from jwt.exceptions import InvalidTokenError

from tests.laboratory.history import BROKEN, OK, REFUSED, UNAVAILABLE, UNKNOWN, Call, History, Keys, claims, opened
from tests.laboratory.register import FOR_EVER, GIVEN, NOT_NOW, Op, explained
from tests.laboratory.register import REFUSED as NO

HEARD_SECONDS = 1.0
"""So long an access token may look alive after the acknowledged end of its session; or after Redis, set as it must not
be, has evicted that: a look at Redis stands for a second."""
LONGEST_SECONDS = 5.0
TERMINAL = ("invalid_grant", "invalid_token", "invalid_credentials", "invalid_client")


class Violation(NamedTuple):
    invariant: str
    grant: str
    what: str

    def __str__(self) -> str:
        return f"{self.invariant} {self.grant[:6]}: {self.what}"


Invariant = Callable[[History], Iterator[Violation]]
INVARIANTS: dict[str, Invariant] = {}


def invariant(name: str) -> Callable[[Invariant], Invariant]:
    def keep(function: Invariant) -> Invariant:
        INVARIANTS[name] = function
        return function

    return keep


def check(history: History) -> list[Violation]:
    return [found for judge in INVARIANTS.values() for found in judge(history)]


def acknowledged(history: History, grant: str) -> float | None:
    """When somebody was first told that the session of this grant is over; None: nobody was."""
    told = [call.ended for call, sure in history.ends_of(grant) if sure and call.outcome == OK]
    return min((at for at in told if at is not None), default=None)


def threatened(history: History, grant: str, before: float) -> bool:
    """Whether anybody had asked for its end by then, whatever came of it; or had shown what only a thief would."""
    shown = history.of("refresh")
    newest = max(
        (opened(c.given).generation for c in shown if c.given and c.grant == grant and c.began < before), default=0
    )
    copied = any(c.grant == grant and c.began < before and newest - opened(c.presented).generation > 3 for c in shown)
    return copied or any(call.began < before for call, _ in history.ends_of(grant))


@invariant("I1")
def one_lineage(history: History) -> Iterator[Violation]:
    """For one grant and generation, every answer carries the identical token; secrets and grants never change."""
    texts: dict[tuple[str, int], set[str]] = defaultdict(set)
    secrets: dict[str, set[str]] = defaultdict(set)
    for call in history.calls:
        if call.given:
            found = opened(call.given)
            texts[found.grant, found.generation].add(call.given)
            secrets[found.grant].add(found.secret)
            if call.presented and opened(call.presented).grant != found.grant:
                yield Violation("I1", call.grant, f"another grant's token: {call.line()}")
    for (grant, generation), different in texts.items():
        if len(different) > 1:
            yield Violation("I1", grant, f"{len(different)} tokens of generation {generation}")
    for grant, one in secrets.items():
        if len(one) > 1:
            yield Violation("I1", grant, "two secrets of one grant")


def _ops(history: History, grant: str, *, without_refusals: bool) -> list[Op]:
    ops = []
    for call in history.calls:
        ended = FOR_EVER if call.ended is None or not call.answered else call.ended
        if call.what == "refresh" and call.grant == grant:
            if call.outcome == REFUSED and call.error != "invalid_grant":
                continue
            presented = opened(call.presented).generation
            if call.outcome == OK:
                given = opened(call.given).generation
                ops.append(Op("refresh", call.began, ended, False, presented, GIVEN, given))
            elif call.outcome == REFUSED and not without_refusals:
                ops.append(Op("refresh", call.began, ended, False, presented, NO))
            else:  # also a refusal that is left out of account: what it did is not known
                ops.append(Op("refresh", call.began, FOR_EVER, True, presented, NOT_NOW))
        elif call.what == "tick" and call.grant == grant:
            ops.append(Op("tick", call.began, ended, call.outcome != OK, seconds=call.seconds))
    for call, sure in history.ends_of(grant):
        if call.outcome == OK and sure and call.ended is not None:
            ops.append(Op("end", call.began, call.ended))
        elif call.outcome != REFUSED or call.what == "redeem":
            ops.append(Op("end", call.began, FOR_EVER, True))
    return ops


@invariant("I2")
def no_double_use(history: History) -> Iterator[Violation]:
    """The answers of each grant have an order in which each is what the rule says; I6 where only a refusal has none."""
    for grant, login in history.logins().items():
        begun = login.ended if login.ended is not None else login.began
        try:
            if explained(
                _ops(history, grant, without_refusals=False), begun=begun, loses_commits=history.loses_commits
            ):
                continue
            honest = explained(
                _ops(history, grant, without_refusals=True), begun=begun, loses_commits=history.loses_commits
            )
        except OverflowError as error:
            yield Violation("undecided", grant, str(error))
            continue
        if honest:
            yield Violation("I6", grant, "a refresh was refused that the rule gives")
        else:
            yield Violation("I2", grant, "no order of the calls explains the tokens that were given")


@invariant("I3")
def revocation_is_for_ever(history: History) -> Iterator[Violation]:
    for grant in history.logins():
        over = acknowledged(history, grant)
        if over is None:
            continue
        for call in history.calls:
            if call.grant != grant or call.outcome != OK:
                continue
            if call.what == "refresh" and call.began >= over:
                yield Violation("I3", grant, f"refreshed {call.began - over:.3f} s after its end")
            if call.active and call.began >= over + HEARD_SECONDS and not _after_an_eviction(history, call):
                yield Violation("I3", grant, f"{call.what} says active {call.began - over:.3f} s after its end")


def _after_an_eviction(history: History, call: Call) -> bool:
    ended = call.ended or FOR_EVER
    return any(began <= ended and call.began <= until + HEARD_SECONDS for began, until in history.evicting)


@invariant("I4")
def verifiable_until_expiry(history: History) -> Iterator[Violation]:
    """Every token is verified by every JWKS that any replica gave after it, until it expires."""
    material: dict[str, dict[str, str]] = {}
    for seen in history.jwks:
        for kid, key in seen.keys.items():
            if material.setdefault(kid, key) != key:
                yield Violation("I4", "", f"two keys are called {kid}")
    verified: set[str] = set()
    for call in history.calls:
        if call.outcome != OK or not call.access or call.what in ("introspect", "userinfo") or call.ended is None:
            continue
        kid, expires = claims(call.access, 0)["kid"], claims(call.access)["exp"] - history.wall
        if kid in history.withdrawn:
            continue
        for seen in history.jwks:
            if call.ended <= seen.began and seen.ended < expires and kid not in seen.keys:
                yield Violation("I4", call.grant, f"replica {seen.place} does not publish {kid}, whose token lives")
                break
        if kid not in material or call.access in verified:
            continue
        verified.add(call.access)
        try:
            PyJWS().decode(call.access, PyJWK(material[kid]), algorithms=["RS256", "ES256", "PS256", "EdDSA"])
        except InvalidTokenError as error:
            yield Violation("I4", call.grant, f"{kid} does not verify: {error}")


@invariant("I5")
def a_login_is_durable(history: History) -> Iterator[Violation]:
    """Whoever logged in, and whose session nobody ended, refreshes in the end, on every replica."""
    for grant, login in history.logins().items():
        if grant not in history.rows and history.rows:
            yield Violation("I5", grant, f"an acknowledged login is not in the database: {login.line()}")
        for call in history.of("refresh"):
            if call.grant != grant or not call.settled or threatened(history, grant, call.began):
                continue
            if call.outcome != OK:
                yield Violation("I5", grant, f"lost: {call.line()}")


@invariant("I6")
def errors_are_honest(history: History) -> Iterator[Violation]:
    """Trouble is a 503 or 429 that says when to come back, and never a word about credentials."""
    for call in history.calls:
        if call.outcome == BROKEN:
            yield Violation("I6", call.grant, f"neither an answer nor an honest error: {call.line()}")
        elif call.outcome == UNAVAILABLE and call.odd:
            yield Violation("I6", call.grant, f"{call.odd}: {call.line()}")
        elif call.grant and call.what != "end" and not _honest_about(history, call):
            yield Violation("I6", call.grant, f"a living session is called dead: {call.line()}")
        elif call.outcome == REFUSED and call.what in ("login", "machine") and not _password_changed(history, call):
            yield Violation("I6", "", f"good credentials are refused: {call.line()}")


def _password_changed(history: History, login: Call) -> bool:
    """Perhaps: somebody had asked for it by then."""
    until = login.ended or FOR_EVER
    return any(one.person and one.person == login.person and one.began < until for one in history.of("end"))


def _of_withdrawn_key(history: History, call: Call) -> bool:
    """An operator took its key back as stolen: nothing that it signed is believed."""
    return bool(call.access) and claims(call.access, 0)["kid"] in history.withdrawn


def _honest_about(history: History, call: Call) -> bool:
    dead = call.active is False or (call.outcome == REFUSED and call.error in TERMINAL)
    if call.what == "redeem" or not dead or call.grant not in history.logins() or _of_withdrawn_key(history, call):
        return True
    return threatened(history, call.grant, call.ended or FOR_EVER)


@invariant("I7")
def nothing_goes_back(history: History) -> Iterator[Violation]:
    """Generations never fall, what was over once stays over, a key that was dropped never returns."""
    for grant in history.logins():
        newest, over = [], FOR_EVER
        for call in sorted(history.calls, key=lambda call: call.ended or FOR_EVER):
            if call.grant != grant or call.outcome != OK or call.ended is None:
                continue
            if call.what == "refresh":
                generation = opened(call.given).generation
                before = [given for ended, given in newest if ended < call.began]
                if before and generation < max(before):
                    yield Violation("I7", grant, f"generation {generation} after {max(before)}: {call.line()}")
                newest.append((call.ended, generation))
            if call.active is False and not _of_withdrawn_key(history, call):
                over = min(over, call.ended)
            elif call.active and call.began > over + HEARD_SECONDS and not _after_an_eviction(history, call):
                yield Violation("I7", grant, f"alive again: {call.line()}")
    gone: dict[tuple[int, str], float] = {}
    for one, two in _pairs(history):
        gone.update(((two.place, kid), two.ended) for kid in one.keys.keys() - two.keys.keys())
        for kid in two.keys:
            if gone.get((two.place, kid), FOR_EVER) < two.began:
                yield Violation("I7", "", f"key {kid} has come back at replica {two.place}")


def _pairs(history: History) -> Iterator[tuple[Keys, Keys]]:
    """Two JWKS of one replica, one after the other."""
    places = {seen.place for seen in history.jwks}
    for place in places:
        yield from pairwise(sorted((one for one in history.jwks if one.place == place), key=lambda one: one.began))


@invariant("I8")
def every_call_ends(history: History) -> Iterator[Violation]:
    for call in history.calls:
        if call.ended is not None and call.outcome != UNKNOWN and call.ended - call.began > LONGEST_SECONDS:
            yield Violation("I8", call.grant, f"took {call.ended - call.began:.1f} s: {call.line()}")


@invariant("I11")
def a_code_is_redeemed_once(history: History) -> Iterator[Violation]:
    """One grant a code; and who tries once more after a success has ended it."""
    for code in {call.code for call in history.of("redeem")}:
        tries = [call for call in history.of("redeem") if call.code == code]
        grants = {call.grant for call in tries if call.outcome == OK}
        first = min((call.ended or FOR_EVER for call in tries if call.outcome == OK), default=FOR_EVER)
        if sum(call.outcome == OK for call in tries) > 1:
            yield Violation("I11", min(grants), f"a code was redeemed {len(tries)} times")
        replayed = [call.ended for call in tries if call.outcome == REFUSED and call.began > first]
        unheard = any(call.outcome in (UNKNOWN, UNAVAILABLE) for call in tries)
        for call in history.of("refresh"):
            over = (
                replayed
                and not unheard
                and call.grant in grants
                and call.began >= min(at or FOR_EVER for at in replayed)
            )
            if over and call.outcome == OK:
                yield Violation("I11", call.grant, "a second use of its code has not ended it")


@invariant("I12")
def nothing_before_its_commit(history: History) -> Iterator[Violation]:
    """What was given is in the database; what was ended is ended there, in the order of the acknowledgements."""
    given: dict[str, int] = defaultdict(int)
    for call in history.calls:
        if call.given:
            found = opened(call.given)
            given[found.grant] = max(given[found.grant], found.generation)
    for grant, row in history.rows.items():
        if given[grant] > row.generation and not history.loses_commits:
            yield Violation("I12", grant, f"generation {given[grant]} was given, and {row.generation} is stored")
        if acknowledged(history, grant) is not None and not row.ended:
            yield Violation("I12", grant, "its end was acknowledged and is not stored")
    yield from _out_of_order(history)


def _out_of_order(history: History) -> Iterator[Violation]:
    """A session may also have ended before anybody asked: by a token that only a thief would show."""
    place = {grant: number for number, grant in enumerate(history.revoked)}
    ends = []
    for grant in history.logins():
        told = acknowledged(history, grant)
        if told is None or not history.revoked:
            continue
        if grant not in place:
            yield Violation("I12", grant, "its end was acknowledged, and there is no revocation")
        else:
            ends.append((grant, told))
    for one, told in ends:
        for other, _ in ends:
            if place[one] > place[other] and not threatened(history, other, told):
                yield Violation(
                    "I12", one, f"its revocation comes after that of {other[:6]}, which was asked for later"
                )
