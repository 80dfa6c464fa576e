"""The person's own account in the browser: sessions and apps seen and ended.

Whatever reaches beyond this browser needs a recent login (SECURITY.md item 31): a forgotten screen must not be enough
to throw the person out everywhere else. Every statement carries the person's id.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field, replace

from authsvc.clock import monotonic
from authsvc.flows.account.own_events import NOTHING, Newest, newest
from authsvc.flows.ending.logout import RECENT_SECONDS, end_all_but, end_one_of, read_session_id
from authsvc.flows.factors.ways import asked_of_everybody, ways_of
from authsvc.flows.login.authenticate_person import new_device_cookie
from authsvc.flows.session.browser import browser_session
from authsvc.flows.session.end_all import REQUEST_SECONDS
from authsvc.flows.session.publish_revocation import publish_with_earlier
from authsvc.records import frozen
from authsvc.rules.factors.passkey_record import Passkey
from authsvc.rules.levels import MFA_ACR, acr_of, is_by_mail, reaches
from authsvc.rules.person_record import User
from authsvc.runtime import Runtime
from authsvc.store import audit
from authsvc.store.account import sessions_and_apps, users
from authsvc.store.account.sessions_and_apps import App, Listed
from authsvc.store.errors import StoreUnavailable
from authsvc.store.factors import passkeys, trusted_devices
from authsvc.store.factors.trusted_devices import TrustedDevice
from authsvc.store.session.browser_sessions import BrowserSession

Owner = BrowserSession
"""The person of an account, by the session of the browser."""

PAGE = 50


class LoginNeeded(Exception):
    """Nobody is logged in (`again` False), or the login was too long ago."""

    def __init__(self, *, again: bool) -> None:
        super().__init__("login_too_old" if again else "login_needed")
        self.again = again


@frozen
class Overview:
    """One page of the sessions, this one first, of `total`; all apps with a consent; all passkeys; what happened
    lately; and the devices on which the login passes over the second step."""

    session: BrowserSession = field(repr=False)
    sessions: Sequence[Listed]
    total: int
    page: int
    apps: Sequence[App]
    happened: Newest = NOTHING
    passkeys: Sequence[Passkey] = ()
    trusted: Sequence[TrustedDevice] = ()

    @property
    def pages(self) -> int:
        return max(1, -(-self.total // PAGE))


async def overview(runtime: Runtime, cookie: str | None, page: int) -> Overview:
    """Raises LoginNeeded, StoreUnavailable."""
    session = await person(runtime, cookie)
    db, user = runtime.db, session.user
    found = await sessions_and_apps.sessions(db, user.id, current=session.id, offset=(page - 1) * PAGE, limit=PAGE)
    # Most people have neither passkeys nor trusted devices, and each statement is a fiftieth of what the page costs.
    apps = await sessions_and_apps.apps(db, user.id) if found.has_apps else ()
    keys = await passkeys.of_person(db, user.id) if found.has_passkeys else ()
    trusted = await trusted_devices.of_person(db, user.id) if found.has_trusted else ()
    happened = await newest(runtime, session)
    return Overview(session, found.sessions, found.total, page, apps, happened, keys, trusted)


async def person(runtime: Runtime, cookie: str | None, *, recently: bool = False) -> BrowserSession:
    """Who is logged in in this browser; `recently`: at their level, in the last minutes. Raises LoginNeeded,
    StoreUnavailable."""
    session = await browser_session(runtime, cookie)
    if session is None:
        raise LoginNeeded(again=False)
    if recently:
        await _check_recent(runtime, session)
    return session


async def _check_recent(runtime: Runtime, session: BrowserSession) -> None:
    """The login was made in the last minutes, and at the person's own level: who has a second factor has proved it, and
    who has a password or a passkey one of the two. Who reads somebody's mail can choose a new password, which is told;
    a mailed code is not."""
    if (session.now - session.auth_time).total_seconds() > RECENT_SECONDS:
        raise LoginNeeded(again=True)
    if not reaches(acr_of(session.amr), MFA_ACR) and asked_of_everybody(await ways_of(runtime, session.user)):
        raise LoginNeeded(again=True)
    if is_by_mail(session.amr) and await _has_better(runtime, session.user):
        raise LoginNeeded(again=True)


async def _has_better(runtime: Runtime, user: User) -> bool:
    owner = await users.by_id(runtime.db, user.id)
    return owner is None or owner.password_hash is not None or bool(await ways_of(runtime, user))


async def end_session(runtime: Runtime, cookie: str | None, session_id: str) -> tuple[BrowserSession, bool]:
    """End one session; True: it was the one of this browser, which needs no recent login. Somebody else's looks like
    none at all. Raises LoginNeeded, Rejected, StoreUnavailable."""
    wanted = read_session_id(session_id)
    session = await person(runtime, cookie)
    if wanted != session.id:
        await _check_recent(runtime, session)
    await end_one_of(runtime, session.user.id, wanted)
    return session, wanted == session.id


async def end_others(runtime: Runtime, cookie: str | None) -> tuple[BrowserSession, int, str]:
    """End all sessions but this one: how many, and this browser's new device cookie. Raises LoginNeeded,
    StoreUnavailable."""
    session = await person(runtime, cookie, recently=True)
    done = await end_all_but(runtime, session.user.id, session.id)
    owner = replace(session.user, device_generation=done.device_generation)
    return session, done.count, new_device_cookie(runtime, owner)


async def revoke_app(runtime: Runtime, cookie: str | None, client_id: str) -> BrowserSession:
    """Take a consent back, and end what the app has from it. Doing it twice is the same as once.

    Raises LoginNeeded, StoreUnavailable: what has ended stays ended, and the next try finds less to do.
    """
    session = await person(runtime, cookie)
    began, known, more = monotonic(), False, True
    while more:
        done = await sessions_and_apps.revoke_app(runtime.db, session.user.id, client_id)
        await publish_with_earlier(runtime, done.ended)
        known, more = known or done.known, done.more
        if more and monotonic() - began > REQUEST_SECONDS:
            raise StoreUnavailable("postgresql", "still_ending")
    if known:
        await audit.record(
            runtime.db, "app_revoked", f"user:{session.user.id}", user_id=session.user.id, client_id=client_id
        )
    return session
