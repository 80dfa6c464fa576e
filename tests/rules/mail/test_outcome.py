"""What the answers of a mail server mean."""

from __future__ import annotations

import pytest

from authsvc.rules.mail.outcome import Meaning, Stage, meaning_of, pause_after, server_pause


@pytest.mark.parametrize(
    ("stage", "status", "expected"),
    [
        ("connect", None, Meaning.SERVER),
        ("connect", 554, Meaning.SERVER),
        ("tls", None, Meaning.SERVER),
        ("login", 535, Meaning.SERVER),
        ("recipient", 421, Meaning.SERVER),
        ("data", 421, Meaning.SERVER),
        ("sender", 451, Meaning.LATER),
        ("sender", 550, Meaning.LATER),
        ("recipient", 450, Meaning.LATER),
        ("recipient", None, Meaning.LATER),
        ("recipient", 550, Meaning.REFUSED),
        ("data", None, Meaning.LATER),
        ("data", 452, Meaning.LATER),
        ("data", 554, Meaning.REFUSED),
    ],
)
def test_meaning(stage: Stage, status: int | None, expected: Meaning) -> None:
    assert meaning_of(stage, status) is expected


def test_pauses_grow_from_seconds_to_hours_and_no_further() -> None:
    longest = [pause_after(refusals, 1) for refusals in range(1, 40)]
    assert longest[0] == 5
    assert longest == sorted(longest)
    assert longest[-1] == 7200
    assert pause_after(1, 0) == 2.5
    assert sum(longest) > 2 * 86_400  # 39 attempts cover days, not minutes


def test_a_server_that_is_back_is_found_within_a_minute() -> None:
    assert server_pause(1, 1) == 2
    assert max(server_pause(failures, 1) for failures in range(1, 10_000)) == 60
