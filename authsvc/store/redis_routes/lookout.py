"""Looking for servers in the background, so that no request waits for who is asked where they are."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from typing import Generic, TypeVar

from authsvc.store.errors import StoreUnavailable
from authsvc.store.redis_py import RedisError
from authsvc.store.redis_routes.server import RedisServer
from authsvc.store.redis_routes.url import Address
from authsvc.tasks import end_tasks

EVERY_SECONDS = 1.0
DOUBT_SECONDS = 0.1
PROMPT_SECONDS = 0.2
PATIENT_SECONDS = 1.0
FIRST_SECONDS = 1.5
Answer = TypeVar("Answer")


class NoServer(RedisError):
    """Nobody serves now; the text says why, to the operator."""


class Lookout:
    """Calls `look` once a second, and at once where there is doubt; ten times a second at most. `look` raises nothing
    that is foreseen. Begins with the first call of `doubt` or `first_look`."""

    def __init__(self, look: Callable[[], Awaitable[None]]) -> None:
        self._look = look
        self._doubts = asyncio.Event()
        self._looked = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._closing: set[asyncio.Task[None]] = set()

    def doubt(self) -> None:
        """Look again now."""
        self._doubts.set()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())

    async def first_look(self) -> None:
        """Wait for the end of the first look, a second and a half at most: it greets two servers, one after the other.
        Afterwards nobody waits."""
        if not self._looked.is_set():
            self.doubt()
            with suppress(TimeoutError):
                async with asyncio.timeout(FIRST_SECONDS):
                    await self._looked.wait()

    def retire(self, server: RedisServer) -> None:
        """Close a server that nobody is sent to any more; nobody waits for that."""
        task = asyncio.create_task(server.close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def close(self) -> None:
        await end_tasks([*([self._task] if self._task else []), *self._closing])

    async def _run(self) -> None:
        while True:
            self._doubts.clear()
            await self._look()
            self._looked.set()
            await asyncio.sleep(DOUBT_SECONDS)
            with suppress(TimeoutError):
                async with asyncio.timeout(EVERY_SECONDS):
                    await self._doubts.wait()


class Questions(Generic[Answer]):
    """One question at a time to each of several servers. Those who answer promptly are not kept waiting by the others,
    whose answers count in the next round."""

    def __init__(self) -> None:
        self._under_way: dict[Address, asyncio.Task[Answer | Exception]] = {}

    async def ask(
        self, addresses: Iterable[Address], question: Callable[[Address], Awaitable[Answer]]
    ) -> list[Answer | Exception]:
        """What was answered, or why not, by those who said anything within a fifth of a second; if nobody did, by the
        first within a second."""
        for address in addresses:
            if address not in self._under_way:
                self._under_way[address] = asyncio.create_task(self._answer(question(address)))
        tasks = self._under_way
        done, _ = await asyncio.wait(tasks.values(), timeout=PROMPT_SECONDS)
        if not done:
            await asyncio.wait(tasks.values(), return_when=asyncio.FIRST_COMPLETED)
        heard = {address: task for address, task in tasks.items() if task.done()}
        for address in heard:
            del tasks[address]
        return [task.result() for task in heard.values()]

    async def close(self) -> None:
        await end_tasks(self._under_way.values())

    @staticmethod
    async def _answer(question: Awaitable[Answer]) -> Answer | Exception:
        try:
            async with asyncio.timeout(PATIENT_SECONDS):
                return await question
        except (RedisError, StoreUnavailable, OSError, TimeoutError) as error:
            return error


def nobody(trouble: NoServer) -> StoreUnavailable:
    """What a command raises while no server is known."""
    error = StoreUnavailable("redis", "no_server")
    error.__cause__ = trouble
    return error
