"""A person changes their own name and language. Neither opens anything, so no recent login is asked for; how often is
limited all the same, for each change is told to every app at its next token."""

from __future__ import annotations

from authsvc.flows.account.sessions_and_apps import person
from authsvc.flows.caller.limits import within_limit
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
    user_id = session.user.id
    changes = within_limit(runtime, [Bucket(f"profile:{user_id}", CHANGES)], "profile", "profile_changes")
    async with changes, runtime.db.transaction() as connection:
        await users.set_profile(connection, user_id, judged.name, judged.locale)
        if judged.name != session.user.name:
            await audit.record(connection, "user_renamed", f"user:{user_id}", user_id=user_id, session_id=session.id)
    return session
