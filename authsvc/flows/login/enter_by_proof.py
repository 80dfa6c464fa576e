"""A browser session begins, or one's own goes on, in the transaction that takes what proved the person: all or nothing.

For proofs that are good once. A password is none of them: `browser_login`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import field
from datetime import datetime
from uuid import UUID

from authsvc.flows.login.authenticate_person import Attempt, Authenticated, new_device_cookie, new_session
from authsvc.flows.login.new_device import is_worth_telling, place_of
from authsvc.flows.proofs.tell_of_device import tell_of_device
from authsvc.flows.session.browser import browser_session
from authsvc.flows.session.end_surplus import end_surplus
from authsvc.flows.session.publish_revocation import end_session
from authsvc.records import frozen
from authsvc.rules.client_record import Client
from authsvc.rules.errors import Rejected
from authsvc.rules.secret_digest import digest_of
from authsvc.runtime import Runtime
from authsvc.store.postgres import CHANGE_SECONDS, Connection
from authsvc.store.session import browser_sessions, sessions
from authsvc_jws.base64url import base64url_encode


@frozen
class Trust:
    """That the second step is passed over from now on. `cookie`: the browser's secret, for so many seconds."""

    cookie: str = field(repr=False)
    seconds: int


@frozen
class BrowserLogin:
    """`cookie`: the browser's new secret. `device`: its new device cookie. `trust`: where the person asked for it."""

    session_id: UUID
    user_id: UUID
    cookie: str = field(repr=False)
    device: str = field(repr=False)
    expires_at: datetime
    now: datetime
    remember_me: bool
    trust: Trust | None = None


Take = Callable[[Connection], Awaitable[Authenticated]]
"""Spends a proof, and says who proved what. Raises Rejected: it is void, and nothing may be changed."""


async def enter_by_proof(
    runtime: Runtime,
    client: Client | None,
    attempt: Attempt,
    owner: UUID,
    take: Take,
    *,
    old_cookie: str | None,
    otherwise: Rejected,
) -> BrowserLogin:
    """The session that `owner` has in this browser, authenticated anew, or a new one; another person's ends. Of the
    attempt neither address nor password count. Raises Rejected (`otherwise` where the person has changed meanwhile),
    StoreUnavailable."""
    old = await browser_session(runtime, old_cookie)
    if old is not None and old.user.id != owner:
        await end_session(runtime, old.id, "replaced")
        old = None
    cookie = base64url_encode(runtime.entropy(32))
    async with runtime.db.transaction(seconds=CHANGE_SECONDS) as connection:
        person = await take(connection)
        device = new_device_cookie(runtime, person.user)
        if old is not None and old_cookie is not None:
            now = await browser_sessions.authenticated_again(
                connection,
                old.id,
                person.password_hash,
                old_hash=digest_of(old_cookie),
                new_hash=digest_of(cookie),
                amr=person.proved.amr,
                credentials=person.proved.credentials,
                factor_generation=person.user.factor_generation,
            )
            if now is not None:
                return BrowserLogin(old.id, old.user.id, cookie, device, old.expires_at, now, old.remember_me)
        new = new_session(runtime, client, attempt, person, digest_of(cookie))
        begun = await sessions.begin(connection, new)
        if begun is None:
            raise otherwise
        if is_worth_telling(runtime, attempt, person):
            await tell_of_device(runtime, connection, person.user, new.id, place_of(attempt, new))
    await end_surplus(runtime, new.user_id, new.id, begun.others)
    return BrowserLogin(new.id, new.user_id, cookie, device, begun.expires_at, begun.now, new.remember_me)
