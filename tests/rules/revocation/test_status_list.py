"""Status lists: how they are packed, named and cut into slices. Vectors: the draft's section 4.1 and appendix C."""

from __future__ import annotations

import zlib
from base64 import urlsafe_b64decode

import pytest

from authsvc.rules.revocation.status_list import (
    BLOCK,
    BLOCKS,
    CAPACITY,
    LONGEST_SECONDS,
    SLICE_SECONDS,
    ListName,
    decode,
    encode,
    place_of,
    read_name,
    slice_end,
    status_claim,
    status_list_claims,
    waits,
)

SHORT = ({0, 3, 4, 5, 7, 8, 9, 13, 15}, 16, "eNrbuRgAAhcBXQ")
LONG = (
    {0, 1993, 25460, 159495, 495669, 554353, 645645, 723232, 854545, 934534, 1000345},
    2**20,
    "eNrt3AENwCAMAEGogklACtKQPg9LugC9k_ACvreiogEAAKkeCQAAAAAAAAAAAAAAAAAAAIBylgQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
    "AAAAAAAAAAAAAAAAXG9IAAAAAAAAAPwsJAAAAAAAAAAAAAAAvhsSAAAAAAAAAAAA7KpLAAAAAAAAAAAAAAAAAAAAAJsLCQAAAAAAAAAAADjelAAA"
    "AAAAAAAAKjDMAQAAAACAZC8L2AEb",
)
NAME = ListName(1_795_500_000, "0123456789abcdef", 0)


def unpacked(lst: str) -> bytes:
    return zlib.decompress(urlsafe_b64decode(lst + "=" * (-len(lst) % 4)))


@pytest.mark.parametrize(("void", "size", "lst"), [SHORT, LONG], ids=["section 4.1", "appendix C.1"])
def test_lists_are_packed_as_the_draft_packs_them(void: set[int], size: int, lst: str) -> None:
    """What deflate makes of the bytes is the compressor's choice; the bytes are not."""
    assert decode(lst) == void
    assert unpacked(encode(void, size)) == unpacked(lst)
    assert decode(encode(void, size)) == void


@pytest.mark.parametrize("void", [set(), {0}, {CAPACITY - 1}, {7, 8}, set(range(0, CAPACITY, 97))], ids=len)
def test_what_is_packed_is_what_comes_out(void: set[int]) -> None:
    assert decode(encode(void)) == void
    assert len(unpacked(encode(void))) == CAPACITY // 8
    assert "=" not in encode(void)


def test_a_list_without_void_tokens_is_small_and_an_index_beyond_it_is_a_bug() -> None:
    assert len(encode(())) < 250
    with pytest.raises(IndexError):
        encode({CAPACITY})


@pytest.mark.parametrize(("expires_at", "end"), [(1, 600), (599, 600), (600, 600), (601, 1200), (1_795_500_000,) * 2])
def test_a_slice_ends_when_its_last_token_expired(expires_at: int, end: int) -> None:
    assert slice_end(expires_at) == end
    assert expires_at <= slice_end(expires_at) < expires_at + SLICE_SECONDS


@pytest.mark.parametrize(
    ("block", "place"),
    [
        (0, (0, 0)),
        (1, (0, BLOCK)),
        (BLOCKS - 1, (0, CAPACITY - BLOCK)),
        (BLOCKS, (1, 0)),
        (3 * BLOCKS + 2, (3, 2 * BLOCK)),
    ],
)
def test_blocks_fill_a_list_and_then_the_next(block: int, place: tuple[int, int]) -> None:
    assert place_of(block) == place


def test_no_two_blocks_share_an_index() -> None:
    places = {place_of(block) for block in range(3 * BLOCKS)}
    assert len(places) == 3 * BLOCKS
    assert all(first % BLOCK == 0 and first + BLOCK <= CAPACITY for _, first in places)


@pytest.mark.parametrize("name", [NAME, ListName(1_795_500_000, "ffffffffffffffff", 17)])
def test_a_name_is_read_as_it_is_written(name: ListName) -> None:
    assert read_name(str(name), name.ends_at - 100) == name


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        "1795500000",
        "1795500000-0123456789abcdef",
        "1795500000-0123456789ABCDEF-0",
        "1795500000-0123-0",
        "01795500000-0123456789abcdef-0",
        "1795500000-0123456789abcdef-00",
        "1795500000-0123456789abcdef--1",
        "1795500001-0123456789abcdef-0",
        "1795500000-0123456789abcdef-0\n",
        "-1795500000-0123456789abcdef-0",
        "1795500000-0123456789abcdef-1234567",
        "9" * 40 + "-0123456789abcdef-0",
    ],
)
def test_what_is_no_name_is_nothing(text: str) -> None:
    assert read_name(text, NAME.ends_at - 100) is None


@pytest.mark.parametrize(
    ("now", "known"),
    [
        (NAME.ends_at - 0.5, True),
        (NAME.ends_at, False),
        (NAME.ends_at + 1, False),
        (NAME.ends_at - LONGEST_SECONDS - SLICE_SECONDS, True),
        (NAME.ends_at - 2 * LONGEST_SECONDS, False),
    ],
)
def test_a_list_is_known_in_its_time(now: float, known: bool) -> None:
    assert (read_name(str(NAME), now) == NAME) is known


def test_the_claims_are_those_of_the_draft() -> None:
    uri = "https://id.example/statuslists/1795500000-0123456789abcdef-0"
    assert status_claim("https://id.example", NAME, 5) == {"status_list": {"idx": 5, "uri": uri}}
    claims = status_list_claims(
        issuer="https://id.example", name=NAME, lst=encode({5}), issued_at=1000, ttl_seconds=15, exp_seconds=90
    )
    lst = claims["status_list"].pop("lst")
    assert claims == {"sub": uri, "iat": 1000, "exp": 1090, "ttl": 15, "status_list": {"bits": 1}}
    assert decode(lst) == {5}


@pytest.mark.parametrize(("within", "sync"), [(30, 0.5), (30, 1.0), (2, 0.1), (3, 0.2), (300, 1.0), (31, 0.05)])
def test_all_waits_together_are_the_time_within_which_a_revocation_shows(within: int, sync: float) -> None:
    """Written down, then built into a list that is sent for a while, then kept by who fetched it last."""
    found = waits(within, sync)
    assert 2 * sync + found.sent + found.ttl == pytest.approx(within)
    assert found.ttl >= 1
    assert found.sent > 0
