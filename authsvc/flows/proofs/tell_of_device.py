"""A person is told of a session on a device that nobody knows: an audit event that they read of, and a mail; both in
the transaction that begins the session."""

from __future__ import annotations

from uuid import UUID

from authsvc.flows.proofs.tell_person import Place, tell_person
from authsvc.rules.person_record import User
from authsvc.runtime import Runtime
from authsvc.store import audit
from authsvc.store.postgres import Connection


async def tell_of_device(runtime: Runtime, connection: Connection, user: User, session_id: UUID, place: Place) -> None:
    """`place`: of the device, as it stands in the list of sessions."""
    # Programs that keep no cookie log in again and again: one device at one address is told once a day.
    await audit.record(
        connection,
        "new_device_login",
        f"user:{user.id}",
        user_id=user.id,
        session_id=session_id,
        once_a_day=True,
        **place.recorded,
    )
    about = f"{place.device}\n{place.address}"
    await tell_person(runtime, connection, "new_device", user, when=runtime.clock.now(), place=place, about=about)
