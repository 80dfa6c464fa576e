"""What a person may say of themselves."""

from __future__ import annotations

import pytest

from authsvc.rules.people.own_profile import Profile, judge_profile
from authsvc.rules.people.person import MAX_NAME
from authsvc.rules.refused import Refused


@pytest.mark.parametrize(
    ("name", "stored"),
    [
        ("Mara Lindqvist", "Mara Lindqvist"),
        ("  Mara\u00a0Lindqvist ", "Mara Lindqvist"),
        ("", ""),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ('<b>Mara</b> & "Co"', '<b>Mara</b> & "Co"'),
        ("x" * MAX_NAME, "x" * MAX_NAME),
    ],
)
def test_names_of_people(name: str, stored: str) -> None:
    assert judge_profile(name, "de") == Profile(stored, "de")


@pytest.mark.parametrize(
    "name", ["a\nb", "a\x00b", "a\x1b[31m", "\u202egnp", "a\u2028b", "x" * (MAX_NAME + 1), "a\ud800b", "\x7f"]
)
def test_what_disturbs_a_page_is_no_name(name: str) -> None:
    judged = judge_profile(name, "")
    assert isinstance(judged, Refused)
    assert judged.reason == "name"


@pytest.mark.parametrize(("locale", "fits"), [("", True), ("en", True), ("de", True), ("fr", False), ("DE", False)])
def test_languages_are_those_of_the_pages(locale: str, fits: bool) -> None:
    assert isinstance(judge_profile("x", locale), Profile) is fits
