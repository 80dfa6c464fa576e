"""Status lists are read: when a token first names one, and from then on in the background before they are old."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress

from authsvc_verifier.judge import Invalid, UnknownKid
from authsvc_verifier.list_cache import ListCache
from authsvc_verifier.state import State
from authsvc_verifier.status_list import StatusList, read_list
from authsvc_verifier.wire import IssuerAway, Wire

log = logging.getLogger("authsvc_verifier")

AT_ONCE = 8
"""Requests for lists that are under way at most."""
LARGE = 65_536
"""Bytes of a list from which on it is judged in a thread."""


class ListRefused(Exception):
    """What came is not the list, or not of the issuer. The message is a lower_snake word."""


class ListKeeper:
    """`new_keys`: after a kid that is unknown; whether the issuer was asked for its keys."""

    def __init__(self, state: State, lists: ListCache, wire: Wire, new_keys: Callable[[], Awaitable[bool]]) -> None:
        self._state = state
        self._lists = lists
        self._wire = wire
        self._new_keys = new_keys
        self.begin()

    def begin(self) -> None:
        """In a new event loop."""
        self._reading: dict[str, asyncio.Task[None]] = {}
        self._changed = asyncio.Event()
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def end(self) -> None:
        tasks = list(self._reading.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def read(self, uri: str) -> None:
        """One request for all who wait for this list; it goes on though they may not. Never fails."""
        await asyncio.shield(self._begun(uri))

    async def keep(self) -> None:
        while True:
            self._changed.clear()
            now = self._state.clock.monotonic()
            due, later = self._lists.due(now, self._reading)
            for uri in due:
                self._begun(uri)
            with suppress(TimeoutError):
                async with asyncio.timeout(min(later - now, 60.0)):
                    await self._changed.wait()

    def _begun(self, uri: str) -> asyncio.Task[None]:
        task = self._reading.get(uri)
        if task is None:
            self._lists.asked(uri, self._state.clock.monotonic())
            task = self._reading[uri] = asyncio.get_running_loop().create_task(self._read(uri))
            task.add_done_callback(lambda _task: self._over(uri))
        return task

    def _over(self, uri: str) -> None:
        del self._reading[uri]
        self._changed.set()

    async def _read(self, uri: str) -> None:
        clock = self._state.clock
        async with self._slots:
            asked_at = clock.monotonic()
            try:
                text, etag = await self._wire.status_list(uri, self._lists.asked(uri, asked_at).etag)
                found = None if text is None else await self._judged(text, uri)
            except Exception as error:
                self._lists.failed(uri, clock.monotonic())
                known = isinstance(error, IssuerAway | ListRefused)
                log.log(
                    logging.WARNING if known else logging.ERROR,
                    "status list not read: %s",
                    error,
                    exc_info=None if known else error,
                )
                return
            self._lists.answered(uri, found, etag, asked_at, clock.wall())

    async def _judged(self, text: bytes, uri: str) -> StatusList:
        """Raises ListRefused."""
        found = await self._judge(text, uri)
        if isinstance(found, UnknownKid) and await self._new_keys():
            found = await self._judge(text, uri)
        if isinstance(found, StatusList):
            return found
        raise ListRefused(found.reason if isinstance(found, Invalid) else "unknown_kid")

    async def _judge(self, text: bytes, uri: str) -> StatusList | Invalid | UnknownKid:
        keys = self._state.cache.usable(self._state.clock.monotonic())
        if keys is None:
            return Invalid("keys_not_read")
        given = (text, uri, self._state.rules, keys, self._state.clock.wall())
        return await asyncio.to_thread(read_list, *given) if len(text) > LARGE else read_list(*given)
