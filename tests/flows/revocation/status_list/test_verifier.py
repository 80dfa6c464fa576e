"""Without the feed: what was revoked is refused in time, by our verifier and by whoever reads lists as the draft says.

The sum is what counts: a list is built, sent for a while, and kept by a verifier for its ttl. Were each of them as long
as the promise, a revocation that just missed a list would take twice as long.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from time import monotonic

import httpx2
import jwt
import pytest

from authsvc.rules.revocation.status_list import decode
from authsvc_verifier import InvalidToken, Unavailable, Verifier
from tests.flows.revocation.status_list.conftest import WITHIN, Lists, claims_of
from tests.support.replicas import Replica, Replicas
from tests.support.service import bearer

SESSIONS = 12
PARTIES = 8
"""Of each kind: they fetched their copies at different times."""
BUSY_SECONDS = 0.5
"""What a machine that runs other tests may add to a measurement."""

Accepts = Callable[[str], Awaitable[bool | None]]
"""None: not now."""


@dataclass
class PlainParty:
    """A relying party of no house: a list is good for its `ttl` after it was fetched (section 8.3, step 4d)."""

    http: httpx2.AsyncClient
    lists: dict[str, tuple[float, frozenset[int]]] = field(default_factory=dict)

    async def accepts(self, token: str) -> bool:
        said = claims_of(token)["status"]["status_list"]
        until, void = self.lists.get(said["uri"], (0.0, frozenset()))
        if monotonic() > until:
            asked_at = monotonic()
            answer = await self.http.get(said["uri"], headers={"Accept": "application/statuslist+jwt"})
            claims = jwt.decode(answer.text, options={"verify_signature": False})
            void = frozenset(decode(claims["status_list"]["lst"]))
            self.lists[said["uri"]] = asked_at + claims["ttl"], void
        return said["idx"] not in void


def by(verifier: Verifier) -> Accepts:
    async def accepts(token: str) -> bool | None:
        try:
            return bool(await verifier.verify(token))
        except InvalidToken as error:
            assert error.reason == "status_invalid"
            return False
        except Unavailable:  # the machine is so busy that the list became too old meanwhile
            return None

    return accepts


async def let_in(parties: list[Accepts], token: str) -> bool:
    """Whether all of them let it in, as soon as they can tell."""
    for accepts in parties:
        while (found := await accepts(token)) is None:
            await asyncio.sleep(0.05)
        if not found:
            return False
    return True


async def last_let_in(accepts: Accepts, token: str, acknowledged: float) -> float:
    """Seconds from the acknowledgement of its revocation to the last time that a token was let in."""
    last = acknowledged
    while True:
        asked_at = monotonic()
        found = await accepts(token)
        if found is False:
            return last - acknowledged
        last = asked_at if found else last
        await asyncio.sleep(0.05)


@pytest.fixture
def house(listed: None, replicas: Replicas) -> tuple[Replica, Replica]:
    """Two replicas of one issuer: lists are read at the first, sessions end at the second."""
    [first] = replicas.start(own_issuer=True)
    [second] = replicas.start(AUTHSVC_ISSUER=first.url)
    return first, second


async def test_a_revoked_token_is_refused_in_time_without_the_feed(house: tuple[Replica, Replica]) -> None:
    first, second = house
    async with (
        httpx2.AsyncClient(base_url=first.url) as one,
        httpx2.AsyncClient(base_url=second.url) as two,
        AsyncExitStack() as stack,
    ):
        kept, *tokens = [(await Lists(one).login())["access_token"] for _ in range(SESSIONS + 1)]
        parties: list[Accepts] = []
        for _ in range(PARTIES):  # meanwhile the first replica's own copy becomes older
            verifier = await stack.enter_async_context(Verifier(first.url, audience=first.url, stale="refuse"))
            parties += [by(verifier), PlainParty(one).accepts]
            assert await let_in(parties, kept)
            await asyncio.sleep(WITHIN / PARTIES)

        async def end(number: int, token: str) -> list[float]:
            await asyncio.sleep(number / SESSIONS * WITHIN)
            assert await let_in(parties, token)
            assert (await two.post("/api/auth/logout", headers=bearer(token))).status_code == 204
            now = monotonic()
            async with asyncio.timeout(5 * WITHIN):
                return await asyncio.gather(*(last_let_in(accepts, token, now) for accepts in parties))

        late = await asyncio.gather(*(end(number, token) for number, token in enumerate(tokens)))
        assert await let_in(parties, kept)
    ours, plain = (sorted(seconds for row in late for seconds in row[kind::2]) for kind in (0, 1))
    assert ours[-1] < WITHIN + BUSY_SECONDS, ours
    assert plain[-1] < WITHIN + BUSY_SECONDS, plain
