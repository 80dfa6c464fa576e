"""A token's bit is set in time, whatever ended it; lists are built once for everybody, and never sent too old."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from time import monotonic
from typing import Any

import asyncpg
import httpx2
import pytest

from authsvc.app import App, start
from authsvc.flows.revocation.status_list import SLICES_SECONDS, list_memory
from authsvc.rules.revocation.status_list import SLICE_SECONDS
from authsvc.runtime import Runtime, open_runtime
from authsvc.settings import load
from authsvc.store.revocation import status_lists
from tests.conftest import ISSUER
from tests.flows.revocation.status_list.conftest import METER, TTL, WITHIN, Lists, claims_of, place
from tests.support.busy import again_when_busy, none_turned_away
from tests.support.replicas import free_port
from tests.support.service import bearer


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
async def test_the_end_of_a_token_shows_in_time(lists: Lists, sql: asyncpg.Connection, end: End) -> None:
    tokens = await lists.login()
    other = await lists.own_token()
    assert not await lists.void(tokens["access_token"])
    await end(lists, sql, tokens)
    # The copy that a verifier fetched just before is good for its ttl; the rest of the sum is ours.
    assert await lists.until_void(tokens["access_token"]) + TTL < WITHIN + 0.5
    assert not await lists.void(other)


@pytest.mark.parametrize("end", [_log_out, _revoke_access, _revoke_refresh, _disable, _end_in_psql])
async def test_the_end_shows_under_a_pairwise_clients_name_of_the_session(
    lists: Lists, sql: asyncpg.Connection, end: End
) -> None:
    await sql.execute("UPDATE clients SET subject_type = 'pairwise', sector = 'a.example' WHERE id = 'listed'")
    await asyncio.sleep(0.3)  # a worker's memory of clients
    tokens = await lists.login()
    assert claims_of(tokens["access_token"])["sid"] != tokens["session_id"]
    assert not await lists.void(tokens["access_token"])
    await end(lists, sql, tokens)
    assert await lists.until_void(tokens["access_token"]) + TTL < WITHIN + 0.5


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
        "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
        "subject_token": tokens["access_token"],
        "subject_token_type": "urn:ietf:params:oauth:token-type:access_token",
        "audience": "https://orders.example",
    }
    answer = await lists.http.post("/token", data=form, auth=METER)
    assert answer.status_code == 200, answer.text
    made = answer.json()["access_token"]
    assert not await lists.void(made)
    await _revoke_access(lists, None, tokens)
    await lists.until_void(made)


async def test_a_list_is_signed_once_for_everybody_and_known_by_its_etag(
    lists: Lists, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, _ = place(await lists.own_token())
    signed = []
    sign = runtime.keyring.sign

    async def counted(*args: Any, **named: Any) -> str:
        signed.append(named["typ"])
        return await sign(*args, **named)

    monkeypatch.setattr(runtime.keyring, "sign", counted)
    answers = await asyncio.gather(*(lists.http.get(path) for _ in range(20)))
    assert signed == ["statuslist+jwt"]
    assert len({answer.content for answer in answers}) == 1
    first = answers[0]
    assert first.headers["cache-control"] == "public, max-age=0"
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


async def test_redis_holds_nothing_that_is_needed(lists: Lists, runtime: Runtime) -> None:
    tokens = await lists.login()
    await _log_out(lists, None, tokens)
    await lists.until_void(tokens["access_token"])
    await runtime.redis.command("FLUSHDB")
    list_memory.of(runtime).signed.clear()
    assert await lists.void(tokens["access_token"])


@again_when_busy
async def test_a_list_is_never_sent_older_than_its_part_of_the_sum(lists: Lists, runtime: Runtime) -> None:
    """It was asked of PostgreSQL at most `sent` seconds ago: with `ttl` and the writing down, that is `WITHIN`."""
    path, _ = place(await lists.own_token())
    started = asyncio.get_running_loop().time()
    ages = []
    while asyncio.get_running_loop().time() < started + 2 * WITHIN:
        answer = await lists.http.get(path)
        none_turned_away([answer])  # PostgreSQL was too slow: no list is better than an old one
        assert answer.status_code == 200
        ages.append(runtime.clock.seconds() - list_memory.of(runtime).signed[path.rpartition("/")[2]].built_at)
        await asyncio.sleep(0.02)
    assert max(ages) <= WITHIN - TTL - 2 * runtime.settings.sync_interval_seconds + 0.1  # from its choice to here


async def test_while_postgresql_does_not_answer_no_list_is_sent_that_is_too_old(
    lists: Lists, sql: asyncpg.Connection
) -> None:
    """Another replica may have acknowledged a revocation: what then happens is the verifiers' policy."""
    path, _ = place(await lists.own_token())
    assert (await lists.http.get(path)).status_code == 200
    async with sql.transaction():
        await sql.execute("LOCK TABLE status_batches IN ACCESS EXCLUSIVE MODE")
        await asyncio.sleep(WITHIN - TTL)
        refused = await lists.http.get(path)
        assert (refused.status_code, refused.json()["error"]) == (503, "temporarily_unavailable")
        assert int(refused.headers["retry-after"]) >= 1
    assert (await lists.http.get(path)).status_code == 200


