"""A grant as a small register: is there an order of its calls in which every answer is what the rule says?

Each call took effect at one moment between its beginning and its answer; one without an answer, or with a 503, at any
moment after its beginning or never (Wing and Gong, "Testing and verifying concurrent objects", 1993). The rule is
that of SECURITY.md item 5, written here once more, without a look at the service's own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

GRACE = 30.0
LOST_ANSWER = 259_200.0
LATE = (2, 3)
MOST_STATES = 200_000
FOR_EVER = float("inf")
REFUSED, GIVEN, NOT_NOW = "refused", "given", "not now"


class Op(NamedTuple):
    """`kind`: refresh, end, tick. `answer` of a refresh: GIVEN with a `generation`, REFUSED, or NOT_NOW and no answer,
    which are both `optional`: whether it took effect is not known."""

    kind: str
    began: float
    ended: float
    optional: bool = False
    presented: int = 0
    answer: str = GIVEN
    generation: int = 0
    seconds: float = 0


class State(NamedTuple):
    """The last rotation lies between `earliest` and `latest`; `moved`: how far ticks have put it back since."""

    generation: int = 0
    parent: int = -1
    earliest: float = 0
    latest: float = 0
    moved: float = 0
    ended: bool = False


def outcomes(state: State, op: Op, *, loses_commits: bool) -> Iterator[tuple[State, str]]:
    """All that a refresh may do and be answered; an age that is on both sides of a bound may do either."""
    if state.ended or op.presented > state.generation + (1 if loses_commits else 0):
        yield state, REFUSED
        return
    rotated = state._replace(earliest=op.began, latest=min(op.ended, op.began + 5), moved=0)
    youngest, oldest = op.began - state.latest + state.moved, min(op.ended, op.began + 5) - state.earliest + state.moved
    if op.presented >= state.generation:
        yield rotated._replace(generation=op.presented + 1, parent=op.presented), GIVEN
    elif op.presented == state.parent:
        if youngest <= GRACE:
            yield state, GIVEN
        if oldest > GRACE and youngest <= LOST_ANSWER:
            yield rotated._replace(generation=state.generation + 1), GIVEN
        if oldest > LOST_ANSWER:
            yield state._replace(ended=True), REFUSED
    else:
        late = state.generation - op.presented in LATE
        if late and youngest <= GRACE:
            yield state, NOT_NOW
        if not late or oldest > GRACE:
            yield state._replace(ended=True), REFUSED


def after(state: State, op: Op, *, loses_commits: bool) -> Iterator[State]:
    """The states in which this call may leave the register, given its answer."""
    if op.kind == "end":
        yield state._replace(ended=True)
    elif op.kind == "tick":
        yield state._replace(moved=state.moved + op.seconds)
    else:
        for found, answer in outcomes(state, op, loses_commits=loses_commits):
            if op.optional or (answer == op.answer and (answer != GIVEN or found.generation == op.generation)):
                yield found


def explained(ops: Sequence[Op], *, begun: float = 0, loses_commits: bool = False) -> bool:
    """Whether there is such an order. `begun`: when the grant was given. Raises OverflowError after too many states."""
    ops = sorted(ops, key=lambda op: op.began)
    sure = [number for number, op in enumerate(ops) if not op.optional]
    seen: set[tuple[frozenset[int], State]] = set()
    todo: list[tuple[frozenset[int], State]] = [(frozenset(), State(earliest=begun, latest=begun))]
    while todo:
        done, state = todo.pop()
        left = [number for number in sure if number not in done]
        if not left:
            return True
        until = min(ops[number].ended for number in left)
        tried: set[tuple[str, int]] = set()
        for number, op in enumerate(ops):
            if number in done or op.began > until:
                continue
            if op.optional and (op.kind, op.presented) in tried:
                continue  # whichever of two equal ones: it did the same
            if op.optional and op.kind != "tick":
                tried.add((op.kind, op.presented))
            for following in after(state, op, loses_commits=loses_commits):
                if op.optional and following == state:
                    continue
                step = (done | {number}, following)
                if step not in seen:
                    seen.add(step)
                    todo.append(step)
        if len(seen) > MOST_STATES:
            raise OverflowError(f"{len(ops)} calls: too many orders")
    return False
