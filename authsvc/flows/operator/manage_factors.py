"""The operator's part in second factors and trusted devices: see what somebody has, and remove it for who has lost
it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal
from uuid import UUID

from authsvc.flows.account.end_removed_factor import end_what_it_opened
from authsvc.flows.account.passkeys import METHODS
from authsvc.flows.account.trusted_devices import trust_no_more
from authsvc.flows.factors import one_time_code, passkey_assertion, recovery_code
from authsvc.flows.proofs.tell_person import Place, tell_person
from authsvc.flows.session.publish_revocation import publish_with_earlier
from authsvc.records import frozen
from authsvc.rules.factors.authenticators import authenticator_name
from authsvc.rules.people.person import normal_email
from authsvc.rules.person_record import User
from authsvc.rules.refused import Refused
from authsvc.runtime import Runtime
from authsvc.store import audit
from authsvc.store.account import users
from authsvc.store.factors import one_time_codes, passkeys, recovery_codes, trusted_devices
from authsvc.store.postgres import CHANGE_SECONDS, Connection
from authsvc.store.session.sessions import Ended

Removable = Literal["otp", "recovery-codes"] | UUID
"""An authenticator app, all recovery codes, or by its id one passkey or trusted device."""
What = Literal["otp", "recovery-codes", "passkey", "trusted-device"]
_NAMES = {"otp": "authenticator app", "recovery-codes": "recovery codes"}


@frozen
class PasskeyOf:
    """`name`: the person's, or that of its provider; `synced`: it may be copied between their devices; `used`: None
    where it never was."""

    id: UUID
    name: str
    synced: bool
    since: datetime
    used: datetime | None


@frozen
class TrustedDeviceOf:
    """`name`: as the browser called itself; `used`: None where it never was; `until`: when the trust ends."""

    id: UUID
    name: str
    since: datetime
    used: datetime | None
    until: datetime


@frozen
class FactorsOf:
    """What a person has. `otp_since`, `otp_used`: of the authenticator app, None where there is none, or no use yet;
    `trusted_devices`: on which they need none of it."""

    id: UUID
    email: str
    otp_since: datetime | None
    otp_used: datetime | None
    recovery_codes: int
    passkeys: Sequence[PasskeyOf]
    trusted_devices: Sequence[TrustedDeviceOf]


@frozen
class Removed:
    """`what`: was removed; `logs_in`: whether the person still has a password or a passkey."""

    user: User
    what: What
    sessions_ended: int
    logs_in: bool


async def look(runtime: Runtime, email: str) -> FactorsOf | Refused:
    """Raises StoreUnavailable."""
    user = await users.by_email(runtime.db, normal_email(email))
    if user is None:
        return _nobody(email)
    app = await one_time_codes.confirmed(runtime.db, user.id)
    left = await recovery_codes.left(runtime.db, user.id)
    since, used = (app.confirmed_at, app.used_at) if app else (None, None)
    own = [
        PasskeyOf(
            one.id,
            one.name or authenticator_name(one.aaguid),
            one.backup_eligible,
            one.created_at,
            one.last_used_at,
        )
        for one in await passkeys.of_person(runtime.db, user.id)
    ]
    trusted = [
        TrustedDeviceOf(one.id, one.device_info, one.created_at, one.last_used_at, one.expires_at)
        for one in await trusted_devices.of_person(runtime.db, user.id)
    ]
    return FactorsOf(user.id, user.email, since, used, left, own, trusted)


async def remove_factor(runtime: Runtime, actor: str, email: str, what: Removable) -> Removed | Refused:
    """Remove a factor of somebody, or their trust in a device, and end whatever it opened; with the last factor the
    recovery codes go. An operator may remove the only way to log in: it may be a thief's. Raises StoreUnavailable."""
    found = await users.by_email(runtime.db, normal_email(email))
    if found is None:
        return _nobody(email)
    async with runtime.db.transaction(seconds=CHANGE_SECONDS) as connection:
        user = await users.lock(connection, found.email)
        done = await _removed(runtime, connection, actor, user, what) if user else None
        if user is None or done is None:
            name = "such passkey or trusted device" if isinstance(what, UUID) else _NAMES[what]
            return Refused("not_found", f"{found.email} has no {name}", "factor_missing")
        ended, removed = done
        logs_in = await passkeys.may_log_in_without(connection, user.id)
    await publish_with_earlier(runtime, ended)
    return Removed(user, removed, len(ended.sessions), logs_in)


async def _removed(
    runtime: Runtime, connection: Connection, actor: str, user: User, what: Removable
) -> tuple[Ended, What] | None:
    """What ended, and what was removed; on record, and told where it was a factor. None: there is no such thing."""
    gone = await _deleted(connection, user.id, what)
    if gone is None:
        ended = await _trust_no_more(connection, actor, user, what) if isinstance(what, UUID) else None
        return (ended, "trusted-device") if ended else None
    credential, methods = gone
    ended, _ = await end_what_it_opened(connection, user.id, credential, methods, keep=None)
    count = len(ended.sessions)
    if isinstance(what, UUID):
        await audit.record(connection, "passkey_removed", actor, user_id=user.id, passkey=str(what), sessions=count)
    else:
        factor = what.replace("-", "_")
        await audit.record(connection, "factor_removed", actor, user_id=user.id, factor=factor, sessions=count)
    await tell_person(runtime, connection, "factor_removed", user, when=runtime.clock.now(), place=Place())
    return ended, "passkey" if isinstance(what, UUID) else what


async def _trust_no_more(connection: Connection, actor: str, user: User, device_id: UUID) -> Ended | None:
    """The sessions that a device opened without the second step. None: the person trusts no such one."""
    gone = await trust_no_more(connection, user.id, device_id, keep=None)
    if gone is None:
        return None
    name, ended = gone
    await audit.record(
        connection,
        "trusted_device_ended",
        actor,
        user_id=user.id,
        trusted_device=str(device_id),
        ended_device=name,
        sessions=len(ended.sessions),
    )
    return ended


async def _deleted(connection: Connection, user_id: UUID, what: Removable) -> tuple[str, tuple[str, ...]] | None:
    """The credential that sessions name, and what it proved of an `amr`. None: there is no such factor."""
    if isinstance(what, UUID):
        gone = await passkeys.remove(connection, user_id, what)
        return (passkey_assertion.credential_of(what), METHODS) if gone else None
    if what == "otp":
        factor_id = await one_time_codes.remove(connection, user_id)
        return (one_time_code.credential_of(factor_id), one_time_code.AMR) if factor_id else None
    if not await recovery_codes.left(connection, user_id):
        return None
    await recovery_codes.replace(connection, user_id, ())
    return recovery_code.CREDENTIAL, recovery_code.AMR


def _nobody(email: str) -> Refused:
    return Refused(
        "not_found", f"nobody has the address {email}: `authsvc users list` shows who there is", "user_unknown"
    )
