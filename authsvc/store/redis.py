"""The way to Redis: short deadlines, no retries, a breaker. Nothing here is needed for a correct answer; every failure
is `StoreUnavailable`, and the caller asks PostgreSQL or counts in its own memory instead."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from hashlib import sha1
from typing import Any

from redis import exceptions
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from authsvc.clock import monotonic
from authsvc.store.errors import StoreUnavailable

TIMEOUT_SECONDS = 0.2
BREAKER_FAILURES = 3
BREAKER_SECONDS = 0.5
HEALTH_SECONDS = 10.0
MAX_CONNECTIONS = 16  # more only means more greetings at once when a burst comes


class RedisStore:
    """redis-py with our deadlines. `on_error(kind)` is told of each failure, for the metrics.

    Raises ValueError for a URL that redis-py does not understand.
    """

    def __init__(self, url: str, *, prefix: str, on_error: Callable[[str], None] = lambda kind: None) -> None:
        self.prefix = prefix
        self._url = url
        self._redis = self._opened(MAX_CONNECTIONS)
        try:
            self._redis.connection_pool.make_connection()  # type: ignore[no-untyped-call]  # opens nothing yet
        except TypeError:
            raise ValueError("a parameter in its query is none of a connection") from None
        # redis-py fails a call for which no connection is left; a burst of our own must not look like an outage.
        self._connections = asyncio.Semaphore(MAX_CONNECTIONS)
        self._on_error = on_error
        self._failures = 0
        self._open_until = 0.0

    def _opened(self, connections: int, **options: Any) -> Redis:
        return Redis.from_url(
            self._url,
            socket_timeout=None,  # ours below; redis-py's is a task a command, and may swallow a cancellation (3.11)
            socket_connect_timeout=TIMEOUT_SECONDS,
            retry=Retry(NoBackoff(), 0),
            max_connections=connections,
            decode_responses=True,
            client_name="authsvc",
            **options,
        )

    def key(self, *parts: str) -> str:
        """A key of ours. The braces keep all keys of one kind in one slot of a cluster (Lua and MGET need that)."""
        return f"{self.prefix}:{{{parts[0]}}}:{':'.join(parts[1:])}"

    async def command(self, *words: Any) -> Any:
        """One command, one answer. An answer never outlives its call: a cut call closes its connection."""
        async with self._connections:
            if self._open_until and monotonic() < self._open_until:
                raise StoreUnavailable("redis", "breaker_open")
            try:
                async with asyncio.timeout(TIMEOUT_SECONDS):
                    answer = await self._redis.execute_command(*words)  # type: ignore[no-untyped-call]
            except exceptions.NoScriptError:
                raise
            except (RedisError, OSError, TimeoutError) as error:
                raise self._unavailable(error) from error
        self._failures = 0
        return answer

    async def script(self, script: Script, keys: Sequence[str], args: Sequence[Any]) -> Any:
        """Run a script by its digest; sent whole only where the server does not know it."""
        try:
            return await self.command("EVALSHA", script.sha, len(keys), *keys, *args)
        except exceptions.NoScriptError:
            return await self.command("EVAL", script.text, len(keys), *keys, *args)

    async def heard(self, channel: str) -> AsyncIterator[None]:
        """An item for each message of a channel, and one at the beginning, on a connection of its own. A message may be
        lost at any time. Raises StoreUnavailable; it is for the caller to listen again."""
        client = self._opened(1, health_check_interval=10)
        listening = client.pubsub(ignore_subscribe_messages=True)
        try:
            await listening.subscribe(channel)
            yield
            while True:
                if await listening.get_message(timeout=HEALTH_SECONDS) is not None:
                    yield
        except (RedisError, OSError, TimeoutError) as error:
            raise StoreUnavailable("redis", _kind_of(error)) from error
        finally:
            with suppress(RedisError, OSError, TimeoutError):
                await listening.aclose()  # type: ignore[no-untyped-call]
                await client.aclose()

    async def close(self) -> None:
        await self._redis.aclose()

    def _unavailable(self, error: BaseException) -> StoreUnavailable:
        kind = _kind_of(error)
        self._on_error(kind)
        if kind in ("timeout", "gone"):
            self._failures += 1
            if self._failures >= BREAKER_FAILURES:
                self._open_until = monotonic() + BREAKER_SECONDS
        return StoreUnavailable("redis", kind)


def _kind_of(error: BaseException) -> str:
    """timeout and gone open the breaker; busy (our own load), full, read_only and refused are answers."""
    if isinstance(error, exceptions.OutOfMemoryError) or "OOM" in str(error)[:16]:
        return "full"
    if isinstance(error, exceptions.MaxConnectionsError):
        return "busy"
    if isinstance(error, exceptions.ReadOnlyError):
        return "read_only"
    if isinstance(error, exceptions.NoPermissionError | exceptions.ResponseError):
        return "refused"
    return "timeout" if "timeout" in type(error).__name__.lower() else "gone"


class Script:
    """A Lua script and its SHA-1 (Redis's name for it, not a protection)."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.sha = sha1(text.encode(), usedforsecurity=False).hexdigest()
