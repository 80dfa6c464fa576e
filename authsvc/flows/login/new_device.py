"""A session begins; where the device is a stranger's, with the audit event that the person reads of, and the mail that
tells them: all or nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress

from authsvc.flows.login.authenticate_person import Attempt, Authenticated, is_known_device
from authsvc.flows.proofs.tell_of_device import tell_of_device
from authsvc.flows.proofs.tell_person import Place
from authsvc.runtime import Runtime
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
            await tell_of_device(runtime, connection, person.user, new.id, place_of(attempt, new))
    return begun


def is_worth_telling(runtime: Runtime, attempt: Attempt, person: Authenticated) -> bool:
    """Whether it is another login than the very first, and on a device that nobody knows."""
    return person.user.logged_in_before and not is_known_device(runtime, person.user, attempt.device)


def place_of(attempt: Attempt, new: NewSession) -> Place:
    """Where a session begins, as its list and its notice say."""
    return Place(new.device_info, attempt.address or "", attempt.language)
