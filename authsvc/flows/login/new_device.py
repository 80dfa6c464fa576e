"""A session begins; where the device is a stranger's, with the mail that tells the person of it: both or neither."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress

from authsvc.flows.login.authenticate_person import Attempt, Authenticated, is_known_device
from authsvc.flows.mail.queue import mail_is_on
from authsvc.flows.proofs.tell_person import tell_person
from authsvc.runtime import Runtime
from authsvc.store.account import users
from authsvc.store.errors import StoreUnavailable
from authsvc.store.postgres import Connection, Database
from authsvc.store.session.sessions import Begun, NewSession

Begin = Callable[[Database | Connection], Awaitable[Begun | None]]


async def begin_and_tell(
    runtime: Runtime, attempt: Attempt, person: Authenticated, new: NewSession, begin: Begin
) -> Begun | None:
    """What `begin` returns. Told is who logs in without a genuine device cookie, but for their very first login."""
    first = not person.user.logged_in_before
    known = first or is_known_device(runtime, person.user, attempt.device)
    if known or not mail_is_on(runtime):
        begun = await begin(runtime.db)
        if begun and first:
            with suppress(StoreUnavailable):  # the login counts; the next one then is the first
                await users.set_first_login(runtime.db, person.user.id)
        return begun
    address = attempt.address or ""
    async with runtime.db.transaction() as connection:
        begun = await begin(connection)
        if begun:
            # Programs that keep no cookie log in again and again: one device at one address is told once a day.
            await tell_person(
                runtime,
                connection,
                "new_device",
                person.user,
                when=runtime.clock.now(),
                device=new.device_info,
                address_text=address,
                language=attempt.language,
                about=f"{new.device_info}\n{address}",
            )
    return begun
