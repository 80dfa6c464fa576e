"""What may be registered as a redirect URI."""

from __future__ import annotations

import pytest

from authsvc.rules.authorize.redirect import registration_problem


@pytest.mark.parametrize(
    "uri",
    [
        "https://app.example.com/callback",
        "https://app.example.com:8443/callback?tenant=1",
        "http://localhost:5173/callback",
        "http://127.0.0.1/callback",
        "http://[::1]:8000/callback",
        "com.example.app:/callback",
        "com.example.app://callback",
    ],
)
def test_https_loopback_and_private_schemes_may_be_registered(uri: str) -> None:
    assert registration_problem(uri) is None


@pytest.mark.parametrize(
    ("uri", "why"),
    [
        ("http://example.com/callback", "plain http"),
        ("http://localhost.evil.com/callback", "plain http"),
        ("https://app.example.com/callback#token", "fragment"),
        ("https://*.example.com/callback", "wildcard"),
        ("https://user:pass@example.com/", "user"),
        ("https:///callback", "no host"),
        ("javascript:alert(1)", "private scheme"),
        ("data:text/html,hello", "private scheme"),
        ("myapp:/callback", "private scheme"),
        ("/callback", "private scheme"),
        ("", "characters"),
        ("https://example.com/call back", "characters"),
        ("https://example.com/\u202egnp", "characters"),
        ("https://example.com:99999/", "not a URI"),
        ("com.example.app:", "neither"),
        ("https://example.com/" + "a" * 2000, "characters"),
    ],
)
def test_what_could_leak_a_code_is_refused_with_the_reason(uri: str, why: str) -> None:
    assert why in (registration_problem(uri) or "")
