"""A verifier that has no feed, over real HTTP: status lists in the background, policies, and who is asked for what."""

from __future__ import annotations

import asyncio
import os
import time
from base64 import urlsafe_b64encode
from collections.abc import Awaitable
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from typing import Any

import jwt
import pytest

from authsvc_jws.thumbprint import thumbprint
from authsvc_verifier import Shown, SyncVerifier, Verifier
from authsvc_verifier import verifier as verifier_module
from authsvc_verifier.errors import InvalidToken, Unavailable, VerifierError
from authsvc_verifier.list_keeper import LARGE
from fake_issuer import AUDIENCE, EC_KEY, OTHER_KEY, FakeIssuer, entry, packed_list, public_jwk, quiet
from test_verifier import CREDENTIALS, skipping

LIST = "/lists/1"


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verifier_module, "PAUSE_SECONDS", (0.02, 0.1))
    monkeypatch.setattr(verifier_module, "FIRST_SECONDS", 1.0)


async def reason(call: Awaitable[Any]) -> str:
    with pytest.raises(VerifierError) as caught:
        await call
    return caught.value.reason


async def test_a_status_is_read_once_and_then_from_memory(issuer: FakeIssuer) -> None:
    issuer.lists[LIST] = issuer.status_list({7: 1})
    async with Verifier(issuer.url, AUDIENCE) as verifier:
        good, revoked = issuer.listed(6), issuer.listed(7)
        found = await asyncio.gather(*(verifier.verify(good) for _ in range(50)))
        assert {claims.sub for claims in found} == {"user-1"}
        assert await reason(verifier.verify(revoked)) == "status_invalid"
        issuer.failing.add(LIST)
        for _ in range(50):
            await verifier.verify(good)
        assert issuer.requests[LIST] == 1
        await verifier.verify(issuer.token())
        with pytest.raises(InvalidToken) as caught:
            await verifier.verify(revoked)
        assert 'error="invalid_token"' in caught.value.headers["WWW-Authenticate"]


@pytest.mark.parametrize(
    ("status", "word"), [(1, "status_invalid"), (2, "status_suspended"), (3, "status_unknown"), (11, "status_unknown")]
)
async def test_whatever_is_not_valid_is_refused(status: int, word: str, issuer: FakeIssuer) -> None:
    issuer.lists[LIST] = issuer.status_list({7: status}, bits=4)
    async with Verifier(issuer.url, AUDIENCE) as verifier:
        assert await reason(verifier.verify(issuer.listed(7))) == word
        await verifier.verify(issuer.listed(8))


async def test_a_revocation_is_seen_within_the_ttl_and_no_request_waits_for_it(issuer: FakeIssuer) -> None:
    issuer.lists[LIST] = issuer.status_list(ttl=3)
    async with Verifier(issuer.url, AUDIENCE) as verifier:
        token = issuer.listed(7)
        await verifier.verify(token)
        issuer.delay = 0.2
        for status in (1, 0):
            issuer.lists[LIST] = issuer.status_list({7: status, 100: 1}, ttl=3)
            deadline = time.monotonic() + 3 + issuer.delay
            while at_once(verifier, token) is bool(status):
                assert time.monotonic() < deadline, "not within the ttl"
                await asyncio.sleep(0.01)
    assert issuer.requests["/introspect"] == 0


def at_once(verifier: Verifier, token: str) -> bool:
    """Whether it is let in, decided without waiting for anything."""
    try:
        verifier.verify(token).send(None)
    except StopIteration:
        return True
    except InvalidToken:
        return False
    raise AssertionError("it waited")


async def test_a_list_that_has_not_changed_is_not_sent_again(issuer: FakeIssuer) -> None:
    issuer.lists[LIST] = issuer.status_list({7: 1}, ttl=1)
    async with Verifier(issuer.url, AUDIENCE) as verifier:
        for _ in range(30):
            await verifier.verify(issuer.listed(6))
            assert await reason(verifier.verify(issuer.listed(7))) == "status_invalid"
            await asyncio.sleep(0.05)
    assert issuer.requests["not modified"] == issuer.requests[LIST] - 1 > 0


