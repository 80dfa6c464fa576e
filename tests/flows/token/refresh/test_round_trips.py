"""What a refresh costs PostgreSQL: one statement in one round trip, nothing for a forgery, and no growing table."""

from __future__ import annotations

import asyncio
import os
from itertools import pairwise
from statistics import median

import asyncpg
import pytest

from authsvc.flows.token.grant_type import Caller
from authsvc.flows.token.refresh_token import RefreshRequest, refresh
from authsvc.rules.errors import Rejected
from authsvc.store import postgres
from authsvc.store.token import grants
from tests.flows.token.refresh.bench import PATIENCE, Bench
from tests.flows.token.refresh.wire import Wire, service_behind
from tests.support.calls import login
from tests.support.calls import refresh as post_refresh

FORGERIES = 10_000
REFRESHES = 10_000


async def cost_of_fifty_refreshes(env: dict[str, str], wire: Wire) -> tuple[int, int]:
    """(statements, round trips) of fifty refreshes of two clients at once, who wait for each other's connection."""
    async with service_behind(env, wire) as (_, http):

        async def rotate(token: str, times: int) -> str:
            for _ in range(times):
                answer = await post_refresh(http, token)
                assert answer.status_code == 200
                token = answer.json()["refresh_token"]
            return token

        tokens = [await rotate((await login(http))["refresh_token"], 1) for _ in range(2)]
        wire.reset()
        await asyncio.gather(*(rotate(token, 25) for token in tokens))
        return wire.statements, wire.round_trips


async def test_a_refresh_is_one_statement_in_one_round_trip(settings_env: dict[str, str], wire: Wire) -> None:
    assert await cost_of_fifty_refreshes(settings_env, wire) == (50, 50)


async def test_a_pool_that_resets_its_connections_is_caught(
    settings_env: dict[str, str], wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def asyncpgs_own(connection: asyncpg.Connection) -> None:
        await connection.execute(connection.get_reset_query())

    def after_a_reset(self: postgres.Database, connection: postgres.Connection) -> bool:
        async def reset() -> None:
            await asyncpgs_own(connection)
            release(self, connection)

        released.append(asyncio.ensure_future(reset()))
        return False

    release = postgres.Database._release
    released: list[asyncio.Future[None]] = []
    monkeypatch.setattr(postgres.Database, "_release", after_a_reset)
    assert min(await cost_of_fifty_refreshes(settings_env, wire)) > 60


async def test_ten_thousand_forged_tokens_cost_no_statement(settings_env: dict[str, str], wire: Wire) -> None:
    async with service_behind(settings_env, wire) as (runtime, http):
        genuine = (await login(http))["refresh_token"]
        assert (await post_refresh(http, genuine)).status_code == 200
        client = await runtime.clients.get("customer")
        assert client is not None
        assert await runtime.clients.get("admin") is not None  # from here on the worker knows both
        wire.reset()
        for number in range(FORGERIES):
            place = number % len(genuine)
            other = "AB"[genuine[place] == "A"]
            forged = genuine[:place] + other + genuine[place + 1 :] if number % 3 else os.urandom(54).hex()[:72]
            with pytest.raises(Rejected, match="refresh_token_forged_or_foreign"):
                await refresh(runtime, Caller(client), RefreshRequest(forged))
        for forged in (genuine[:-1], genuine + "A", genuine[::-1], "x", "%00" * 24):
            answer = await post_refresh(http, forged)
            assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
        assert (await post_refresh(http, genuine, "admin")).status_code == 400  # genuine, but another client's
        assert (wire.statements, wire.round_trips) == (0, 0)


async def test_client_credentials_cost_no_statement_once_the_client_is_known(
    settings_env: dict[str, str], wire: Wire
) -> None:
    async with service_behind(settings_env, wire) as (_, http):
        for number in range(201):
            if number == 1:
                wire.reset()
            answer = await http.post(
                "/token", data={"grant_type": "client_credentials"}, auth=("backend", "backend-secret")
            )
            assert answer.status_code == 200
        assert (wire.statements, wire.round_trips) == (0, 0)


async def test_ten_thousand_refreshes_of_a_grant_are_hot_updates_and_the_table_does_not_grow(
    bench: Bench,
) -> None:
    """A snapshot keeps the old rows of its time, and the pages that they took stay: autovacuum's ANALYZE has one, and
    so does a transaction that wrote, in any database. A tenth of a second costs four pages. So most thousands of
    refreshes, not each, must add no page; what grew because of a fault would grow in all of them."""
    await bench.place(0, parent=-1)
    size = "SELECT relname, pg_relation_size(relid) / 8192 AS pages FROM pg_stat_user_tables WHERE relname = ANY ($1)"
    tables = ("grants", "user_sessions")
    sizes = []
    for generation in range(REFRESHES):
        if generation % 500 == 0:  # or it would be taken for a loop, which it is
            await bench.sql.execute("UPDATE grants SET paced_until = now()")
        done = await grants.refresh(
            bench.db, bench.grant_id, bench.secret_hash, generation, client_id="customer", patience=PATIENCE, scope=()
        )
        assert done is not None
        assert (done.verdict, done.generation) == ("rotate", generation + 1)
        if generation % 1000 == 100:
            sizes.append(dict(await bench.sql.fetch(size, tables)))
    await bench.db.close()  # what a connection counted is told at its end, at the latest
    for table in tables:
        for _ in range(100):
            counted = await bench.sql.fetchrow(
                "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = $1", table
            )
            if counted["n_tup_upd"] >= REFRESHES:
                break
            await asyncio.sleep(0.05)
        assert counted["n_tup_upd"] >= REFRESHES
        assert counted["n_tup_hot_upd"] / counted["n_tup_upd"] > 0.99
        assert median(later[table] - earlier[table] for earlier, later in pairwise(sizes)) == 0, sizes
