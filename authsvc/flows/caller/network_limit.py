"""What a limit on a network counts, whatever it limits."""

from __future__ import annotations

from authsvc.rules.caller.networks import WIDE_FACTOR, wider_network
from authsvc.store.caller.attempts import Bucket


def network_buckets(name: str, network: str, limit: int) -> list[Bucket]:
    """`name`: of what is counted. `network`: an IPv4 address or the /64 of an IPv6 one, whose /48 has ten times the
    limit."""
    buckets = [Bucket(f"{name}:{network}", limit)]
    if wide := wider_network(network):
        buckets.append(Bucket(f"{name}:{wide}", limit * WIDE_FACTOR))
    return buckets