@pytest.mark.parametrize(("first", "stale"), [(True, False), (False, True)], ids=["never read", "too old"])
async def test_what_to_do_without_a_list_that_may_be_believed(first: bool, stale: bool, issuer: FakeIssuer) -> None:
    clock, ahead = skipping()
    issuer.lists[LIST] = issuer.status_list({7: 1}, exp=int(time.time()) + 9999)
    async with Verifier(issuer.url, AUDIENCE, clock=clock, **CREDENTIALS) as verifier:
        good = issuer.listed(6)
        if stale:
            await verifier.verify(good)
            assert await reason(verifier.verify(issuer.listed(7))) == "status_invalid"
            ahead[0] += 61
        issuer.failing.add(LIST)
        assert (await verifier.verify(good, stale="accept")).sub == "user-1"
        assert await reason(verifier.verify(good, stale="refuse")) == "status_list_stale"
        assert issuer.requests["/introspect"] == 0
        assert (await verifier.verify(good)).sub == "user-1"  # the verifier's own policy: introspect
        issuer.revoked.add(good)
        assert await reason(verifier.verify(good)) == "introspected_inactive"
        issuer.failing.add("/introspect")
        assert await reason(verifier.verify(good)) == "introspection_failed"
        if stale:  # what was said to be void stays void, under every policy
            assert await reason(verifier.verify(issuer.listed(7), stale="accept")) == "status_invalid"
        await verifier.verify(issuer.token())  # names no list
        asked = issuer.requests[LIST]
        for _ in range(20):
            await verifier.verify(good, stale="accept")
        assert issuer.requests[LIST] == asked, "requests do not ask again: the background does"
        issuer.failing.clear()
        deadline = time.monotonic() + 5
        while await verifier.verify(good, stale="accept") and issuer.requests[LIST] == asked:
            assert time.monotonic() < deadline
            ahead[0] += 1
            await asyncio.sleep(0.05)


async def test_without_credentials_introspect_is_refuse(issuer: FakeIssuer) -> None:
    async with Verifier(issuer.url, AUDIENCE) as verifier:
        with pytest.raises(Unavailable) as caught:
            await verifier.verify(issuer.listed(6))  # 404
        assert (caught.value.reason, caught.value.headers["Retry-After"]) == ("introspection_failed", "5")


async def test_lists_of_other_origins_are_read_where_they_are_named(issuer: FakeIssuer) -> None:
    with FakeIssuer() as elsewhere:
        uri = elsewhere.url + LIST
        elsewhere.lists[LIST] = issuer.status_list({7: 1}, sub=uri)
        token = issuer.token(status={"status_list": {"idx": 6, "uri": uri}})
        async with Verifier(issuer.url, AUDIENCE, stale="refuse") as verifier:
            assert await reason(verifier.verify(token)) == "status_list_stale"
            for other in ("http://lists.example/1", "ftp://127.0.0.1/1", "https://127.0.0.1:99999/", "", "x"):
                token_there = issuer.token(status={"status_list": {"idx": 6, "uri": other}})
                assert await reason(verifier.verify(token_there)) == "status_list_stale"
        assert not elsewhere.requests
        async with Verifier(issuer.url, AUDIENCE, stale="refuse", status_list_origins=[elsewhere.url]) as verifier:
            await verifier.verify(token)
            revoked = issuer.token(status={"status_list": {"idx": 7, "uri": uri}})
            assert await reason(verifier.verify(revoked)) == "status_invalid"
    with pytest.raises(ValueError, match="status_list_origins"):
        Verifier(issuer.url, AUDIENCE, status_list_origins=["http://lists.example"])


@pytest.mark.parametrize(
    "how",
    [{"key": OTHER_KEY}, {"sub": "https://evil.example/1"}, {"exp": 1}, {"ttl": -1}],
    ids=["another key", "another list", "expired", "no time"],
)
async def test_a_list_that_is_not_the_issuers_is_no_list(how: dict[str, Any], issuer: FakeIssuer) -> None:
    issuer.lists[LIST] = issuer.status_list(**how)
    async with Verifier(issuer.url, AUDIENCE, stale="refuse") as verifier:
        assert await reason(verifier.verify(issuer.listed(6))) == "status_list_stale"
        issuer.lists[LIST] = issuer.status_list()
        await asyncio.sleep(1.5)  # the first pause
        await verifier.verify(issuer.listed(6))


