"""Every token finds its index, whoever asks and however many at once; none is given twice; nothing grows for ever."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from itertools import pairwise

import asyncpg
import httpx2
import pytest

from authsvc.flows.revocation.status_indices import (
    IndexAtHand,
    give_back,
    give_index,
    keep_once,
    status_indices,
    write_down,
)
from authsvc.rules.revocation.status_list import BLOCK, CAPACITY, REQUEST_SECONDS, SLICE_SECONDS, slice_end
from authsvc.rules.token.exchange import ACCESS_TOKEN
from authsvc.rules.token.exchange import GRANT_TYPE as TOKEN_EXCHANGE
from authsvc.runtime import Runtime
from authsvc.store.revocation import status_lists
from authsvc.store.upkeep import sweep
from tests.flows.revocation.status_list.conftest import MACHINE, METER, Lists, claims_of, place, until
from tests.flows.token.refresh.wire import Wire, service_behind
from tests.support import devices, login_steps
from tests.support.service import BACKEND

CLAIMS = {"jti": "jti-1", "client_id": "meter", "iat": 0, "sub": "meter"}


# Each way to a token


async def _login(lists: Lists, _runtime: Runtime, cold: Callable[[], None]) -> str:
    cold()
    return str((await lists.login())["access_token"])


async def _refresh(lists: Lists, _runtime: Runtime, cold: Callable[[], None]) -> str:
    form = {"grant_type": "refresh_token", "client_id": "listed", "refresh_token": await _refresh_token(lists)}
    cold()
    return _given(await lists.http.post("/token", data=form))


async def _api_refresh(lists: Lists, _runtime: Runtime, cold: Callable[[], None]) -> str:
    body = {"client_id": "listed", "refresh_token": await _refresh_token(lists)}
    cold()
    return _given(await lists.http.post("/api/auth/refresh", json=body))


async def _code(lists: Lists, _runtime: Runtime, cold: Callable[[], None]) -> str:
    pkce = login_steps.Pkce()
    code = await login_steps.code_for(lists.http, pkce, "listed", scope="openid profile")
    cold()
    return _given(await login_steps.redeem(lists.http, code, pkce, "listed"))


async def _device(lists: Lists, runtime: Runtime, cold: Callable[[], None]) -> str:
    asked = (await lists.http.post("/device_authorization", data={"client_id": "listed"})).json()
    lists.http.cookies.set("authsvc_session", await devices.session_cookie(runtime))
    assert (await devices.decide(lists.http, asked["user_code"])).status_code == 200
    cold()
    return _given(await devices.poll(lists.http, asked["device_code"], "listed"))


async def _own(lists: Lists, _runtime: Runtime, cold: Callable[[], None]) -> str:
    cold()
    return await lists.own_token()


async def _exchange(lists: Lists, _runtime: Runtime, cold: Callable[[], None]) -> str:
    token = (await lists.login("customer"))["access_token"]
    cold()
    return await _exchanged(lists, token)


async def _exchanged(lists: Lists, token: str) -> str:
    form = {
        "grant_type": TOKEN_EXCHANGE,
        "subject_token": token,
        "subject_token_type": ACCESS_TOKEN,
        "audience": "https://orders.example",
    }
    return _given(await lists.http.post("/token", data=form, auth=METER))


async def _refresh_token(lists: Lists) -> str:
    return str((await lists.login())["refresh_token"])


def _given(answer: httpx2.Response) -> str:
    assert answer.status_code == 200, answer.text
    return str(answer.json()["access_token"])


@pytest.mark.parametrize("way", [_login, _refresh, _api_refresh, _code, _device, _own, _exchange])
async def test_every_way_to_a_token_finds_an_index_though_none_was_at_hand(
    lists: Lists, runtime: Runtime, way: Callable[[Lists, Runtime, Callable[[], None]], Awaitable[str]]
) -> None:
    def cold() -> None:
        for block in status_indices.of(runtime).blocks:
            block.left.clear()

    token = await way(lists, runtime, cold)
    assert not await lists.void(token)
    assert status_indices.of(runtime).waiting == 0


async def test_a_promise_holds_however_many_are_on_their_way(listed: None, runtime: Runtime) -> None:
    """All have been told that there is an index before the first of them takes it: more than a block has."""
    number, all_in, entered = BLOCK + 400, asyncio.Event(), []

    async def issue() -> tuple[str, int]:
        async with IndexAtHand(runtime, MACHINE):
            entered.append(1)
            if len(entered) == number:
                all_in.set()
            await all_in.wait()
            found = give_index(runtime, MACHINE, CLAIMS, runtime.clock.now())["status_list"]
            return found["uri"], found["idx"]

    places = await asyncio.gather(*(issue() for _ in range(number)))
    assert len(set(places)) == number
    assert status_indices.of(runtime).waiting == 0


async def test_a_request_that_fails_gives_its_promise_back(listed: None, runtime: Runtime) -> None:
    with pytest.raises(ZeroDivisionError):
        async with IndexAtHand(runtime, MACHINE):
            raise ZeroDivisionError
    assert status_indices.of(runtime).waiting == 0


@pytest.mark.parametrize("before", [0.5, 30, 59])
async def test_the_end_of_a_slice_between_promise_and_token_is_no_matter(
    before: float, listed: None, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The list outlives the token by the clock difference that verifiers are allowed, however slow the request was."""
    life, skew = runtime.settings.access_token_seconds, runtime.settings.clock_skew_seconds
    crossing = slice_end(runtime.clock.seconds()) + SLICE_SECONDS - (life + skew + REQUEST_SECONDS) % SLICE_SECONDS
    real = runtime.clock.seconds
    moved = crossing - before - real()
    monkeypatch.setattr(runtime.clock, "seconds", lambda: real() + moved)
    async with IndexAtHand(runtime, MACHINE):
        moved += REQUEST_SECONDS - 1
        now = runtime.clock.now()
        uri = give_index(runtime, MACHINE, CLAIMS, now)["status_list"]["uri"]
    ends_at = int(uri.rpartition("/")[2].partition("-")[0])
    assert now.timestamp() + life + skew <= ends_at <= now.timestamp() + life + skew + REQUEST_SECONDS + SLICE_SECONDS


