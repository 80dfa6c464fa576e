"""What a person or a client sees of an authorization request: redirects, the form that posts itself, pages."""

from __future__ import annotations

from authsvc.flows.authorize.authorize import Outcome, SendAnswer, ShowError, ShowPage
from authsvc.rules.authorize.prompting import Step
from authsvc.rules.authorize.request import redirect_location
from authsvc.web.http.reply import Headers, Reply
from authsvc.web.http.request import Request
from authsvc.web.pages import views
from authsvc.web.pages.cookies_and_forms import form_token, language_of, look
from authsvc.web.pages.views import Problem


def see(location: str, headers: Headers | None = None) -> Reply:
    """303: whatever the method was, the next request is a GET (RFC 9700 section 4.12)."""
    return Reply(303, b"", [(b"location", location.encode("ascii")), *PRIVATE, *(headers or [])])


PRIVATE: Headers = [(b"cache-control", b"no-store"), (b"referrer-policy", b"no-referrer")]


def outcome_reply(request: Request, outcome: Outcome, headers: Headers | None = None) -> Reply:
    """`headers`: cookies of a login that led here."""
    if isinstance(outcome, SendAnswer):
        request.reason = outcome.reason or request.reason
        reply = _answer(request, outcome)
    elif isinstance(outcome, ShowError):
        request.reason = outcome.reason
        view = views.Failure("bad_request", request.id, outcome.reason)
        reply = views.error_page(look(request), language_of(request), view)
    elif outcome.step is Step.LOG_IN:
        reply = login_reply(request, outcome)
    elif outcome.step is Step.CONSENT:
        reply = _consent(request, outcome)
    else:
        csrf, cookies = form_token(request)
        asked = outcome.request
        request.reason = "role_missing"
        view_away = views.TurnedAway(
            csrf, outcome.sealed, outcome.client.name, outcome.account or "", (asked.redirect_uri,)
        )
        reply = views.turned_away_page(look(request), language_of(request, asked.ui_locales), view_away)
        reply.raw_headers += cookies
    reply.raw_headers += headers or []
    return reply


def login_reply(
    request: Request,
    outcome: ShowPage,
    *,
    username: str | None = None,
    remember_me: bool = False,
    problem: Problem | None = None,
) -> Reply:
    """The login page of a request. `username`: what was typed in."""
    csrf, cookies = form_token(request)
    asked = outcome.request
    again = outcome.account is not None and "select_account" not in asked.prompt
    view = views.Login(
        csrf=csrf,
        request=outcome.sealed,
        client_name=outcome.client.name,
        targets=(asked.redirect_uri,),
        username=(username if username is not None else asked.login_hint or (again and outcome.account) or "")[:320],
        remember_me_allowed=outcome.client.login.remember_me_allowed,
        remember_me=remember_me,
        again=again,
        problem=problem,
    )
    reply = views.login_page(look(request), language_of(request, asked.ui_locales), view)
    reply.raw_headers += cookies
    return reply


def _consent(request: Request, outcome: ShowPage) -> Reply:
    csrf, cookies = form_token(request)
    asked, client = outcome.request, outcome.client
    view = views.Consent(
        csrf=csrf,
        request=outcome.sealed,
        client_name=client.name,
        account=outcome.account or "",
        scope=asked.shown_scope,
        redirect_uri=asked.redirect_uri,
        policy_uri=client.links.policy_uri,
        terms_uri=client.links.tos_uri,
    )
    reply = views.consent_page(look(request), language_of(request, asked.ui_locales), view)
    reply.raw_headers += cookies
    return reply


def _answer(request: Request, outcome: SendAnswer) -> Reply:
    if outcome.response_mode == "form_post":
        view = views.FormPost(outcome.redirect_uri, outcome.parameters)
        return views.form_post_page(look(request), language_of(request), view)
    return see(redirect_location(outcome.redirect_uri, outcome.parameters))
