"""A database that was restored or promoted is another one, also where PostgreSQL does not tell its cluster."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest
import redis.asyncio

from authsvc_devkit.servers import Servers
from tests.faults.conftest import active, logout, serving
from tests.support.calls import login
from tests.support.roles import as_role, role, without_control_functions

pytestmark = pytest.mark.faults

IDENTITY = "SELECT feed_database()"
STARTED = "SELECT 'started.' || (extract(epoch FROM pg_postmaster_start_time()) * 1000000)::bigint"


async def test_without_the_control_functions_it_serves_and_a_new_start_is_another_database(
    env: dict[str, str], database_url: str, servers: Servers, valkey: redis.asyncio.Redis
) -> None:
    sql = await asyncpg.connect(database_url)
    known = await sql.fetchval(IDENTITY)
    assert not known.startswith("started.")
    async with role(database_url, "owner") as owner:
        await without_control_functions(sql, owner)
        await sql.execute(f"ALTER ROLE {owner} SET synchronous_commit = on")  # what was acknowledged outlives a kill
        env["AUTHSVC_DATABASE_URL"] = as_role(database_url, owner)
        async with serving(env) as service:
            await service.until(200)
            first = await sql.fetchval(IDENTITY)
            assert first == await sql.fetchval(STARTED)
            ended, live = [await login(service.http) for _ in range(2)]
            await logout(service.http, ended)
            floor = (await service.http.get("/revocations")).json()["sequence"]
            epoch = await valkey.get(service.runtime.redis.key("rev", "epoch"))
            assert first in epoch

            servers.postgres.kill()
            servers.postgres.start()
            await service.until(200)
            sql = await asyncpg.connect(database_url)
            second = await sql.fetchval(IDENTITY)
            assert second != first
            while second not in (await valkey.get(service.runtime.redis.key("rev", "epoch")) or ""):
                await asyncio.sleep(0.02)
            assert await active(service.http, ended) is False
            assert await active(service.http, live) is True
            feed = (await service.http.get("/revocations")).json()
            assert feed["sequence"] > floor
            assert ended["session_id"] in {entry["subject"] for entry in feed["revocations"]}
        await sql.execute("GRANT EXECUTE ON FUNCTION pg_control_system(), pg_control_checkpoint() TO PUBLIC")
        await sql.execute("GRANT EXECUTE ON FUNCTION pg_control_recovery() TO PUBLIC")
        assert await sql.fetchval(IDENTITY) == known, "a restart alone is no other cluster where it is known"
    await sql.close()
