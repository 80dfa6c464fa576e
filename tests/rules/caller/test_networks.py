"""Which wider network stands around what a limit counts."""

from __future__ import annotations

import pytest

from authsvc.rules.caller.networks import wider_network


@pytest.mark.parametrize(
    ("network", "wide"),
    [
        ("2001:db8:1:2::/64", "2001:db8:1::/48"),
        ("2001:db8:1:ffff::/64", "2001:db8:1::/48"),
        ("2001:db8:2:2::/64", "2001:db8:2::/48"),
        ("::/64", "::/48"),
        ("192.0.2.1", None),
        ("0.0.0.0", None),
    ],
)
def test_the_48_around_a_64(network: str, wide: str | None) -> None:
    assert wider_network(network) == wide
