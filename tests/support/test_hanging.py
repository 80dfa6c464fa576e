"""A test that hangs ends: in a loop of uvloop, which gives the alarm of pytest-timeout to nobody."""

from __future__ import annotations

import asyncio

import pytest

from tests.conftest import ending


async def test_a_test_that_waits_for_nothing_ends(request: pytest.FixtureRequest) -> None:
    async def waits(seconds: int) -> None:
        await asyncio.sleep(seconds)

    with pytest.raises(TimeoutError):
        await ending(waits, 0.05)(30)
    wrapped, codes = request.function, set()
    while wrapped is not None:
        codes.add(wrapped.__code__)
        wrapped = getattr(wrapped, "__wrapped__", None)
    assert ending(waits, 1).__code__ in codes, "and so this one would"
