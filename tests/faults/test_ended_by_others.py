"""Whoever is told that all of something has ended is told so of what others ended, too, and have not published yet."""

from __future__ import annotations

import asyncpg
import pytest
import redis.asyncio

from authsvc.flows.session import publish_revocation
from authsvc.flows.session.publish_revocation import publish_with_earlier
from authsvc.store.revocation import revocations
from authsvc.store.session.sessions import Ended
from authsvc_devkit.servers import Servers
from tests.faults.conftest import Service, active, database_proxy, on_database, serving, until_trusted
from tests.faults.watch import Watch
from tests.support.calls import bearer, login

pytestmark = pytest.mark.faults
NOTHING = Ended((), 0, 0)


async def test_all_sessions_have_ended_though_postgresql_is_lost_then(
    env: dict[str, str], servers: Servers, sql: asyncpg.Connection, valkey: redis.asyncio.Redis
) -> None:
    """One had been ended by somebody who never came to tell Redis, and nobody has read that in PostgreSQL."""
    env["AUTHSVC_SYNC_INTERVAL_SECONDS"] = "1"
    async with database_proxy(servers) as link:
        env["AUTHSVC_DATABASE_URL"] = on_database(env["AUTHSVC_DATABASE_URL"], link)
        async with serving(env) as service:
            watch = Watch(service)
            await until_trusted(valkey, service)
            for _ in range(4):
                stays, ended, other = [await login(service.http) for _ in range(3)]
                assert [await active(service.http, tokens) for tokens in (stays, ended, other)] == [True] * 3
                await watch.end_by_hand(sql, ended)
                answer = await service.http.delete("/api/auth/sessions", headers=bearer(stays))
                assert answer.status_code == 200, answer.text
                link.blackhole()
                said = [await active(service.http, tokens) for tokens in (stays, ended, other)]
                link.heal()
                assert said == [True, False, False]


async def test_redis_is_brought_to_where_postgresql_is(
    service: Service, sql: asyncpg.Connection, valkey: redis.asyncio.Redis
) -> None:
    key = service.runtime.redis.key
    await until_trusted(valkey, service)
    for _ in range(5):
        tokens = await login(service.http)
        await Watch(service).end_by_hand(sql, tokens)
        await publish_with_earlier(service.runtime, NOTHING)
        assert await valkey.exists(key("rev", "session", tokens["session_id"]))


@pytest.mark.parametrize("lost", ["epoch", "mark", "both"])
async def test_where_that_cannot_be_nobody_believes_redis(
    lost: str, service: Service, valkey: redis.asyncio.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rebuild may be under way that has read PostgreSQL before."""
    monkeypatch.setattr(publish_revocation, "LONGEST_SYNC_SECONDS", 0.01)
    runtime = service.runtime
    await until_trusted(valkey, service)
    before = await revocations.current_epoch(runtime.db)
    await valkey.delete(*(runtime.redis.key("rev", name) for name in ("epoch", "mark") if lost in (name, "both")))
    await publish_with_earlier(runtime, NOTHING)
    assert await revocations.current_epoch(runtime.db) > before
