"""A person logs in on the hosted page: the same judgement as the JSON login, and a browser session instead of tokens.

The cookie is new at every authentication (no fixation). One's own session goes on under the new cookie, with its
frontends and its end as they were; a session of another person in this browser ends.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from authsvc import metrics
from authsvc.flows.login.authenticate_person import (
    AMR,
    Attempt,
    Authenticated,
    authenticate_person,
    new_session,
    refused,
)
from authsvc.flows.session.browser import browser_session
from authsvc.flows.session.end_surplus import end_surplus
from authsvc.flows.session.publish_revocation import end_session
from authsvc.rules.client_record import Client
from authsvc.rules.secret_digest import digest_of
from authsvc.runtime import Runtime
from authsvc.store.session import browser_sessions, sessions
from authsvc_jws.base64url import base64url_encode


@dataclass(frozen=True, slots=True)
class BrowserLogin:
    """`cookie`: the browser's new secret. `device`: its new device cookie."""

    session_id: UUID
    user_id: UUID
    cookie: str = field(repr=False)
    device: str = field(repr=False)
    expires_at: datetime
    now: datetime
    remember_me: bool


async def browser_login(
    runtime: Runtime, client: Client | None, attempt: Attempt, *, old_cookie: str | None
) -> BrowserLogin:
    """`client`: who asked for the login, None where the person came to one of our own pages.

    Raises Rejected (invalid_credentials), TooMany, Unavailable, StoreUnavailable. Roles are judged by `authorize`: the
    person is logged in all the same, and may go to another client.
    """
    person = await authenticate_person(runtime, attempt, required_role=None)
    cookie = base64url_encode(runtime.entropy(32))
    again = await _again(runtime, person, old_cookie, cookie)
    done = again or await _begin(runtime, client, attempt, person, cookie)
    metrics.logins.labels("ok").inc()
    return done


async def _again(runtime: Runtime, person: Authenticated, old_cookie: str | None, cookie: str) -> BrowserLogin | None:
    """The session that this person has in this browser, authenticated anew; another person's ends."""
    old = await browser_session(runtime, old_cookie)
    if old is None or old_cookie is None:
        return None
    if old.user.id != person.user.id:
        await end_session(runtime, old.id, "replaced")
        return None
    now = await browser_sessions.authenticated_again(
        runtime.db,
        old.id,
        person.password_hash,
        old_hash=digest_of(old_cookie),
        new_hash=digest_of(cookie),
        amr=AMR,
    )
    if now is None:
        return None
    return BrowserLogin(old.id, old.user.id, cookie, person.device, old.expires_at, now, old.remember_me)


async def _begin(
    runtime: Runtime, client: Client | None, attempt: Attempt, person: Authenticated, cookie: str
) -> BrowserLogin:
    new = new_session(runtime, client, attempt, person, digest_of(cookie))
    begun = await sessions.begin(runtime.db, new)
    if begun is None:
        raise refused(person.user)
    await end_surplus(runtime, new.user_id, new.id, begun.others)
    return BrowserLogin(new.id, new.user_id, cookie, person.device, begun.expires_at, begun.now, new.remember_me)
