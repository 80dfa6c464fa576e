"""Which password somebody may have: one rule for the account page and for the operator."""

from __future__ import annotations

import pytest

from authsvc.rules.people.common_passwords import common_words
from authsvc.rules.people.new_password import judge_given_password, judge_new_password, judge_password

ANN, HOUSE = "ann.ash@example.com", "Blue Moon Bar"


def on_the_page(new: str, current: str = "current one", repeat: str | None = None) -> str | None:
    return judge_new_password(current, new, new if repeat is None else repeat, ANN, HOUSE)


def by_the_operator(password: str) -> str | None:
    refused = judge_given_password(password, ANN, HOUSE)
    return refused.reason if refused else None


@pytest.mark.parametrize(
    "password",
    [
        "good enough",
        " leading and trailing ",
        "pässwörter",
        "xyz" * 341,
        "x" * 500 + "yz" * 262,
        "sommer im garten 2026",
        "correct horse battery",
        "zr7Kq2Vx",
        "annabelle walks home",
        "\u00e9" * 4 + "\u00fc" * 3 + "\u00e4",
    ],
    ids=len,
)
def test_what_nobody_guesses_first_will_do(password: str) -> None:
    assert (on_the_page(password), by_the_operator(password)) == (None, None)


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("ab1cd2e", "password_short"),
        ("", "password_short"),
        ("\U0001f600\U0001f680", "password_short"),
        ("éééé", "password_short"),
        ("e\u0301" * 5, "password_short"),
        ("xyz" * 342, "password_long"),
        ("\u00e9ab" * 300, "password_long"),
    ],
    ids=["7", "none", "two emoji", "four letters", "five decomposed", "1026 bytes", "1200 bytes"],
)
def test_characters_are_counted_from_below_and_bytes_from_above(password: str, reason: str) -> None:
    assert by_the_operator(password) == reason
    assert on_the_page(password) == (reason if password else "missing")


FIRST_GUESSES = [
    "michelle",
    "samantha",
    "midnight",
    "maverick",
    "steelers",
    "victoria",
    "scorpion",
    "danielle",
    "carolina",
    "marlboro",
    "password",
    "12345678",
    "87654321",
    "01234567890",
    "Password1!",
    "qwertzui",
    "Sommer2026",
    "example.com",
    "P@ssw0rd",
    "p4ssw0rd!!",
    "il0vey0u",
    "m1chelle",
    "Passwort123",
    "1q2w3e4r",
    "schatz2026",
    "liverpool1",
    "iloveyou2",
    "test1234",
    "monkeymonkey",
    "Dragon-2026",
    "!!superman!!",
    "trustno1",
    "letmein123",
    "abcdefgh",
    "aaaaaaaa",
    "abababab",
]


@pytest.mark.parametrize(
    "password", [*FIRST_GUESSES, "i love you", "Blue Moon Bar", "bluemoonbar1", "ann.ash1", ANN, "Example99"]
)
def test_what_everybody_tries_first_is_refused(password: str) -> None:
    assert (on_the_page(password), by_the_operator(password)) == ("password_common", "password_common")


def test_the_name_of_the_house_is_a_first_guess() -> None:
    assert judge_password("authsvc2026!", ANN, "authsvc") == "password_common"
    assert judge_password("authsvc2026!", ANN, HOUSE) is None


def test_what_only_a_person_can_get_wrong() -> None:
    assert on_the_page("current one") == "password_same"
    assert on_the_page("cafe\u0301 au lait", current="caf\u00e9 au lait") == "password_same"
    assert on_the_page("good enough", repeat="good enougH") == "password_mismatch"
    assert on_the_page("good enough", current="") == "missing"


def test_what_is_no_text_is_no_password() -> None:
    assert by_the_operator("12345678\ud800") == "password_not_text"


def test_the_list_is_of_thousands_and_in_the_form_that_is_looked_up() -> None:
    words = common_words()
    assert len(words) > 3000
    assert all(word == word.casefold() and not any(char.isspace() for char in word) for word in words)


@pytest.mark.parametrize(
    ("password", "name"),
    [
        ("Ash-Oak2024", "Ash-Oak"),
        ("annashoak!", "Ann Ash-Oak"),
        ("Ann Ash-Oak", "Ann Ash-Oak"),
        ("ångström2026", "Ångström Ash"),
        ("A\u030angstro\u0308m1", "ÅNGSTRÖM"),
    ],
)
def test_ones_own_name_is_no_password(password: str, name: str) -> None:
    assert judge_password(password, "x@example.org", HOUSE, name=name) == "password_common"
    assert judge_password(password, "x@example.org", HOUSE, name="Somebody Else") is None


def test_digits_and_signs_are_no_empty_name() -> None:
    for brand, name in ((HOUSE, ""), ("", ""), ("", "Ann")):
        assert judge_password("8392-1746!4", ANN, brand, name=name) is None


def test_an_operator_may_want_more_characters() -> None:
    assert judge_password("quite long one", ANN, HOUSE, least=15) == "password_short"
    assert judge_password("quite a long one", ANN, HOUSE, least=15) is None
    assert judge_new_password(None, "quite a long one", "quite a long one", ANN, HOUSE) is None
