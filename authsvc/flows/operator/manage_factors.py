"""The operator's part in second factors: see what somebody has, and remove it for who has lost it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from authsvc.flows.account.factors import remove_app_of
from authsvc.rules.people.person import normal_email
from authsvc.rules.person_record import User
from authsvc.rules.refused import Refused
from authsvc.runtime import Runtime
from authsvc.store.account import users
from authsvc.store.factors import one_time_codes, recovery_codes


@dataclass(frozen=True, slots=True)
class FactorsOf:
    """What a person has. `otp_since`, `otp_used`: of the authenticator app, None where there is none, or no use yet."""

    id: UUID
    email: str
    otp_since: datetime | None
    otp_used: datetime | None
    recovery_codes: int


async def look(runtime: Runtime, email: str) -> FactorsOf | Refused:
    """Raises StoreUnavailable."""
    user = await users.by_email(runtime.db, normal_email(email))
    if user is None:
        return _nobody(email)
    app = await one_time_codes.confirmed(runtime.db, user.id)
    left = await recovery_codes.left(runtime.db, user.id)
    since, used = (app.confirmed_at, app.used_at) if app else (None, None)
    return FactorsOf(user.id, user.email, since, used, left)


async def remove_otp(runtime: Runtime, actor: str, email: str) -> tuple[User, int] | Refused:
    """Remove somebody's authenticator app, and with the last factor the recovery codes; how many sessions that they
    opened ended. Raises StoreUnavailable."""
    user = await users.by_email(runtime.db, normal_email(email))
    if user is None:
        return _nobody(email)
    ended = await remove_app_of(runtime, user.email, actor)
    if ended is None:
        return Refused("not_found", f"{user.email} has no authenticator app", "factor_missing")
    return user, ended


def _nobody(email: str) -> Refused:
    return Refused(
        "not_found", f"nobody has the address {email}: `authsvc users list` shows who there is", "user_unknown"
    )
