"""Networks that limits count, as text: an IPv4 address, or the /64 of an IPv6 one."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv6Network

WIDE_FACTOR = 10
"""What a wider network may do, beside the limit of one network."""


@lru_cache(maxsize=8192)
def wider_network(network: str) -> str | None:
    """The /48 around a /64: whoever rents a server has 65,536 times a /64 in it. None: an IPv4 address."""
    return str(IPv6Network(network).supernet(new_prefix=48)) if ":" in network else None
