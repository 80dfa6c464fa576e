"""What may be registered as a redirect URI."""

from __future__ import annotations

import pytest

from authsvc.rules.authorize.redirect import dotless_scheme, origin_problem, registration_problem


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


@pytest.mark.parametrize(
    "origin",
    [
        "https://app.example.com",
        "https://app.example.com:8443",
        "http://localhost:5173",
        "http://localhost",
        "http://[::1]:8000",
        "capacitor://localhost",
        "ionic://localhost",
        "tauri://localhost",
        "chrome-extension://abcdefghijklmnopabcdefghijklmnop",
    ],
)
def test_an_origin_as_a_browser_writes_it_may_be_registered(origin: str) -> None:
    assert origin_problem(origin) is None


@pytest.mark.parametrize(
    ("origin", "why"),
    [
        ("null", "not an origin"),
        ("*", "not an origin"),
        ("", "not an origin"),
        ("https://app.example.com/", "not an origin"),
        ("https://app.example.com/path", "not an origin"),
        ("https://*.example.com", "not an origin"),
        ("https://App.example.com", "not an origin"),
        ("https://user@example.com", "not an origin"),
        ("https://example.com:99999", "not an origin"),
        ("https://b\u00fccher.example", "not an origin"),
        ("https://a.example https://b.example", "not an origin"),
        ("file://localhost", "not an origin"),
        ("data:text", "not an origin"),
        ("https://" + "a" * 300, "not an origin"),
        ("https://example.com:443", "leave it away"),
        ("http://localhost:80", "leave it away"),
        ("http://example.com", "plain http"),
    ],
)
def test_what_no_browser_sends_or_anybody_can_is_no_origin(origin: str, why: str) -> None:
    assert why in (origin_problem(origin) or "")


@pytest.mark.parametrize("uri", ["myapp:/callback", "myapp://callback", "MyApp:/cb", "x-house+app:/cb"])
def test_an_operator_may_give_a_private_scheme_without_a_dot_and_nobody_else(uri: str) -> None:
    assert registration_problem(uri, dotless=True) is None
    assert "private scheme" in (registration_problem(uri) or "")
    assert dotless_scheme(uri) == uri.partition(":")[0].lower()
    assert dotless_scheme("com.example.app:/cb") is dotless_scheme("https://a.example/") is None


@pytest.mark.parametrize(
    "uri",
    [
        "javascript:alert(1)",
        "javascript:/alert(1)",
        "data:/text",
        "file:///etc/passwd",
        "blob:/x",
        "view-source:/x",
        "mailto:/x@a.example",
        "intent:/x",
        "ftp://a.example/",
        "localhost:5173/callback",
        "shop:8000/callback",
        "myapp:callback",
        "/callback",
        "//a.example/",
        ":/callback",
        "myapp:/",
        "myapp:/cb#x",
    ],
)
def test_what_runs_or_is_no_app_is_no_operators_to_give(uri: str) -> None:
    assert registration_problem(uri, dotless=True) is not None
