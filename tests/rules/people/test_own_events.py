"""What of the audit a person is told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from authsvc.rules.people.own_events import KINDS, THEFTS, told
from authsvc.rules.people.recorded_event import Recorded
from authsvc.web.pages.catalogue import TEXT

NOW = datetime(2026, 11, 24, 15, 4, tzinfo=UTC)


def row(number: int, event: str, **changes: Any) -> Recorded:
    values = {"by_owner": True, "session_id": UUID(int=1), "device": "d", "address": "a", "apps": ()}
    return Recorded(number, NOW - timedelta(minutes=number), event, **{**values, **changes})


@pytest.mark.parametrize("kind", sorted(set(KINDS.values())))
def test_every_kind_has_its_text(kind: str) -> None:
    assert f"event.{kind}" in TEXT


@pytest.mark.parametrize(
    ("event", "by_owner", "by_operator"),
    [
        ("password_set", True, False),
        ("password_set", False, True),
        ("user_renamed", False, True),
        ("refresh_token_reuse", False, False),
        ("code_replayed", False, False),
        ("user_registered", False, False),
        ("user_added", False, True),
    ],
)
def test_who_did_it(event: str, by_owner: bool, by_operator: bool) -> None:
    (one,) = told([row(1, event, by_owner=by_owner)])
    assert one.by_operator is by_operator


def test_one_theft_is_told_once_by_its_first_row() -> None:
    same = [row(1, "refresh_token_reuse"), row(2, "password_set"), row(3, "refresh_token_reuse", apps=("Bar",))]
    other = row(4, "refresh_token_reuse", session_id=UUID(int=2))
    found = told([*same, other])
    assert [(one.id, one.kind) for one in found] == [(2, "password_changed"), (3, "theft"), (4, "theft")]
    assert found[1].apps == ("Bar",)


def test_thefts_are_kinds() -> None:
    assert {KINDS[event] for event in THEFTS} == {"theft"}
