"""Who is written to, and whether the letter proves anything: whatever it is, the one who asked sees one page."""

from __future__ import annotations

from uuid import UUID

from authsvc.records import frozen
from authsvc.rules.person_record import User
from authsvc.rules.proofs.proof import Purpose


@frozen
class Letter:
    """`template`: which letter, None for none; `proves`: whether a proof goes with it; `user_id`: whom that is
    about."""

    template: str | None = None
    proves: bool = False
    user_id: UUID | None = None


NO_LETTER = Letter()
HAVE_ACCOUNT = Letter("you_have_an_account")


def letter_for(purpose: Purpose, owner: User | None, asked_by: UUID | None) -> Letter:
    """`owner`: who has the address; `asked_by`: who was logged in, where somebody had to be."""
    if owner is not None and owner.disabled_at is not None:
        return NO_LETTER
    match purpose:
        case Purpose.RESET:
            return Letter("reset", True, owner.id) if owner and may_reset(owner) else NO_LETTER
        case Purpose.LOGIN:
            return Letter("login", True, owner.id) if owner and may_reset(owner) else NO_LETTER
        case Purpose.REGISTRATION:
            return HAVE_ACCOUNT if owner else Letter("registration", True)
        case Purpose.VERIFY:
            return Letter("verify", True, owner.id) if owner and owner.id == asked_by else NO_LETTER
        case Purpose.ADDRESS_CHANGE:
            if owner is None:
                return Letter("address_change", True, asked_by)
            return NO_LETTER if owner.id == asked_by else HAVE_ACCOUNT
    return NO_LETTER


def may_reset(user: User) -> bool:
    """Whether who reads the mail of a person's address may choose a password for them, or log in. Not where an
    operator added somebody without one and never said that the address is theirs: that is what an invitation is for."""
    return user.password_hash is not None or user.email_verified
