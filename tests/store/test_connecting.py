"""Of several hosts the first one that serves is taken, and one that hangs is not waited for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

import asyncpg
import pytest

from authsvc.store.connecting import Connection, Connector, first_to_succeed
from authsvc.store.database_url import Host, hosts

HEAD_START = 0.02


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("postgresql:///app", ()),
        ("postgresql://db/app", (("db", None),)),
        ("postgresql://ann:s3cret@a:1,b,[::1]:5432/app", (("a", 1), ("b", None), ("::1", 5432))),
        ("postgresql://ann@%2Frun%2Fpg,b/app", (("/run/pg", None), ("b", None))),
        ("postgresql://a,b/app?port=6432", (("a", None), ("b", None))),
        ("postgresql:///app?host=a,b:7&port=6432", (("a", 6432), ("b", 6432))),
        ("postgresql:///app?host=/run/a,/run/b&port=1,2", (("/run/a", 1), ("/run/b", 2))),
    ],
)
def test_the_hosts_of_a_url_are_those_that_asyncpg_reads(url: str, found: tuple[tuple[str, int | None], ...]) -> None:
    assert hosts(url) == tuple(Host(*one) for one in found)


async def _after(seconds: float, answer: str | Exception, begun: list[str], name: str) -> str:
    begun.append(name)
    await asyncio.sleep(seconds)
    if isinstance(answer, Exception):
        raise answer
    return answer


@pytest.mark.parametrize(
    ("first", "second", "winner", "begun"),
    [
        ((0, "a"), (0, "b"), "a", ["1"]),
        ((9, "a"), (0, "b"), "b", ["1", "2"]),
        ((0, OSError()), (0, "b"), "b", ["1", "2"]),
        ((3 * HEAD_START, "a"), (9, "b"), "a", ["1", "2"]),
    ],
)
async def test_each_begins_when_the_one_before_failed_or_had_its_head_start(
    first: tuple[float, str | Exception], second: tuple[float, str | Exception], winner: str, begun: list[str]
) -> None:
    tried: list[str] = []
    tries: list[Callable[[], Awaitable[str]]] = [
        partial(_after, *first, tried, "1"),
        partial(_after, *second, tried, "2"),
    ]
    found = await first_to_succeed(tries, HEAD_START, lose=lambda late: None)
    assert isinstance(found, tuple)
    assert (found[1], tried) == (winner, begun)


async def test_where_all_fail_their_errors_are_told_by_their_place() -> None:
    tries = [partial(_after, 0.01, OSError("a"), [], "1"), partial(_after, 0, OSError("b"), [], "2")]
    found = await first_to_succeed(tries, 0, lose=lambda late: None)
    assert isinstance(found, list)
    assert [(place, str(error)) for place, error in found] == [(1, "b"), (0, "a")]


async def test_what_came_too_late_is_given_back() -> None:
    lost: list[str] = []

    async def stubborn() -> str:
        try:
            await asyncio.sleep(9)
        except asyncio.CancelledError:
            return "late"
        raise AssertionError

    found = await first_to_succeed([stubborn, partial(_after, 0, "b", [], "2")], 0.001, lose=lost.append)
    assert found == (1, "b")
    await asyncio.sleep(0.01)
    assert lost == ["late"]


async def told(url: str, sql: str, *args: object) -> tuple[object, list[str]]:
    """What a new connection answers, and every statement that it sends for that."""
    connection = await Connector(url, {"application_name": "authsvc"}, statements=None).connect(
        connection_class=Connection
    )
    sent: list[str] = []
    connection.add_query_logger(lambda one: sent.append(" ".join(one.query.split())))
    try:
        return await connection.fetchval(sql, *args), sent
    finally:
        await connection.close()


async def test_what_postgresqls_own_types_are_is_asked_once(database_url: str) -> None:
    sql = "SELECT $1::int8[] || $2::int8[]"
    await told(database_url, sql, [1], [2])
    assert await told(database_url, sql, [3], [4]) == ([3, 4], [sql])


async def test_what_our_types_are_is_asked_by_each_connection(database_url: str, sql: asyncpg.Connection) -> None:
    """A type of the same number is another one in another database, or once it was made anew."""
    ask = "SELECT $1::flavours"
    await sql.execute("CREATE TYPE flavours AS (name text, notes text[])")
    assert (await told(database_url, ask, ("sour", ["lime"])))[0] == ("sour", ["lime"])
    answer, sent = await told(database_url, ask, ("sweet", []))
    assert answer == ("sweet", [])
    assert len(sent) > 1
