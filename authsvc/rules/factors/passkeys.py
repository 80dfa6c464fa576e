"""Whether a passkey is good: the relying party's checks of WebAuthn Level 3 (sections 7.1 and 7.2) but for the
signature itself, which `authsvc/webauthn.py` verifies.

Everything is checked here by what was signed, whatever a library has looked at before. One answer for whatever is
wrong; the reason is for the log.
"""

from __future__ import annotations

import hmac
from hashlib import sha256
from uuid import UUID

from authsvc.reason import Reason
from authsvc.records import frozen
from authsvc.rules.factors.passkey_record import Assertion, Passkey, Registration, Statement, Use
from authsvc.rules.readable_text import made_readable
from authsvc.rules.refused import Refused

MOST = 20
"""Passkeys of a person."""
NAME_CHARACTERS = 64
CHALLENGE_BYTES = 32
ES256, EDDSA, RS256 = -7, -8, -257
ALGORITHMS = (EDDSA, ES256, RS256)
"""COSE algorithms that we ask for, the preferred one first: what platforms and security keys have."""
CREATE, GET = "webauthn.create", "webauthn.get"


@frozen
class Expected:
    """What a ceremony was begun with. `origins`: the pages on which it may have taken place."""

    type: str
    challenge: bytes
    rp_id: str
    origins: tuple[str, ...]


def fault_in(statement: Statement, expected: Expected) -> Reason | None:
    """What is wrong with a statement, as a reason; None: nothing. Costs no store and no signature."""
    here = sha256(expected.rp_id.encode("utf-8")).digest()
    checks = (
        (statement.type == expected.type, "passkey_type"),
        (hmac.compare_digest(statement.challenge, expected.challenge), "passkey_challenge"),
        (statement.origin in expected.origins, "passkey_origin"),
        (not statement.cross_origin, "passkey_cross_origin"),
        (hmac.compare_digest(statement.rp_id_hash, here), "passkey_rp_id"),
        (statement.user_present, "passkey_user_absent"),
        (statement.user_verified, "passkey_user_not_verified"),
        (statement.backup_eligible or not statement.backed_up, "passkey_backup_state"),
    )
    return next((reason for right, reason in checks if not right), None)


def refusal(reason: str) -> Refused:
    """One answer for whatever was wrong with a passkey."""
    return Refused("invalid_credentials", "The passkey was not accepted.", reason)


def judge_registration(sent: Registration | None, expected: Expected) -> Registration | Refused:
    """A new credential (section 7.1); None: what was sent cannot be read. What the authenticator attests of itself is
    not looked at: we asked for none."""
    if sent is None:
        return refusal("passkey_malformed")
    fault = fault_in(sent.statement, expected)
    if fault is not None:
        return refusal(fault)
    return sent if sent.algorithm in ALGORITHMS else refusal("passkey_algorithm")


def judge_assertion(
    sent: Assertion, passkey: Passkey | None, *, signature_is_right: bool, owner: UUID | None = None
) -> Use | Refused:
    """The use of a credential (section 7.2) whose statement has no fault. `passkey`: the one that was named, None where
    nobody has it. `owner`: who must be meant, where that is known; else it must say so itself (a discoverable one
    does)."""
    if passkey is None:
        return refusal("passkey_unknown")
    if owner is not None and passkey.user_id != owner:
        return refusal("passkey_of_another")
    if sent.user_handle is None:
        if owner is None:
            return refusal("passkey_user_handle")
    elif sent.user_handle != passkey.user_id.bytes:
        return refusal("passkey_user_handle")
    if sent.statement.backup_eligible != passkey.backup_eligible:
        return refusal("passkey_backup_eligibility")
    if not signature_is_right:
        return refusal("passkey_signature")
    return Use(passkey.id, passkey.user_id, sent.statement.sign_count, sent.statement.backed_up)


def looks_copied(passkey: Passkey, sign_count: int) -> bool:
    """Whether the counter went back, so that there may be two of a credential that cannot be copied (section 6.1.1). A
    signal and no proof; synced ones mean nothing by their counter."""
    counts = passkey.sign_count > 0 or sign_count > 0
    return counts and not passkey.backup_eligible and sign_count <= passkey.sign_count


def amr_of(passkey: Passkey) -> tuple[str, ...]:
    """RFC 8176: a key that stays in its device or one in software; the person was there, and was verified, which makes
    two factors."""
    return ("swk" if passkey.backup_eligible else "hwk", "user", "mfa")


def chosen_name(text: str) -> str:
    """What a person called a passkey, as it is kept; "" where nothing is left to see."""
    return made_readable(text)[:NAME_CHARACTERS].strip()
