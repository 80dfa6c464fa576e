"""Forms are read in two ways, the short one for what is in no doubt: no body may tell them apart."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authsvc.rules.errors import Rejected
from authsvc.web.http.request import _pairs, _plain_pairs

_pieces = st.sampled_from(
    [
        "a",
        "b",
        "code",
        "=",
        "&",
        "%",
        "%3A",
        "%2f",
        "%2B",
        "%00",
        "%zz",
        "%E2%82%AC",
        "%ff",
        "%25",
        "+",
        "~",
        ".",
        "-",
        "_",
        "é",
        "\0",
        ";",
    ]
)


@given(st.lists(_pieces, max_size=30).map(lambda pieces: "".join(pieces).encode()))
def test_the_short_way_and_the_long_way_read_the_same(body: bytes) -> None:
    short = _plain_pairs(body)
    if short is not None:
        pairs = _pairs(body, "body")
        assert short == dict(pairs)
        assert len(short) == len(pairs)
        assert all(short.values())


def test_what_a_client_sends_takes_the_short_way() -> None:
    form = {"grant_type": "authorization_code", "redirect_uri": "https://a.example/cb?x=1", "code": "a-b_c~"}
    assert _plain_pairs(urlencode(form).encode()) == form


@pytest.mark.parametrize("body", [b"a=%00", b"a=b%00c&d=e"])
def test_an_encoded_nul_is_refused(body: bytes) -> None:
    assert _plain_pairs(body) is None
    with pytest.raises(Rejected):
        _pairs(body, "body")