async def test_where_no_index_can_be_had_nothing_is_spent(
    listed: None, runtime: Runtime, http: httpx2.AsyncClient, sql: asyncpg.Connection
) -> None:
    refresh_token = await _refresh_token(Lists(http))
    form = {"grant_type": "refresh_token", "client_id": "listed", "refresh_token": refresh_token}
    for block in status_indices.of(runtime).blocks:
        block.left.clear()
    async with sql.transaction():
        await sql.execute("LOCK TABLE status_slices IN ACCESS EXCLUSIVE MODE")
        refused = await http.post("/token", data=form)
        assert (refused.status_code, refused.json()["error"]) == (503, "temporarily_unavailable")
        assert await sql.fetchval("SELECT generation FROM grants") == 0
    again = await http.post("/token", data=form)
    assert (again.status_code, again.json()["refresh_token"] != refresh_token) == (200, True)


# Who has one


async def test_clients_without_the_option_get_no_claim_and_cost_nothing(
    lists: Lists, runtime: Runtime, sql: asyncpg.Connection
) -> None:
    tokens = await lists.login("customer")
    assert "status" not in claims_of(tokens["access_token"])
    await asyncio.sleep(0.3)
    indices = status_indices.of(runtime)
    assert not (indices.blocks or indices.pending or indices.lives)
    assert await sql.fetchval("SELECT count(*) FROM status_slices") == 0


class TestAudiences:
    @pytest.fixture
    def settings_env(self, settings_env: dict[str, str]) -> dict[str, str]:
        return {**settings_env, "AUTHSVC_STATUS_LIST_AUDIENCES": "https://orders.example https://Stock.example/"}

    async def test_tokens_for_a_named_audience_have_one_whoever_asked(
        self, lists: Lists, sql: asyncpg.Connection
    ) -> None:
        await sql.execute("UPDATE clients SET status_list = false")
        await sql.execute("UPDATE clients SET audiences = '{https://stock.example}' WHERE id = 'backend'")
        person = (await lists.login("customer"))["access_token"]
        assert "status" not in claims_of(person)
        assert not await lists.void(await _exchanged(lists, person))
        answer = await lists.http.post("/token", data={"grant_type": "client_credentials"}, auth=BACKEND)
        assert not await lists.void(_given(answer))


# Indices


async def test_a_list_outlives_its_tokens_and_not_by_long(lists: Lists, runtime: Runtime) -> None:
    claims = claims_of((await lists.login())["access_token"])
    ends_at = int(claims["status"]["status_list"]["uri"].rpartition("/")[2].partition("-")[0])
    spare = runtime.settings.clock_skew_seconds
    assert claims["exp"] + spare <= ends_at <= claims["exp"] + spare + REQUEST_SECONDS + SLICE_SECONDS


