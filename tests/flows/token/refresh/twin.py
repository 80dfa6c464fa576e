"""The same case judged twice: by the statement in PostgreSQL, and by the pure function with PostgreSQL's time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import product
from typing import Any

from authsvc.rules.token.refresh_rotation import Grant, Patience, judge_refresh
from authsvc.store.token import grants
from tests.flows.token.refresh.bench import LOST_ANSWER, PATIENCE, SCOPE, Bench
from tests.support.twins import undone


@dataclass(frozen=True)
class Case:
    """A grant's state, its times relative to the moment of the refresh, and what is presented."""

    presented: int
    generation: int = 7
    parent: int = 6
    age: timedelta = timedelta(seconds=1)
    left: timedelta = timedelta(days=7)
    repeats: int = 0
    ahead: timedelta = timedelta(0)
    ended: bool = False
    patience: Patience = PATIENCE
    granted: tuple[str, ...] = SCOPE
    asked: tuple[str, ...] = ()
    role: str | None = None

    def grant(self, now: datetime) -> Grant:
        return Grant(
            generation=self.generation,
            parent=self.parent,
            rotated_at=now - self.age,
            repeats=self.repeats,
            expires_at=now + self.left,
            ended=self.ended,
            scope=self.granted,
            paced_until=now + self.ahead,
        )


Outcome = tuple[str, Grant]
"""The verdict, and the row afterwards."""


def by_function(case: Case, now: datetime) -> Outcome:
    return judge_refresh(
        case.grant(now),
        case.presented,
        patience=case.patience,
        scope=case.asked,
        now=now,
        role_missing=case.role not in (None, "customer"),
    )


async def by_statement(bench: Bench, case: Case) -> tuple[Outcome, datetime]:
    async with undone(bench.sql):
        await bench.sql.execute(
            """UPDATE grants SET generation = $2, parent = $3, rotated_at = now() - $4::interval, repeats = $5,
                   expires_at = now() + $6::interval, ended = $7, scope = $8, paced_until = now() + $9::interval
               WHERE id = $1""",
            bench.grant_id,
            case.generation,
            case.parent,
            case.age,
            case.repeats,
            case.left,
            case.ended,
            list(case.granted),
            case.ahead,
        )
        done = await grants.refresh(
            bench.sql,  # a connection serves where the pool does: one statement either way
            bench.grant_id,
            bench.secret_hash,
            case.presented,
            client_id="customer",
            patience=case.patience,
            scope=case.asked,
            required_role=case.role,
        )
        assert done is not None
        row: dict[str, Any] = await bench.row()
    after = Grant(**{**row, "scope": tuple(row["scope"])})
    assert (done.generation, done.scope) == (after.generation, after.scope)
    return (done.verdict, after), done.now


async def agree(bench: Bench, case: Case) -> str:
    """Both give the same verdict and the same row; the verdict."""
    said, now = await by_statement(bench, case)
    assert said == by_function(case, now), case
    return said[0]


GRID = (
    tuple(
        Case(
            presented,
            parent=parent,
            age=timedelta(microseconds=age),
            repeats=repeats,
            patience=Patience(grace, LOST_ANSWER),
            asked=asked,
        )
        for presented, parent, age, (repeats, grace), asked in product(
            (2, 3, 4, 5, 6, 7, 8, 9),
            (6, 5),
            (-500_000, 0, 1, 10_000_000, 30_000_000, 30_000_001),
            ((0, 30), (256, 30), (3, 0), (3, 5)),
            ((), ("admin",)),
        )
        if not (asked and age not in (0, 30_000_001))
    )
    + tuple(
        Case(presented, age=timedelta(seconds=lost_answer) + off, patience=Patience(grace, lost_answer))
        for presented, lost_answer, off, grace in product(
            (5, 6, 7), (0, 31, LOST_ANSWER), (timedelta(0), timedelta(microseconds=1)), (0, 30)
        )
    )
    + tuple(
        Case(presented, ahead=ahead, age=timedelta(seconds=age))
        for presented, ahead, age in product(
            (6, 7, 8), (-timedelta(days=1), timedelta(minutes=1), timedelta(minutes=1, microseconds=1)), (1, 31)
        )
    )
    + tuple(
        Case(presented, age=timedelta(seconds=age), patience=Patience(grace, LOST_ANSWER), asked=asked, role=role)
        for presented, age, grace, asked, role in product(
            (4, 5, 6, 7, 8), (1, 31), (0, 30), ((), ("admin",)), ("customer", "bartender")
        )
    )
)
"""A fixed net over the table, for the mutants."""
