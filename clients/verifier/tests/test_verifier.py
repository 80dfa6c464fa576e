"""The verifier over real HTTP: keys, feed with every fault, policies."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from authsvc_verifier import BoundToken, InsufficientScope, InvalidToken, SyncVerifier, Unavailable, Verifier, require
from authsvc_verifier import verifier as verifier_module
from authsvc_verifier.state import Clock
from fake_issuer import (
    AUDIENCE,
    EC_KEY,
    OTHER_KEY,
    FakeIssuer,
    Write,
    entry,
    event,
    public_jwk,
    quiet,
)

CREDENTIALS = {"client_id": "orders", "client_secret": "secret"}


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verifier_module, "PAUSE_SECONDS", (0.02, 0.1))
    monkeypatch.setattr(verifier_module, "FIRST_SECONDS", 1.0)


def skipping() -> tuple[Clock, list[float]]:
    """The real clock, which a test may put forward."""
    ahead = [0.0]
    return Clock(lambda: time.time() + ahead[0], lambda: time.monotonic() + ahead[0]), ahead


async def reason(call: Awaitable[Any]) -> str:
    with pytest.raises((InvalidToken, Unavailable, BoundToken)) as caught:
        await call
    return caught.value.reason


async def soon(holds: Callable[[], bool], seconds: float = 3.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "not in time"
        await asyncio.sleep(0.01)


# Keys


async def test_from_nothing_to_claims(issuer: FakeIssuer) -> None:
    async with Verifier(issuer.url, AUDIENCE) as verifier:
        claims = await verifier.verify(issuer.token())
        assert claims.sub == "user-1"
        assert verifier.staleness == 0.0
        for _ in range(50):
            await verifier.verify(issuer.token())
    assert issuer.requests == {"/.well-known/openid-configuration": 1, "/jwks": 1}


async def test_it_starts_with_the_first_token(issuer: FakeIssuer) -> None:
    verifier = Verifier(issuer.url, AUDIENCE)
    found = await asyncio.gather(*(verifier.verify(issuer.token()) for _ in range(20)))
    assert len(found) == 20
    assert issuer.requests["/jwks"] == 1
    await verifier.close()


async def test_ten_thousand_forged_kids_are_one_request(issuer: FakeIssuer) -> None:
    clock, ahead = skipping()
    async with Verifier(issuer.url, AUDIENCE, clock=clock) as verifier:
        before = issuer.requests["/jwks"]
        good = issuer.token()
        head = [issuer.token(kid=f"forged-{number}") for number in range(20)]
        forged = [head[number % 20] for number in range(10_000)]
        found = await asyncio.gather(*(verifier.verify(token) for token in forged), return_exceptions=True)
        assert {error.reason for error in found if isinstance(error, InvalidToken)} == {"unknown_kid"}
        assert len(found) == 10_000
        assert issuer.requests["/jwks"] == before + 1
        assert (await verifier.verify(good)).sub == "user-1"
        ahead[0] += 29 - (clock.monotonic() - verifier.state.cache.asked_at)
        await reason(verifier.verify(head[0]))
        assert issuer.requests["/jwks"] == before + 1
        ahead[0] += 2
        await asyncio.gather(*(verifier.verify(token) for token in head), return_exceptions=True)
        assert issuer.requests["/jwks"] == before + 2


async def test_a_new_key_is_found_by_its_first_token(issuer: FakeIssuer) -> None:
    async with Verifier(issuer.url, AUDIENCE) as verifier:
        await verifier.verify(issuer.token())
        issuer.keys.append(public_jwk(EC_KEY, "two", "ES256"))
        token = issuer.token(EC_KEY, "two", "ES256")
        issuer.delay = 0.05
        await asyncio.gather(*(verifier.verify(token) for _ in range(30)))
        assert issuer.requests["/jwks"] == 2


async def test_the_issuer_away_changes_nothing_for_known_keys(issuer: FakeIssuer) -> None:
    clock, ahead = skipping()
    async with Verifier(issuer.url, AUDIENCE, clock=clock) as verifier:
        issuer.failing |= {"/jwks", "/.well-known/openid-configuration"}
        ahead[0] += 3600 * 12
        assert (await verifier.verify(issuer.token(exp=clock.wall() + 60))).sub == "user-1"
        # Whose key we cannot know now is not called bad.
        assert await reason(verifier.verify(issuer.token(OTHER_KEY, "two"))) == "keys_not_read"
        ahead[0] += 3600 * 13
        assert await reason(verifier.verify(issuer.token(exp=clock.wall() + 60))) == "keys_not_read"
        issuer.failing.clear()
        ahead[0] += 60
        assert (await verifier.verify(issuer.token(exp=clock.wall() + 60))).sub == "user-1"


async def test_nobody_there_at_the_start(issuer: FakeIssuer) -> None:
    issuer.failing.add("/.well-known/openid-configuration")
    clock, ahead = skipping()
    async with Verifier(issuer.url, AUDIENCE, clock=clock) as verifier:
        with pytest.raises(Unavailable) as caught:
            await verifier.verify(issuer.token())
        assert caught.value.headers["Retry-After"] == "5"
        issuer.failing.clear()
        ahead[0] += 2
        assert (await verifier.verify(issuer.token())).sub == "user-1"


@pytest.mark.parametrize(
    "metadata",
    [{"issuer": "https://evil.example"}, {"jwks_uri": "http://evil.example/jwks"}, {"jwks_uri": ""}, {"jwks_uri": 1}],
)
async def test_metadata_that_is_not_believed(metadata: dict[str, Any], issuer: FakeIssuer) -> None:
    issuer.metadata = metadata
    async with Verifier(issuer.url, AUDIENCE) as verifier:
        assert await reason(verifier.verify(issuer.token())) == "keys_not_read"


@pytest.mark.parametrize(
    ("issuer_url", "options"),
    [
        ("http://auth.example", {}),
        ("ftp://auth.example", {}),
        ("https://auth.example", {"feed": True}),
        ("https://auth.example", {"algorithms": ["HS256"]}),
        ("https://auth.example", {"algorithms": []}),
        ("https://auth.example", {"stale": "hope"}),
        ("https://auth.example", {"clients": []}),
        ("https://auth.example", {"clients": "shop"}),
        ("https://auth.example", {"clients": ["shop", ""]}),
    ],
)
def test_options_that_cannot_work(issuer_url: str, options: Any) -> None:
    for kind in (Verifier, SyncVerifier):
        with pytest.raises(ValueError):
            kind(issuer_url, AUDIENCE, **options)
    with pytest.raises(ValueError):
        Verifier("https://auth.example", "")


async def test_the_log_says_at_debug_why_a_token_was_refused(issuer: FakeIssuer) -> None:
    said: list[str] = []

    class Kept(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.append(f"{record.levelname} {record.getMessage()}")

    log, kept = logging.getLogger("authsvc_verifier"), Kept()
    log.addHandler(kept)
    log.setLevel(logging.DEBUG)
    try:
        async with Verifier(issuer.url, AUDIENCE) as verifier:
            assert await reason(verifier.verify(issuer.token(aud="https://other.example"))) == "wrong_audience"
            with pytest.raises(InsufficientScope):
                await verifier.verify(issuer.token(), require(scope="orders.write"))
    finally:
        log.removeHandler(kept)
        log.setLevel(logging.NOTSET)
    assert said == ["DEBUG refused: wrong_audience", "DEBUG refused: insufficient_scope"]


async def test_a_client_that_is_not_named_is_refused_whatever_its_token_says(issuer: FakeIssuer) -> None:
    async with Verifier(issuer.url, AUDIENCE, clients=["shop"]) as verifier:
        assert (await verifier.verify(issuer.token())).client_id == "shop"
        assert await reason(verifier.verify(issuer.token(client_id="stranger", roles=["admin"]))) == "wrong_client"
    with SyncVerifier(issuer.url, AUDIENCE, clients={"till"}) as threads:
        with pytest.raises(InvalidToken) as raised:
            threads.verify(issuer.token())
        assert (raised.value.reason, raised.value.status) == ("wrong_client", 401)


# The feed


def follow(issuer: FakeIssuer, **options: Any) -> Verifier:
    return Verifier(issuer.url, AUDIENCE, **{"feed": True, **CREDENTIALS, **options})


async def test_a_revocation_arrives_and_voids(issuer: FakeIssuer) -> None:
    told: list[str] = []

    def stream(issuer: FakeIssuer, last_id: str | None, write: Write) -> None:
        write(issuer.snapshot(1, [entry("token", "old")]))
        while not issuer.over.wait(0.01):
            if told:
                write(told.pop())
            write(event("heartbeat", {"sequence": 1}))

    issuer.streams = [stream]
    async with follow(issuer) as verifier:
        assert await reason(verifier.verify(issuer.token(jti="old"))) == "revoked_token"
        await verifier.verify(issuer.token())
        assert verifier.staleness < 1
        told.append(event("revocation", entry("session", "sid-1"), 2))
        await soon(lambda: len(verifier.state.feed.revocations) == 2)  # type: ignore[union-attr]
        assert await reason(verifier.verify(issuer.token())) == "revoked_session"
        await verifier.verify(issuer.token(sid="sid-2"))
    assert issuer.requests["/introspect"] == 0


async def test_cut_and_resumed_from_what_was_proved_complete(issuer: FakeIssuer) -> None:
    """The cut comes after 8, but only 5 was proved: 6 to 8 come again, in another order, and nothing is lost."""

    def first(issuer: FakeIssuer, last_id: str | None, write: Write) -> None:
        write(issuer.snapshot(3))
        write(event("revocation", entry("token", "a"), 4) + event("heartbeat", {"sequence": 5}))
        write(event("revocation", entry("token", "c"), 8))

    def second(issuer: FakeIssuer, last_id: str | None, write: Write) -> None:
        for name, number in (("c", 8), ("b", 6)):
            write(event("revocation", entry("token", name), number))
        quiet_from(8)(issuer, last_id, write)

    issuer.streams = [first, second]
    async with follow(issuer) as verifier:
        await soon(lambda: len(issuer.resumed) == 2 and verifier.state.feed.confirmed == 8)  # type: ignore[union-attr]
        assert issuer.resumed == [None, "5"]
        for name in "abc":
            assert await reason(verifier.verify(issuer.token(jti=name))) == "revoked_token"


def quiet_from(sequence: int) -> Any:
    def stream(issuer: FakeIssuer, last_id: str | None, write: Write) -> None:
        while not issuer.over.wait(0.02):
            write(event("heartbeat", {"sequence": sequence}))

    return stream


GARBAGE = {
    "no JSON": "event: revocation\ndata: {{{\n\n",
    "a revocation without subject": 'event: revocation\ndata: {"kind": "token"}\n\n',
    "bytes": "\0\0\n\n\r\r\nevent: heartbeat\ndata: \0\n\n",
    "a foreign snapshot": event("snapshot", {"issuer": "https://evil.example", "sequence": 9, "revocations": []}),
    "half an event": 'event: heartbeat\ndata: {"sequence": 99',
    "a heartbeat that goes back": event("heartbeat", {"sequence": 1}),
}


@pytest.mark.parametrize("garbage", GARBAGE.values(), ids=GARBAGE)
async def test_garbage_is_left_and_what_was_known_stays(garbage: str, issuer: FakeIssuer) -> None:
    def bad(issuer: FakeIssuer, last_id: str | None, write: Write) -> None:
        write(issuer.snapshot(7, [entry("token", "known")]) if last_id is None else "")
        write(garbage)

    def good(issuer: FakeIssuer, last_id: str | None, write: Write) -> None:
        write(issuer.snapshot(9, [entry("token", "known"), entry("token", "new")]))
        quiet_from(9)(issuer, last_id, write)

    issuer.streams = [bad, bad, good]
    async with follow(issuer) as verifier:
        assert await reason(verifier.verify(issuer.token(jti="known"))) == "revoked_token"
        await soon(lambda: verifier.state.feed.confirmed == 9)  # type: ignore[union-attr]
        assert await reason(verifier.verify(issuer.token(jti="new"))) == "revoked_token"
        await verifier.verify(issuer.token())


async def test_a_snapshot_takes_the_place_of_everything(issuer: FakeIssuer) -> None:
    def first(issuer: FakeIssuer, last_id: str | None, write: Write) -> None:
        write(issuer.snapshot(50, [entry("token", "a")]) + event("revocation", entry("token", "b"), 51))

    def second(issuer: FakeIssuer, last_id: str | None, write: Write) -> None:
        write(issuer.snapshot(2, [entry("token", "b")]))
        quiet_from(2)(issuer, last_id, write)

    issuer.streams = [first, second]
    async with follow(issuer) as verifier:
        await soon(lambda: verifier.state.feed.confirmed == 2)  # type: ignore[union-attr]
        await verifier.verify(issuer.token(jti="a"))
        assert await reason(verifier.verify(issuer.token(jti="b"))) == "revoked_token"


async def test_a_silent_connection_is_given_up(issuer: FakeIssuer) -> None:
    """Comments keep a proxy content, and prove nothing."""

    def chatty(issuer: FakeIssuer, last_id: str | None, write: Write) -> None:
        write(issuer.snapshot(1, beat=0.1))
        while not issuer.over.wait(0.02):
            write(": still here\n\n")

    def mute(issuer: FakeIssuer, last_id: str | None, write: Write) -> None:
        issuer.over.wait(5)

    issuer.streams = [chatty, mute, quiet_from(1)]
    async with follow(issuer) as verifier:
        await soon(lambda: len(issuer.resumed) == 3, 6)
        await soon(lambda: verifier.staleness < 0.2)


async def test_what_to_do_while_the_feed_is_stale(issuer: FakeIssuer) -> None:
    issuer.streams = [lambda issuer, last_id, write: write(issuer.snapshot(1, [entry("token", "gone")]))]
    clock, ahead = skipping()
    async with follow(issuer, clock=clock) as verifier:
        await verifier.verify(issuer.token(), stale="refuse")
        issuer.failing.add("/revocations/stream")
        await asyncio.sleep(0.3)
        ahead[0] += 16
        good = issuer.token()
        assert (await verifier.verify(good, stale="accept")).sub == "user-1"
        assert await reason(verifier.verify(good, stale="refuse")) == "revocations_stale"
        assert issuer.requests["/introspect"] == 0
        assert (await verifier.verify(good)).sub == "user-1"  # the verifier's own policy: introspect
        assert issuer.requests["/introspect"] == 1
        issuer.revoked.add(good)
        assert await reason(verifier.verify(good)) == "introspected_inactive"
        # What is known to be revoked needs nobody's word, whatever the policy.
        assert await reason(verifier.verify(issuer.token(jti="gone"), stale="accept")) == "revoked_token"
        issuer.failing.add("/introspect")
        assert await reason(verifier.verify(issuer.token())) == "introspection_failed"
        assert verifier.staleness > 15


async def test_without_a_snapshot_it_is_stale_from_the_start(issuer: FakeIssuer) -> None:
    issuer.failing.add("/revocations/stream")
    async with follow(issuer, stale="refuse") as verifier:
        assert await reason(verifier.verify(issuer.token())) == "revocations_stale"
        assert verifier.staleness == float("inf")


async def test_a_withdrawn_key_is_dropped_at_once_and_a_new_one_fetched(issuer: FakeIssuer) -> None:
    steps: list[str] = []

    def stream(issuer: FakeIssuer, last_id: str | None, write: Write) -> None:
        write(issuer.snapshot(1))
        while not issuer.over.wait(0.01):
            if steps:
                write(steps.pop(0))
            write(event("heartbeat", {"sequence": 1}))

    issuer.streams = [stream]
    async with follow(issuer) as verifier:
        await verifier.verify(issuer.token())
        steps.append(event("revocation", entry("key", "one"), 2))
        await soon(lambda: len(verifier.state.feed.revocations) == 1)  # type: ignore[union-attr]
        assert await reason(verifier.verify(issuer.token())) == "revoked_key"
        assert issuer.requests["/jwks"] == 1
        issuer.keys = [public_jwk(EC_KEY, "two", "ES256")]
        steps.append(event("jwks", {"etag": '"2"'}))
        await soon(lambda: issuer.requests["/jwks"] == 2)
        await verifier.verify(issuer.token(EC_KEY, "two", "ES256"))
        assert await reason(verifier.verify(issuer.token())) == "unknown_kid"


async def test_a_large_snapshot_stops_nobody(issuer: FakeIssuer) -> None:
    entries = [entry("session", f"session-{number:08}", number) for number in range(100_000)]
    text = issuer.snapshot(100_000, entries)

    def stream(issuer: FakeIssuer, last_id: str | None, write: Write) -> None:
        write(issuer.snapshot(1) if last_id is None else text)
        if last_id is None:
            return
        quiet_from(100_000)(issuer, last_id, write)

    issuer.streams = [stream]
    async with follow(issuer) as verifier:
        await soon(lambda: verifier.state.feed.confirmed == 100_000, 20)  # type: ignore[union-attr]
        assert await reason(verifier.verify(issuer.token(sid="session-00099999"))) == "revoked_session"
        await verifier.verify(issuer.token())


# Threads


def test_in_threads(issuer: FakeIssuer) -> None:
    issuer.streams = [lambda i, last_id, write: (write(i.snapshot(1, [entry("token", "gone")])), quiet(i, "1", write))]
    with SyncVerifier(issuer.url, AUDIENCE, feed=True, **CREDENTIALS) as verifier:  # type: ignore[arg-type]
        tokens = [issuer.token() for _ in range(200)]
        with ThreadPoolExecutor(8) as pool:
            assert {claims.sub for claims in pool.map(verifier.verify, tokens)} == {"user-1"}
        assert verifier.staleness < 1
        with pytest.raises(InvalidToken, match="revoked_token"):
            verifier.verify(issuer.token(jti="gone"))
        with pytest.raises(InvalidToken, match="unknown_kid"):
            verifier.verify(issuer.token(kid="other"))
        assert issuer.requests["/jwks"] == 2


async def test_one_verifier_belongs_to_one_loop(issuer: FakeIssuer) -> None:
    async with Verifier(issuer.url, AUDIENCE) as verifier:

        def elsewhere() -> None:
            with pytest.raises(RuntimeError, match="SyncVerifier"):
                asyncio.run(verifier.verify(issuer.token()))

        await asyncio.to_thread(elsewhere)