async def test_a_new_key_is_found_by_its_first_list(issuer: FakeIssuer) -> None:
    async with Verifier(issuer.url, AUDIENCE, stale="refuse") as verifier:
        await verifier.verify(issuer.token())
        issuer.keys.append(public_jwk(EC_KEY, "two", "ES256"))
        issuer.lists[LIST] = issuer.status_list({7: 1}, key=EC_KEY, kid="two", alg="ES256")
        assert await reason(verifier.verify(issuer.listed(7))) == "status_invalid"
        assert issuer.requests["/jwks"] == 2
        for number in range(20):  # unknown keys are asked for once in 30 s, however many lists name them
            path = f"/lists/forged-{number}"
            issuer.lists[path] = issuer.status_list(path=path, kid=f"forged-{number}")
            assert await reason(verifier.verify(issuer.listed(7, path))) == "status_list_stale"
        assert issuer.requests["/jwks"] == 2


async def test_a_list_that_has_grown_is_read_anew_but_not_for_each_token(issuer: FakeIssuer) -> None:
    clock, ahead = skipping()
    issuer.lists[LIST] = issuer.status_list(size=8)
    async with Verifier(issuer.url, AUDIENCE, clock=clock) as verifier:
        await verifier.verify(issuer.listed(7))
        for _ in range(10):  # a new token is not called bad by a list that is older than it
            assert await reason(verifier.verify(issuer.listed(8))) == "status_list_short"
        assert issuer.requests[LIST] == 1
        ahead[0] += 6
        assert await reason(verifier.verify(issuer.listed(8))) == "status_out_of_bounds"
        assert issuer.requests[LIST] == 2
        issuer.lists[LIST] = issuer.status_list({9: 1}, size=16)
        ahead[0] += 6
        await verifier.verify(issuer.listed(8))
        assert await reason(verifier.verify(issuer.listed(9))) == "status_invalid"
        assert issuer.requests[LIST] == 3
        issuer.failing.add(LIST)
        ahead[0] += 6
        assert await reason(verifier.verify(issuer.listed(16))) == "status_list_short"


async def test_a_list_that_comes_packed_is_not_unpacked(issuer: FakeIssuer) -> None:
    issuer.lists[LIST] = issuer.status_list()
    issuer.list_headers["Content-Encoding"] = "gzip"
    async with Verifier(issuer.url, AUDIENCE, stale="refuse") as verifier:
        assert await reason(verifier.verify(issuer.listed(6))) == "status_list_stale"


async def test_a_large_list_is_judged_beside_the_loop(issuer: FakeIssuer) -> None:
    noise = os.urandom(2**17)
    issuer.lists[LIST] = issuer.status_list(status_list={"bits": 1, "lst": packed_list(noise)})
    assert len(issuer.lists[LIST]) > LARGE
    async with Verifier(issuer.url, AUDIENCE) as verifier:
        for index in range(2**20 - 200, 2**20):
            if noise[index >> 3] >> (index & 7) & 1:
                assert await reason(verifier.verify(issuer.listed(index))) == "status_invalid"
            else:
                await verifier.verify(issuer.listed(index))
    assert issuer.requests[LIST] == 1


async def test_with_the_feed_no_list_is_asked_for(issuer: FakeIssuer) -> None:
    issuer.lists[LIST] = issuer.status_list({7: 1})
    issuer.streams = [quiet]
    async with Verifier(issuer.url, AUDIENCE, feed=True, **CREDENTIALS) as verifier:
        await verifier.verify(issuer.listed(7))
        assert issuer.requests[LIST] == 0


