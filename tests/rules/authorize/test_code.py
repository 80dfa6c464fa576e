"""Codes: checked without a database. And the S256 challenge."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authsvc.rules.authorize.code import LENGTH, challenge_of, decode, encode, verifier_well_formed
from authsvc.rules.mac_token import Code

KEYS = {1: b"k" * 32, 2: b"l" * 32}
CODES = st.builds(Code, st.sampled_from(sorted(KEYS)), st.uuids(), st.binary(min_size=16, max_size=16))


@given(CODES)
def test_a_code_comes_back_as_it_was_written(code: Code) -> None:
    text = encode(code, KEYS.get)
    assert len(text) == LENGTH
    assert decode(text, KEYS.get) == code
    assert code.secret.hex() not in repr(code)


@given(CODES, st.integers(0, LENGTH - 1), st.sampled_from("ABCxyz019-_=é"))
def test_a_changed_code_is_none(code: Code, place: int, char: str) -> None:
    text = encode(code, KEYS.get)
    changed = text[:place] + char + text[place + 1 :]
    if decode(changed, KEYS.get) is not None:
        assert changed == text or place == LENGTH - 1  # the last character holds two bits that mean nothing


@given(CODES)
def test_a_code_under_another_key_is_none(code: Code) -> None:
    assert decode(encode(code, lambda _key_id: b"m" * 32), KEYS.get) is None
    assert decode(encode(code, KEYS.get), lambda _key_id: None) is None


@given(st.text(max_size=100))
def test_any_text_is_none(text: str) -> None:
    assert decode(text, KEYS.get) is None


def test_the_example_of_rfc_7636() -> None:
    assert challenge_of("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk") == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


@pytest.mark.parametrize(
    ("verifier", "well_formed"),
    [
        ("a" * 43, True),
        ("a" * 128, True),
        ("a.~_-" * 10, True),
        ("a" * 42, False),
        ("a" * 129, False),
        ("a" * 42 + "+", False),
        ("a" * 42 + "é", False),
        ("a" * 42 + "\n", False),
        ("", False),
    ],
)
def test_verifiers(verifier: str, well_formed: bool) -> None:
    assert verifier_well_formed(verifier) is well_formed


def test_a_code_does_not_print_its_secret() -> None:
    assert "secret" not in repr(Code(1, UUID(int=0), b"0123456789abcdef"))