async def test_made_up_names_cost_postgresql_next_to_nothing(
    lists: Lists, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, _ = place(await lists.own_token())
    ends_at, _, part = path.rpartition("/")[2].split("-")
    read, asked = status_lists.slices, []

    async def counted(db: Any) -> Any:
        asked.append(1)
        return await read(db)

    monkeypatch.setattr(status_lists, "slices", counted)
    started = monotonic()
    for _ in range(2):
        names = [f"/statuslists/{ends_at}-{os.urandom(8).hex()}-{part}" for _ in range(200)]
        answers = await asyncio.gather(*(lists.http.get(name) for name in names))
        assert {answer.status_code for answer in answers} == {404}
    assert len(asked) <= 2 + (monotonic() - started) / SLICES_SECONDS
    assert len(list_memory.of(runtime).slices) <= 2
    assert not list_memory.of(runtime).signed
    assert (await lists.http.get(path)).status_code == 200


async def test_what_was_true_once_is_not_told(lists: Lists) -> None:
    path, _ = place(await lists.own_token())
    answer = await lists.http.get(path, params={"time": "1795500000"})
    assert (answer.status_code, answer.json()["error"]) == (501, "invalid_request")


class TestBetweenWorkers:
    """Lists that may be sent for a while, as in production."""

    @pytest.fixture
    def settings_env(self, settings_env: dict[str, str]) -> dict[str, str]:
        return {**settings_env, "AUTHSVC_STATUS_LIST_SECONDS": "30"}

    @pytest.fixture
    async def other(self, settings_env: dict[str, str]) -> AsyncIterator[httpx2.AsyncClient]:
        """Another worker."""
        opened = open_runtime(load(settings_env))
        await start(opened)
        transport = httpx2.ASGITransport(app=App(opened), client=("192.0.2.8", 4711))
        async with httpx2.AsyncClient(transport=transport, base_url=ISSUER) as http:
            yield http
        await opened.close()

    async def test_a_list_is_built_once_for_all_of_them(
        self, lists: Lists, other: httpx2.AsyncClient, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path, _ = place(await lists.own_token())
        first = await lists.http.get(path)
        assert 12 <= int(first.headers["cache-control"].rpartition("=")[2]) <= 14
        build, asked = status_lists.void_indices, []

        async def counted(*args: Any, **named: Any) -> Any:
            asked.append(1)
            return await build(*args, **named)

        monkeypatch.setattr(status_lists, "void_indices", counted)
        same = await other.get(path)
        assert (same.content, same.headers["etag"]) == (first.content, first.headers["etag"])
        assert not asked
        list_memory.of(runtime).signed.clear()
        later = runtime.clock.seconds() + 15
        monkeypatch.setattr(runtime.clock, "seconds", lambda: later)
        assert (await lists.http.get(path)).status_code == 200
        assert asked, "what lies in Redis says itself that it is too old"


class TestWithoutRedis:
    @pytest.fixture
    def settings_env(self, settings_env: dict[str, str]) -> dict[str, str]:
        return {**settings_env, "AUTHSVC_REDIS_URL": f"redis://127.0.0.1:{free_port()}"}

    async def test_lists_are_all_the_same(self, lists: Lists) -> None:
        tokens = await lists.login()
        assert not await lists.void(tokens["access_token"])
        await _log_out(lists, None, tokens)
        await lists.until_void(tokens["access_token"])
