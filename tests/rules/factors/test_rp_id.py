"""Which pages may use passkeys of a domain."""

from __future__ import annotations

import pytest

from authsvc.rules.factors.rp_id import pages_within


@pytest.mark.parametrize(
    ("rp_id", "origin", "may"),
    [
        ("example.com", "https://example.com", True),
        ("example.com", "https://shop.example.com", True),
        ("example.com", "https://shop.example.com:8443", True),
        ("example.com", "http://shop.example.com", False),
        ("example.com", "https://example.com.attacker.example", False),
        ("example.com", "https://badexample.com", False),
        ("shop.example.com", "https://example.com", False),
        ("localhost", "http://localhost:5173", True),
        ("localhost", "https://localhost:5173", True),
        ("localhost", "http://localhost.example", False),
        ("localhost", "capacitor://localhost", False),
        ("com", "https://example.com", False),
        ("", "https://example.com", False),
        ("", "https://", False),
        ("example.com", "null", False),
        ("example.com", "", False),
    ],
)
def test_pages_within_the_domain_in_a_secure_context(rp_id: str, origin: str, may: bool) -> None:
    assert pages_within(rp_id, [origin]) == ((origin,) if may else ())


def test_they_come_in_one_order() -> None:
    origins = ["https://b.example.com", "https://a.example.com"]
    assert pages_within("example.com", origins) == pages_within("example.com", origins[::-1]) == tuple(origins[::-1])
