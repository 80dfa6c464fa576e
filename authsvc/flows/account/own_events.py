"""A person reads what happened to their own account: the newest on the account page, all of it page by page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from datetime import timedelta

from authsvc.flows.session.browser import browser_session
from authsvc.records import frozen
from authsvc.rules.people.own_events import KINDS, THEFTS, OwnEvent, told
from authsvc.runtime import Runtime
from authsvc.store.account import own_events
from authsvc.store.session.browser_sessions import BrowserSession

NEWEST = 5
PAGE = 20
THEFT_TOLD = timedelta(days=14)
"""So long a theft stands at the head of the account page."""
MOST_THEFTS = 3


@frozen
class History:
    """One page of events, the newest first; `more`: there are earlier ones."""

    session: BrowserSession = field(repr=False)
    events: Sequence[OwnEvent]
    more: bool


@frozen
class Newest:
    """What the account page shows; `thefts`: sessions that ended lately because they were copied."""

    events: Sequence[OwnEvent] = ()
    more: bool = False
    thefts: Sequence[OwnEvent] = ()


NOTHING = Newest()


async def newest(runtime: Runtime, session: BrowserSession) -> Newest:
    """Raises StoreUnavailable."""
    # Several requests may find one theft at once: each has its row.
    rows = await own_events.newest(
        runtime.db, session.user.id, list(KINDS), limit=NEWEST + 1, also=THEFTS, also_limit=PAGE, within=THEFT_TOLD
    )
    thefts = [row for row in rows if row.event in THEFTS and row.at > session.now - THEFT_TOLD]
    return Newest(told(rows[:NEWEST]), len(rows) > NEWEST, told(thefts)[:MOST_THEFTS])


async def history(runtime: Runtime, cookie: str | None, before: int) -> History | None:
    """The events before one of theirs (0: from the newest on). None: nobody is logged in. Raises StoreUnavailable."""
    session = await browser_session(runtime, cookie)
    if session is None:
        return None
    rows = await own_events.recorded(runtime.db, session.user.id, list(KINDS), limit=PAGE + 1, before=before)
    return History(session, told(rows[:PAGE]), len(rows) > PAGE)
