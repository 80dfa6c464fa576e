"""Status lists as the draft packs and signs them, and how long each is believed: rules alone."""

from __future__ import annotations

import time
import tracemalloc
from typing import Any

import pytest

from authsvc_verifier import Claims
from authsvc_verifier.judge import Invalid, Rules, UnknownKid, judge_token
from authsvc_verifier.keys import ALGORITHMS, KeySet, read_jwks
from authsvc_verifier.list_cache import IDLE_SECONDS, MAX_BYTES, MAX_LISTS, ListCache
from authsvc_verifier.status_list import MAX_PACKED, Place, StatusList, place_of, read_list, unpacked
from fake_issuer import AUDIENCE, EC_KEY, OTHER_KEY, RSA_KEY, FakeIssuer, packed_list, public_jwk

NOW = int(time.time())
# draft-ietf-oauth-status-list section 4.1
ONE_BIT = ("eNrbuRgAAhcBXQ", 1, [1, 0, 0, 1, 1, 1, 0, 1, 1, 1, 0, 0, 0, 1, 0, 1])
TWO_BITS = ("eNo76fITAAPfAgc", 2, [1, 2, 0, 3, 0, 1, 0, 1, 1, 2, 3, 3])


@pytest.fixture(autouse=True)
def issued_now(issuer: FakeIssuer) -> None:
    """However long ago this file was read."""
    issuer.now = lambda: NOW


@pytest.fixture
def rules(issuer: FakeIssuer) -> Rules:
    return Rules(issuer.url, frozenset({AUDIENCE}))


@pytest.fixture
def keys() -> KeySet:
    return read_jwks({"keys": [public_jwk(RSA_KEY, "one"), public_jwk(EC_KEY, "two", "ES256")]}, ALGORITHMS)


def read(issuer: FakeIssuer, rules: Rules, keys: KeySet, **how: Any) -> StatusList | Invalid | UnknownKid:
    return read_list(issuer.status_list(**how).encode(), f"{issuer.url}/lists/1", rules, keys, NOW)


def why(found: object) -> str:
    return found.reason if isinstance(found, Invalid) else type(found).__name__


# Lists


@pytest.mark.parametrize(("lst", "bits", "statuses"), [ONE_BIT, TWO_BITS], ids=["1 bit", "2 bits"])
def test_the_drafts_vectors(lst: str, bits: int, statuses: list[int]) -> None:
    found = StatusList(bits, unpacked(lst) or b"", 0, 1)
    assert [found.status(index) for index in range(len(statuses))] == statuses
    assert found.status(len(statuses)) is None


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_every_size_of_a_status(bits: int, issuer: FakeIssuer, rules: Rules, keys: KeySet) -> None:
    statuses = {index: index * 7 % 2**bits for index in range(64)}
    found = read(issuer, rules, keys, statuses=statuses, size=64, bits=bits)
    assert isinstance(found, StatusList)
    assert {index: found.status(index) for index in range(64)} == statuses
    assert found.status(64) is None


GOOD: dict[str, dict[str, Any]] = {
    "another key": {"key": EC_KEY, "kid": "two", "alg": "ES256"},
    "media type in full": {"header": {"typ": "application/StatusList+JWT"}},
    "no exp, no ttl": {"drop": ["exp", "ttl"]},
    "just expired": {"exp": NOW - 29},
    "a clock ahead": {"iat": NOW + 29},
    "iss": {},
    "other members": {"aud": "x", "status_list": {"bits": 1, "lst": ONE_BIT[0], "aggregation_uri": "https://x"}},
}


@pytest.mark.parametrize("how", GOOD.values(), ids=GOOD)
def test_good(how: dict[str, Any], issuer: FakeIssuer, rules: Rules, keys: KeySet) -> None:
    assert why(read(issuer, rules, keys, **({**how, "iss": issuer.url} if how == {} else how))) == "StatusList"


