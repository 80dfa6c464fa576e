"""A person trusts a device at the second step, and logs in on it without one. Rule: `rules/login/trusted_device`.

A browser alone can be trusted: by a cookie of 256 random bits, of which the digest is stored, for one person. What it
opens has proved the password and no more, says so, and ends with it.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from uuid import UUID

from authsvc import metrics
from authsvc.device_name import MAX_DEVICE_INFO
from authsvc.flows.factors.way import PASSWORD, Proved
from authsvc.flows.login.authenticate_person import Attempt, Authenticated
from authsvc.flows.login.enter_by_proof import BrowserLogin, Trust, enter_by_proof
from authsvc.flows.login.second_step import wanted_of
from authsvc.flows.proofs.tell_person import Place
from authsvc.rules.client_record import Client
from authsvc.rules.errors import Rejected
from authsvc.rules.login.trusted_device import MOST, days_offered, passes_over
from authsvc.rules.person_record import User
from authsvc.rules.secret_digest import digest_of, is_base64url_of_32
from authsvc.runtime import Runtime
from authsvc.store import audit
from authsvc.store.errors import StoreUnavailable
from authsvc.store.factors import trusted_devices
from authsvc.store.factors.trusted_devices import Found, NewTrust
from authsvc.store.postgres import CHANGE_SECONDS, Connection
from authsvc_jws.base64url import base64url_encode

DAY = 86_400


def credential_of(device_id: UUID) -> str:
    """How a session names the trusted device that opened it."""
    return f"trusted_device:{device_id}"


def trust_days(runtime: Runtime, client: Client | None, user: User) -> int:
    """For how long the second step of this login may offer to trust the device, 0: it does not."""
    return days_offered(client, wanted_of(runtime, client, user))


async def enter_trusted(
    runtime: Runtime,
    client: Client | None,
    attempt: Attempt,
    person: Authenticated,
    *,
    cookie: str | None,
    fresh: bool,
    old_cookie: str | None,
) -> BrowserLogin | None:
    """Log in without the second step who has proved the password. `cookie`: of the device; `fresh`: a proof of now is
    wanted. None: the second step is due. Raises Rejected, StoreUnavailable."""
    user = person.user
    if cookie is None or fresh or not trust_days(runtime, client, user) or not is_base64url_of_32(cookie):
        return None
    found = await trusted_devices.find(runtime.db, user.id, digest_of(cookie))
    wanted = wanted_of(runtime, client, user)
    if found is None or not passes_over(
        client, wanted, fresh=fresh, since=found.since, expires_at=found.expires_at, now=found.now
    ):
        return None
    try:
        done = await _entered(runtime, client, attempt, person, found, old_cookie)
    except Rejected as rejected:
        if rejected.reason == "trusted_device_ended":
            return None
        raise
    metrics.logins.labels("ok").inc()
    return done


async def _entered(
    runtime: Runtime,
    client: Client | None,
    attempt: Attempt,
    person: Authenticated,
    found: Found,
    old_cookie: str | None,
) -> BrowserLogin:
    """The session begins in the transaction that finds the device still trusted: whoever ends the device waits for it,
    and ends what it opened."""
    credentials = (*PASSWORD.credentials, credential_of(found.id))

    async def take(connection: Connection) -> Authenticated:
        if not await trusted_devices.use(connection, person.user.id, found.id):
            raise _ended()
        return replace(person, proved=Proved(PASSWORD.amr, credentials))

    return await enter_by_proof(
        runtime, client, attempt, person.user.id, take, old_cookie=old_cookie, otherwise=_ended()
    )


async def trust(
    runtime: Runtime, client: Client | None, user: User, done: BrowserLogin, place: Place, *, old: str | None
) -> BrowserLogin:
    """Trust the browser of a login that proved a second factor. `old`: its cookie of before, which is good no more. A
    store that is away makes no login fail: the device is not trusted then."""
    days = trust_days(runtime, client, user)
    if not days:
        return done
    cookie = base64url_encode(runtime.entropy(32))
    new = NewTrust(
        id=UUID(bytes=runtime.entropy(16)),
        user_id=user.id,
        digest=digest_of(cookie),
        device_info=place.device[:MAX_DEVICE_INFO],
        days=days,
        device_generation=user.device_generation,
        factor_generation=user.factor_generation,
    )
    added = False
    with suppress(StoreUnavailable):
        async with runtime.db.transaction(seconds=CHANGE_SECONDS) as connection:
            if added := await trusted_devices.add(connection, new, most=MOST):
                await trusted_devices.forget(connection, user.id, digest_of(old or ""))
                await audit.record(
                    connection,
                    "device_trusted",
                    f"user:{user.id}",
                    user_id=user.id,
                    client_id=client.id if client else None,
                    session_id=done.session_id,
                    trusted_device=str(new.id),
                    days=days,
                    **place.recorded,
                )
    return replace(done, trust=Trust(cookie, days * DAY)) if added else done


def _ended() -> Rejected:
    return Rejected("invalid_grant", "This device is trusted no more.", "trusted_device_ended")
