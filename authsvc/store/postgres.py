"""The way to PostgreSQL: a bounded pool, short deadlines, a breaker. Every failure of the infrastructure comes out as
`StoreUnavailable`; what PostgreSQL says about data (a broken constraint) comes out as asyncpg's own error, and as
`ClientRemoved` where a client has gone that a row was to name.

One call here is one round trip: asyncpg's reset query at each release is switched off, and nothing that we run leaves
state in a session, so a pooler may stand between (`connecting`). A connection whose call was cut short, by a timeout or
a cancelled request, is thrown away, never given to the next caller; so is one of a server that is no primary any more.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from contextvars import ContextVar
from functools import cache, partial
from typing import Any, NamedTuple, TypeVar

import asyncpg

from authsvc import traces
from authsvc.clock import monotonic
from authsvc.store.awake import awake_timeout
from authsvc.store.connecting import Connection as _Own
from authsvc.store.connecting import Connector, Standby, keep_session, names_no_client
from authsvc.store.errors import ClientRemoved, StoreUnavailable
from authsvc.store.places import Places
from authsvc.store.postgres_failures import BUSY, GONE, REFUSED, REFUSED_URL, RETRYABLE, kind_of

CHANGE_SECONDS = 5.0
"""How long a transaction may take in which a request changes a person: it waits for their row, and ends sessions."""


class Deadlines(NamedTuple):
    """Seconds that a caller waits for a connection, for a statement (or for a connection to be made), and within that
    for what somebody else has locked."""

    acquire: float
    statement: float
    lock: float


OF_REQUESTS = Deadlines(acquire=0.25, statement=1.5, lock=1)
"""A request spends less than 2 s here."""
OF_COMMANDS = Deadlines(acquire=5, statement=30, lock=8)
"""Nobody who waits at a terminal is served by an early end; those who help a slow database least of all."""
BREAKER_FAILURES = 5
BREAKER_SECONDS = 0.5
RETRIES = 3
CONNECTING = 2
"""Connections that may be under way at a time: to make one costs as much as many statements, here and there."""

Connection = Any
"""An asyncpg connection (pool proxy); its stubs distinguish kinds that we do not."""

_Record = TypeVar("_Record")


def record_of(kind: type[_Record], row: Any, **others: Any) -> _Record:
    """A record (frozen, with slots) from those columns of a row that are called as its fields; arrays become tuples.
    `others`: the fields that no column is, as it stands."""
    for name in _fields_of(kind):  # type: ignore[arg-type]  # mypy takes classes for unhashable here
        if name not in others and name in row:
            value = row[name]
            others[name] = tuple(value) if type(value) is list else value
    return kind(**others)


@cache
def _fields_of(kind: type) -> tuple[str, ...]:
    return tuple(vars(kind)["__slots__"])


_REGARDLESS = ContextVar("regardless", default=False)
_WHERE = "SELECT feed_database(), flushed_lsn()"


class Database:
    """asyncpg's pool with deadlines. `on_error(kind)` is told of each failure, for the metrics."""

    def __init__(
        self,
        url: str,
        *,
        size: int,
        statement_cache_size: int | None,
        on_error: Callable[[str], None] = lambda kind: None,
        deadlines: Deadlines | None = None,
    ) -> None:
        self._size = size
        self._on_error = on_error
        self._deadlines = deadlines or OF_REQUESTS
        self._connector = Connector(url, self._server_settings(), statements=statement_cache_size)
        self._pool: asyncpg.Pool | None = None
        self._failures = 0
        self._open_until = 0.0
        self._heard_at = 0.0
        self._under_way: set[asyncio.Task[Connection]] = set()
        self._places: Places[Connection] = Places(size)
        self._expected: tuple[str, int | None] | None = None
        self.suspended: str | None = None
        """Why no statement is let through: the database is there, and is not to be believed. It counts as away."""

    def load(self) -> tuple[int, int]:
        """Connections in use, and callers that wait for one."""
        return self._places.taken - len(self._places.at_hand), self._places.waiting

    async def connect(self) -> None:
        """See that there is a connection. Raises StoreUnavailable; may be called again."""
        try:
            self._release(await self._waited(self._deadlines.statement))
        except (*GONE, *BUSY, *REFUSED_URL, TimeoutError) as error:
            raise self._unavailable(error) from error

    async def _opened(self) -> asyncpg.Pool:
        # With no connection to begin with, opening waits for nothing: no request stands in line behind a server that
        # does not answer. Retiring a connection after so many queries would wait for the server to say goodbye.
        if self._pool is None:
            connect: Any = self._connector.connect
            self._pool = await asyncpg.create_pool(
                connect=connect,
                connection_class=_Own,
                min_size=0,
                max_size=self._size,
                max_queries=2**62,
                max_inactive_connection_lifetime=0,
                timeout=self._deadlines.statement,
                command_timeout=self._deadlines.statement,
                reset=keep_session,
                init=self._recognize,
            )
        return self._pool

    def expect(self, database: str, lsn: int | None) -> None:
        """This is the database, and it has come so far. A new connection to another one, or to one that is behind,
        suspends us until whoever judges that calls again. `store/restore/life.py` says what the two are."""
        self._expected = (database, lsn)
        self.suspended = None

    @contextmanager
    def regardless(self) -> Iterator[None]:
        """Statements of this block are let through while we are suspended: for whoever judges that."""
        token = _REGARDLESS.set(True)
        try:
            yield
        finally:
            _REGARDLESS.reset(token)

    async def _recognize(self, connection: Connection) -> None:
        if self._expected is None:
            return
        database, lsn = self._expected
        try:
            here, come = await connection.fetchrow(_WHERE)
        except asyncpg.SyntaxOrAccessError:  # a database of an older version, say; one that is gone was not looked at
            here, come = "", None
        if here != database or (lsn is not None and come is not None and come < lsn):
            self.suspended = self.suspended or "unsettled"

    def _check_suspended(self) -> None:
        if self.suspended is not None and not _REGARDLESS.get():
            raise StoreUnavailable("postgresql", self.suspended)

    def _server_settings(self) -> dict[str, str]:
        return {
            "application_name": "authsvc",
            "lock_timeout": f"{self._deadlines.lock}s",
            "idle_in_transaction_session_timeout": "5s",
            "statement_timeout": "30s",
            "jit": "off",
        }

    async def close(self) -> None:
        """Close the pool; connections that do not end within 2 s are cut."""
        if (pool := self._pool) is not None:
            self._pool = None
            self._places.turn_away(TimeoutError())
            try:
                async with asyncio.timeout(2):
                    for task in self._under_way:
                        task.cancel()
                    await asyncio.gather(*self._under_way, return_exceptions=True)
                    while self._places.at_hand:
                        await pool.release(self._places.at_hand.pop())
                        self._places.leave()
                    await pool.close()
            except (TimeoutError, *GONE):
                pool.terminate()

    async def fetchrow(self, sql: str, *args: object) -> Any:
        """One statement, one round trip, committed: the first row or None."""
        return await self._once("fetchrow", sql, args)

    async def fetch(self, sql: str, *args: object) -> list[Any]:
        """One statement, one round trip, committed: all rows."""
        rows: list[Any] = await self._once("fetch", sql, args)
        return rows

    async def fetchval(self, sql: str, *args: object) -> Any:
        return await self._once("fetchval", sql, args)

    async def execute(self, sql: str, *args: object) -> str:
        status: str = await self._once("execute", sql, args)
        return status

    @asynccontextmanager
    async def transaction(self, *, seconds: float | None = None) -> AsyncIterator[Connection]:
        """Several statements, `seconds` long at most (else as long as one). Not for the hot requests, whose statement
        is one."""
        with traces.statement("TRANSACTION"):
            connection = await self._acquire()
            try:
                async with awake_timeout(seconds or self._deadlines.statement), connection.transaction():
                    yield connection
            except BaseException as error:
                self._discard(connection)
                if (task := asyncio.current_task()) is not None and task.cancelling():
                    raise asyncio.CancelledError from error  # a rollback that failed had taken its place
                if isinstance(error, (*GONE, *BUSY, *RETRYABLE, *REFUSED, TimeoutError)):
                    raise self._unavailable(error) from error
                if names_no_client(error):
                    raise ClientRemoved from error
                raise
            else:
                self._release(connection)

    async def _once(self, method: str, sql: str, args: tuple[object, ...]) -> Any:
        with traces.statement(sql):
            return await self._repeated(method, sql, args)

    async def _repeated(self, method: str, sql: str, args: tuple[object, ...]) -> Any:
        # A deadlock or serialization failure has rolled the statement back: it is safe to run again. A lost connection
        # is not (its commit may have happened), and the caller's 503 makes an honest client try again.
        for attempt in range(RETRIES + 1):
            connection = await self._acquire()
            try:
                answer = await getattr(connection, method)(sql, *args)
            except RETRYABLE as error:
                self._release(connection)
                if attempt == RETRIES:
                    raise self._unavailable(error) from error
                await asyncio.sleep(0.005 * 4**attempt)
            except (*BUSY, *REFUSED) as error:
                self._release(connection)
                raise self._unavailable(error) from error
            except (*GONE, TimeoutError) as error:
                self._discard(connection)
                raise self._unavailable(error) from error
            except asyncpg.PostgresError as error:
                self._release(connection)
                if names_no_client(error):
                    raise ClientRemoved from error
                raise
            except BaseException:
                self._discard(connection)
                raise
            else:
                self._failures = 0
                self._heard_at = monotonic()
                if self._release(connection):
                    # Whoever waited asks first, so PostgreSQL works while we sign: else a fifth fewer codes a second.
                    await asyncio.sleep(0)
                return answer
        raise AssertionError("unreachable")

    async def _acquire(self) -> Connection:
        self._check_suspended()
        if self._open_until and monotonic() < self._open_until:
            raise StoreUnavailable("postgresql", "breaker_open")
        if (connection := self._at_hand()) is not None:
            return connection
        try:
            at_most = monotonic() + self._deadlines.statement
            connection = await self._waited(self._deadlines.acquire, partial(self._longer, at_most))
        except TimeoutError as error:
            # A wait while others are served is our own load, not PostgreSQL's fault: it does not open the breaker.
            raise self._unavailable(error, "pool_exhausted" if self._answers() else None) from error
        except (*GONE, *BUSY, *REFUSED_URL) as error:
            raise self._unavailable(error) from error
        try:
            self._check_suspended()  # by this very connection, or while we waited
        except StoreUnavailable:
            self._release(connection)
            raise
        return connection

    def _answers(self) -> bool:
        """Whether PostgreSQL was heard lately."""
        return monotonic() - self._heard_at < self._deadlines.statement

    def _longer(self, at_most: float) -> float:
        """Seconds more for who waits in vain: there are fewer connections than there may be, and PostgreSQL answers.
        `at_most`: until when."""
        growing = bool(self._under_way) or self._places.taken < self._size
        return at_most - monotonic() if growing and self._answers() else 0

    async def _waited(self, seconds: float, longer: Callable[[], float] = lambda: 0) -> Connection:
        """One that is at hand, that somebody has done with, or that was made meanwhile. Raises TimeoutError, and what
        asyncpg raises."""
        until = monotonic() + seconds
        while (connection := self._at_hand()) is None:
            self._grow(1)
            connection = await self._places.wait(until - monotonic(), longer)
            if self._usable(connection):
                break
            self._discard(connection)
        return connection

    def _at_hand(self) -> Connection | None:
        """One that nobody uses; those that have died meanwhile are thrown away."""
        at_hand = self._places.at_hand
        while at_hand:
            connection = at_hand.pop()
            if self._usable(connection):
                return connection
            self._discard(connection)
        return None

    def _grow(self, more: int = 0) -> None:
        """Make connections for those who wait, and so many more. They are made to the end, whoever goes away: else
        there would never be one to a server that is slow to greet."""
        while len(self._under_way) < min(CONNECTING, self._places.waiting + more) and self._places.claim():
            task = asyncio.create_task(self._make())
            self._under_way.add(task)
            task.add_done_callback(self._made)

    async def _make(self) -> Connection:
        return await (await self._opened()).acquire(timeout=self._deadlines.statement)

    def _made(self, task: asyncio.Task[Connection]) -> None:
        self._under_way.discard(task)
        if task.cancelled():
            self._places.leave()
        elif (error := task.exception()) is None:
            self._heard_at = monotonic()
            self._release(task.result())
            self._grow()
        else:
            self._places.leave()
            # Whoever waits hears of it, unless somebody may have done with a connection soon.
            if self._places.waiting and not self._places.taken:
                self._places.turn_away(error)
            else:
                self._unavailable(error)

    def _release(self, connection: Connection) -> bool:
        """Whether somebody had waited for it, and has it now."""
        if self._pool is None or not self._usable(connection):
            self._discard(connection)
            return False
        return self._places.give(connection)

    def _usable(self, connection: Connection) -> bool:
        """False for one that has died (the pool has then taken it back by itself), or whose server we left."""
        try:
            return not connection.is_closed() and connection.server == self._connector.server
        except asyncpg.InterfaceError:
            return False

    def _discard(self, connection: Connection) -> None:
        """Cut a connection in an unknown state and give its place back, without waiting for the server."""
        with suppress(asyncpg.InterfaceError):  # it died by itself, and has gone back to the pool already
            connection.terminate()
        self._places.leave()
        self._grow()

    async def pooled(self) -> bool:
        """Whether another program, a pooler, stands between. Raises StoreUnavailable."""
        async with self.transaction() as connection:
            found: bool = connection.pooled
            return found

    def leave_standby(self) -> StoreUnavailable:
        """What to raise where a server turns out to be a standby; no connection to it is used again."""
        self._connector.leave()
        return self._unavailable(Standby("it has become a standby"))

    def _unavailable(self, error: BaseException, kind: str | None = None) -> StoreUnavailable:
        kind = kind or kind_of(error)
        self._on_error(kind)
        if kind == "read_only":
            self._connector.leave()
        if kind == "statement_lost":
            self._connector.keep_no_statements()
        if kind in ("timeout", "gone", "standby"):
            self._failures += 1
            if self._failures >= BREAKER_FAILURES:
                self._open_until = monotonic() + BREAKER_SECONDS
        return StoreUnavailable("postgresql", kind)
