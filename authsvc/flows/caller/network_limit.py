"""What a limit on a network counts, whatever it limits, and what is done within a limit."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from authsvc import metrics
from authsvc.reason import Reason
from authsvc.rules.caller.networks import WIDE_FACTOR, wider_network
from authsvc.rules.errors import TooMany
from authsvc.runtime import Runtime
from authsvc.store.caller.attempts import Bucket
from authsvc.store.errors import StoreUnavailable


def network_buckets(name: str, network: str, limit: int) -> list[Bucket]:
    """`name`: of what is counted. `network`: an IPv4 address or the /64 of an IPv6 one, whose /48 has ten times the
    limit."""
    buckets = [Bucket(f"{name}:{network}", limit)]
    if wide := wider_network(network):
        buckets.append(Bucket(f"{name}:{wide}", limit * WIDE_FACTOR))
    return buckets


async def wait_of_network(runtime: Runtime, kind: str, network: str, limit: int) -> int:
    """Anybody may ask: so many a network, and no more. 0, or the seconds that this one has to wait. `kind`: of request,
    with underscores."""
    buckets = network_buckets(kind.replace("_", "-"), network, limit)
    wait = await runtime.attempts.take(buckets, runtime.entropy(8).hex())
    if wait:
        metrics.rate_limited.labels(kind).inc()
    return wait


@asynccontextmanager
async def within_limit(runtime: Runtime, buckets: Sequence[Bucket], kind: str, reason: Reason) -> AsyncIterator[None]:
    """One of so many that may be done; trouble in a store gives the place back: who was answered 503 may come again.
    `kind`: as in `wait_of_network`. Raises TooMany with this reason."""
    name = runtime.entropy(8).hex()
    if wait := await runtime.attempts.take(buckets, name):
        metrics.rate_limited.labels(kind).inc()
        raise TooMany(reason, retry_after=wait)
    try:
        yield
    except StoreUnavailable:
        await runtime.attempts.give_back(buckets, name)
        raise
