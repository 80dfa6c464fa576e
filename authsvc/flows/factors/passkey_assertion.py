"""A person uses a passkey: whose it is, and that it is right. What follows from it is the caller's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from typing import Any
from uuid import UUID

from authsvc.flows.factors.passkey_challenge import Purpose, make_challenge, open_challenge, spend_challenge
from authsvc.flows.factors.relying_party import expected_of, rp_id_of
from authsvc.flows.factors.way import Proved
from authsvc.logs import get_logger
from authsvc.records import frozen
from authsvc.rules.errors import Rejected
from authsvc.rules.factors.passkey_record import Assertion, Passkey, Use
from authsvc.rules.factors.passkeys import GET, amr_of, fault_in, judge_assertion, looks_copied, refusal
from authsvc.rules.person_record import User
from authsvc.rules.refused import Refused
from authsvc.rules.sealed_value_lifetimes import PASSKEY_CHALLENGE_SECONDS
from authsvc.runtime import Runtime
from authsvc.store import audit
from authsvc.store.factors import passkeys
from authsvc.store.postgres import Connection
from authsvc.webauthn import read_assertion, signature_is_right
from authsvc_jws.base64url import base64url_encode

log = get_logger()


@frozen
class Sent:
    """An answer to a challenge: AuthenticationResponseJSON, and what was sealed with the challenge."""

    credential: str = field(repr=False)
    sealed: str = field(repr=False)


@frozen
class Shown:
    """A passkey that was right, and whose it is. Worth nothing before `take`."""

    passkey: Passkey
    user: User
    use: Use
    challenge: bytes = field(repr=False)

    @property
    def proved(self) -> Proved:
        return Proved(amr_of(self.passkey), (credential_of(self.passkey.id),))


def begin_assertion(runtime: Runtime, purpose: Purpose, holder: str) -> tuple[dict[str, Any], str]:
    """The options for whichever passkey the person has here, who need not say who they are before; and what must come
    back with the answer."""
    challenge = make_challenge(runtime, purpose, holder)
    return request_options(runtime, challenge.value), challenge.sealed


def request_options(runtime: Runtime, challenge: bytes, allowed: Sequence[Passkey] = ()) -> dict[str, Any]:
    """PublicKeyCredentialRequestOptionsJSON (section 5.5). `allowed`: () for any."""
    return {
        "challenge": base64url_encode(challenge),
        "timeout": PASSKEY_CHALLENGE_SECONDS * 1000,
        "rpId": rp_id_of(runtime.settings),
        "allowCredentials": described(allowed),
        "userVerification": "required",
    }


async def judge_answer(
    runtime: Runtime, purpose: Purpose, holder: str, sent: Sent, *, origins: tuple[str, ...] | None = None
) -> Shown:
    """Who has answered a challenge that was for whoever would. `origins`: of the pages that may have asked, None for
    our own. Raises Rejected (invalid_credentials, one answer for whatever was wrong), StoreUnavailable."""
    challenge = open_challenge(runtime, purpose, holder, sent.sealed)
    if challenge is None:
        raise refused("passkey_challenge_expired")
    return await judge_credential(runtime, challenge, sent.credential, origins=origins)


async def judge_credential(
    runtime: Runtime,
    challenge: bytes,
    credential: str,
    *,
    owner: UUID | None = None,
    device_bound: bool = False,
    origins: tuple[str, ...] | None = None,
) -> Shown:
    """As `judge_answer`, of a challenge that is known. `owner`: who it was for, None where that was to be found out;
    `device_bound`: only a passkey that stays in its device will do."""
    assertion = read_assertion(credential)
    if assertion is None:
        raise refused("passkey_malformed")
    if fault := fault_in(assertion.statement, expected_of(runtime, GET, challenge, origins)):
        raise refused(fault)
    held = await passkeys.by_credential(runtime.db, assertion.credential_id)
    use = _judged(assertion, held.passkey if held else None, owner)
    if isinstance(use, Refused):
        raise refused(use.reason)
    assert held is not None
    if held.user.disabled_at is not None:
        raise refused("user_disabled")
    if device_bound and held.passkey.backup_eligible:
        raise refused("passkey_not_bound")
    return Shown(held.passkey, held.user, use, challenge)


async def take(runtime: Runtime, connection: Connection, shown: Shown) -> None:
    """Spend the challenge that a passkey has answered, in the transaction of what follows from it. Raises Rejected: it
    was spent, or the passkey is gone."""
    if not await spend_challenge(runtime, connection, shown.challenge):
        raise refused("passkey_replayed")
    if not await passkeys.note_use(connection, shown.use):
        raise refused("passkey_removed")
    had, came = shown.passkey.sign_count, shown.use.sign_count
    if looks_copied(shown.passkey, came):
        who = shown.user.id
        log.warning("passkey_counter_back", user_id=str(who))
        detail: dict[str, Any] = {"passkey": str(shown.passkey.id), "had": had, "came": came}
        await audit.record(connection, "passkey_counter_back", f"user:{who}", user_id=who, **detail)


def refused(reason: str) -> Rejected:
    """What is raised for a passkey that was not right."""
    why = refusal(reason)
    return Rejected(why.error, why.description, why.reason, status=401)


def credential_of(passkey_id: UUID) -> str:
    """How a session names the passkey that opened it."""
    return f"passkey:{passkey_id}"


def described(there: Sequence[Passkey]) -> list[dict[str, Any]]:
    """PublicKeyCredentialDescriptorJSON of each (section 5.8.3)."""
    return [
        {"type": "public-key", "id": base64url_encode(one.credential_id), "transports": list(one.transports)}
        for one in there
    ]


def _judged(assertion: Assertion, passkey: Passkey | None, owner: UUID | None) -> Use | Refused:
    right = passkey is not None and signature_is_right(passkey.public_key, assertion)
    return judge_assertion(assertion, passkey, signature_is_right=right, owner=owner)
