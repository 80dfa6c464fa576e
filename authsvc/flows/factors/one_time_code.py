"""A code of an authenticator app (RFC 6238). Rule: `rules/factors/totp`.

A code that was taken looks like a wrong one, and costs the same statement.
"""

from __future__ import annotations

from uuid import UUID

from authsvc.flows.factors.way import Proved, Tried, Way
from authsvc.keys.seal import AUTHENTICATOR_SECRET, SealError, open_secret, seal_secret
from authsvc.rules.factors.totp import drift_of, matching_step, step_at, typed_code
from authsvc.rules.person_record import User
from authsvc.runtime import Runtime
from authsvc.store.errors import StoreUnavailable
from authsvc.store.factors import one_time_codes
from authsvc.store.factors.one_time_codes import Authenticator
from authsvc.store.postgres import Connection

AMR = ("otp",)


def credential_of(factor_id: UUID) -> str:
    """How a session names the app that opened it."""
    return f"otp:{factor_id}"


def seal(runtime: Runtime, user_id: UUID, factor_id: UUID, secret: bytes) -> bytes:
    """An app's secret as it is stored: it opens in the row of this app of this person alone."""
    return seal_secret(runtime.master, AUTHENTICATOR_SECRET, user_id.bytes + factor_id.bytes, secret, runtime.entropy)


def secret_of(runtime: Runtime, app: Authenticator) -> bytes:
    """The secret of an app. Raises StoreUnavailable where its master key is not held: nobody's code is wrong then."""
    try:
        return open_secret(runtime.master, AUTHENTICATOR_SECRET, app.user_id.bytes + app.id.bytes, app.sealed)
    except SealError:
        raise StoreUnavailable("master_key", "not_held") from None


async def take_code(
    runtime: Runtime,
    app: Authenticator,
    typed: str,
    *,
    begun_in: UUID | None = None,
    connection: Connection | None = None,
) -> bool:
    """Take a code of an app, once. `begun_in`: of one that this session sets up, and that is a factor from now on;
    `connection`: of the transaction in which it is. Raises StoreUnavailable."""
    now_step, code = step_at(app.now.timestamp()), typed_code(typed)
    found = matching_step(secret_of(runtime, app), code or "", now_step=now_step, drift=app.drift)
    step = -1 if found is None else found
    drift = app.drift if found is None else drift_of(found, now_step)
    return await one_time_codes.take(
        connection or runtime.db, app.user_id, app.id, step=step, drift=drift, begun_in=begun_in
    )


async def _check(runtime: Runtime, user: User, tried: Tried) -> Proved | None:
    app = await one_time_codes.confirmed(runtime.db, user.id)
    if app is None or not await take_code(runtime, app, tried.values.get("code", "")):
        return None
    return Proved(AMR, (credential_of(app.id),))


ONE_TIME_CODE = Way(name="otp", check=_check)
