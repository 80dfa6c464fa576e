"""Whose request it is: pure rules from a socket's peer and X-Forwarded-For to one address, and from it to the network
that rate limits count. No I/O, no clock, no names looked up. A header is evidence only when a trusted proxy gave it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Network = IPv4Network | IPv6Network | str
"""A network, or the word `unix`: any process that may open our unix socket."""

LOCAL = "127.0.0.1"
"""A unix socket's peer is on this machine; its name must fit where an address is stored."""
UNKNOWN = "0.0.0.0"  # noqa: S104 - not an address to bind
HOPS = 50
_CACHED_BYTES = 256  # longer headers are worked out anew: the cache must not be a place to fill


def client_address(peer: str | None, forwarded_for: Sequence[bytes], trusted: Sequence[Network]) -> str:
    """The address of the client, in canonical form (IPv4-mapped IPv6 as IPv4, no zone, no port).

    `peer` is the socket's other end, None for a unix socket. `forwarded_for` holds the X-Forwarded-For header lines in
    the order received. From the right, the first address that no trusted network holds is the client; if a hop cannot
    be read, the last one that could; if all are trusted, the left-most. At most 50 hops are looked at. Never raises.
    """
    if not trusted:
        return _canonical(peer)
    known = tuple(trusted)
    if not forwarded_for or sum(map(len, forwarded_for)) > _CACHED_BYTES:
        return _walk(peer, tuple(forwarded_for), known)
    return _cached(peer, tuple(forwarded_for), _Trust.of(known))


def is_within(peer: str | None, networks: Sequence[Network]) -> bool:
    """Whether an address, or the other end of a unix socket (None), is in one of these networks. Never raises."""
    return "unix" in networks if peer is None else _is_trusted(_parsed(peer), networks)


def network_of(address: str) -> str:
    """What a rate limit counts: an IPv4 address itself, the /64 of an IPv6 one; IPv4-mapped IPv6 counts as IPv4.

    `address` comes from `client_address`; anything that is no address shares one bucket.
    """
    return _network(address)


@lru_cache(maxsize=8192)
def _network(address: str) -> str:
    parsed = _parsed(address)
    if parsed is None:
        return UNKNOWN
    if isinstance(parsed, IPv4Address):
        return str(parsed)
    return str(ip_network((int(parsed) >> 64 << 64, 64)))


class _Trust:
    """Trusted networks that hash by identity: hashing ip_network objects costs more than the whole walk."""

    _latest: _Trust | None = None

    def __init__(self, networks: tuple[Network, ...]) -> None:
        self.networks = networks

    @classmethod
    def of(cls, networks: tuple[Network, ...]) -> _Trust:
        latest = cls._latest
        if latest is None or (latest.networks is not networks and latest.networks != networks):
            cls._latest = latest = cls(networks)
        return latest


@lru_cache(maxsize=4096)
def _cached(peer: str | None, lines: tuple[bytes, ...], trust: _Trust) -> str:
    return _walk(peer, lines, trust.networks)


def _walk(peer: str | None, lines: tuple[bytes, ...], trusted: tuple[Network, ...]) -> str:
    here = _canonical(peer)
    if not is_within(peer, trusted):
        return here
    hops = 0
    for line in reversed(lines):
        for word in reversed(line.rsplit(b",", HOPS - hops)):
            if hops >= HOPS:
                return here
            hops += 1
            word = word.strip(b" \t")
            if not word:  # RFC 9110 section 5.6.1.2: empty list members are to be ignored
                continue
            found = _hop(word)
            if found is None:
                return here
            here = str(found)
            if not _is_trusted(found, trusted):
                return here
    return here


def _hop(word: bytes) -> IPv4Address | IPv6Address | None:
    """One member of X-Forwarded-For: 1.2.3.4, 1.2.3.4:80, ::1, [::1], [::1]:80. None if it is anything else."""
    if len(word) > 64 or not word.isascii():
        return None
    text = word.decode("ascii")
    if text.startswith("["):
        text, bracket, port = text[1:].partition("]")
        if not bracket or ":" not in text or (port and not _is_port(port)):
            return None
    elif text.count(":") == 1:
        text, _, port = text.partition(":")
        if not _is_port(":" + port):
            return None
    return _parsed(text)


def _is_port(text: str) -> bool:
    return text.startswith(":") and text[1:].isdecimal() and len(text) <= 6


def _parsed(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text.partition("%")[0])  # a zone (fe80::1%eth0) means something on one machine only
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


@lru_cache(maxsize=4096)
def _canonical(peer: str | None) -> str:
    if peer is None:
        return LOCAL
    parsed = _parsed(peer)
    return UNKNOWN if parsed is None else str(parsed)


def _is_trusted(address: IPv4Address | IPv6Address | None, trusted: Sequence[Network]) -> bool:
    return address is not None and any(
        not isinstance(network, str) and address.version == network.version and address in network
        for network in trusted
    )
