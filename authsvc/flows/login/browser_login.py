"""A person logs in on the hosted page: the same judgement as the JSON login, and a browser session instead of tokens.

The cookie is new at every authentication (no fixation). One's own session goes on under the new cookie, with its
frontends and its end as they were; a session of another person in this browser ends. Whoever has a second factor is
asked for it first (`second_step`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from authsvc import metrics
from authsvc.flows.factors.recovery_code import RECOVERY_CODE
from authsvc.flows.factors.way import Way
from authsvc.flows.factors.ways import those_that_reach, ways_of
from authsvc.flows.login.authenticate_person import (
    Attempt,
    Authenticated,
    authenticate_person,
    new_device_cookie,
    new_session,
    refused,
)
from authsvc.flows.login.enter_by_proof import BrowserLogin
from authsvc.flows.login.mailed_code_login import enter_after_second_step
from authsvc.flows.login.new_device import begin_and_tell
from authsvc.flows.login.second_step import (
    Answer,
    Passed,
    SecondStep,
    begin_second_step,
    check_second_step,
    ways_after_password,
)
from authsvc.flows.login.trusted_device import enter_trusted, trust, trust_days
from authsvc.flows.session.browser import browser_session
from authsvc.flows.session.end_surplus import end_surplus
from authsvc.flows.session.publish_revocation import end_session
from authsvc.rules.client_record import Client
from authsvc.rules.levels import combined
from authsvc.rules.secret_digest import digest_of
from authsvc.runtime import Runtime
from authsvc.store.session import browser_sessions, sessions
from authsvc.store.session.browser_sessions import BrowserSession
from authsvc_jws.base64url import base64url_encode


async def browser_login(
    runtime: Runtime,
    client: Client | None,
    attempt: Attempt,
    *,
    old_cookie: str | None,
    browser: str,
    trusted: str | None = None,
    fresh: bool = True,
) -> BrowserLogin | SecondStep:
    """`client`: who asked for the login, None where the person came to one of our own pages. `browser`: what stands for
    this browser in what we seal. `trusted`: its cookie as a trusted device, which counts for nothing where `fresh`:
    what the login is for wants a proof of now.

    Raises Rejected (invalid_credentials), TooMany, Unavailable, StoreUnavailable. Roles are judged by `authorize`: the
    person is logged in all the same, and may go to another client.
    """
    person = await authenticate_person(runtime, attempt, required_role=None)
    if ways := await ways_after_password(runtime, client, person.user):
        if done := await enter_trusted(
            runtime, client, attempt, person, cookie=trusted, fresh=fresh, old_cookie=old_cookie
        ):
            return done
        metrics.logins.labels("mfa_required").inc()
        step = await begin_second_step(
            runtime,
            person.user,
            ways,
            client_id=client.id if client else "",
            holder=browser,
            proof=person.password_hash or "",
            remember_me=attempt.remember_me,
        )
        return replace(step, trust_days=trust_days(runtime, client, person.user))
    return await enter(runtime, client, attempt, person, old_cookie=old_cookie)


async def finish_browser_login(
    runtime: Runtime,
    client: Client | None,
    answer: Answer,
    *,
    old_cookie: str | None,
    browser: str,
    to_trust: bool = False,
    trusted: str | None = None,
) -> BrowserLogin:
    """The second step of `browser_login`, of a login by a mailed code, or of a session that is stepped up. `to_trust`:
    the person wants the device to be trusted after a password, where the client lets them; `trusted`: its cookie as
    such, if it was one. Raises Rejected, TooMany, Unavailable, StoreUnavailable."""
    passed = await check_second_step(
        runtime, answer, client_id=client.id if client else "", holder=browser, cookie=old_cookie
    )
    if passed.waiting.session_id is not None:
        return await _step_up(runtime, passed, old_cookie)
    attempt = replace(answer.attempt, email=passed.user.email, remember_me=passed.waiting.remember_me)
    if passed.waiting.mailed:
        return await enter_after_second_step(runtime, client, attempt, passed, old_cookie=old_cookie)
    done = await enter(runtime, client, attempt, passed.person(), old_cookie=old_cookie)
    if not to_trust or answer.way == RECOVERY_CODE.name:  # whoever found a code shall not be trusted for weeks
        return done
    return await trust(runtime, client, passed.user, done, attempt.place, old=trusted)


async def ways_to_step_up(runtime: Runtime, session: BrowserSession, wanted: str) -> tuple[Way, ...]:
    """By which of their ways the person of a session gets to a rung. Raises StoreUnavailable."""
    return those_that_reach(await ways_of(runtime, session.user), wanted)


async def begin_step_up(
    runtime: Runtime, session: BrowserSession, ways: Sequence[Way], *, client_id: str, cookie: str
) -> SecondStep:
    """Ask the person of a session for a second factor; its cookie holds the browser. Raises StoreUnavailable."""
    return await begin_second_step(
        runtime, session.user, ways, client_id=client_id, holder="", proof=cookie, session_id=session.id
    )


async def _step_up(runtime: Runtime, passed: Passed, old_cookie: str | None) -> BrowserLogin:
    """The session goes on under a new cookie, on a higher rung. Its time stays that of the older proof: no token says
    that all of it was proved now."""
    old, cookie = await browser_session(runtime, old_cookie), base64url_encode(runtime.entropy(32))
    if old is None or old_cookie is None or old.id != passed.waiting.session_id:
        raise refused(passed.user)
    now = await browser_sessions.authenticated_again(
        runtime.db,
        old.id,
        None,
        old_hash=digest_of(old_cookie),
        new_hash=digest_of(cookie),
        amr=combined(old.amr, passed.proved.amr),
        credentials=passed.proved.credentials,
        factor_generation=passed.user.factor_generation,
        keep_time=True,
    )
    if now is None:
        raise refused(passed.user)
    device = new_device_cookie(runtime, passed.user)
    return BrowserLogin(old.id, old.user.id, cookie, device, old.expires_at, now, old.remember_me)


async def enter(
    runtime: Runtime, client: Client | None, attempt: Attempt, person: Authenticated, *, old_cookie: str | None
) -> BrowserLogin:
    """Log a person in who has proved all that was asked for. Raises Rejected, StoreUnavailable."""
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
        amr=person.proved.amr,
        credentials=person.proved.credentials,
        factor_generation=person.user.factor_generation,
    )
    if now is None:
        return None
    device = new_device_cookie(runtime, person.user)
    return BrowserLogin(old.id, old.user.id, cookie, device, old.expires_at, now, old.remember_me)


async def _begin(
    runtime: Runtime, client: Client | None, attempt: Attempt, person: Authenticated, cookie: str
) -> BrowserLogin:
    new = new_session(runtime, client, attempt, person, digest_of(cookie))
    begun = await begin_and_tell(runtime, attempt, person, new, partial(sessions.begin, new=new))
    if begun is None:
        raise refused(person.user)
    await end_surplus(runtime, new.user_id, new.id, begun.others)
    device = new_device_cookie(runtime, person.user)
    return BrowserLogin(new.id, new.user_id, cookie, device, begun.expires_at, begun.now, new.remember_me)
