"""Several processes, and one that is killed: no index is given twice, and what it did not write down counts as void."""

from __future__ import annotations

import asyncio
import signal

import asyncpg
import httpx2

from authsvc.rules.revocation.status_list import BLOCK
from tests.flows.revocation.status_list.conftest import Lists, place
from tests.support.busy import again_when_busy, prompt
from tests.support.replicas import Replicas

WRITTEN = "SELECT count(*) FROM status_batches WHERE $1 = ANY(indices)"


@again_when_busy
async def test_a_killed_process_loses_its_block_and_no_index_is_given_twice(
    listed: None, replicas: Replicas, sql: asyncpg.Connection
) -> None:
    first, second = replicas.start(2)
    async with httpx2.AsyncClient(base_url=first.url) as one, httpx2.AsyncClient(base_url=second.url) as two:
        dying, living = Lists(one), Lists(two)
        early = await dying.own_token()
        other = await living.own_token()
        places = [place(await lists.own_token()) for _ in range(40) for lists in (dying, living)]
        while not await sql.fetchval(WRITTEN, place(early)[1]):
            await asyncio.sleep(0.05)

        async with sql.transaction():
            await sql.execute("LOCK TABLE status_batches IN EXCLUSIVE MODE")  # nothing is written down meanwhile
            late = await dying.own_token()
            first.send(signal.SIGKILL)
            first.process.wait(10)
            await asyncio.sleep(1.3)  # longer than a statement of the killed one waits for the lock
        assert await sql.fetchval(WRITTEN, place(late)[1]) == 0
        assert not await living.void(late)  # it may still come

        (third,) = replicas.start(1)
        async with httpx2.AsyncClient(base_url=third.url) as three:
            places += [place(await lists.own_token()) for _ in range(40) for lists in (living, Lists(three))]
        places += [place(token) for token in (early, other, late)]
        assert len(set(places)) == len(places) == 163
        path, lost = place(late)[0], place(late)[1] // BLOCK
        others = [(at, index // BLOCK) for at, index in places[80:160]]
        assert (path, lost) not in others, "nobody else is given the lost block"

        aged = await sql.execute(
            """UPDATE status_blocks SET heard_at = heard_at - interval '15 seconds'
               WHERE salt = split_part($1, '-', 2) AND number = $2""",
            path,
            lost,
        )
        assert aged == "UPDATE 1"
        prompt(await living.until_void(late) < 3)
        assert not await living.void(early), "what was written down is judged by revocations alone"
        assert not await living.void(other)
