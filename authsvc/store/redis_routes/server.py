"""One Redis server: short deadlines, no retries, a breaker. A server that is gone costs nobody's time but for the first
calls that find out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any

from authsvc import traces
from authsvc.clock import monotonic
from authsvc.store.awake import awake_timeout
from authsvc.store.errors import StoreUnavailable
from authsvc.store.redis_py import DRIVER, NoBackoff, Redis, RedisError, Retry, exceptions, written_by_hiredis

TIMEOUT_SECONDS = 0.2
BREAKER_FAILURES = 3
BREAKER_SECONDS = 0.5
HEALTH_SECONDS = 10.0
Ask = Callable[..., Awaitable[Any]]
MAX_CONNECTIONS = 16  # more only means more greetings at once when a burst comes


def open_client(url: str, connections: int, connect_seconds: float = TIMEOUT_SECONDS, **options: Any) -> Redis:
    """redis-py without its retries. Connects to nothing yet. Raises ValueError for a URL that it cannot read."""
    client = Redis.from_url(
        url,
        socket_timeout=None,  # ours below; redis-py's is a task a command, and may swallow a cancellation (3.11)
        socket_connect_timeout=connect_seconds,
        retry=Retry(NoBackoff(), 0),
        max_connections=connections,
        decode_responses=True,
        client_name="authsvc",
        driver_info=DRIVER,
        **options,
    )
    kind: Any = client.connection_pool.connection_class
    client.connection_pool.connection_class = written_by_hiredis(kind)
    try:
        client.connection_pool.make_connection()  # type: ignore[no-untyped-call]  # opens nothing yet
    except TypeError:
        raise ValueError("a parameter in its query is none of a connection") from None
    return client


class RedisServer:
    """redis-py with our deadlines. `on_error(kind)` is told of each failure, for the metrics; errors of redis-py in
    `passed` go to the caller as they are."""

    def __init__(
        self,
        url: str,
        on_error: Callable[[str], None],
        passed: tuple[type[RedisError], ...] = (exceptions.NoScriptError,),
    ) -> None:
        self._url = url
        self._redis = open_client(url, MAX_CONNECTIONS)
        # redis-py fails a call for which no connection is left; a burst of our own must not look like an outage.
        self._connections = asyncio.Semaphore(MAX_CONNECTIONS)
        self._on_error = on_error
        self._passed = passed
        self._failures = 0
        self._open_until = 0.0

    async def command(self, *words: Any, ask: Ask | None = None) -> Any:
        """One command, one answer. An answer never outlives its call: a cut call closes its connection."""
        with traces.span(words[0] if ask is None else "ASKING", traces.CLIENT) as span:
            span.set("db.system.name", "redis")
            return await self._answered(words, ask or self._redis.execute_command)

    async def _answered(self, words: Sequence[Any], ask: Ask) -> Any:
        async with self._connections:
            if self._open_until and monotonic() < self._open_until:
                raise StoreUnavailable("redis", "breaker_open")
            try:
                async with awake_timeout(TIMEOUT_SECONDS):
                    answer = await ask(*words)
            except self._passed:
                raise
            except (RedisError, OSError, TimeoutError) as error:
                raise self._unavailable(error) from error
        self._failures = 0
        return answer

    async def asking(self, *words: Any) -> Any:
        """The same of a node that takes over the slot and does not own it yet: both in one round trip."""
        return (await self.both(("ASKING",), words))[1]

    async def both(self, first: Sequence[Any], second: Sequence[Any]) -> list[Any]:
        """Two commands on one connection, in one round trip."""
        return await self.command(first, second, ask=self._pair)  # type: ignore[no-any-return]

    async def _pair(self, first: Sequence[Any], second: Sequence[Any]) -> list[Any]:
        pipeline = self._redis.pipeline(transaction=False)
        pipeline.execute_command(*first).execute_command(*second)  # type: ignore[union-attr]
        answers: list[Any] = await pipeline.execute(raise_on_error=False)
        for answer in answers:
            if isinstance(answer, Exception):
                raise answer
        return answers

    async def heard(self, channel: str, while_so: Callable[[], bool]) -> AsyncIterator[None]:
        """An item for each message of a channel, and one at the beginning, on a connection of its own. A message may be
        lost at any time. Ends within ten seconds when `while_so` is no more. Raises StoreUnavailable."""
        client = open_client(self._url, 1, health_check_interval=10)
        listening = client.pubsub(ignore_subscribe_messages=True)
        try:
            await listening.subscribe(channel)
            yield
            while while_so():
                if await listening.get_message(timeout=HEALTH_SECONDS) is not None:
                    yield
        except (RedisError, OSError, TimeoutError) as error:
            raise StoreUnavailable("redis", kind_of(error)) from error
        finally:
            with suppress(RedisError, OSError, TimeoutError):
                await listening.aclose()  # type: ignore[no-untyped-call]
                await client.aclose()

    def serving(self, key: str) -> RedisServer | None:
        """Whom a command on this key goes to: the only one."""
        return self

    async def close(self) -> None:
        await self._redis.aclose()

    def _unavailable(self, error: BaseException) -> StoreUnavailable:
        kind = kind_of(error)
        self._on_error(kind)
        if kind in ("timeout", "gone"):
            self._failures += 1
            if self._failures >= BREAKER_FAILURES:
                self._open_until = monotonic() + BREAKER_SECONDS
        return StoreUnavailable("redis", kind)


def kind_of(error: BaseException) -> str:
    """timeout and gone open the breaker; busy (our own load), full, read_only, moving (a slot of a cluster) and refused
    are answers."""
    if isinstance(error, exceptions.OutOfMemoryError) or "OOM" in str(error)[:16]:
        return "full"
    if isinstance(error, exceptions.MaxConnectionsError):
        return "busy"
    if isinstance(error, exceptions.ReadOnlyError):
        return "read_only"
    if isinstance(error, exceptions.TryAgainError):
        return "moving"
    if isinstance(error, exceptions.ClusterDownError):
        return "gone"
    if isinstance(error, exceptions.NoPermissionError | exceptions.ResponseError):
        return "refused"
    return "timeout" if "timeout" in type(error).__name__.lower() else "gone"
