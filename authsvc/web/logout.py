"""GET and POST /logout: the end_session_endpoint, and the page that asks where nothing proves what the person wants."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

from starlette.responses import Response

from authsvc.flows.ending.browser_logout import AskFirst, LoggedOut, Outcome, Stay, ask_again, confirm, log_out
from authsvc.rules.authorize.request import redirect_location
from authsvc.rules.ending.logout_request import Wrong
from authsvc.web.http.endpoint import Route
from authsvc.web.http.request import Request, malformed
from authsvc.web.pages import views
from authsvc.web.pages.authorization_answer import MAX_QUERY, see
from authsvc.web.pages.cookies_and_forms import SESSION, check_form, cookie, form_token, set_cookie
from authsvc.web.pages.failure_page import error_page, page_failure, redrawn
from authsvc.web.pages.views import Problem, page

PARAMETERS = ("id_token_hint", "client_id", "post_logout_redirect_uri", "state", "logout_hint", "ui_locales")


async def logout_page(request: Request) -> Response:
    """A client's request, or the link of a page of ours."""
    parameters = request.query()
    if request.scope["method"] == "HEAD":
        return page(request, views.LogoutDone(), parameters.get("ui_locales"))  # nobody is logged out
    outcome = await log_out(request.runtime, parameters, cookie=cookie(request, SESSION))
    return _reply(request, outcome, parameters.get("ui_locales"))


async def _redrawn(request: Request, form: Mapping[str, str]) -> Response:
    """The page that asks, again, where it has expired: whatever the person pressed, they are asked anew."""
    outcome = await ask_again(request.runtime, form.get("request", ""), cookie=cookie(request, SESSION))
    reply = _reply(request, outcome, None, Problem("expired"))
    request.reason = "request_expired"
    return reply


@redrawn(_redrawn)
async def logout(request: Request) -> Response:
    """The button of our page, or a client's request by POST (section 2).

    Browsers send no Lax cookie with a form from another site. So a client's form is answered by a redirect to itself,
    where the cookie comes along; ended is nothing here without the proof that our own page was seen.
    """
    form = await request.form()
    if "decision" in form or "csrf" in form:
        check_form(request, form)
        if form.get("decision") not in ("logout", "stay"):
            raise malformed("The decision is missing.", "decision_missing")
        outcome = await confirm(
            request.runtime,
            form.get("request", ""),
            logout=form["decision"] == "logout",
            cookie=cookie(request, SESSION),
        )
        if outcome is None:
            return await _redrawn(request, form)
        return _reply(request, outcome, None)
    kept = {name: form[name] for name in PARAMETERS if name in form}
    again = urlencode(kept)
    if len(again) > MAX_QUERY:
        raise malformed("The request is too long.", "request_too_long")
    return see(f"/logout?{again}" if kept else "/logout")


def _reply(request: Request, outcome: Outcome, ui_locales: str | None, problem: Problem | None = None) -> Response:
    if isinstance(outcome, Wrong):
        return error_page(request, "bad_request", outcome.reason)
    if isinstance(outcome, Stay):
        return see("/account")
    if isinstance(outcome, AskFirst):
        target = outcome.target.redirect_uri if outcome.target else None
        request.locale = outcome.session.user.locale
        view = views.LogoutConfirm(outcome, csrf=form_token(request), target=target, problem=problem)
        return page(request, view, ui_locales)
    return logged_out(request, outcome, ui_locales)


def logged_out(request: Request, outcome: LoggedOut, ui_locales: str | None = None) -> Response:
    """The browser forgets its cookie, and goes where the client wants it."""
    request.session_id = outcome.session_id
    request.client_id = outcome.client.id if outcome.client else None
    request.reason = "logged_out" if outcome.session_id else "nobody_logged_in"
    set_cookie(request, SESSION, "", 0)
    where = None
    if outcome.target:
        state = {"state": outcome.target.state} if outcome.target.state is not None else {}
        uri = outcome.target.redirect_uri
        where = redirect_location(uri, state) if state else uri
        if outcome.forward:
            return see(where)
    client = outcome.client if outcome.named else None
    view = views.LogoutDone(client.name if client else None, where or (client.links.client_uri if client else None))
    return page(request, view, ui_locales)


ROUTES = (Route("/logout", {"GET": logout_page, "POST": logout}, page_failure),)
