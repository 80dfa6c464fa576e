"""Who is written to, whatever is asked for."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest

from authsvc.rules.person_record import User
from authsvc.rules.proofs.letters import HAVE_ACCOUNT, NO_LETTER, Letter, letter_for
from authsvc.rules.proofs.proof import OF_THE_ADDRESS, SHORT_SECONDS, STANDING, Purpose, life_seconds, subject_of

ANN = User(UUID(int=1), "ann@example.org", "Ann", (), password_hash="x")
BOB = UUID(int=2)
ADDED = replace(ANN, password_hash=None)
"""An operator added them without a password, and never said that the address is theirs."""
SURE = replace(ADDED, email_verified=True)
GONE = replace(ANN, disabled_at=datetime(2026, 11, 1, tzinfo=UTC))


@pytest.mark.parametrize("purpose", list(Purpose))
def test_nobody_writes_to_who_is_disabled(purpose: Purpose) -> None:
    assert letter_for(purpose, GONE, GONE.id) == NO_LETTER


@pytest.mark.parametrize("purpose", [Purpose.RESET, Purpose.LOGIN])
@pytest.mark.parametrize(("owner", "proves"), [(ANN, True), (SURE, True), (ADDED, False), (None, False)])
def test_who_may_choose_a_password_by_mail_may_log_in_by_it(purpose: Purpose, owner: User | None, proves: bool) -> None:
    assert letter_for(purpose, owner, None) == (Letter(purpose, True, ANN.id) if proves else NO_LETTER)


def test_an_address_is_proved_or_changed_by_its_owner_alone() -> None:
    assert letter_for(Purpose.VERIFY, ANN, ANN.id) == Letter("verify", True, ANN.id)
    assert letter_for(Purpose.VERIFY, ANN, BOB) == NO_LETTER
    assert letter_for(Purpose.ADDRESS_CHANGE, None, BOB) == Letter("address_change", True, BOB)
    assert letter_for(Purpose.ADDRESS_CHANGE, ANN, BOB) == HAVE_ACCOUNT
    assert letter_for(Purpose.REGISTRATION, ANN, None) == HAVE_ACCOUNT
    assert letter_for(Purpose.REGISTRATION, None, None) == Letter("registration", True)


def test_a_login_by_mail_is_short_of_its_address_and_one_a_person() -> None:
    assert life_seconds(Purpose.LOGIN) == SHORT_SECONDS == 900
    assert Purpose.LOGIN in OF_THE_ADDRESS
    assert Purpose.LOGIN not in STANDING
    assert subject_of(Purpose.LOGIN, BOB, ANN.id, ANN.email) == str(ANN.id)
    assert subject_of(Purpose.LOGIN, BOB, None, ANN.email) == ANN.email
