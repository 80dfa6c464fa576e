"""One of so many that may be done: by a person, from a network, in the window of all limits."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from authsvc import metrics
from authsvc.reason import Reason
from authsvc.rules.caller.networks import WIDE_FACTOR, wider_network
from authsvc.rules.errors import TooMany, Unavailable
from authsvc.runtime import Runtime
from authsvc.store.caller.attempts import Bucket
from authsvc.store.errors import StoreUnavailable


@dataclass(slots=True)
class TakenPlace:
    """Taken in every bucket. `counts`: whether it stays taken when its work is over."""

    counts: bool


def network_buckets(name: str, network: str, limit: int) -> list[Bucket]:
    """`name`: of what is counted. `network`: an IPv4 address or the /64 of an IPv6 one, whose /48 has ten times the
    limit."""
    buckets = [Bucket(f"{name}:{network}", limit)]
    if wide := wider_network(network):
        buckets.append(Bucket(f"{name}:{wide}", limit * WIDE_FACTOR))
    return buckets


async def take_place(runtime: Runtime, buckets: Sequence[Bucket], kind: str, reason: Reason) -> str:
    """Take one in every bucket, or in none, for good. The place's name. `kind`: of request, with underscores. Raises
    TooMany with this reason."""
    name = runtime.entropy(8).hex()
    if wait := await runtime.attempts.take(buckets, name):
        metrics.rate_limited.labels(kind).inc()
        raise TooMany(reason, retry_after=wait)
    return name


@asynccontextmanager
async def within_limit(
    runtime: Runtime, buckets: Sequence[Bucket], kind: str, reason: Reason, *, guess: bool = False
) -> AsyncIterator[TakenPlace]:
    """Take a place, as `take_place`, before anything costly is done: 200 parallel guesses with a limit of 5 are 5.

    What is done counts; with `guess` only what turned out to be wrong, whose block says so by the place's `counts`.
    What is answered 503 never counts: whoever asked may come again."""
    name = await take_place(runtime, buckets, kind, reason)
    place = TakenPlace(counts=not guess)
    try:
        yield place
    except (StoreUnavailable, Unavailable):
        place.counts = False
        raise
    finally:
        if not place.counts:
            await runtime.attempts.give_back(buckets, name)
