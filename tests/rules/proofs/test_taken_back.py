"""What becomes of an authenticator app when an account is taken back: the whole table."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from authsvc.rules.proofs.taken_back import SLACK, moment_of, removes_app
from authsvc.store.postgres import CHANGE_SECONDS

MOMENT = datetime(2026, 11, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("confirmed_at", "had_one", "goes"),
    [
        (None, False, False),
        (None, True, False),
        (MOMENT - SECOND, False, False),
        (MOMENT - SECOND, True, False),
        (MOMENT, False, True),
        (MOMENT + 1000 * SECOND, False, True),
        (MOMENT, True, False),
        (MOMENT + 1000 * SECOND, True, False),
    ],
)
def test_an_app_goes_where_there_was_none_and_stays_where_it_replaced_one(
    confirmed_at: datetime | None, had_one: bool, goes: bool
) -> None:
    assert removes_app(confirmed_at, MOMENT, had_one=had_one) is goes


def test_the_notice_of_a_factor_speaks_of_that_factor() -> None:
    assert timedelta(seconds=CHANGE_SECONDS) < SLACK
    assert moment_of(MOMENT) + SLACK == MOMENT
