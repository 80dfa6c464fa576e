"""Where an answer may be sent: character by character; any port for native clients on loopback (SECURITY.md items 35,
36)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authsvc.rules.authorize.redirect import matches, origins_of
from tests.support.redirect_uris import FUZZED

WEB = ("https://app.example/cb", "https://app.example/cb?tenant=1")
NATIVE = ("http://127.0.0.1/cb", "http://[::1]/cb", "http://localhost:4000/cb", "com.example.app:/cb")


@pytest.mark.parametrize("native", [False, True])
@pytest.mark.parametrize("uri", FUZZED)
def test_nothing_but_the_registered_uri_matches(uri: str, native: bool) -> None:
    assert not matches(WEB, native, uri)


def test_the_registered_uri_matches() -> None:
    assert all(matches(WEB, native, uri) for uri in WEB for native in (False, True))


@pytest.mark.parametrize(
    ("uri", "native"),
    [
        ("http://127.0.0.1:1/cb", True),
        ("http://127.0.0.1:65535/cb", True),
        ("http://[::1]:8080/cb", True),
        ("http://localhost:1/cb", True),
        ("http://localhost/cb", True),
        ("com.example.app:/cb", True),
        ("http://127.0.0.1:0/cb", False),
        ("http://127.0.0.1:65536/cb", False),
        ("http://127.0.0.1:x/cb", False),
        ("http://127.0.0.1:1/cb/", False),
        ("http://127.0.0.1:1/CB", False),
        ("http://127.0.0.1:1/cb?x", False),
        ("http://127.0.0.1:1/cb#x", False),
        ("http://127.0.0.1:1/cb#", False),
        ("http://127.0.0.2:1/cb", False),
        ("http://127.1:1/cb", False),
        ("http://0x7f.1:1/cb", False),
        ("http://u@127.0.0.1:1/cb", False),
        ("http://127.0.0.1:1@evil.example/cb", False),
        ("http://127.0.0.1:1\\@evil.example/cb", False),
        ("https://127.0.0.1:1/cb", False),
        ("HTTP://127.0.0.1:1/cb", False),
        ("http://LOCALHOST:1/cb", False),
        ("http://localhost.:1/cb", False),
        ("http://127.0.0.1:1/%63b", False),
        ("http://127.0.0.1:01/cb", False),
        ("http://127.0.0.1:/cb", False),
        ("http://127.0.0.1:1/c\tb", False),
        ("com.example.app:1/cb", False),
    ],
)
def test_a_native_client_may_take_any_port_on_loopback_and_nothing_else(uri: str, native: bool) -> None:
    assert matches(NATIVE, True, uri) is native
    if uri not in NATIVE:
        assert not matches(NATIVE, False, uri), "only native clients"


@given(st.text(max_size=60))
def test_any_text_is_judged_without_an_exception(uri: str) -> None:
    assert not matches(WEB, True, "http://127.0.0.1" + uri)
    if matches(NATIVE, True, "http://127.0.0.1" + uri):
        assert uri.endswith("/cb")


def test_origins() -> None:
    uris = (*WEB, "http://localhost:5173/cb", "http://localhost:80/x", "https://a.example:443/", *NATIVE)
    assert origins_of(uris) == {
        "https://app.example",
        "http://localhost:5173",
        "http://localhost",
        "https://a.example",
        "http://127.0.0.1",
        "http://[::1]",
        "http://localhost:4000",
    }
