"""The way to Redis: one server, the master that Sentinels name, or a cluster. Nothing here is needed for a correct
answer; every failure is `StoreUnavailable`, and the caller asks PostgreSQL or counts in its own memory instead."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from hashlib import sha1
from typing import Any

from authsvc.store.errors import StoreUnavailable
from authsvc.store.redis_py import NoScriptError
from authsvc.store.redis_routes.cluster import PASSED, Cluster
from authsvc.store.redis_routes.sentinel import Sentinels
from authsvc.store.redis_routes.server import RedisServer
from authsvc.store.redis_routes.url import read_url


class RedisStore:
    """Commands on keys of ours. `on_error(kind)` is told of each failure, for the metrics. `command(*words)`: one
    command, one answer, one round trip; an answer never outlives its call; raises StoreUnavailable.

    Raises ValueError for a URL that redis-py does not understand.
    """

    def __init__(self, url: str, *, prefix: str, on_error: Callable[[str], None] = lambda kind: None) -> None:
        self.prefix = prefix
        given = read_url(url)
        self.route: RedisServer | Sentinels | Cluster
        if given.kind == "sentinel":
            self.route = Sentinels(given, partial(RedisServer, on_error=on_error))
        elif given.kind == "cluster":
            # Commands without a key ask how the server of the revocation set does.
            opened = partial(RedisServer, on_error=on_error, passed=PASSED)
            self.route = Cluster(given, opened, home=self.key("rev", "epoch"))
        else:
            self.route = RedisServer(url, on_error)
        self.command = self.route.command

    def key(self, *parts: str) -> str:
        """A key of ours. The braces keep all keys of one kind in one slot of a cluster (Lua and MGET need that)."""
        return f"{self.prefix}:{{{parts[0]}}}:{':'.join(parts[1:])}"

    async def script(self, script: Script, keys: Sequence[str], args: Sequence[Any]) -> Any:
        """Run a script by its digest; sent whole only where the server does not know it."""
        try:
            return await self.command("EVALSHA", script.sha, len(keys), *keys, *args)
        except NoScriptError:
            return await self.command("EVAL", script.text, len(keys), *keys, *args)

    def heard(self, channel: str) -> AsyncIterator[None]:
        """An item for each message of a channel, and one at the beginning, on a connection of its own. A message may be
        lost at any time. Ends, or raises StoreUnavailable; it is for the caller to listen again."""
        server = self.route.serving(channel)
        if server is None:
            raise StoreUnavailable("redis", "no_server")
        return server.heard(channel, lambda: self.route.serving(channel) is server)

    async def close(self) -> None:
        await self.route.close()


class Script:
    """A Lua script and its SHA-1 (Redis's name for it, not a protection)."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.sha = sha1(text.encode(), usedforsecurity=False).hexdigest()