async def test_indices_are_all_different_and_in_no_order(lists: Lists, runtime: Runtime) -> None:
    """More tokens than a block has: new ones are leased on the way."""
    number = BLOCK + 100
    places = [place(await lists.own_token()) for _ in range(number)]
    assert len(set(places)) == number
    indices = [index for _, index in places[:200]]
    assert all(0 <= index < CAPACITY for index in indices)
    assert 60 < sum(one < two for one, two in pairwise(indices)) < 140
    await until(lambda: not status_indices.of(runtime).pending)


async def test_blocks_that_are_leased_at_once_are_all_different(runtime: Runtime) -> None:
    ends_at = slice_end(runtime.clock.seconds() + 1800)
    leased = []
    for _ in range(10):  # as many at once as there are connections
        leased += await asyncio.gather(*(status_lists.lease(runtime.db, ends_at) for _ in range(4)))
    assert sorted(block.number for block in leased if block) == list(range(40))
    assert await status_lists.lease(runtime.db, slice_end(runtime.clock.seconds()) - SLICE_SECONDS) is None


async def test_a_worker_that_ends_gives_its_blocks_back(
    listed: None, runtime: Runtime, http: httpx2.AsyncClient, sql: asyncpg.Connection
) -> None:
    lists = Lists(http)
    token = await lists.own_token()
    await give_back(runtime)
    written = "SELECT count(*) FROM status_batches WHERE $1 = ANY(indices) AND kind = 'token'"
    assert await sql.fetchval(written, place(token)[1]) == 1
    assert not status_indices.of(runtime).blocks
    assert not await lists.void(token)


async def test_a_block_that_a_failover_forgot_is_used_no_more(
    lists: Lists, runtime: Runtime, sql: asyncpg.Connection
) -> None:
    first = await lists.own_token()
    held = status_indices.of(runtime).blocks
    await sql.execute("DELETE FROM status_slices")
    for block in held:
        block.heard_at -= 3
    await write_down(runtime, keep={block.ends_at for block in held})
    second = await lists.own_token()
    assert place(second)[0] != place(first)[0]
    assert not await lists.void(second)


# What it costs


async def test_a_refresh_with_an_index_is_one_statement_in_one_round_trip(
    listed: None, settings_env: dict[str, str], wire: Wire
) -> None:
    async with service_behind(settings_env, wire) as (runtime, http):
        token = (await Lists(http).login())["refresh_token"]
        for number in range(51):
            if number == 1:
                await keep_once(runtime)  # a connection learns its types and its statements once
                wire.reset()
            form = {"grant_type": "refresh_token", "client_id": "listed", "refresh_token": token}
            answer = await http.post("/token", data=form)
            token = answer.json()["refresh_token"]
            assert "status" in claims_of(answer.json()["access_token"])
        assert (wire.statements, wire.round_trips) == (50, 50)
        wire.reset()
        await keep_once(runtime)
        assert 1 <= wire.statements <= 2, "fifty tokens are one statement, and at the end of a slice a block"


async def test_what_is_stored_grows_with_time_not_with_tokens(
    listed: None, runtime: Runtime, sql: asyncpg.Connection
) -> None:
    """One row a kind of revocation for all that was issued between two writings."""
    async with IndexAtHand(runtime, MACHINE):
        pass
    for number in (1, 700):
        for _ in range(number):
            async with IndexAtHand(runtime, MACHINE):
                give_index(runtime, MACHINE, CLAIMS, runtime.clock.now())
        await keep_once(runtime)
    rows = await sql.fetch(
        "SELECT kind, cardinality(indices) AS size, cardinality(subjects) AS names FROM status_batches"
    )
    assert Counter((row["kind"], row["size"], row["names"]) for row in rows) == Counter(
        {("token", 1, 1): 1, ("client", 1, 1): 1, ("token", 700, 700): 1, ("client", 700, 700): 1}
    )


async def test_old_slices_are_swept_and_living_ones_are_not(
    lists: Lists, runtime: Runtime, sql: asyncpg.Connection
) -> None:
    await lists.own_token()
    await until(lambda: not status_indices.of(runtime).pending)
    old = slice_end(runtime.clock.seconds() - 3600) - 2 * SLICE_SECONDS
    await sql.execute("INSERT INTO status_slices (ends_at, database, salt, blocks) VALUES ($1, 'x', 'old', 1)", old)
    await sql.execute("INSERT INTO status_blocks (salt, number) VALUES ('old', 0)")
    await sql.execute(
        """INSERT INTO status_batches (ends_at, salt, part, kind, indices, subjects)
           SELECT $1, 'old', 0, 'token', '{1}', '{x}' FROM generate_series(1, 120)""",
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