async def test_while_the_feed_is_stale_and_the_policy_accepts_the_list_is_the_next_best(issuer: FakeIssuer) -> None:
    issuer.lists[LIST] = issuer.status_list({7: 1}, exp=int(time.time()) + 9999)
    issuer.streams = [lambda issuer, last_id, write: write(issuer.snapshot(1, [entry("token", "gone")]))]
    clock, ahead = skipping()
    async with Verifier(issuer.url, AUDIENCE, feed=True, clock=clock, **CREDENTIALS) as verifier:
        issuer.failing.add("/revocations/stream")
        ahead[0] += 16
        assert await reason(verifier.verify(issuer.listed(6, jti="gone"), stale="accept")) == "revoked_token"
        assert await reason(verifier.verify(issuer.listed(6), stale="refuse")) == "revocations_stale"
        await verifier.verify(issuer.listed(7), stale="introspect")
        assert issuer.requests[LIST] == 0
        await verifier.verify(issuer.listed(6), stale="accept")
        assert await reason(verifier.verify(issuer.listed(7), stale="accept")) == "status_invalid"
        assert (issuer.requests[LIST], issuer.requests["/introspect"]) == (1, 1)


async def test_lists_can_be_switched_off(issuer: FakeIssuer) -> None:
    issuer.lists[LIST] = issuer.status_list({7: 1})
    async with Verifier(issuer.url, AUDIENCE, status_lists=False) as verifier:
        await verifier.verify(issuer.listed(7))
    assert issuer.requests[LIST] == 0


async def test_a_proof_is_spent_once_though_the_list_had_to_be_read(issuer: FakeIssuer) -> None:
    issuer.lists[LIST] = issuer.status_list()
    jwk = jwt.get_algorithm_by_name("ES256").to_jwk(EC_KEY.public_key(), as_dict=True)
    token = issuer.listed(6, cnf={"jkt": thumbprint(jwk)})
    digest = urlsafe_b64encode(sha256(token.encode()).digest()).decode().rstrip("=")
    claims = {"jti": "p1", "htm": "GET", "htu": "https://orders.example/", "iat": int(time.time()), "ath": digest}
    proof = jwt.encode(claims, EC_KEY, "ES256", {"typ": "dpop+jwt", "jwk": jwk})
    async with Verifier(issuer.url, AUDIENCE) as verifier:
        shown = Shown(proof, "GET", "https://orders.example/")
        assert (await verifier.verify(token, dpop=shown)).sub == "user-1"
        assert await reason(verifier.verify(token, dpop=shown)) == "dpop_replayed"
    assert issuer.requests[LIST] == 1


async def test_closed_in_the_middle_of_a_list_it_starts_again(issuer: FakeIssuer) -> None:
    issuer.lists[LIST] = issuer.status_list({7: 1})
    verifier = Verifier(issuer.url, AUDIENCE)
    await verifier.verify(issuer.token())
    issuer.delay = 0.5
    waiting = asyncio.create_task(verifier.verify(issuer.listed(7)))
    await asyncio.sleep(0.1)
    await verifier.close()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    issuer.delay = 0.0
    assert await reason(verifier.verify(issuer.listed(7))) == "status_invalid"
    await verifier.close()


def test_in_threads(issuer: FakeIssuer) -> None:
    issuer.lists[LIST] = issuer.status_list({7: 1}, ttl=1)
    with SyncVerifier(issuer.url, AUDIENCE) as verifier:
        tokens = [issuer.listed(index) for index in range(8, 208)]
        with ThreadPoolExecutor(8) as pool:
            assert {claims.sub for claims in pool.map(verifier.verify, tokens)} == {"user-1"}
        assert issuer.requests[LIST] < 10, "one for all, and what the background asked for since"
        with pytest.raises(InvalidToken, match="status_invalid"):
            verifier.verify(issuer.listed(7))
        issuer.lists[LIST] = issuer.status_list({8: 1}, ttl=1)
        deadline = time.monotonic() + 5
        while True:
            try:
                verifier.verify(tokens[0])
            except InvalidToken as error:
                assert error.reason == "status_invalid"
                break
            assert time.monotonic() < deadline
            time.sleep(0.02)