BAD: dict[str, tuple[str, dict[str, Any]]] = {
    "an access token": ("wrong_typ", {"header": {"typ": "at+jwt"}}),
    "typ missing": ("wrong_typ", {"header": {"typ": ""}}),
    "crit": ("crit", {"header": {"crit": ["x"]}}),
    "unknown kid": ("UnknownKid", {"kid": "three"}),
    "another's signature": ("bad_signature", {"key": OTHER_KEY}),
    "alg of another family": ("wrong_alg", {"key": EC_KEY, "alg": "ES256"}),
    "another list": ("other_list", {"path": "/lists/2"}),
    "no sub": ("other_list", {"drop": ["sub"]}),
    "another issuer": ("wrong_issuer", {"iss": "https://evil.example"}),
    "expired": ("expired", {"exp": NOW - 31}),
    "of tomorrow": ("not_yet_valid", {"iat": NOW + 31}),
    "not yet": ("not_yet_valid", {"nbf": NOW + 31}),
    "no iat": ("bad_claims", {"drop": ["iat"]}),
    "iat a text": ("bad_claims", {"iat": "now"}),
    "exp a text": ("bad_claims", {"exp": "never"}),
    "ttl zero": ("bad_claims", {"ttl": 0}),
    "ttl true": ("bad_claims", {"ttl": True}),
    "ttl a text": ("bad_claims", {"ttl": "60"}),
    "no list": ("bad_claims", {"drop": ["status_list"]}),
    "list a text": ("bad_claims", {"status_list": "x"}),
    "three bits": ("bad_claims", {"status_list": {"bits": 3, "lst": ONE_BIT[0]}}),
    "bits true": ("bad_claims", {"status_list": {"bits": True, "lst": ONE_BIT[0]}}),
    "no bits": ("bad_claims", {"status_list": {"lst": ONE_BIT[0]}}),
    "no lst": ("bad_claims", {"status_list": {"bits": 1}}),
    "not base64url": ("bad_list", {"status_list": {"bits": 1, "lst": "!" + ONE_BIT[0]}}),
    "padded": ("bad_list", {"status_list": {"bits": 1, "lst": ONE_BIT[0] + "=="}}),
    "not zlib": ("bad_list", {"status_list": {"bits": 1, "lst": "AAAA"}}),
    "cut off": ("bad_list", {"status_list": {"bits": 1, "lst": ONE_BIT[0][:-4]}}),
    "something behind": ("bad_list", {"status_list": {"bits": 1, "lst": ONE_BIT[0][:-2] + "XQAA"}}),
}


@pytest.mark.parametrize(("reason", "how"), BAD.values(), ids=BAD)
def test_bad(reason: str, how: dict[str, Any], issuer: FakeIssuer, rules: Rules, keys: KeySet) -> None:
    assert why(read(issuer, rules, keys, **how)) == reason


@pytest.mark.parametrize("text", [b"", b"..", b"a.b", b"\xff.\xff.\xff", b"." * 9, b"a" * 9_000_000])
def test_what_is_no_jws(text: bytes, rules: Rules, keys: KeySet) -> None:
    assert isinstance(read_list(text, "https://x", rules, keys, NOW), Invalid)


def test_a_list_that_unpacks_to_more_than_we_read_is_never_unpacked(
    issuer: FakeIssuer, rules: Rules, keys: KeySet
) -> None:
    bomb = packed_list(bytes(16 * MAX_PACKED))
    text = issuer.status_list(status_list={"bits": 1, "lst": bomb}).encode()
    tracemalloc.start()
    found = read_list(text, f"{issuer.url}/lists/1", rules, keys, NOW)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert why(found) == "bad_list"
    assert peak < 3 * MAX_PACKED
    assert unpacked(packed_list(bytes(MAX_PACKED - 1))) is not None


@pytest.mark.parametrize(("ttl", "believed"), [(60, 60), (0.001, 1), (10**9, 3600), (None, 300)], ids=str)
def test_a_ttl_is_held_within_reason(ttl: Any, believed: float, issuer: FakeIssuer, rules: Rules, keys: KeySet) -> None:
    found = read(issuer, rules, keys, **({"drop": ["ttl"]} if ttl is None else {"ttl": ttl}))
    assert isinstance(found, StatusList)
    assert found.ttl == believed


# Tokens


@pytest.mark.parametrize(
    ("status", "place"),
    [
        ({"status_list": {"idx": 5, "uri": "https://x/1"}}, Place("https://x/1", 5)),
        ({"status_list": {"idx": 0, "uri": "https://x/1", "more": 1}, "other": {}}, Place("https://x/1", 0)),
        ({"other": {}}, None),
        ("active", None),
        (7, None),
        (None, None),
    ],
)
def test_where_a_token_stands(status: Any, place: Place | None, issuer: FakeIssuer, rules: Rules, keys: KeySet) -> None:
    claims = judge_token(issuer.token(status=status), rules, keys, NOW)
    assert isinstance(claims, Claims)
    assert place_of(claims) == place


