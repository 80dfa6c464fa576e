"""How a connection to PostgreSQL is made: of several hosts the one that is no standby, the last one first; and by way
of a pooler (PgBouncer) without what a pooler refuses.

A standby may be behind, so nothing is ever read from one, whatever `target_session_attrs` of the URL says.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import cached_property, partial
from typing import Any, TypeVar

import asyncpg

from authsvc.store.database_url import Host, connect_options, hosts

HEAD_START = 0.05
"""Seconds that a host has before the next one is asked, too: one that is cut off costs a request no more than that."""
STATEMENTS = 100
"""Prepared statements that a connection keeps, where it is PostgreSQL's own."""


T = TypeVar("T")


class Standby(Exception):
    """A host answers, and is no primary."""


class NoPrimary(Exception):
    """None of several hosts is a primary, or lets us in. `errors` by host, in the order in which they came."""

    def __init__(self, errors: Sequence[tuple[Host, BaseException]]) -> None:
        said = (f"{_name(host)} {_said(error)}" for host, error in errors)
        super().__init__(f"no host is a primary: {', '.join(said)}")
        self.errors = tuple(error for _, error in errors)


_OURS_BEGIN = 16384
"""The first number for a type that is not PostgreSQL's own. Those below mean the same in every database."""
_own_types: dict[frozenset[int], list[Any]] = {}


class _NothingAsked:
    """asyncpg looks at the statement by which types were asked for: one without a name displaces another."""

    name = "none"


class Connection(asyncpg.Connection):
    """`server` counts the servers that this worker left behind: a connection of an earlier one is not used again.
    `pooled`: another program stands between, which may change the server's side of it after each transaction."""

    __slots__ = ("pooled", "server")
    pooled: bool
    server: int

    async def _introspect_types(
        self,
        oids: Iterable[int],
        timeout: float | None,  # noqa: ASYNC109  # asyncpg's own
    ) -> tuple[list[Any], Any]:
        """For the first statement with an array, asyncpg asks each new connection what that is: two round trips, and
        more of PostgreSQL's CPU than to make the connection. Of PostgreSQL's own types a process asks once."""
        wanted = frozenset(oids)
        if wanted in _own_types:
            return _own_types[wanted], _NothingAsked
        types, asked = await super()._introspect_types(oids, timeout)  # type: ignore[misc]
        if all(number < _OURS_BEGIN for number in (*wanted, *(found["oid"] for found in types))):
            _own_types[wanted] = types
        return types, asked


