"""GET /revocations and its stream, over real connections: who may, what is said, from where on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any

import asyncpg
import httpx2
import pytest

from authsvc.flows.keys import manage_keys
from authsvc.flows.revocation import feed as flow
from authsvc.flows.session.publish_revocation import revocation_feed
from tests.flows.revocation.feed.conftest import Listener, Service, revoke, serving, until
from tests.support.busy import again_when_busy, prompt
from tests.support.service import LOGIN, bearer

STREAM = "/revocations/stream"


@pytest.fixture
async def strict(env: dict[str, str]) -> AsyncIterator[Service]:
    """Not in dev mode."""
    async with serving({**env, "AUTHSVC_DEV_MODE": "false"}) as running:
        yield running


# Who may


async def test_both_ask_for_a_clients_own_token_with_the_scope(strict: Service) -> None:
    person = (await strict.http.post("/api/auth/login", json=LOGIN)).json()["access_token"]
    expected = [
        ({}, 401, "invalid_request", 'Bearer realm="authsvc"'),
        (bearer("x"), 401, "invalid_token", 'error="invalid_token"'),
        ({"Authorization": "Basic eDp4"}, 401, "invalid_request", 'Bearer realm="authsvc"'),
        (bearer(await strict.token("api")), 403, "insufficient_scope", 'scope="revocations"'),
        (bearer(person), 403, "insufficient_scope", 'scope="revocations"'),
    ]
    for path in ("/revocations", STREAM):
        for headers, status, code, challenge in expected:
            answer = await strict.http.get(path, headers=headers)
            assert (answer.status_code, answer.json()["error"]) == (status, code), headers
            assert challenge in answer.headers["www-authenticate"]
    headers = bearer(await strict.token())
    assert (await strict.http.get("/revocations", headers=headers)).status_code == 200
    async with Listener([strict.url], headers).listening():
        pass


async def test_a_revoked_token_opens_nothing_and_its_stream_ends(strict: Service) -> None:
    token = await strict.token()
    async with Listener([strict.url], bearer(token)).listening() as listener:
        form = {"token": token}
        assert (await strict.http.post("/revoke", data=form, auth=("verifier", "verifier-secret"))).status_code == 200
        await until(lambda: listener.refused)
        assert set(listener.refused) == {401}
        assert listener.ends >= 1
    assert (await strict.http.get("/revocations", headers=bearer(token))).status_code == 401


async def test_the_stream_of_a_removed_client_ends(strict: Service, sql: asyncpg.Connection) -> None:
    async with Listener([strict.url], bearer(await strict.token())).listening() as listener:
        await sql.execute("DELETE FROM clients WHERE id = 'verifier'")
        await until(lambda: listener.refused)
        assert set(listener.refused) == {401}


async def test_a_stream_ends_with_the_token_that_opened_it(strict: Service, sql: asyncpg.Connection) -> None:
    await sql.execute("UPDATE clients SET access_token_seconds = 10 WHERE id = 'verifier'")
    await asyncio.sleep(0.6)
    headers = bearer(await strict.token())
    async with Listener([strict.url], headers).listening() as listener:
        (subscriber,) = revocation_feed.of(strict.runtime).subscribers
        assert 8 < subscriber.ends_at - time.time() <= 10
        strict.runtime.clock.align(strict.runtime.clock.now(), 0, 0)  # the clock, not the wall, is what counts
        subscriber.ends_at -= 10
        await until(lambda: listener.ends)
        assert subscriber.ended == "expired"


# What is said


async def test_the_snapshot_says_all_that_is_of_consequence(service: Service, sql: asyncpg.Connection) -> None:
    empty = await service.document()
    assert empty["issuer"] == "http://localhost:8000"
    assert empty["revocations"] == []
    assert empty["sequence"] < 2**53, "an exact number in every language"
    for kind in ("session", "token", "grant", "user", "client", "key"):
        await revoke(sql, f"a {kind}", kind=kind)
    await sql.execute(
        """INSERT INTO revocations (kind, subject, expires_at, reason)
           VALUES ('session', 'over', now(), 'x'), ('session', 'nearly', now() + interval '1.2 seconds', 'x')"""
    )
    found = await service.document()
    assert found["sequence"] == empty["sequence"] + 7
    entries = found["revocations"]
    assert [entry["sequence"] for entry in entries] == list(range(empty["sequence"] + 1, found["sequence"] + 1))
    assert [entry["subject"] for entry in entries][-1] == "nearly"
    now = time.time()
    for entry in entries[:6]:
        assert entry["subject"] == f"a {entry['kind']}"
        assert ("not_before" in entry) == (entry["kind"] in ("grant", "user", "client"))
        assert now - 20 < entry.get("not_before", now) <= now + 1
        assert now + 3580 < entry["expires_at"] < now + 3602
    await asyncio.sleep(2.2)
    assert "nearly" not in {entry["subject"] for entry in (await service.document())["revocations"]}


async def test_304_while_there_is_nothing_new(service: Service, sql: asyncpg.Connection) -> None:
    await revoke(sql, "one")
    answer = await service.http.get("/revocations")
    etag = answer.headers["etag"]
    assert answer.headers["cache-control"] == "no-cache"
    assert etag == f'W/"{answer.json()["sequence"]}"'
    for sent in (etag, f'"x", {etag}', etag.removeprefix("W/"), "*"):
        same = await service.http.get("/revocations", headers={"If-None-Match": sent})
        assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", etag), sent
    await revoke(sql, "two")
    other = await service.http.get("/revocations", headers={"If-None-Match": etag})
    assert other.status_code == 200, "what was committed before the request is in the answer"
    assert [entry["subject"] for entry in other.json()["revocations"]] == ["one", "two"]


async def test_everything_that_revokes_is_told(service: Service, sql: asyncpg.Connection) -> None:
    async with Listener([service.url]).listening() as listener:

        async def login() -> Any:
            return (await service.http.post("/api/auth/login", json=LOGIN)).json()

        one, two, three = await login(), await login(), await login()
        await service.http.post("/api/auth/logout", json={"refresh_token": one["refresh_token"]})
        await service.http.post("/revoke", data={"client_id": "customer", "token": two["access_token"]})
        await sql.execute("UPDATE user_sessions SET is_active = false WHERE id = $1::uuid", three["session_id"])
        await sql.execute("DELETE FROM clients WHERE id = 'strict'")
        await until(lambda: len(listener.held) == 4)
        kinds = {entry["kind"]: entry["subject"] for entry in listener.of("revocation")}
        assert kinds["client"] == "strict"
        assert kinds["token"] not in (one["session_id"], two["session_id"])
        assert {one["session_id"], three["session_id"]} <= listener.subjects()


async def test_a_withdrawn_key_is_told_and_the_jwks_too(service: Service) -> None:
    async with Listener([service.url]).listening() as listener:
        jwks = await service.http.get("/.well-known/jwks.json")
        assert listener.of("jwks") == [{"etag": jwks.headers["etag"]}]
        kid = jwks.json()["keys"][0]["kid"]
        await manage_keys.generate(service.runtime, "tests")
        await until(lambda: len(listener.of("jwks")) == 2)
        await manage_keys.withdraw(service.runtime, "tests", kid)
        await until(lambda: len(listener.of("jwks")) == 3 and listener.of("revocation"))
        (withdrawn,) = listener.of("revocation")
        assert (withdrawn["kind"], withdrawn["subject"]) == ("key", kid)
        now = await service.http.get("/.well-known/jwks.json")
        assert listener.of("jwks")[-1] == {"etag": now.headers["etag"]}
        assert kid not in now.text


@again_when_busy
async def test_an_acknowledged_revocation_is_told_at_once(service: Service) -> None:
    """A hint goes ahead of the poll, which is slowed down here so that it cannot be what told."""
    object.__setattr__(service.runtime.settings, "sync_interval_seconds", 1.0)
    async with Listener([service.url]).listening() as listener:
        waits = []
        for _ in range(8):
            tokens = (await service.http.post("/api/auth/login", json=LOGIN)).json()
            await service.http.post("/api/auth/logout", json={"refresh_token": tokens["refresh_token"]})
            waits.append(await until(lambda tokens=tokens: tokens["session_id"] in listener.subjects()))
            await asyncio.sleep(0.05)
        prompt(sorted(waits)[5] < 0.25, waits)


@again_when_busy
async def test_another_workers_revocation_is_hinted_by_redis(env: dict[str, str], service: Service) -> None:
    object.__setattr__(service.runtime.settings, "sync_interval_seconds", 1.0)
    async with Listener([service.url]).listening() as listener, serving(env) as other:
        waits = []
        for _ in range(8):
            tokens = (await other.http.post("/api/auth/login", json=LOGIN)).json()
            await other.http.post("/api/auth/logout", json={"refresh_token": tokens["refresh_token"]})
            waits.append(await until(lambda tokens=tokens: tokens["session_id"] in listener.subjects()))
            await asyncio.sleep(0.05)
        prompt(sorted(waits)[5] < 0.25, waits)


async def test_heartbeats_come_at_once_and_then_in_time(service: Service, sql: asyncpg.Connection) -> None:
    assert (await service.document())["heartbeat_seconds"] == 1, "a fraction of a second is for tests only"
    async with Listener([service.url]).listening() as listener:
        await revoke(sql, "x")
        await until(lambda: len(listener.of("heartbeat")) >= 6)
        times = [at for name, _, at in listener.events if name == "heartbeat"]
        gaps = [later - earlier for earlier, later in pairwise(times)]
        assert sorted(gaps)[len(gaps) // 2] < 1.1
        last = listener.of("heartbeat")[-1]
        assert last["sequence"] == max(listener.held)
        assert abs(last["time"] - time.time()) <= 2


# From where on


async def test_a_subscriber_goes_on_where_it_was(service: Service, sql: asyncpg.Connection) -> None:
    listener = Listener([service.url])
    async with listener.listening():
        await revoke(sql, "one")
        await until(lambda: listener.held)
    await revoke(sql, "two", "three")
    for last in (listener.last, None):
        again = Listener([service.url], last=last)
        async with again.listening():
            pass
        assert again.subjects() == ({"two", "three"} if last else {"one", "two", "three"})
        assert len(again.of("snapshot")) == (0 if last else 1)
    by_query = httpx2.Timeout(2)
    async with httpx2.AsyncClient(timeout=by_query, trust_env=False) as http:
        url = f"{service.url}{STREAM}?last_event_id={listener.last}"
        async with http.stream("GET", url) as answer:
            lines = answer.aiter_lines()
            assert [await anext(lines) for _ in range(3)] == ["retry: 1000", "", f"id: {(listener.last or 0) + 1}"]


async def test_an_id_that_is_too_old_or_unknown_gets_a_snapshot(service: Service, sql: asyncpg.Connection) -> None:
    await revoke(sql, "one", "two")
    newest = (await service.document())["sequence"]
    floor = newest - 2
    for last, snapshots, held in ((floor, 0, 2), (newest, 0, 0), (floor - 1, 1, 2), (1, 1, 2), (newest + 1, 1, 2)):
        listener = Listener([service.url], last=last)
        async with listener.listening():
            assert (len(listener.of("snapshot")), len(listener.held)) == (snapshots, held), last


async def test_after_a_failover_nobody_goes_on_by_old_numbers(service: Service, sql: asyncpg.Connection) -> None:
    """A promoted standby, or a backup that was restored, lacks the last numbers and would give them again."""
    async with Listener([service.url]).listening() as listener:
        await revoke(sql, "kept")
        await until(lambda: listener.held)
        old = listener.last or 0
        await revoke(sql, "lost")
        await until(lambda: "lost" in listener.subjects())
        # As if the timeline of another server had been ours, which had not heard of the last one.
        await sql.execute("DELETE FROM revocations WHERE subject = 'lost'")
        await sql.execute("UPDATE feed_state SET database = '1.1', newest = $1", old)
        await revoke(sql, "new")
        await until(lambda: "new" in listener.subjects())
        assert listener.subjects() == {"kept", "new"}, "replaced as a whole, in the middle of the stream"
        assert len(listener.of("snapshot")) == 2
    late = Listener([service.url], last=old + 1)
    async with late.listening():
        assert late.subjects() == {"kept", "new"}


BAD = ["x", "-1", "1.5", "1 2", "0x10", "9" * 19, "٣", "1e3", "9" * 4000]


@pytest.mark.parametrize("last", BAD, ids=range(len(BAD)))
async def test_an_id_that_is_no_number_is_refused(service: Service, last: str) -> None:
    for request in (
        {"headers": [(b"last-event-id", last.encode())]},
        {"params": {"last_event_id": last}},
    ):
        answer = await service.http.get(STREAM, **request)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


async def test_head_says_what_it_would_be_and_ends(service: Service) -> None:
    answer = await service.http.head(STREAM)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/event-stream")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-accel-buffering"] == "no"
    assert (await service.http.head("/revocations")).status_code == 200
    await until(lambda: not revocation_feed.of(service.runtime).subscribers)


# One reader


async def test_one_reads_for_all_and_nobody_when_nobody_wants_to_know(
    service: Service, sql: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, count = flow.store.read, 0

    async def counting(*args: Any) -> Any:
        nonlocal count
        count += 1
        return await read(*args)

    monkeypatch.setattr(flow.store, "read", counting)
    monkeypatch.setattr(flow, "IDLE_SECONDS", 0.2)
    assert revocation_feed.of(service.runtime).reader is None
    listeners = [Listener([service.url]) for _ in range(50)]
    tasks = [asyncio.create_task(listener.run()) for listener in listeners]
    await until(lambda: all(listener.of("heartbeat") for listener in listeners))
    count, started = 0, time.monotonic()
    await asyncio.sleep(1.5)
    assert count <= 2 + (time.monotonic() - started) / 0.4
    await revoke(sql, "x")
    await until(lambda: all(listener.held for listener in listeners))
    assert len(revocation_feed.of(service.runtime).subscribers) == 50
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    await until(lambda: revocation_feed.of(service.runtime).reader is None)
    assert revocation_feed.of(service.runtime).log is None
    count = 0
    await asyncio.sleep(0.7)
    assert count == 0
    assert "x" in {entry["subject"] for entry in (await service.document())["revocations"]}, "and again when asked"
