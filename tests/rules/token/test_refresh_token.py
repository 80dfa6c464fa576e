"""The refresh token's format: what is genuine, and that nothing else is."""

from __future__ import annotations

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from authsvc.rules.token.refresh_token import LENGTH, RefreshToken, decode, encode

KEYS = {1: b"k" * 32, 2: b"q" * 32}
TOKEN = RefreshToken(1, UUID(int=0x1234), 5, b"s" * 16)


def test_a_token_is_72_characters_and_comes_back_as_it_was() -> None:
    text = encode(TOKEN, KEYS.get, "customer")
    assert len(text) == LENGTH == 72
    assert decode(text, KEYS.get, "customer") == TOKEN


def test_the_successor_is_a_function_of_the_token() -> None:
    assert TOKEN.at_generation(6) == RefreshToken(1, TOKEN.grant_id, 6, TOKEN.secret)


def test_another_client_cannot_use_it() -> None:
    assert decode(encode(TOKEN, KEYS.get, "customer"), KEYS.get, "admin") is None


def test_a_key_that_is_not_held_opens_nothing_and_an_older_one_still_does() -> None:
    old = RefreshToken(2, TOKEN.grant_id, 0, TOKEN.secret)
    assert decode(encode(old, KEYS.get, "customer"), KEYS.get, "customer") == old
    assert decode(encode(old, KEYS.get, "customer"), {1: KEYS[1]}.get, "customer") is None


def test_a_token_does_not_print_its_secret() -> None:
    assert "ssss" not in repr(TOKEN)


@given(position=st.integers(0, 71), char=st.sampled_from("ABCabc019-_"))
def test_no_changed_character_survives(position: int, char: str) -> None:
    text = encode(TOKEN, KEYS.get, "customer")
    changed = text[:position] + char + text[position + 1 :]
    assert (decode(changed, KEYS.get, "customer") is None) == (changed != text)


@given(st.text(max_size=80) | st.text(alphabet="ABCDEFabcdef0123456789-_", min_size=72, max_size=72))
def test_no_other_text_is_a_token_and_none_raises(text: str) -> None:
    assert decode(text, KEYS.get, "customer") is None
