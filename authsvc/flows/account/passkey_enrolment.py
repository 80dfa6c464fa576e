"""A person adds a passkey."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from typing import Any
from uuid import UUID

from authsvc.flows.factors.passkey_assertion import described
from authsvc.flows.factors.passkey_challenge import Purpose, make_challenge, open_challenge, spend_challenge
from authsvc.flows.factors.relying_party import expected_of, rp_id_of
from authsvc.flows.login.authenticate_person import Attempt
from authsvc.flows.proofs.tell_person import tell_person
from authsvc.records import frozen
from authsvc.rules.errors import rejected
from authsvc.rules.factors.passkey_record import Passkey, Registration
from authsvc.rules.factors.passkeys import ALGORITHMS, CREATE, MOST, chosen_name, judge_registration, refusal
from authsvc.rules.person_record import User
from authsvc.rules.refused import Refused
from authsvc.rules.sealed_value_lifetimes import PASSKEY_CHALLENGE_SECONDS
from authsvc.runtime import Runtime
from authsvc.store import audit
from authsvc.store.factors import passkeys
from authsvc.store.postgres import CHANGE_SECONDS
from authsvc.store.session.browser_sessions import BrowserSession
from authsvc.webauthn import read_registration
from authsvc_jws.base64url import base64url_encode

_PURPOSE: Purpose = "passkey enrolment"


@frozen
class Enrolment:
    """What a page needs to have a passkey made: `options` (PublicKeyCredentialCreationOptionsJSON), and `sealed`, to be
    sent back with the answer."""

    options: dict[str, Any]
    sealed: str = field(repr=False)


async def begin_enrolment(runtime: Runtime, session: BrowserSession, browser: str) -> Enrolment:
    """`session`: of a recent login; `browser`: the mark of the browser that asks. Raises Rejected (`passkey_full`),
    StoreUnavailable."""
    there = await passkeys.of_person(runtime.db, session.user.id)
    if len(there) >= MOST:
        raise rejected(refusal("passkey_full"))
    challenge = make_challenge(runtime, _PURPOSE, _holder(session, browser))
    return Enrolment(_creation(runtime, session.user, challenge.value, there), challenge.sealed)


async def finish_enrolment(
    runtime: Runtime,
    session: BrowserSession,
    browser: str,
    attempt: Attempt,
    *,
    sealed: str,
    credential: str,
    name: str,
) -> None:
    """Keep a passkey that was made (`credential`: RegistrationResponseJSON). `session`: of a recent login; `attempt`:
    what browser and network say of themselves. Raises Rejected (its reason says what was wrong), StoreUnavailable."""
    challenge = open_challenge(runtime, _PURPOSE, _holder(session, browser), sealed)
    if challenge is None:
        raise rejected(refusal("passkey_challenge_expired"))
    expected = expected_of(runtime, CREATE, challenge)
    judged = judge_registration(read_registration(credential), expected)
    if isinstance(judged, Refused):
        raise rejected(judged)
    new = _new(runtime, session.user.id, judged, expected.rp_id, name)
    async with runtime.db.transaction(seconds=CHANGE_SECONDS) as connection:
        owner = await passkeys.lock_owner(connection, session.id)
        if owner != session.user.id:
            raise rejected(refusal("session_ended"))
        if not await spend_challenge(runtime, connection, challenge):
            raise rejected(refusal("passkey_replayed"))
        outcome = await passkeys.add(connection, new, most=MOST)
        if outcome != "added":
            raise rejected(refusal(f"passkey_{outcome}"))
        await audit.record(
            connection,
            "passkey_added",
            f"user:{owner}",
            user_id=owner,
            session_id=session.id,
            passkey=str(new.id),
            synced=new.backup_eligible,
            **attempt.place.recorded,
        )
        await tell_person(
            runtime, connection, "factor_added", session.user, when=runtime.clock.now(), place=attempt.place
        )


def _holder(session: BrowserSession, browser: str) -> str:
    return f"{session.id} {browser}"


def _new(runtime: Runtime, user_id: UUID, judged: Registration, rp_id: str, name: str) -> Passkey:
    said = judged.statement
    return Passkey(
        id=UUID(bytes=runtime.entropy(16)),
        user_id=user_id,
        credential_id=judged.credential_id,
        public_key=judged.public_key,
        sign_count=said.sign_count,
        backup_eligible=said.backup_eligible,
        backed_up=said.backed_up,
        aaguid=judged.aaguid,
        transports=judged.transports,
        rp_id=rp_id,
        name=chosen_name(name),
        created_at=runtime.clock.now(),
    )


def _creation(runtime: Runtime, user: User, challenge: bytes, there: Sequence[Passkey]) -> dict[str, Any]:
    """Section 5.4. The user handle is the person's id, which says nothing of them (section 14.6.1)."""
    return {
        "rp": {"id": rp_id_of(runtime.settings), "name": runtime.settings.brand_name},
        "user": {
            "id": base64url_encode(user.id.bytes),
            "name": user.email,
            "displayName": user.name or user.email,
        },
        "challenge": base64url_encode(challenge),
        "pubKeyCredParams": [{"type": "public-key", "alg": algorithm} for algorithm in ALGORITHMS],
        "timeout": PASSKEY_CHALLENGE_SECONDS * 1000,
        "excludeCredentials": described(there),
        "authenticatorSelection": {
            "residentKey": "required",
            "requireResidentKey": True,
            "userVerification": "required",
        },
        "attestation": "none",
    }
