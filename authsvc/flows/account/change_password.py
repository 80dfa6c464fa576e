"""A person chooses a new password: every other session ends, this one goes on under a new cookie.

The current password is judged as at any login, with the same limits. Change, ends and cookie are one transaction: the
person's row is locked first, so that no login with the old password slips in behind the end of all sessions. Where
there are many, that transaction promises their end, which follows in batches.
"""

from __future__ import annotations

from dataclasses import field, replace

from authsvc.flows.account.sessions_and_apps import LoginNeeded, person
from authsvc.flows.factors.way import PASSWORD
from authsvc.flows.login.authenticate_person import (
    Attempt,
    asker,
    authenticate_person,
    new_device_cookie,
    refused,
)
from authsvc.flows.proofs.tell_person import tell_person
from authsvc.flows.session.end_all import REQUEST_SECONDS, begin_ending, finish_ending
from authsvc.records import frozen
from authsvc.rules.levels import MFA_ACR, acr_of, reaches
from authsvc.rules.secret_digest import digest_of
from authsvc.runtime import Runtime
from authsvc.store import audit
from authsvc.store.account import users
from authsvc.store.errors import StoreUnavailable
from authsvc.store.postgres import CHANGE_SECONDS
from authsvc.store.session import browser_sessions
from authsvc.store.session.browser_sessions import BrowserSession
from authsvc_jws.base64url import base64url_encode


@frozen
class Changed:
    """`cookie`: the browser's new secret. `device`: its new device cookie. `over`: False while other sessions
    are still being ended."""

    session: BrowserSession
    cookie: str = field(repr=False)
    device: str = field(repr=False)
    over: bool


async def change_password(runtime: Runtime, cookie: str | None, attempt: Attempt, new: str) -> Changed:
    """Give a person a new password: every other session ends, this browser goes on under a new cookie. `attempt`: with
    the current password. Raises LoginNeeded, Rejected (invalid_credentials), TooMany, Unavailable, StoreUnavailable."""
    session = await person(runtime, cookie, recently=True)
    known = await authenticate_person(runtime, attempt, required_role=None)
    if known.user.id != session.user.id or cookie is None:
        raise refused(known.user)
    password_hash = await runtime.passwords.hash(new, asker(runtime, attempt, known=True))
    fresh = base64url_encode(runtime.entropy(32))
    async with runtime.db.transaction(seconds=CHANGE_SECONDS) as connection:
        user = await users.lock(connection, known.user.email)
        if user is None or user.id != session.user.id or user.password_hash != known.password_hash:
            raise refused(user)  # changed by somebody else since it was judged
        generation = await users.set_password(connection, user.id, password_hash)
        again = await browser_sessions.authenticated_again(
            connection,
            session.id,
            password_hash,
            old_hash=digest_of(cookie),
            new_hash=digest_of(fresh),
            amr=session.amr,
            credentials=PASSWORD.credentials,
            factor_generation=user.factor_generation,
            keep_time=reaches(acr_of(session.amr), MFA_ACR),
        )
        if again is None:  # this session has ended meanwhile: nothing is changed
            raise LoginNeeded(again=False)
        batch = await begin_ending(connection, user.id, "password_changed", keep=session.id)
        await audit.record(
            connection,
            "password_set",
            f"user:{user.id}",
            user_id=user.id,
            session_id=session.id,
            sessions=batch.count,
            more=batch.more,
            **attempt.place.recorded,
        )
        await tell_person(
            runtime,
            connection,
            "password_changed",
            user,
            when=runtime.clock.now(),
            place=attempt.place,
        )
    over = True
    try:
        await finish_ending(runtime, user.id, batch, seconds=REQUEST_SECONDS)
    except StoreUnavailable:  # the password counts, this browser needs its cookies, and the upkeep goes on
        over = False
    device = new_device_cookie(runtime, replace(user, device_generation=generation))
    return Changed(session, fresh, device, over)
