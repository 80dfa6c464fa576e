"""Which text of strangers people can be shown, and how it is made so."""

from __future__ import annotations

import pytest

from authsvc.rules.readable_text import disarmed, hides_nothing, is_readable, made_readable, one_line

FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
SPELLINGS = [
    "",
    "Ann Ash",
    "علی\u200cرضا",
    "क्\u200dष",
    FAMILY,
    "Ann\u00a0Ash",
    "東\u3000京",
    "O\u2019Brien",
    "é",
    "e\u0301",
]
HARMFUL = [chr(code) for code in (0, 9, 10, 13, 27, 0x7F, 0x85, 0x9F, 0x61C, 0x200E, 0x200F, 0xD800, 0xDFFF)]
HARMFUL += [chr(code) for code in (*range(0x2028, 0x202F), *range(0x2066, 0x206A))]


@pytest.mark.parametrize("text", SPELLINGS, ids=range(len(SPELLINGS)))
def test_names_of_real_people_are_readable(text: str) -> None:
    assert is_readable(text)
    assert disarmed(text, "?") == text
    assert made_readable(text) == one_line(text)


@pytest.mark.parametrize("char", HARMFUL, ids=[f"{ord(char):04x}" for char in HARMFUL])
def test_what_disturbs_a_line_is_not(char: str) -> None:
    assert not is_readable(f"a{char}b")
    assert disarmed(f"a{char}b", "?") == "a?b"
    assert made_readable(f"a{char}b") == "ab"


def test_every_space_becomes_the_ordinary_one() -> None:
    assert one_line("\u00a0Ann\u00a0Ash\u3000 \u2003x\u202f") == "Ann Ash   x"
    assert one_line("a\tb") == "a\tb", "a control is no space: it is refused"


@pytest.mark.parametrize("text", ["", " ", "\u200b\u2060", "\u200d", "\ufeff\u00ad", "\u202e\u200c"])
def test_what_nobody_sees_is_nothing(text: str) -> None:
    assert made_readable(text) == ""


@pytest.mark.parametrize("char", ["\u200b", "\u00ad", "\u2060", "\ufeff", "\ue000", "\U000e0041", "\u202e"])
def test_what_is_not_seen_hides(char: str) -> None:
    assert not hides_nothing(f"a{char}b")
    assert all(hides_nothing(text) for text in SPELLINGS)
