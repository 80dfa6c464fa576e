"""Back-channel logout: a client that is told, and the task that tells."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager

import asyncpg

from authsvc.flows.ending import deliver_logouts
from authsvc.runtime import Runtime
from tests.support.background import beside


def courier(runtime: Runtime) -> AbstractAsyncContextManager[None]:
    return beside(deliver_logouts.deliver_for_ever, runtime)


async def wants_to_know(sql: asyncpg.Connection, client_id: str, url: str) -> None:
    await sql.execute("UPDATE clients SET backchannel_logout_uri = $2 WHERE id = $1", client_id, url)
    await asyncio.sleep(0.6)  # each worker's memory of clients
