"""Somebody who asks of revoked tokens all the time."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import monotonic
from typing import Any

import asyncpg

from tests.faults.conftest import Service, active


class Watch:
    """Introspects revoked tokens all the time, on every worker; one second after its end a token is dead for ever."""

    def __init__(self, *services: Service) -> None:
        self.services = services
        self.revoked: dict[str, tuple[dict[str, Any], float]] = {}
        self.asked = 0

    def ended(self, tokens: dict[str, Any]) -> None:
        self.revoked[tokens["session_id"]] = (tokens, monotonic())

    async def run(self) -> None:
        while True:
            for service in self.services:
                for tokens, at in random.sample(list(self.revoked.values()), min(10, len(self.revoked))):
                    asked_at = monotonic()
                    found = await active(service.http, tokens)
                    self.asked += 1
                    assert found is not True or asked_at - at < 1, f"alive {asked_at - at:.2f} s after its end"
            await asyncio.sleep(0.005)

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.run())
        yield
        await asyncio.sleep(0)
        if task.done():
            await task
        task.cancel()
        assert self.asked > 20

    async def end_by_hand(self, sql: asyncpg.Connection, tokens: dict[str, Any]) -> None:
        await sql.execute("UPDATE user_sessions SET is_active = false WHERE id = $1::uuid", tokens["session_id"])
        self.ended(tokens)