class Connector:
    """Makes connections, and remembers which host was the primary and where a pooler stands.

    `statements`: prepared statements that a connection keeps; None: `STATEMENTS`, and none by way of a pooler.
    """

    def __init__(self, url: str, server_settings: dict[str, str], *, statements: int | None) -> None:
        self._url = url
        self._server_settings = server_settings
        self._hosts: list[Host | None] = [*hosts(url)]
        if len(self._hosts) < 2:
            self._hosts = [None]  # as asyncpg reads it, from the environment too
        self._statements = statements
        self._pooled: dict[Host | None, bool] = {}
        self._primary: Host | None = None
        self.server = 0
        """Rises when a server was left behind: see `Connection.server`."""

    @cached_property
    def _options(self) -> dict[str, Any]:
        return connect_options(self._url, self._server_settings)

    async def connect(self, _dsn: None = None, **options: Any) -> Connection:
        """For asyncpg's pool. Raises what asyncpg does, Standby, NoPrimary."""
        if len(self._hosts) == 1:
            return await self._reach(None, options)
        ordered = sorted(self._hosts, key=lambda host: host != self._primary)
        host, connection = await self._first(ordered, options)
        if host != self._primary:
            self._primary = host
            self.leave()
            connection.server = self.server
        return connection

    def leave(self) -> None:
        """Use no connection again that stands by now: their server is no primary any more."""
        self.server += 1

    def keep_no_statements(self) -> None:
        """Prepare nothing by name from now on: a pooler gave a connection another server, which knows no such name."""
        self._statements = 0
        self.leave()

    async def _first(self, ordered: Sequence[Host | None], options: dict[str, Any]) -> tuple[Host | None, Connection]:
        tries = [partial(self._reach, host, options) for host in ordered]
        winner = await first_to_succeed(tries, HEAD_START, lose=Connection.terminate)
        if isinstance(winner, list):
            raise NoPrimary([(ordered[place], error) for place, error in winner])  # type: ignore[misc]
        place, connection = winner
        return ordered[place], connection

    async def _reach(self, host: Host | None, options: dict[str, Any]) -> Connection:
        server, pooled = self.server, self._pooled.get(host, False)
        try:
            connection = await self._open(host, options, pooled=pooled)
        except asyncpg.ProtocolViolationError:
            # "unsupported startup parameter": PgBouncer takes few. Our deadlines are then for its `connect_query`.
            if pooled:
                raise
            pooled, connection = True, await self._open(host, options, pooled=True)
        try:
            direct, standby = await _look(connection)
            if standby:
                raise Standby("it is a standby")
            if direct == pooled:
                connection.terminate()
                pooled, connection = not direct, await self._open(host, options, pooled=not direct)
        except BaseException:
            connection.terminate()
            raise
        self._pooled[host] = pooled
        connection.pooled, connection.server = pooled, server
        return connection

    async def _open(self, host: Host | None, options: dict[str, Any], *, pooled: bool) -> Connection:
        own = {**self._options, **options, "target_session_attrs": "any"}
        if host is not None:
            own |= {"host": host.name} if host.port is None else {"host": host.name, "port": host.port}
        if pooled:
            own["server_settings"] = {"application_name": self._options["server_settings"]["application_name"]}
        statements = self._statements
        own["statement_cache_size"] = (0 if pooled else STATEMENTS) if statements is None else statements
        connection: Connection = await asyncpg.connect(**own)
        return connection


async def _look(connection: Connection) -> tuple[bool, bool]:
    """Whether PostgreSQL itself is at the other end, and whether it is a standby.

    A pooler makes the process ids up that it gives us. The simple protocol, for nothing is prepared before that is
    known; it tells how many rows there were, and no more.
    """
    sql = f"""SELECT FROM generate_series(1, 2 * pg_is_in_recovery()::int
              + (pg_backend_pid() = {connection.get_server_pid()})::int)"""
    found = int((await connection.execute(sql)).removeprefix("SELECT "))
    return bool(found & 1), bool(found & 2)


async def first_to_succeed(
    tries: Sequence[Callable[[], Awaitable[T]]], head_start: float, *, lose: Callable[[T], None]
) -> tuple[int, T] | list[tuple[int, Exception]]:
    """The first result and the number of its try, or the errors of all. Each try begins when the one before has failed
    or had a head start (seconds). Another one's result that came too late is given to `lose`."""
    waiting, running = list(enumerate(tries)), dict[asyncio.Future[T], int]()
    errors: list[tuple[int, Exception]] = []
    try:
        while waiting or running:
            if waiting:
                number, begin = waiting.pop(0)
                running[asyncio.ensure_future(begin())] = number
            pause = head_start if waiting else None
            done, _ = await asyncio.wait(running, timeout=pause, return_when=asyncio.FIRST_COMPLETED)
            for one in done:
                number = running.pop(one)
                error = one.exception()
                if error is None:
                    return number, one.result()
                if not isinstance(error, Exception):
                    raise error
                errors.append((number, error))
        return errors
    finally:
        for one in running:
            one.cancel()
            one.add_done_callback(partial(_give_up, lose))


def _give_up(lose: Callable[[T], None], late: asyncio.Future[T]) -> None:
    if not late.cancelled() and late.exception() is None:
        lose(late.result())


def _name(host: Host) -> str:
    return f"{host.name}:{host.port or 5432}"


def _said(error: BaseException) -> str:
    return str(error).partition("\n")[0] or type(error).__name__


def names_no_client(error: BaseException) -> bool:
    constraint = getattr(error, "constraint_name", "") if isinstance(error, asyncpg.PostgresError) else ""
    return str(constraint).endswith("_client_id_fkey")


async def keep_session(_connection: Any) -> None:
    """The pool's reset: nothing to undo."""
