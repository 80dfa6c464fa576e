"""Tokens with a body and our MAC over it: no other text than the one that was written is genuine."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from authsvc.rules.mac_token import read_token, write_token
from authsvc.rules.secret_digest import digest_of, is_one_of

KEYS = {1: b"k" * 32, 2: b"l" * 32}
BODY = bytes(range(32))
TOKEN = write_token(2, 1, BODY, KEYS.get, "app")
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


@settings(deadline=None)
@given(st.binary(max_size=60), st.sampled_from([1, 2]), st.sampled_from(["", "app", "é"]))
def test_what_was_written_is_read(body: bytes, key_id: int, bound_to: str) -> None:
    text = write_token(7, key_id, body, KEYS.get, bound_to)
    assert set(text) <= set(ALPHABET)
    assert read_token(text, 7, len(body), KEYS.get, bound_to) == (key_id, body)


def test_every_other_letter_at_every_place_is_refused() -> None:
    """Also in the last place, whose spare bits are no part of the bytes."""
    for place in range(len(TOKEN)):
        for letter in ALPHABET + "=+/. \n":
            altered = TOKEN[:place] + letter + TOKEN[place + 1 :]
            assert (read_token(altered, 2, 32, KEYS.get, "app") is not None) == (altered == TOKEN)


def test_another_kind_length_key_or_client_is_refused() -> None:
    assert read_token(TOKEN, 3, 32, KEYS.get, "app") is None
    assert read_token(TOKEN, 2, 36, KEYS.get, "app") is None
    assert read_token(TOKEN, 2, 32, KEYS.get, "other") is None
    assert read_token(TOKEN, 2, 32, KEYS.get) is None
    assert read_token(TOKEN, 2, 32, {1: KEYS[2]}.get, "app") is None
    assert read_token(TOKEN, 2, 32, {}.get, "app") is None
    assert read_token(TOKEN[:-1], 2, 32, KEYS.get, "app") is None
    assert read_token(TOKEN + "A", 2, 32, KEYS.get, "app") is None
    assert read_token("é" * len(TOKEN), 2, 32, KEYS.get, "app") is None


def test_a_digest_is_found_among_those_that_are_stored() -> None:
    stored = (digest_of("old"), digest_of("new"))
    assert is_one_of(digest_of("new"), stored)
    assert is_one_of(digest_of("old"), stored)
    assert not is_one_of(digest_of("other"), stored)
    assert not is_one_of(digest_of("new"), ())
    assert len(digest_of("\ud800")) == 32
