"""A standby that lacks the last commits is promoted: the numbers that were lost are never given again."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path
from time import monotonic

import asyncpg
import pytest

from authsvc.flows.revocation import feed as flow
from authsvc.store.postgres import Database
from authsvc.store.revocation import revocations
from authsvc_devkit.servers import Servers
from tests.faults.conftest import admin
from tests.flows.revocation.feed.conftest import Listener, Service, revoke, until

pytestmark = pytest.mark.faults


def copy_of_data(servers: Servers) -> Path:
    """As a standby holds it that has heard nothing since."""
    servers.postgres.kill()
    data = servers.data_dir / "postgres/data"
    subprocess.run(["cp", "-a", str(data), str(data.with_name("standby"))], check=True)
    servers.postgres.start()
    return data


def become_standby(servers: Servers, data: Path) -> None:
    servers.postgres.kill()
    shutil.rmtree(data)
    data.with_name("standby").rename(data)
    owner = data.stat()
    (data / "postmaster.pid").unlink(missing_ok=True)
    (data / "standby.signal").touch(0o600)
    os.chown(data / "standby.signal", owner.st_uid, owner.st_gid)
    servers.postgres.start()


async def connected(url: str) -> asyncpg.Connection:
    while True:
        with suppress(OSError, asyncpg.PostgresError):
            return await asyncpg.connect(url)
        await asyncio.sleep(0.05)


async def _epoch(database_url: str) -> str:
    db = Database(database_url, size=1, statement_cache_size=0)
    state = await revocations.read_state(db, None)
    await db.close()
    return state.epoch


async def test_a_failover_that_lost_the_last_numbers(service: Service, servers: Servers, database_url: str) -> None:
    async with Listener([service.url]).listening() as listener:
        sql = await connected(database_url)
        await revoke(sql, "kept")
        await until(lambda: listener.held)
        data = copy_of_data(servers)
        sql = await connected(database_url)
        await revoke(sql, "lost")
        await until(lambda: "lost" in listener.subjects())
        lost = listener.last
        epoch = await _epoch(database_url)
        become_standby(servers, data)
        standing_by = monotonic()
        await asyncio.sleep(flow.CURRENT_SECONDS + 2)
        last = max(at for name, _, at in listener.events if name == "heartbeat")
        assert last - standing_by < flow.CURRENT_SECONDS + 0.5, "a standby may be behind: it is no reason for a promise"
        async with admin(servers) as operator:
            await operator.execute("SELECT pg_promote()")
        sql = await connected(database_url)
        assert (await _epoch(database_url)) != epoch, "what Redis holds is foreign, before any checkpoint"
        await revoke(sql, "new")
        await until(lambda: "new" in listener.subjects())
        number = await sql.fetchval("SELECT feed_sequence FROM revocations WHERE subject = 'new'")
        assert number > (lost or 0), "never given twice"
        assert listener.subjects() == {"kept", "lost", "new"}, "Redis knew what was lost, and it was ended again"
        assert len(listener.of("snapshot")) == 2
        await sql.close()
    away = Listener([service.url], last=lost)
    async with away.listening():
        assert away.subjects() == {"kept", "lost", "new"}
        assert len(away.of("snapshot")) == 1
