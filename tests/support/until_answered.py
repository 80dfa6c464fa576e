"""Many requests at once, of which a slow machine may turn some away with a 503: those come again, as clients would."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import httpx2


async def until_answered(send: Callable[[], Awaitable[httpx2.Response]], count: int) -> list[httpx2.Response]:
    """`count` answers that are no 503. Fails where fifty rounds were not enough."""
    answers: list[httpx2.Response] = []
    for _ in range(50):
        given = await asyncio.gather(*(send() for _ in range(count - len(answers))))
        answers += [answer for answer in given if answer.status_code != 503]
        if len(answers) == count:
            return answers
    raise AssertionError(f"{count - len(answers)} of {count} requests were turned away fifty times")
