"""A person trusts a device no more: what it opened ends."""

from __future__ import annotations

from uuid import UUID

from authsvc.flows.account.sessions_and_apps import person
from authsvc.flows.login.authenticate_person import Attempt
from authsvc.flows.login.trusted_device import credential_of
from authsvc.flows.session.publish_revocation import publish_with_earlier
from authsvc.rules.errors import Rejected
from authsvc.runtime import Runtime
from authsvc.store import audit
from authsvc.store.factors import held, trusted_devices
from authsvc.store.postgres import CHANGE_SECONDS, Connection
from authsvc.store.session.browser_sessions import BrowserSession
from authsvc.store.session.sessions import Ended


async def end_trusted_device(runtime: Runtime, cookie: str | None, device_id: UUID, attempt: Attempt) -> BrowserSession:
    """Every session that the device opened ends, but for this one, which has been logged in again. `attempt`: what
    browser and network say of themselves. Raises LoginNeeded, Rejected where they have no such one,
    StoreUnavailable."""
    session = await person(runtime, cookie, recently=True)
    user_id = session.user.id
    async with runtime.db.transaction(seconds=CHANGE_SECONDS) as connection:
        gone = await trust_no_more(connection, user_id, device_id, keep=session.id)
        if gone is None:
            raise not_there()
        name, ended = gone
        await audit.record(
            connection,
            "trusted_device_ended",
            f"user:{user_id}",
            user_id=user_id,
            session_id=session.id,
            trusted_device=str(device_id),
            ended_device=name,
            sessions=len(ended.sessions),
            **attempt.place.recorded,
        )
    await publish_with_earlier(runtime, ended)
    return session


async def trust_no_more(
    connection: Connection, user_id: UUID, device_id: UUID, *, keep: UUID | None
) -> tuple[str, Ended] | None:
    """The device as it called itself, and what ended: the sessions that it opened without the second step, but for
    `keep`. None: the person trusts no such device. For the caller to put on record. Raises StoreUnavailable."""
    name = await trusted_devices.remove(connection, user_id, device_id)
    if name is None:
        return None
    credentials = [credential_of(device_id)]
    return name, await held.end_opened(connection, user_id, credentials, "trusted_device_ended", keep=keep)


def not_there() -> Rejected:
    """Somebody else's looks like none at all."""
    return Rejected("not_found", "There is no such device.", "trusted_device_not_found", status=404)
