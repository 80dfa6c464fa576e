"""The flow judges whatever comes: no way in has to be trusted, and what is refused leaves no trace."""

from __future__ import annotations

import pytest

from authsvc.flows.operator import manage_users
from authsvc.flows.operator.manage_users import Imported, NotImported
from authsvc.rules.people.import_rows import ImportRow, Unreadable
from authsvc.rules.refused import Refused
from tests.support.service import Service

ANN = {"email": "ann@example.com", "name": "Ann", "roles": ("customer",), "password": "correct horse"}
TRACES = "SELECT (SELECT count(*) FROM users) + (SELECT count(*) FROM audit_events)"


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"email": "nobody"}, "email"),
        ({"email": "a\0@example.com"}, "email"),
        ({"name": "\x1b[2J"}, "name"),
        ({"roles": ["a b"]}, "role"),
        ({"password": "short"}, "password_short"),
        ({"password": "xyz" * 342}, "password_long"),
        ({"password": "Ann@Example.com"}, "password_common"),
        ({"password": "authsvc2026!"}, "password_common"),
        ({"email": "TEST@example.com "}, "email_taken"),
    ],
)
async def test_who_may_not_be_is_not_added(house: Service, changed: dict[str, object], reason: str) -> None:
    before = await house.sql.fetchval(TRACES)
    refused = await manage_users.add(house.runtime, "tests", **{**ANN, **changed})  # type: ignore[arg-type]
    assert isinstance(refused, Refused)
    assert refused.reason == reason
    assert await house.sql.fetchval(TRACES) == before


async def test_a_person_is_added_in_their_normal_form_and_logs_in(house: Service) -> None:
    added = await manage_users.add(house.runtime, "tests", **{**ANN, "email": " Eve@Example.com"})  # type: ignore[arg-type]
    assert not isinstance(added, Refused)
    assert added[1].email == "eve@example.com"
    login = {"email": "eve@example.com", "password": "correct horse"}
    assert (await house.caller("192.0.2.90").post("/api/auth/login", json=login)).status_code == 200


async def test_one_bad_row_imports_nobody(house: Service) -> None:
    before = await house.sql.fetchval(TRACES)
    good = ImportRow(2, "one@example.com")
    for bad in (
        Unreadable(3, "not a row"),
        ImportRow(3, "nobody"),
        ImportRow(3, "ONE@example.com"),
        ImportRow(3, "two@example.com", password_hash="plain"),
        ImportRow(3, "Test@example.com"),
    ):
        done = await manage_users.take_over(house.runtime, "tests", [good, bad], skip_taken=False, rehearse=False)
        assert isinstance(done, NotImported)
        assert list(done.refused) == [3]
    assert await house.sql.fetchval(TRACES) == before
    taken = [good, ImportRow(3, "test@example.com")]
    done = await manage_users.take_over(house.runtime, "tests", taken, skip_taken=True, rehearse=False)
    assert done == Imported(added=1, skipped=1, without_password=1)


async def test_nobody_gets_a_password_that_nobody_may_have(house: Service) -> None:
    live = await house.login()
    for email, password, reason in (
        ("test@example.com", "short", "password_short"),
        ("test@example.com", "midnight1", "password_common"),
        ("nobody@example.com", "long enough", "user_unknown"),
    ):
        refused = await manage_users.set_password(house.runtime, "tests", email, password)
        assert isinstance(refused, Refused)
        assert refused.reason == reason
    assert await house.active(live["access_token"])
    assert await manage_users.set_password(house.runtime, "tests", " TEST@example.com", "another long one") == 1
    assert not await house.active(live["access_token"])
