"""A person changes their own name and language. Neither opens anything, so no recent login is asked for; how often is
limited all the same, for each change is told to every app at its next token."""

from __future__ import annotations

from authsvc import metrics
from authsvc.flows.account.sessions_and_apps import person
from authsvc.rules.errors import TooMany
from authsvc.rules.people.own_profile import Profile, judge_profile
from authsvc.rules.refused import Refused
from authsvc.runtime import Runtime
from authsvc.store import audit
from authsvc.store.account import users
from authsvc.store.caller.attempts import Bucket
from authsvc.store.session.browser_sessions import BrowserSession

CHANGES = 20
"""In the window of the other limits."""


async def change_profile(runtime: Runtime, cookie: str | None, name: str, locale: str) -> BrowserSession | Refused:
    """Store a name and a language. Raises LoginNeeded, TooMany, StoreUnavailable."""
    session = await person(runtime, cookie)
    judged = judge_profile(name, locale)
    if isinstance(judged, Refused):
        return judged
    if judged == Profile(session.user.name, session.user.locale):
        return session
    if wait := await runtime.attempts.take([Bucket(f"profile:{session.user.id}", CHANGES)], runtime.entropy(8).hex()):
        metrics.rate_limited.labels("profile").inc()
        raise TooMany("profile_changes", retry_after=wait)
    user_id = session.user.id
    async with runtime.db.transaction() as connection:
        await users.set_profile(connection, user_id, judged.name, judged.locale)
        if judged.name != session.user.name:
            await audit.record(connection, "user_renamed", f"user:{user_id}", user_id=user_id, session_id=session.id)
    return session
