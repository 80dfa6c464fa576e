"""Whose request it is: X-Forwarded-For is evidence only from a trusted proxy, and only as far as it can be read."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from authsvc.web.http.peer import Network, client_address, network_of

PROXIES: tuple[Network, ...] = (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))
UNIX: tuple[Network, ...] = (*PROXIES, "unix")


@pytest.mark.parametrize(
    ("peer", "lines", "trusted", "expected"),
    [
        # nobody, or somebody else, is trusted
        ("192.0.2.1", [b"1.2.3.4"], (), "192.0.2.1"),
        ("192.0.2.1", [b"1.2.3.4"], PROXIES, "192.0.2.1"),
        ("::ffff:192.0.2.1", [], (), "192.0.2.1"),
        ("2001:DB8:0::1", [], (), "2001:db8::1"),
        ("fe80::1%eth0", [], PROXIES, "fe80::1"),
        ("testclient", [b"1.2.3.4"], PROXIES, "0.0.0.0"),
        # a trusted proxy, and the right-most address that is not one
        ("10.0.0.1", [], PROXIES, "10.0.0.1"),
        ("10.0.0.1", [b"1.2.3.4"], PROXIES, "1.2.3.4"),
        ("::ffff:10.0.0.1", [b"1.2.3.4"], PROXIES, "1.2.3.4"),
        ("10.0.0.1", [b"6.6.6.6, 1.2.3.4"], PROXIES, "1.2.3.4"),
        ("10.0.0.1", [b"6.6.6.6, 1.2.3.4, 10.0.0.9"], PROXIES, "1.2.3.4"),
        ("10.0.0.1", [b"6.6.6.6", b"1.2.3.4,10.0.0.9"], PROXIES, "1.2.3.4"),
        ("10.0.0.1", [b"1.2.3.4", b"10.0.0.9"], PROXIES, "1.2.3.4"),
        ("10.0.0.1", [b"10.0.0.3, 10.0.0.2"], PROXIES, "10.0.0.3"),
        ("fd00::1", [b"2001:db8::7"], PROXIES, "2001:db8::7"),
        ("10.0.0.1", [b"1.2.3.4, ::ffff:10.0.0.9"], PROXIES, "1.2.3.4"),
        # forms
        ("10.0.0.1", [b"1.2.3.4:5678"], PROXIES, "1.2.3.4"),
        ("10.0.0.1", [b"[2001:db8::7]"], PROXIES, "2001:db8::7"),
        ("10.0.0.1", [b"[2001:db8::7]:443"], PROXIES, "2001:db8::7"),
        ("10.0.0.1", [b"::ffff:1.2.3.4"], PROXIES, "1.2.3.4"),
        ("10.0.0.1", [b"[::ffff:1.2.3.4]:80"], PROXIES, "1.2.3.4"),
        ("10.0.0.1", [b"  1.2.3.4\t"], PROXIES, "1.2.3.4"),
        ("10.0.0.1", [b"1.2.3.4,, ,"], PROXIES, "1.2.3.4"),
        ("10.0.0.1", [b""], PROXIES, "10.0.0.1"),
        # garbage: the last hop that could be read
        ("10.0.0.1", [b"unknown"], PROXIES, "10.0.0.1"),
        ("10.0.0.1", [b"1.2.3.4, _hidden, 10.0.0.9"], PROXIES, "10.0.0.9"),
        ("10.0.0.1", [b"1.2.3.4, 999.1.1.1"], PROXIES, "10.0.0.1"),
        ("10.0.0.1", [b"010.1.1.1"], PROXIES, "10.0.0.1"),
        ("10.0.0.1", [b"1.2.3.4:"], PROXIES, "10.0.0.1"),
        ("10.0.0.1", [b"1.2.3.4:http"], PROXIES, "10.0.0.1"),
        ("10.0.0.1", [b"1.2.3.4:1234567"], PROXIES, "10.0.0.1"),
        ("10.0.0.1", [b"[2001:db8::7"], PROXIES, "10.0.0.1"),
        ("10.0.0.1", [b"[2001:db8::7]x"], PROXIES, "10.0.0.1"),
        ("10.0.0.1", [b"[1.2.3.4]"], PROXIES, "10.0.0.1"),
        ("10.0.0.1", [b"1.2.3.4\r\nX: y"], PROXIES, "10.0.0.1"),
        ("10.0.0.1", [b"\xff\xfe"], PROXIES, "10.0.0.1"),
        ("10.0.0.1", [b"for=1.2.3.4"], PROXIES, "10.0.0.1"),
        ("10.0.0.1", [b"1" * 5000], PROXIES, "10.0.0.1"),
        # a unix socket
        (None, [b"1.2.3.4"], PROXIES, "127.0.0.1"),
        (None, [b"1.2.3.4"], UNIX, "1.2.3.4"),
        (None, [b"1.2.3.4, 10.0.0.9"], UNIX, "1.2.3.4"),
        (None, [], UNIX, "127.0.0.1"),
    ],
)
def test_the_client_is_the_right_most_address_nobody_vouches_for(
    peer: str | None, lines: list[bytes], trusted: tuple[Network, ...], expected: str
) -> None:
    assert client_address(peer, lines, trusted) == expected
    assert client_address(peer, tuple(lines), list(trusted)) == expected


@pytest.mark.parametrize(("hops", "expected"), [(48, "6.6.6.6"), (49, "6.6.6.6"), (50, "10.0.0.7"), (5000, "10.0.0.7")])
@pytest.mark.parametrize("split", [True, False])
def test_at_most_50_hops_are_looked_at(hops: int, expected: str, split: bool) -> None:
    members = [b"6.6.6.6"] + [b"10.0.0.7"] * hops
    assert client_address("10.0.0.1", members if split else [b", ".join(members)], PROXIES) == expected


def test_another_list_of_proxies_is_not_answered_from_the_cache_of_the_first() -> None:
    for trusted, expected in ((PROXIES, "1.2.3.4"), ((ip_network("192.0.2.0/24"),), "10.0.0.1"), (PROXIES, "1.2.3.4")):
        assert client_address("10.0.0.1", (b"1.2.3.4",), trusted) == expected


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("::1", "::/64"),
        ("garbage", "0.0.0.0"),
        ("", "0.0.0.0"),
    ],
)
def test_a_limit_counts_an_ipv4_address_or_an_ipv6_64(address: str, expected: str) -> None:
    assert network_of(address) == expected