@pytest.mark.parametrize(
    "found",
    [
        None,
        "x",
        [],
        {},
        {"idx": 1},
        {"uri": "https://x"},
        {"idx": -1, "uri": "https://x"},
        {"idx": 1.5, "uri": "https://x"},
        {"idx": True, "uri": "https://x"},
        {"idx": "1", "uri": "https://x"},
        {"idx": 1, "uri": None},
        {"idx": 1, "uri": ["https://x"]},
    ],
)
def test_a_token_that_names_a_list_badly_is_no_good_token(
    found: Any, issuer: FakeIssuer, rules: Rules, keys: KeySet
) -> None:
    assert why(judge_token(issuer.token(status={"status_list": found}), rules, keys, NOW)) == "bad_claims"


def test_the_header_of_a_list_opens_nothing_for_an_access_token(issuer: FakeIssuer, rules: Rules, keys: KeySet) -> None:
    assert why(read(issuer, rules, keys)) == "StatusList"
    assert why(judge_token(issuer.token(typ="statuslist+jwt"), rules, keys, NOW)) == "wrong_typ"


# Memory

URI = "https://x/1"


def a_list(issued_at: float = 0, ttl: float = 60, size: int = 8, expires_at: float = float("inf")) -> StatusList:
    return StatusList(1, bytes(size), issued_at, ttl, expires_at)


def test_a_list_is_read_again_when_half_of_its_time_is_over() -> None:
    cache = ListCache()
    cache.answered(URI, a_list(), "", asked_at=100, wall=0)
    assert cache.due(129, ()) == ([], 130)
    assert cache.due(130, ()) == ([URI], float("inf"))
    assert cache.due(130, {URI}) == ([], float("inf"))
    assert not cache.entries[URI].may_ask(0, 159)
    assert cache.entries[URI].may_ask(0, 160)


def test_it_is_never_believed_beyond_its_end() -> None:
    cache = ListCache()
    cache.answered(URI, a_list(expires_at=1020), "", asked_at=100, wall=1000)
    held = cache.entries[URI].held
    assert held is not None
    assert held.until == 120
    cache.answered(URI, None, "", asked_at=110, wall=1010)  # not modified
    held = cache.entries[URI].held
    assert held is not None
    assert held.until == 120


def test_after_failures_the_background_asks_with_growing_pauses_and_requests_do_not() -> None:
    cache = ListCache()
    pauses = []
    for at in (100, 200, 300, 400, 500, 600):
        cache.look(URI, at)
        cache.failed(URI, at)
        pauses.append(cache.due(at, ())[1] - at)
        assert not cache.entries[URI].may_ask(0, at)
    assert pauses == [1, 2, 4, 8, 10, 10]
    cache.answered(URI, a_list(), "", 700, 0)
    assert cache.due(700, ()) == ([], 730)


def test_a_list_that_nobody_names_is_forgotten() -> None:
    cache = ListCache()
    cache.answered(URI, a_list(), "", 0, 0)
    cache.look(URI, 100)
    cache.due(IDLE_SECONDS + 99, ())
    assert URI in cache.entries
    cache.due(IDLE_SECONDS + 100, ())
    assert not cache.entries


def test_an_older_answer_does_not_take_the_place_of_a_newer_one_but_of_a_clock_that_went_back() -> None:
    cache = ListCache()
    newer, older, long_ago = a_list(1000), a_list(999), a_list(900)
    cache.answered(URI, newer, "", 10, 0)
    cache.answered(URI, older, "", 20, 0)
    entry = cache.entries[URI]
    assert entry.held is not None
    assert (entry.held.found, entry.held.until) == (newer, 80)
    cache.answered(URI, long_ago, "", 30, 0)
    assert entry.held.found is long_ago


@pytest.mark.parametrize(("number", "size"), [(MAX_LISTS + 50, 8), (20, MAX_PACKED)])
def test_memory_is_bounded_and_what_was_used_last_stays(number: int, size: int) -> None:
    cache = ListCache()
    for at in range(number):
        cache.answered(f"https://x/{at}", a_list(size=size), "", at, 0)
        cache.look("https://x/0", at + 0.5)
    assert len(cache.entries) <= MAX_LISTS
    assert sum(len(entry.held.found.packed) for entry in cache.entries.values() if entry.held) <= MAX_BYTES
    assert {"https://x/0", f"https://x/{number - 1}"} <= cache.entries.keys()
    assert "https://x/1" not in cache.entries
