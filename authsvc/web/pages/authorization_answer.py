"""What a person or a client sees of an authorization request: redirects, the form that posts itself, pages."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import Response

from authsvc.flows.authorize.authorize import Answered, Outcome, SendAnswer, ShowPage, Understood, authorize, understand
from authsvc.flows.authorize.pending_request import (
    EVER,
    Destination,
    PendingRequest,
    begin_anew,
    open_request,
    seal_destination,
)
from authsvc.flows.factors.relying_party import rp_id_of
from authsvc.flows.login.second_step import SecondStep
from authsvc.flows.mail.queue import mail_is_on
from authsvc.rules.authorize.prompting import Step, mailed_code_will_do
from authsvc.rules.authorize.request import Unproved, redirect_location
from authsvc.web.http.reply import Headers, Reply
from authsvc.web.http.request import Request
from authsvc.web.pages import views
from authsvc.web.pages.cookies_and_forms import form_token, from_our_page, is_browser, session_secret, this_browser
from authsvc.web.pages.failure_page import error_page, home_of
from authsvc.web.pages.views import Problem, page

MAX_EMAIL = 320
MAX_QUERY = 8000
"""Characters of an address that every browser and proxy takes."""
PRIVATE: Headers = [(b"cache-control", b"no-store"), (b"referrer-policy", b"no-referrer")]


def see(location: str) -> Reply:
    """303: whatever the method was, the next request is a GET (RFC 9700 section 4.12)."""
    return Reply(303, b"", [(b"location", location.encode("ascii")), *PRIVATE])


def outcome_reply(
    request: Request, outcome: Outcome, typed: Mapping[str, str] | None = None, problem: Problem | None = None
) -> Response:
    """What comes next for the person, or the client's answer. `typed`, `problem`: of the page that was before it."""
    if isinstance(outcome, SendAnswer):
        request.reason = outcome.reason or request.reason
        if outcome.response_mode == "form_post":
            return page(request, views.FormPost(outcome.parameters, target=outcome.redirect_uri))
        return see(redirect_location(outcome.redirect_uri, outcome.parameters))
    if isinstance(outcome, Unproved):
        return error_page(request, "bad_request", outcome.reason)
    if isinstance(outcome, Answered):
        return _ended(request, outcome.understood, "request_uri_answered")
    request.locale = outcome.locale
    if outcome.step is Step.LOG_IN:
        return login_form(request, outcome, typed, problem)
    asked, csrf = outcome.request, form_token(request)
    if outcome.step is Step.CONSENT:
        view: views.View = views.Consent(outcome, csrf=csrf, target=asked.redirect_uri, problem=problem)
    elif outcome.second is not None:
        return second_form(request, outcome, outcome.second, problem=problem)
    elif outcome.step is Step.SET_UP:
        request.reason = "factor_missing"
        view = views.SetUpFactor(outcome, csrf=csrf, target=asked.redirect_uri, problem=problem)
    elif outcome.step is Step.GO_ON:
        view = views.GoOn(outcome, csrf=csrf, target=asked.redirect_uri, problem=problem)
    else:
        request.reason = "role_missing"
        view = views.TurnedAway(outcome, csrf=csrf, target=asked.redirect_uri, problem=problem)
    return page(request, view, asked.ui_locales)


async def request_redrawn(request: Request, form: Mapping[str, str], *, consent: bool = False) -> Response:
    """The page of a request whose form has expired: the request begins anew, and what was posted counts for nothing.

    That is what any link to /authorize does. A pushed request has no such link: it begins anew only where it was opened
    in this browser, by its cookie or because the browser says that the form was on our page. `consent`: the form was
    that of the consent page.
    """
    runtime, expired = request.runtime, "request_expired"
    pending = open_request(runtime, form.get("request", ""), seconds=EVER)
    if pending is None:
        return error_page(request, "expired", expired)
    request.client_id = pending.parameters.get("client_id")
    understood = await understand(runtime, pending)
    if not isinstance(understood, Understood):
        return outcome_reply(request, understood)
    if pending.pushed and not (is_browser(request, pending.opened_by) or from_our_page(request)):
        return _ended(request, understood)
    asked = consent and not understood.client.first_party  # ours are asked whether to go on, and are so again
    anew = begin_anew(runtime, pending, consent=asked, opened_by=this_browser(request) if pending.pushed else None)
    request.reason = expired
    return outcome_reply(
        request, await authorize(runtime, anew, cookie=session_secret(request)), form, Problem("expired")
    )


