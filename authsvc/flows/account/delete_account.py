"""A person deletes their own account, where the operator lets people do so: all that they opened ends, and they are
gone. Audit events keep the id.

It needs a login of the last minutes at the person's own level (SECURITY.md item 31), and the session must still be
alive when the person's row is locked: who took the account back a moment ago keeps it.
"""

from __future__ import annotations

from uuid import UUID

from authsvc.flows.account.sessions_and_apps import LoginNeeded, person
from authsvc.flows.login.authenticate_person import Attempt
from authsvc.flows.mail.queue import letter, mail_is_on
from authsvc.flows.session.end_all import REQUEST_SECONDS, begin_ending, finish_ending
from authsvc.rules.mail.text import moment
from authsvc.rules.person_record import User
from authsvc.runtime import Runtime
from authsvc.store import audit
from authsvc.store.account import users
from authsvc.store.mail import outbox
from authsvc.store.postgres import CHANGE_SECONDS, Connection
from authsvc.store.session import sessions
from authsvc.store.session.browser_sessions import BrowserSession


async def may_delete(runtime: Runtime, cookie: str | None) -> BrowserSession:
    """Who may delete their account in this browser. Raises LoginNeeded, StoreUnavailable."""
    return await person(runtime, cookie, recently=True)


async def delete_account(runtime: Runtime, cookie: str | None, attempt: Attempt) -> BrowserSession:
    """Delete the account of who is logged in; `attempt`: what the browser and the network say of themselves. Raises
    LoginNeeded, StoreUnavailable: then all sessions may have ended, and the account is there."""
    session = await may_delete(runtime, cookie)
    user, count, first = session.user, 0, True
    while True:  # who has many sessions is removed with the last of them
        async with runtime.db.transaction(seconds=CHANGE_SECONDS) as connection:
            if await _owner(connection, session, first=first) != user.id:
                raise LoginNeeded(again=False)
            batch = await begin_ending(connection, user.id, "user_removed")
            if not batch.more:
                await _remove(runtime, connection, user, count + batch.count, attempt)
        count += await finish_ending(runtime, user.id, batch, seconds=REQUEST_SECONDS)
        if not batch.more:
            return session
        first = False


async def _owner(connection: Connection, session: BrowserSession, *, first: bool) -> UUID | None:
    """Lock the person, whose logins wait. In the first round the session must be alive, as it is after any wait for the
    lock; it may end with that round."""
    user = await users.lock(connection, session.user.email)
    if user is None or (first and not await sessions.is_live(connection, session.id)):
        return None
    return user.id


async def _remove(runtime: Runtime, connection: Connection, user: User, ended: int, attempt: Attempt) -> None:
    await audit.record(connection, "user_removed", f"user:{user.id}", user_id=user.id, sessions=ended)
    await users.remove(connection, user.id)
    if mail_is_on(runtime):
        mail = letter(
            runtime,
            template="account_deleted",
            to=user.email,
            language=user.locale or attempt.language or runtime.settings.mail_language,
            values={
                "when": moment(runtime.clock.now()),
                "device": attempt.place.device,
                "address": attempt.place.address,
            },
            user_id=None,
        )
        await outbox.queue(connection, mail)
