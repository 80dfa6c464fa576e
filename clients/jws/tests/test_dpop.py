"""URLs and token hashes of DPoP proofs."""

from __future__ import annotations

import pytest

from authsvc_jws.dpop import normal_url, token_hash


def test_the_token_hash_of_rfc_9449() -> None:
    """Section 7.1: the proof that is sent with this access token."""
    token = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU"
    assert token_hash(token) == "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("https://a.example/x", "HTTPS://A.EXAMPLE:443/x", True),
        ("http://a.example/x", "http://a.example:80/x", True),
        ("https://a.example", "https://a.example/", True),
        ("https://a.example/%7Ex", "https://a.example/~x", True),
        ("https://a.example/%2fx", "https://a.example/%2Fx", True),
        ("https://a.example/%2fx", "https://a.example//x", False),
        ("https://a.example/x", "https://a.example/X", False),
        ("https://a.example/x", "http://a.example/x", False),
        ("https://a.example/x", "https://a.example:80/x", False),
        ("https://a.example/x", "https://a.example/x/", False),
        ("https://a.example/x", "https://a.example/y/../x", False),
        ("https://[::1]:8000/x", "https://[::1]:8000/x?y", True),
    ],
)
def test_addresses_are_compared_by_rfc_3986(one: str, other: str, same: bool) -> None:
    assert (normal_url(one) == normal_url(other)) == same


@pytest.mark.parametrize(
    "url",
    [
        "",
        "x",
        "/token",
        "https:///x",
        "https://u@a.example/",
        "https://a.example\\x",
        "https://a b/",
        "https://é/",
        "https://a.example:99999/",
        "https://[/",
        "https://a.example/\n",
        None,
        1,
        b"https://a.example/",
    ],
)
def test_what_is_no_address_is_none(url: object) -> None:
    assert normal_url(url) is None
