"""/account/events: what happened to one's own account, page by page."""

from __future__ import annotations

from starlette.responses import Response

from authsvc.flows.account import own_events
from authsvc.flows.account.sessions_and_apps import LoginNeeded
from authsvc.web.account import known, logged_in_first
from authsvc.web.http.endpoint import Route
from authsvc.web.http.request import Request
from authsvc.web.pages.account_views import OwnEvents
from authsvc.web.pages.cookies_and_forms import SESSION, cookie
from authsvc.web.pages.failure_page import page_failure
from authsvc.web.pages.views import page

MOST_DIGITS = 18
"""Of the id of an event."""


@logged_in_first
async def events_page(request: Request) -> Response:
    text = request.query().get("before", "")
    before = int(text) if text.isascii() and text.isdecimal() and len(text) <= MOST_DIGITS else 0
    found = await own_events.history(request.runtime, cookie(request, SESSION), before)
    if found is None:
        raise LoginNeeded(again=False)
    known(request, found.session)
    return page(request, OwnEvents(found))


ROUTES = (Route("/account/events", {"GET": events_page}, page_failure),)
