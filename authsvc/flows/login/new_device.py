"""A session begins; where the device is a stranger's, with the audit event that the person reads of, and the mail that
tells them: all or nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress

from authsvc.flows.login.authenticate_person import Attempt, Authenticated, is_known_device
from authsvc.flows.proofs.tell_person import Place, tell_person
from authsvc.runtime import Runtime
from authsvc.store import audit
from authsvc.store.account import users
from authsvc.store.errors import StoreUnavailable
from authsvc.store.postgres import Connection, Database
from authsvc.store.session.sessions import Begun, NewSession

Begin = Callable[[Database | Connection], Awaitable[Begun | None]]


async def begin_and_tell(
    runtime: Runtime, attempt: Attempt, person: Authenticated, new: NewSession, begin: Begin
) -> Begun | None:
    """What `begin` returns. Told, and on record, is who logs in without a genuine device cookie, but for their very
    first login."""
    first = not person.user.logged_in_before
    if not is_worth_telling(runtime, attempt, person):
        begun = await begin(runtime.db)
        if begun and first:
            with suppress(StoreUnavailable):  # the login counts; the next one then is the first
                await users.set_first_login(runtime.db, person.user.id)
        return begun
    async with runtime.db.transaction() as connection:
        begun = await begin(connection)
        if begun:
            await tell_of_device(runtime, connection, attempt, person, new)
    return begun


def is_worth_telling(runtime: Runtime, attempt: Attempt, person: Authenticated) -> bool:
    """Whether it is another login than the very first, and on a device that nobody knows."""
    return person.user.logged_in_before and not is_known_device(runtime, person.user, attempt.device)


async def tell_of_device(
    runtime: Runtime, connection: Connection, attempt: Attempt, person: Authenticated, new: NewSession
) -> None:
    """Write it down, and promise the mail, in the transaction that begins the session."""
    # Programs that keep no cookie log in again and again: one device at one address is told once a day.
    device, address = new.device_info, attempt.address or ""
    await audit.record(
        connection,
        "new_device_login",
        f"user:{new.user_id}",
        user_id=new.user_id,
        session_id=new.id,
        once_a_day=True,
        device=device,
        address=address,
    )
    await tell_person(
        runtime,
        connection,
        "new_device",
        person.user,
        when=runtime.clock.now(),
        place=Place(device, address, attempt.language),
        about=f"{device}\n{address}",
    )
