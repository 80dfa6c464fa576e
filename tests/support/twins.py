"""A rule that stands twice, as a pure function and as an SQL statement: what its tests share.

A case is judged by both, and both must give the same verdict and leave the same row. Whoever breaks the statement on
purpose must be caught by that.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Generic, TypeVar

import asyncpg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

MICROSECOND = timedelta(microseconds=1)
WITHOUT_A_ROW = frozenset({"unknown", "forged"})
"""The verdicts that no statement can say: it found no row, or was not asked."""
Case = TypeVar("Case")


@asynccontextmanager
async def undone(sql: asyncpg.Connection) -> AsyncIterator[None]:
    """A transaction that is rolled back. now() stands still in it: a bound can be met to the microsecond."""
    transaction = sql.transaction()
    await transaction.start()
    try:
        yield
    finally:
        await transaction.rollback()


@contextmanager
def connected(database_url: str) -> Iterator[tuple[asyncio.Runner, asyncpg.Connection]]:
    """A connection, and the loop that it lives in: Hypothesis calls plain functions."""
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        sql = runner.run(asyncpg.connect(database_url))
        yield runner, sql
        runner.run(sql.close())


@dataclass(frozen=True)
class Judges(Generic[Case]):
    """Both judges of a rule. `agree` lets both judge a case, demands that they agree, and returns the verdict."""

    runner: asyncio.Runner
    sql: asyncpg.Connection
    agree: Callable[[Case], Coroutine[Any, Any, str]]

    def one(self, case: Case) -> str:
        return self.runner.run(self.agree(case))

    def each(self, cases: Iterable[Case]) -> Counter[str]:
        """How often each verdict was agreed on."""
        return Counter(self.one(case) for case in cases)

    def any(self, cases: st.SearchStrategy[Case], *, examples: int) -> Counter[str]:
        """The same, for as many cases as Hypothesis shall think of."""
        seen: Counter[str] = Counter()

        @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True)
        @given(cases)
        def check(case: Case) -> None:
            seen[self.one(case)] += 1

        check()
        return seen


async def caught(sql: asyncpg.Connection, compare: Callable[[Case], Awaitable[str]], net: Iterable[Case]) -> bool:
    """Whether the judges disagree on a case of the net. Each case sets the whole state: one transaction serves all."""
    async with undone(sql):
        for case in net:
            try:
                await compare(case)
            except AssertionError:
                return True
    return False


def around(*bounds: timedelta) -> st.SearchStrategy[timedelta]:
    """Times within two microseconds of a bound."""
    return st.builds(lambda bound, off: bound + off * MICROSECOND, st.sampled_from(bounds), st.integers(-2, 2))


@dataclass(frozen=True)
class Mutant:
    """`old` becomes `new` in the statement, or in the trigger function `function`; `breaks`: the promise at least that
    it must break, where promises have names."""

    name: str
    old: str
    new: str
    breaks: str = ""
    function: str = ""

    def of(self, text: str) -> str:
        assert self.old in text, "the mutant no longer applies: write it anew"
        return text.replace(self.old, self.new)