def opened_reply(request: Request, outcome: Outcome) -> Response:
    """What comes next with a pushed request, whose request_uri is good for a minute: a page has an address of its own,
    so that this browser may load it again after that. Where the request is longer than an address may be, the page has
    none."""
    if isinstance(outcome, ShowPage) and len(outcome.sealed) <= MAX_QUERY:
        return see(f"/login?request={outcome.sealed}")
    return outcome_reply(request, outcome)


async def reopened(request: Request, pending: PendingRequest, *, fresh: bool) -> Response:
    """The page of a pushed request, loaded again in the browser that opened it; another browser gets nothing."""
    request.client_id = pending.parameters.get("client_id")
    if not is_browser(request, pending.opened_by):
        understood = await understand(request.runtime, pending)
        return _ended(request, understood if isinstance(understood, Understood) else None)
    again = pending if fresh else begin_anew(request.runtime, pending, opened_by=pending.opened_by)
    return outcome_reply(request, await authorize(request.runtime, again, cookie=session_secret(request)))


def _ended(request: Request, understood: Understood | None, reason: str = "request_expired") -> Response:
    """The page that says so, with the way back to the client."""
    back = home_of(understood.client, understood.request.redirect_uri) if understood else None
    return error_page(request, "expired", reason, back=back)


def login_form(
    request: Request,
    asked: ShowPage | Destination,
    typed: Mapping[str, str] | None = None,
    problem: Problem | None = None,
) -> Response:
    """The login page of a request, or of a page of ours. `typed`: the form as it was posted."""
    csrf = form_token(request)
    client, target, ui_locales, username, remember_me = None, None, None, "", False
    if isinstance(asked, Destination):
        sealed, again = seal_destination(request.runtime, asked), asked.again
    else:
        sealed, client = asked.sealed, asked.client
        target, ui_locales = asked.request.redirect_uri, asked.request.ui_locales
        again = asked.account is not None and "select_account" not in asked.request.prompt
        username = (asked.request.login_hint or (again and asked.account) or "")[:MAX_EMAIL]
    if typed is not None:
        username, remember_me = typed.get("username", "")[:MAX_EMAIL], typed.get("remember_me") == "1"
    forgot, join, mail_code = _ways_by_mail(request, asked) if mail_is_on(request.runtime) else ("", "", "")
    view = views.Login(
        request=sealed,
        client_name=client.name if client else None,
        username=username,
        remember_me_allowed=client is None or client.login.remember_me_allowed,
        remember_me=remember_me,
        again=again,
        forgot=forgot,
        join=join,
        mail_code=mail_code,
        passkeys=bool(rp_id_of(request.runtime.settings)),
        csrf=csrf,
        target=target,
        problem=problem,
    )
    return page(request, view, ui_locales)


def _ways_by_mail(request: Request, asked: ShowPage | Destination) -> tuple[str, str, str]:
    """Where a password is reset, an account is made, a code is asked for: "" where it is not."""
    joins = request.runtime.settings.registration == "open"
    if isinstance(asked, Destination):
        return "/reset", "/signup" if joins else "", ""
    login = asked.client.login
    joins = joins and (login.registration_role is not None or login.required_role is None)
    waiting = f"?request={asked.sealed}" if len(asked.sealed) <= MAX_QUERY else ""
    by_code = bool(waiting) and mailed_code_will_do(asked.request, asked.client)
    return f"/reset{waiting}", f"/signup{waiting}" if joins else "", f"/login/mail{waiting}" if by_code else ""


def second_form(
    request: Request,
    asked: ShowPage | Destination,
    second: SecondStep,
    *,
    way: str = "",
    trust: bool = False,
    problem: Problem | None = None,
) -> Response:
    """The page that asks for a second factor, for a request or a page of ours. `way`: what was tried before, with
    `trust` in the device."""
    csrf = form_token(request)
    request.reason = request.reason or "mfa_required"
    if isinstance(asked, Destination):
        sealed = seal_destination(request.runtime, asked)
        return page(request, views.SecondStep(second, sealed, way, trust, csrf=csrf, problem=problem))
    target = asked.request.redirect_uri
    view = views.SecondStep(second, asked.sealed, way, trust, csrf=csrf, target=target, problem=problem)
    return page(request, view, asked.request.ui_locales)
