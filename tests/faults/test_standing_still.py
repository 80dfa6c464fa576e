"""Row 40: the machine stands still for a moment, and with it a worker. Its stores did not."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Sequence

import pytest

from authsvc.flows.session import publish_revocation
from authsvc.store.revocation.revocations import Revocation
from tests.faults.conftest import Service, active, logout, settled
from tests.support.busy import again_when_busy, none_turned_away
from tests.support.calls import login, refresh

pytestmark = pytest.mark.faults

CALLERS = 40


@again_when_busy
async def test_nobody_who_waits_for_a_connection_is_turned_away_for_it(service: Service) -> None:
    people = [await login(service.http) for _ in range(CALLERS)]
    db = service.runtime.db
    while db._places.taken < db._size:  # one that is still to be made is waited for longer
        await asyncio.gather(*(db.execute("SELECT pg_sleep(0.1)") for _ in range(db._size)))
    asked = [asyncio.create_task(refresh(service.http, tokens["refresh_token"])) for tokens in people]
    async with asyncio.timeout(5):
        while not db._places.waiting:
            await asyncio.sleep(0)
    time.sleep(1)
    answers = await asyncio.gather(*asked)
    none_turned_away(answers)
    assert Counter(answer.status_code for answer in answers) == {200: CALLERS}


async def test_a_logout_in_that_moment_is_no_trouble_with_redis(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else every replica would ignore Redis, and the logout would wait for a second until all have heard of that."""
    await settled(service)
    tokens, distrusted = await login(service.http), list[int]()
    add = service.runtime.revocation_set.add

    async def late(rows: Sequence[Revocation]) -> None:
        asyncio.get_running_loop().call_soon(time.sleep, 0.5)
        await add(rows)

    async def distrust(_: object, epoch_number: int) -> None:
        distrusted.append(epoch_number)

    monkeypatch.setattr(service.runtime.revocation_set, "add", late)
    monkeypatch.setattr(publish_revocation, "_distrust", distrust)
    assert (await logout(service.http, tokens)).status_code == 204
    assert not distrusted
    assert await active(service.http, tokens) is False
