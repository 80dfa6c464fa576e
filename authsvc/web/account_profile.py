"""/account/profile: a person changes their name and language."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import Response

from authsvc.flows.account import sessions_and_apps
from authsvc.flows.account.own_profile import change_profile
from authsvc.flows.account.result_message import ResultMessage
from authsvc.rules.errors import TooMany, Unavailable
from authsvc.rules.people.person import MAX_NAME
from authsvc.rules.refused import Refused
from authsvc.store.errors import StoreUnavailable
from authsvc.web.account import back, back_to, known
from authsvc.web.http.endpoint import Route
from authsvc.web.http.failures import failure_of
from authsvc.web.http.request import Request
from authsvc.web.pages.account_views import OwnProfile
from authsvc.web.pages.cookies_and_forms import SESSION, cookie, form_token, keep_language, own_form
from authsvc.web.pages.failure_page import page_failure, problem_of, redrawn
from authsvc.web.pages.views import Problem, page

_guarded = back_to("/account/profile")


async def _shown(request: Request, typed: Mapping[str, str] | None = None, problem: Problem | None = None) -> Response:
    session = await sessions_and_apps.person(request.runtime, cookie(request, SESSION))
    known(request, session)
    filled = typed or {"name": session.user.name, "language": session.user.locale}
    view = OwnProfile(
        session.user.email,
        filled.get("name", "")[: MAX_NAME + 1],
        filled.get("language", ""),
        csrf=form_token(request),
        problem=problem,
    )
    return page(request, view)


async def _redrawn(request: Request, form: Mapping[str, str]) -> Response:
    """The page again, where it has expired: nothing is changed."""
    return await _shown(request, form, Problem("expired"))


@_guarded
async def profile_page(request: Request) -> Response:
    return await _shown(request)


@_guarded
@redrawn(_redrawn)
async def change(request: Request) -> Response:
    form = await own_form(request)
    try:
        changed = await change_profile(
            request.runtime, cookie(request, SESSION), form.get("name", ""), form.get("language", "")
        )
    except (TooMany, Unavailable, StoreUnavailable) as error:
        return await _shown(request, form, problem_of(failure_of(request, error), "name"))
    if isinstance(changed, Refused):
        request.reason = changed.reason
        return await _shown(request, form, Problem("name"))
    keep_language(request, form.get("language", ""))
    return back(request, changed, ResultMessage("profile_changed"))


ROUTES = (Route("/account/profile", {"GET": profile_page, "POST": change}, page_failure),)
