"""GET and POST /login: the page where people log in, for a client's request or for a page of our own."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import Response

from authsvc.flows.account.sessions_and_apps import Owner
from authsvc.flows.authorize.authorize import SendAnswer, ShowPage, authorize, give_up, understand
from authsvc.flows.authorize.pending_request import EVER, OWN_PAGES, Destination, open_destination, open_request
from authsvc.flows.factors.passkey_assertion import Sent
from authsvc.flows.login.authenticate_person import Attempt
from authsvc.flows.login.browser_login import browser_login
from authsvc.flows.login.enter_by_proof import BrowserLogin
from authsvc.flows.login.passkey_login import passkey_login
from authsvc.flows.login.second_step import SecondStep
from authsvc.flows.session.browser import browser_session
from authsvc.rules.authorize.prompting import Step
from authsvc.rules.authorize.request import Unproved
from authsvc.rules.client_record import Client
from authsvc.rules.errors import Rejected, TooMany, Unavailable
from authsvc.rules.login.device_cookie import MAX_AGE_SECONDS
from authsvc.rules.login.trusted_device import wants_fresh_proof
from authsvc.rules.people.new_password import MOST_BYTES
from authsvc.store.errors import StoreUnavailable
from authsvc.web.http.endpoint import Route
from authsvc.web.http.failures import failure_of
from authsvc.web.http.request import Request
from authsvc.web.pages.authorization_answer import (
    MAX_EMAIL,
    login_form,
    outcome_reply,
    reopened,
    request_redrawn,
    second_form,
    see,
)
from authsvc.web.pages.chosen_language import kept_language, language_of
from authsvc.web.pages.cookies_and_forms import (
    DEVICE,
    SESSION,
    TRUSTED,
    cookie,
    own_form,
    session_secret,
    set_cookie,
    this_browser,
)
from authsvc.web.pages.failure_page import page_failure, problem_of, redrawn
from authsvc.web.pages.views import Problem


async def login_page(request: Request) -> Response:
    """`request`: a sealed value of a page of ours, or a pushed request that this browser has opened; `next`: one of
    our pages by name. Nothing else is looked at."""
    query = request.query()
    pending = open_request(request.runtime, query.get("request", ""), seconds=EVER)
    if pending is not None and pending.opened_by is not None:
        fresh = open_request(request.runtime, query["request"]) is not None
        return await reopened(request, pending, fresh=fresh)
    destination = open_destination(request.runtime, query.get("request", ""), seconds=EVER)
    if destination is None:
        destination = Destination(query["next"] if query.get("next") in OWN_PAGES else OWN_PAGES[0])
    if not destination.again and await browser_session(request.runtime, session_secret(request)):
        return see(destination.path)
    return login_form(request, destination)


async def login_redrawn(request: Request, form: Mapping[str, str]) -> Response:
    """The login page again, where it has expired, for what it was opened for; the password must be typed anew."""
    destination = open_destination(request.runtime, form.get("request", ""), seconds=EVER)
    if destination is None:
        return await request_redrawn(request, form)
    request.reason = "request_expired"
    return login_form(request, destination, form, Problem("expired"))


@redrawn(login_redrawn)
async def login(request: Request) -> Response:
    """The login form, or a button of the page for people who lack a role."""
    form = await own_form(request)
    sealed = form.get("request", "")
    destination = open_destination(request.runtime, sealed) if sealed else Destination(OWN_PAGES[0])
    if destination:
        done = await _logged_in(request, None, form, fresh=True)
        if isinstance(done, SecondStep):
            return second_form(request, destination, done)
        return login_form(request, destination, form, done) if isinstance(done, Problem) else see(destination.path)
    pending = open_request(request.runtime, sealed)
    if pending is None:
        return await login_redrawn(request, form)
    understood = await understand(request.runtime, pending)
    if isinstance(understood, Unproved | SendAnswer):  # the client was changed or removed meanwhile
        return outcome_reply(request, understood)
    if form.get("decision") == "deny":
        return outcome_reply(request, await give_up(request.runtime, pending))
    asked = ShowPage(Step.LOG_IN, sealed, understood.client, understood.request, None)
    if form.get("decision") == "another":
        return login_form(request, asked, {})
    fresh = wants_fresh_proof(understood.request)
    done = await _logged_in(request, understood.client, form, fresh=fresh)
    if isinstance(done, Problem):
        return login_form(request, asked, form, done)
    if isinstance(done, SecondStep):
        return second_form(request, asked, done)
    return outcome_reply(request, await authorize(request.runtime, pending, cookie=done.cookie))


async def _logged_in(
    request: Request, client: Client | None, form: Mapping[str, str], *, fresh: bool
) -> Problem | SecondStep | BrowserLogin:
    """The login, whose cookies the browser keeps whatever comes next; or what the page must say or ask for. `fresh`: no
    trusted device will do."""
    if "passkey" in form:
        return await _by_passkey(request, client, form)
    username, password = form.get("username", ""), form.get("password", "")
    if not username or not password:
        request.reason = "login_fields_missing"
        return Problem("missing")
    if len(username) > MAX_EMAIL or len(password.encode()) > MOST_BYTES:
        request.reason = "login_fields_too_long"
        return Problem("credentials")
    attempt = attempt_of(request, username, password, remember_me=form.get("remember_me") == "1")
    request.client_id = client.id if client else None
    try:
        done = await browser_login(
            request.runtime,
            client,
            attempt,
            old_cookie=cookie(request, SESSION),
            browser=this_browser(request),
            trusted=cookie(request, TRUSTED),
            fresh=fresh,
        )
    except (Rejected, TooMany, Unavailable, StoreUnavailable) as error:
        return problem_of(failure_of(request, error), "credentials")
    request.user_id = str(done.user_id)
    return done if isinstance(done, SecondStep) else kept(request, done)


async def _by_passkey(request: Request, client: Client | None, form: Mapping[str, str]) -> Problem | BrowserLogin:
    sent = Sent(form["passkey"], form.get("passkey_challenge", ""))
    attempt = attempt_of(request, "", "", remember_me=form.get("remember_me") == "1")
    request.client_id = client.id if client else None
    try:
        done = await passkey_login(
            request.runtime, client, attempt, sent, old_cookie=cookie(request, SESSION), browser=this_browser(request)
        )
    except (Rejected, StoreUnavailable) as error:
        return problem_of(failure_of(request, error), "passkey")
    return kept(request, done)


def kept(request: Request, done: BrowserLogin) -> BrowserLogin:
    """A login that was done: the browser gets its cookies."""
    request.user_id, request.session_id = str(done.user_id), str(done.session_id)
    keep_login(request, done.cookie, done.device, done)
    if done.trust:
        set_cookie(request, TRUSTED, done.trust.cookie, done.trust.seconds)
    return done


def attempt_of(
    request: Request, email: str, password: str, *, remember_me: bool = False, device_info: str | None = None
) -> Attempt:
    """A login as it was sent, with what the browser and the network say of themselves."""
    return Attempt(
        email=email,
        password=password,
        remember_me=remember_me,
        device_info=device_info,
        user_agent=request.user_agent,
        address=request.address,
        network=request.network,
        device=cookie(request, DEVICE),
        language=language_of(request) if kept_language(request) or request.header_list(b"accept-language") else "",
    )


def keep_login(request: Request, secret: str, device: str, session: BrowserLogin | Owner) -> None:
    """Give the browser the new secret of its session, and its new device cookie."""
    seconds = max(1, int((session.expires_at - session.now).total_seconds())) if session.remember_me else None
    set_cookie(request, SESSION, secret, seconds)
    keep_device(request, device)


def keep_device(request: Request, device: str) -> None:
    """Give the browser its new device cookie."""
    set_cookie(request, DEVICE, device, MAX_AGE_SECONDS)


ROUTES = (Route("/login", {"GET": login_page, "POST": login}, page_failure),)
