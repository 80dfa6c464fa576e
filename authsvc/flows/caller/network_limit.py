"""What a limit on a network counts, whatever it limits."""

from __future__ import annotations

from authsvc import metrics
from authsvc.rules.caller.networks import WIDE_FACTOR, wider_network
from authsvc.runtime import Runtime
from authsvc.store.caller.attempts import Bucket


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
