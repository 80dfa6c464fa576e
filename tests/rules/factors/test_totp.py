"""One-time codes against the vectors of RFC 6238 and RFC 4226, and what a person may type."""

from __future__ import annotations

import pytest

from authsvc.rules.factors.totp import (
    address_of,
    code_at,
    drift_of,
    matching_step,
    secret_in,
    step_at,
    text_of,
    typed_code,
)

SECRET = b"12345678901234567890"


@pytest.mark.parametrize(
    ("seconds", "code"),
    [
        (59, "287082"),
        (1_111_111_109, "081804"),
        (1_111_111_111, "050471"),
        (1_234_567_890, "005924"),
        (2_000_000_000, "279037"),
        (20_000_000_000, "353130"),
    ],
)
def test_the_vectors_of_rfc_6238(seconds: int, code: str) -> None:
    assert code_at(SECRET, step_at(seconds)) == code


@pytest.mark.parametrize(
    ("step", "drift", "found"),
    [
        (100, 0, 100),
        (99, 0, 99),
        (101, 0, 101),
        (98, 0, None),
        (102, 0, None),
        (98, -1, 98),
        (101, -1, None),
        (104, 4, 104),
    ],
)
def test_a_code_is_good_one_step_around_the_persons_clock(step: int, drift: int, found: int | None) -> None:
    assert matching_step(SECRET, code_at(SECRET, step), now_step=100, drift=drift) == found


def test_what_is_no_code_matches_nothing_also_at_the_beginning_of_time() -> None:
    assert matching_step(SECRET, "", now_step=100, drift=0) is None
    assert matching_step(SECRET, "000000", now_step=0, drift=0) is None


def test_a_clocks_error_is_remembered_within_bounds() -> None:
    assert [drift_of(step, 100) for step in (99, 101, 200, 3)] == [-1, 1, 4, -4]


@pytest.mark.parametrize(
    ("text", "code"),
    [(" 287 082 ", "287082"), ("287082", "287082"), ("28708", None), ("2870822", None), ("२८७०८२", None), ("", None)],
)
def test_what_a_person_types(text: str, code: str | None) -> None:
    assert typed_code(text) == code


def test_a_secret_is_written_and_read_in_base32() -> None:
    assert text_of(SECRET) == "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
    assert secret_in("gezd gnbv-GY3TQOJQ GEZDGNBVGY3TQOJQ==") == SECRET
    assert secret_in("GEZDGNBV") is None, "40 bits"
    assert secret_in("GEZDGNBVGY3TQOJ1") is None, "1 is no letter of base32"
    assert secret_in("A" * 17) is None
    assert secret_in("") is None


def test_the_address_names_service_and_person_whatever_they_are_called() -> None:
    uri = address_of(SECRET, issuer="Bar: & Grill", account="ann+1@example.com")
    assert uri == (
        "otpauth://totp/Bar%20%20%26%20Grill:ann%2B1@example.com"
        "?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Bar%20%20%26%20Grill"
    )


def test_the_address_fits_a_qr_code_whatever_the_names() -> None:
    longest = "\U0001f511" * 320
    assert len(address_of(b"x" * 64, issuer=longest, account=longest)) < 2331
    assert "%3F" in address_of(SECRET, issuer="x", account="\ud800"), "no surrogate breaks the page"
