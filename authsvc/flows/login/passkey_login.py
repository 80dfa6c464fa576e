"""A person logs in on the hosted page with a passkey alone: a browser session, as after a password and a second factor.

No wrong answer is counted against anybody: a signature is not found by guessing, and a wrong one leaves no row behind.
What a network asks for is counted: so many challenges, and no more. A challenge is spent in the transaction that begins
the session, or not at all.
"""

from __future__ import annotations

from typing import Any

from authsvc import metrics
from authsvc.flows.caller.network_limit import wait_of_network
from authsvc.flows.factors.passkey_assertion import Sent, Shown, begin_assertion, judge_answer, refused, take
from authsvc.flows.factors.passkey_challenge import Purpose
from authsvc.flows.login.authenticate_person import Attempt, Authenticated, new_device_cookie, new_session
from authsvc.flows.login.browser_login import BrowserLogin
from authsvc.flows.login.new_device import is_worth_telling, tell_of_device
from authsvc.flows.session.browser import browser_session
from authsvc.flows.session.end_surplus import end_surplus
from authsvc.flows.session.publish_revocation import end_session
from authsvc.rules.client_record import Client
from authsvc.rules.errors import Rejected, TooMany
from authsvc.rules.secret_digest import digest_of
from authsvc.runtime import Runtime
from authsvc.store.postgres import CHANGE_SECONDS
from authsvc.store.session import browser_sessions, sessions
from authsvc_jws.base64url import base64url_encode

PURPOSE: Purpose = "passkey log in"


async def begin_passkey_login(runtime: Runtime, *, browser: str, network: str) -> tuple[dict[str, Any], str]:
    """The options for whichever passkey the person has, and what must come back with the answer. Raises TooMany."""
    limit = runtime.settings.passkey_network_requests
    if wait := await wait_of_network(runtime, "passkey_challenge", network, limit):
        raise TooMany("passkey_challenges", retry_after=wait)
    return begin_assertion(runtime, PURPOSE, browser)


async def passkey_login(
    runtime: Runtime, client: Client | None, attempt: Attempt, sent: Sent, *, old_cookie: str | None, browser: str
) -> BrowserLogin:
    """`client`: who asked for the login, None where the person came to one of our own pages. `browser`: the mark of the
    browser, for which the challenge was made. Of the attempt neither address nor password count. Raises Rejected
    (invalid_credentials), StoreUnavailable. Roles are judged by `authorize`."""
    try:
        shown = await judge_answer(runtime, PURPOSE, browser, sent)
        done = await _log_in(runtime, client, attempt, shown, old_cookie)
    except Rejected as rejected:
        metrics.logins.labels(rejected.reason).inc()
        raise
    metrics.logins.labels("ok").inc()
    return done


async def _log_in(
    runtime: Runtime, client: Client | None, attempt: Attempt, shown: Shown, old_cookie: str | None
) -> BrowserLogin:
    """The session that this person has in this browser, authenticated anew, or a new one; another person's ends."""
    old = await browser_session(runtime, old_cookie)
    if old is not None and old.user.id != shown.user.id:
        await end_session(runtime, old.id, "replaced")
        old = None
    cookie, device = base64url_encode(runtime.entropy(32)), new_device_cookie(runtime, shown.user)
    async with runtime.db.transaction(seconds=CHANGE_SECONDS) as connection:
        await take(runtime, connection, shown)
        if old is not None and old_cookie is not None:
            now = await browser_sessions.authenticated_again(
                connection,
                old.id,
                None,
                old_hash=digest_of(old_cookie),
                new_hash=digest_of(cookie),
                amr=shown.proved.amr,
                credentials=shown.proved.credentials,
                factor_generation=shown.user.factor_generation,
            )
            if now is not None:
                return BrowserLogin(old.id, old.user.id, cookie, device, old.expires_at, now, old.remember_me)
        person = Authenticated(shown.user, None, shown.proved)
        new = new_session(runtime, client, attempt, person, digest_of(cookie))
        begun = await sessions.begin(connection, new)
        if begun is None:
            raise refused("factor_removed")
        if is_worth_telling(runtime, attempt, person):
            await tell_of_device(runtime, connection, attempt, person, new)
    await end_surplus(runtime, new.user_id, new.id, begun.others)
    return BrowserLogin(new.id, new.user_id, cookie, device, begun.expires_at, begun.now, new.remember_me)
