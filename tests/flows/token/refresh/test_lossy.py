"""No honest client is called a thief, and every thief is. `scripts/histories` plays 100,000 histories and 1,000 thefts;
the suite some."""

from __future__ import annotations

import os
import random
from time import monotonic

import asyncpg

from authsvc.store.postgres import OF_COMMANDS, Database
from tests.flows.token.refresh.lossy import Told, play

HISTORIES = int(os.environ.get("AUTHSVC_TEST_HISTORIES", "500"))
SEED = int(os.environ.get("AUTHSVC_TEST_SEED", "0")) or random.SystemRandom().randrange(1, 2**32)
BATCH = 500
CONNECTIONS = 8


async def test_no_honest_history_with_losses_is_called_a_theft(
    module_database_url: str, sql: asyncpg.Connection
) -> None:
    db = Database(module_database_url, size=CONNECTIONS, statement_cache_size=100, deadlines=OF_COMMANDS)
    operator = await asyncpg.connect(module_database_url)
    told, began = Told(), monotonic()
    for first in range(0, HISTORIES, BATCH):
        await play(db, operator, SEED, range(first, min(first + BATCH, HISTORIES)), told)
        if first and first % 10_000 == 0:
            print(f"{first} histories, {sum(told.verdicts.values())} refreshes", flush=True)
    await operator.close()
    await db.close()
    seconds = monotonic() - began
    refreshes = sum(told.verdicts.values())
    verdicts = ", ".join(f"{verdict} {number}" for verdict, number in told.verdicts.most_common())
    rate, load = f"{refreshes / seconds:.0f} a second", f"load {os.getloadavg()[0]:.1f}"
    print(f"\nseed {SEED}: {HISTORIES} histories, {refreshes} refreshes in {seconds:.0f} s ({rate}, {load})")
    print(f"{told.rollbacks} lost commits, {told.straddled} calls on both sides of the grace; {verdicts}", flush=True)
    assert not told.wrong, (SEED, len(told.wrong), told.wrong[:3])
    assert {"rotate", "repeat", "supersede", "recover", "late"} <= set(told.verdicts)
