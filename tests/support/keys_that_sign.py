"""Signing keys of other algorithms, as they are when their announcement is over."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from authsvc.flows.keys import manage_keys
from tests.support.service import Service


async def until(true: Callable[[], object], seconds: float = 5) -> None:
    async with asyncio.timeout(seconds):
        while not true():
            await asyncio.sleep(0.02)


async def let_sign(house: Service, *algorithms: str) -> None:
    """A key of each, as it is when its announcement is over."""
    for alg in algorithms:
        made = await manage_keys.generate(house.runtime, "tests", alg)
        assert isinstance(made, manage_keys.Generated)
        await house.sql.execute(
            "UPDATE signing_keys SET announced_at = now() - interval '2 d', signs_from = now() - interval '1 min' "
            "WHERE kid = $1",
            made.kid,
        )
    now = house.runtime.clock.now
    await until(lambda: all(house.runtime.keyring.signing_kid(now(), alg) for alg in algorithms))
