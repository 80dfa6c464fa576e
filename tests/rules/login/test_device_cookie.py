"""The device cookie: what is genuine, whose it is, and how long it is anything."""

from __future__ import annotations

import pytest

from authsvc.rules.login.device_cookie import MAX_AGE_SECONDS, Device, account_digest, device_of, make
from tests.support.spoilt import spoilt

KEY, OTHER_KEY = b"k" * 32, b"o" * 32
ACCOUNT, NOW = account_digest(KEY, "ann@example.com"), 1_800_000_000
COOKIE = make(KEY, ACCOUNT, 7, b"r" * 16, now=NOW)


def test_it_says_its_device_and_the_number_of_the_persons_cookies() -> None:
    assert device_of(KEY, ACCOUNT, COOKIE, now=NOW) == Device((b"r" * 16).hex(), 7)


@pytest.mark.parametrize(
    ("age", "known"), [(0, True), (MAX_AGE_SECONDS - 1, True), (MAX_AGE_SECONDS, False), (-60, True)]
)
def test_its_age_is_judged_by_us_and_not_by_the_browser(age: int, known: bool) -> None:
    assert (device_of(KEY, ACCOUNT, COOKIE, now=NOW + age) is not None) is known


@pytest.mark.parametrize(
    "cookie",
    ["", "x", "A" * 64, "A" * 78, COOKIE + "A", COOKIE[:-1], spoilt(COOKIE), COOKIE[:-1] + "é", COOKIE[:22] + "A" * 56],
)
def test_what_we_did_not_make_is_no_device(cookie: str) -> None:
    assert device_of(KEY, ACCOUNT, cookie, now=NOW) is None


def test_another_accounts_and_another_keys_cookie_is_no_device() -> None:
    assert device_of(KEY, account_digest(KEY, "bob@example.com"), COOKIE, now=NOW) is None
    assert device_of(OTHER_KEY, ACCOUNT, COOKIE, now=NOW) is None
