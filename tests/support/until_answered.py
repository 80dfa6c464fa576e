"""A slow machine may turn a request away with a 503, or a call to a store: it comes again, as clients would."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import httpx2

from authsvc.store.errors import StoreUnavailable

Answer = TypeVar("Answer")


async def when_store_answers(ask: Callable[[], Awaitable[Answer]], seconds: float = 5) -> Answer:
    """Asked until the store answers: what a burst has opened on a busy machine, a breaker, closes by itself."""
    async with asyncio.timeout(seconds):
        while True:
            try:
                return await ask()
            except StoreUnavailable:
                await asyncio.sleep(0.2)


async def until_answered(send: Callable[[], Awaitable[httpx2.Response]], count: int) -> list[httpx2.Response]:
    """`count` answers that are no 503. Fails where fifty rounds were not enough."""
    answers: list[httpx2.Response] = []
    for _ in range(50):
        given = await asyncio.gather(*(send() for _ in range(count - len(answers))))
        answers += [answer for answer in given if answer.status_code != 503]
        if len(answers) == count:
            return answers
    raise AssertionError(f"{count - len(answers)} of {count} requests were turned away fifty times")


class ComingAgain(httpx2.ASGITransport):
    """For tests in which no store is ever away: a 503 says that the machine was slow, unless it comes every time."""

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        for seconds in (0.2, 0.5, 1, 2):
            answer = await super().handle_async_request(request)
            if answer.status_code != 503:
                return answer
            await answer.aclose()
            await asyncio.sleep(seconds)
        return await super().handle_async_request(request)
