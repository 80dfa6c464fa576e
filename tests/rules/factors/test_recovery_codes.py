"""Recovery codes: 80 bits, written so that a person can copy them from paper."""

from __future__ import annotations

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from authsvc.rules.factors.recovery_codes import code_of, digest_of_code, typed_code

ANN, BOB = UUID(int=1), UUID(int=2)


@given(st.binary(min_size=10, max_size=10))
def test_a_code_is_found_again_however_it_was_copied(random: bytes) -> None:
    code = code_of(random)
    assert len(code) == 19
    assert typed_code(f" {code.upper().replace('-', ' ')} ") == code.replace("-", "")
    assert typed_code(code.replace("0", "O").replace("1", "l")) == code.replace("-", "")
    assert digest_of_code(ANN, code.upper()) == digest_of_code(ANN, code)
    assert digest_of_code(ANN, code) != digest_of_code(BOB, code)


@given(st.binary(min_size=10, max_size=10), st.binary(min_size=10, max_size=10))
def test_no_two_codes_are_the_same(one: bytes, other: bytes) -> None:
    assert (code_of(one) == code_of(other)) == (one == other)


def test_what_is_no_code_is_none() -> None:
    for text in ("", "0000-0000-0000-000", "0000-0000-0000-00000", "uuuu-uuuu-uuuu-uuuu", "é" * 16):
        assert typed_code(text) is None
