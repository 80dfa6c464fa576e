"""A token's bit is set within the list's ttl, whatever ended it; lists are bounded, and signed once a ttl."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from itertools import pairwise
from typing import Any

import asyncpg
import pytest

from authsvc.flows.status_indices import give_back, write_down
from authsvc.oauth.status_list import BLOCK, CAPACITY, SLICE_SECONDS, slice_end
from authsvc.runtime import Runtime
from authsvc.store import status_lists, sweep
from authsvc.store.errors import StoreUnavailable
from tests.shared import bearer
from tests.statuslist.conftest import METER, Lists, claims_of, place, until

TTL = 1


async def _log_out(lists: Lists, _sql: Any, tokens: dict[str, Any]) -> None:
    assert (await lists.http.post("/api/auth/logout", headers=bearer(tokens["access_token"]))).status_code == 204


async def _revoke_access(lists: Lists, _sql: Any, tokens: dict[str, Any]) -> None:
    form = {"token": tokens["access_token"], "client_id": "listed"}
    assert (await lists.http.post("/revoke", data=form)).status_code == 200


async def _revoke_refresh(lists: Lists, _sql: Any, tokens: dict[str, Any]) -> None:
    form = {"token": tokens["refresh_token"], "client_id": "listed"}
    assert (await lists.http.post("/revoke", data=form)).status_code == 200


async def _disable(_lists: Lists, sql: asyncpg.Connection, _tokens: Any) -> None:
    await sql.execute("UPDATE users SET disabled_at = now() WHERE email = 'test@example.com'")


async def _end_in_psql(_lists: Lists, sql: asyncpg.Connection, tokens: dict[str, Any]) -> None:
    await sql.execute("UPDATE user_sessions SET is_active = false WHERE id = $1", tokens["session_id"])


async def _remove_client(_lists: Lists, sql: asyncpg.Connection, _tokens: Any) -> None:
    await sql.execute("DELETE FROM clients WHERE id = 'listed'")


End = Callable[[Lists, Any, Any], Awaitable[None]]


@pytest.mark.parametrize("end", [_log_out, _revoke_access, _revoke_refresh, _disable, _end_in_psql, _remove_client])
async def test_the_end_of_a_token_shows_within_the_ttl(lists: Lists, sql: asyncpg.Connection, end: End) -> None:
    tokens = await lists.login()
    other = await lists.own_token()
    assert not await lists.void(tokens["access_token"])
    await end(lists, sql, tokens)
    assert await lists.until_void(tokens["access_token"]) < TTL + 0.8
    assert not await lists.void(other)


async def test_revoking_one_access_token_leaves_its_sisters(lists: Lists) -> None:
    tokens = await lists.login()
    form = {"grant_type": "refresh_token", "client_id": "listed", "refresh_token": tokens["refresh_token"]}
    second = (await lists.http.post("/token", data=form)).json()["access_token"]
    assert place(second) != place(tokens["access_token"])
    await _revoke_access(lists, None, tokens)
    await lists.until_void(tokens["access_token"])
    assert not await lists.void(second)


async def test_a_token_made_by_exchange_is_void_with_its_source(lists: Lists) -> None:
    tokens = await lists.login()
    form = {
        "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange", "subject_token": tokens["access_token"],
        "subject_token_type": "urn:ietf:params:oauth:token-type:access_token", "audience": "https://orders.example",
    }  # fmt: skip
    answer = await lists.http.post("/token", data=form, auth=METER)
    assert answer.status_code == 200, answer.text
    made = answer.json()["access_token"]
    assert not await lists.void(made)
    await _revoke_access(lists, None, tokens)
    await lists.until_void(made)


async def test_clients_without_the_option_get_no_claim_and_cost_nothing(
    lists: Lists, runtime: Runtime, sql: asyncpg.Connection
) -> None:
    tokens = await lists.login("customer")
    assert "status" not in claims_of(tokens["access_token"])
    await asyncio.sleep(0.3)
    indices = runtime.status_indices
    assert not (indices.blocks or indices.pending or indices.lives)
    assert await sql.fetchval("SELECT count(*) FROM status_slices") == 0


async def test_a_list_outlives_its_tokens_and_not_by_long(lists: Lists) -> None:
    tokens = await lists.login()
    claims = claims_of(tokens["access_token"])
    ends_at = int(place(tokens["access_token"])[0].rpartition("/")[2].partition("-")[0])
    assert claims["exp"] <= ends_at <= claims["exp"] + 2 * SLICE_SECONDS


async def test_indices_are_all_different_and_in_no_order(lists: Lists, runtime: Runtime) -> None:
    """More tokens than two blocks have: new ones are leased on the way."""
    number = 2 * BLOCK + 300
    places = [place(await lists.own_token()) for _ in range(number)]
    assert len(set(places)) == number
    indices = [index for _, index in places[:200]]
    assert all(0 <= index < CAPACITY for index in indices)
    assert 60 < sum(one < two for one, two in pairwise(indices)) < 140
    await until(lambda: not runtime.status_indices.pending)


async def test_a_list_is_signed_once_a_ttl_and_known_by_its_etag(
    lists: Lists, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, _ = place(await lists.own_token())
    signed = []
    sign = runtime.keyring.sign

    def counted(*args: Any, **named: Any) -> str:
        signed.append(named["typ"])
        return sign(*args, **named)

    monkeypatch.setattr(runtime.keyring, "sign", counted)
    answers = await asyncio.gather(*(lists.http.get(path) for _ in range(20)))
    assert signed == ["statuslist+jwt"]
    assert len({answer.content for answer in answers}) == 1
    first = answers[0]
    assert first.headers["cache-control"] in ("public, max-age=0", "public, max-age=1")
    assert first.headers["access-control-allow-origin"] == "*"
    again = await lists.http.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    await asyncio.sleep(TTL + 0.2)
    later = await lists.http.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert (later.status_code, len(signed)) == (200, 2)


async def test_lists_that_are_unknown_or_over_are_not_found(
    lists: Lists, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, _ = place(await lists.own_token())
    ends_at, salt, part = path.rpartition("/")[2].split("-")
    assert part == "0"
    for name in ("x", f"{ends_at}-{'0' * 16}-0", f"{ends_at}-{salt}-1", f"{int(ends_at) + SLICE_SECONDS}-{salt}-0"):
        answer = await lists.http.get(f"/statuslists/{name}")
        assert (answer.status_code, answer.json()["error"]) == (404, "not_found"), name
    assert (await lists.http.get(path)).status_code == 200
    monkeypatch.setattr(runtime.clock, "seconds", lambda: float(ends_at))
    assert (await lists.http.get(path)).status_code == 404


async def test_with_postgresql_away_the_last_list_serves_until_it_expires(
    lists: Lists, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, _ = place(await lists.own_token())
    last = await lists.http.get(path)

    async def away(*_args: Any, **_named: Any) -> None:
        raise StoreUnavailable("postgresql", "tests")

    monkeypatch.setattr(status_lists, "void_indices", away)
    await asyncio.sleep(TTL + 0.2)
    stale = await lists.http.get(path)
    assert (stale.status_code, stale.content, stale.headers["cache-control"]) == (
        200, last.content, "public, max-age=0",
    )  # fmt: skip
    expires_at = runtime.status_lists.signed[path.rpartition("/")[2]].expires_at
    monkeypatch.setattr(runtime.clock, "seconds", lambda: float(expires_at))
    refused = await lists.http.get(path)
    assert (refused.status_code, refused.json()["error"]) == (503, "temporarily_unavailable")
    assert int(refused.headers["retry-after"]) >= 1


async def test_redis_holds_nothing_of_it(lists: Lists, runtime: Runtime) -> None:
    tokens = await lists.login()
    await _log_out(lists, None, tokens)
    await lists.until_void(tokens["access_token"])
    await runtime.redis.command("FLUSHDB")
    runtime.status_lists.signed.clear()
    assert await lists.void(tokens["access_token"])


async def test_old_slices_are_swept_and_living_ones_are_not(
    lists: Lists, runtime: Runtime, sql: asyncpg.Connection
) -> None:
    await lists.own_token()
    await until(lambda: not runtime.status_indices.pending)
    old = slice_end(int(await sql.fetchval("SELECT extract(epoch FROM now())")) - 3600 - 2 * SLICE_SECONDS)
    await sql.execute("INSERT INTO status_slices (ends_at, database, salt, blocks) VALUES ($1, 'x', 'old', 1)", old)
    await sql.execute("INSERT INTO status_blocks (salt, number) VALUES ('old', 0)")
    await sql.execute(
        """INSERT INTO status_batches (ends_at, salt, part, indices, kinds, subjects, issued)
           SELECT $1, 'old', 0, '{1}', '{token}', '{x}', '{NULL}' FROM generate_series(1, 120)""",
        old,
    )
    before = await sql.fetchval("SELECT count(*) FROM status_batches WHERE salt <> 'old'")
    for _ in range(2):
        async for _ in sweep.sweep(runtime.db, rest=0):
            pass
    for table in ("status_batches", "status_blocks", "status_slices"):
        assert await sql.fetchval(f"SELECT count(*) FROM {table} WHERE salt = 'old'") == 0
    assert await sql.fetchval("SELECT count(*) FROM status_batches WHERE salt <> 'old'") == before > 0
    assert await sql.fetchval("SELECT count(*) FROM status_slices") >= 1


async def test_a_worker_that_ends_gives_its_blocks_back(
    lists: Lists, runtime: Runtime, sql: asyncpg.Connection
) -> None:
    token = await lists.own_token()
    await give_back(runtime)
    assert await sql.fetchval("SELECT count(*) FROM status_batches WHERE $1 = ANY(indices)", place(token)[1]) == 1
    assert not runtime.status_indices.blocks
    assert not await lists.void(token)


async def test_a_block_that_a_failover_forgot_is_used_no_more(
    lists: Lists, runtime: Runtime, sql: asyncpg.Connection
) -> None:
    first = await lists.own_token()
    held = runtime.status_indices.blocks
    await sql.execute("DELETE FROM status_slices")
    for block in held:
        block.heard_at -= 3
    await write_down(runtime, keep={block.ends_at for block in held})
    second = await lists.own_token()
    assert place(second)[0] != place(first)[0]
    assert not await lists.void(second)
