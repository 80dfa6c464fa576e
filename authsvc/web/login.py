"""GET and POST /login: the page where people log in, for a client's request or for a page of our own."""

from __future__ import annotations

from authsvc.device_name import MAX_USER_AGENT
from authsvc.flows.authorize.authorize import (
    SendAnswer,
    ShowError,
    ShowPage,
    Understood,
    authorize,
    give_up,
    understand,
)
from authsvc.flows.authorize.pending_request import (
    OWN_PAGES,
    Destination,
    PendingRequest,
    open_destination,
    open_request,
    seal_destination,
)
from authsvc.flows.login.authenticate_person import Attempt
from authsvc.flows.login.browser_login import BrowserLogin, browser_login
from authsvc.flows.session.browser import browser_session
from authsvc.rules.authorize.prompting import Step
from authsvc.rules.errors import Rejected, TooMany, Unavailable
from authsvc.rules.people.new_password import MOST_BYTES
from authsvc.store.errors import StoreUnavailable
from authsvc.web.http.endpoint import Route
from authsvc.web.http.errors import failure_of
from authsvc.web.http.reply import Headers, Reply
from authsvc.web.http.request import Request
from authsvc.web.pages import views
from authsvc.web.pages.authorization_answer import login_reply, outcome_reply, see
from authsvc.web.pages.cookies_and_forms import (
    DEVICE,
    DEVICE_COOKIE_SECONDS,
    SESSION,
    check_form,
    cookie,
    form_token,
    language_of,
    look,
    set_cookie,
)
from authsvc.web.pages.errors import error_page, page_failure, problem_of
from authsvc.web.pages.views import Problem

MAX_USERNAME = 320


async def login_page(request: Request) -> Reply:
    """`request`: a sealed value of a page of ours; `next`: one of our pages by name. Nothing else is looked at."""
    query = request.query()
    destination = open_destination(request.runtime, query["request"]) if "request" in query else None
    if destination is None:
        destination = Destination(query["next"] if query.get("next") in OWN_PAGES else OWN_PAGES[0])
    if not destination.again and await browser_session(request.runtime, cookie(request, SESSION)):
        return see(destination.path)
    return _own_login(request, destination)


async def login(request: Request) -> Reply:
    """The login form, or a button of the page for people who lack a role."""
    form = await request.form()
    check_form(request, form)
    sealed = form.get("request", "")
    destination = (open_destination(request.runtime, sealed) if sealed else None) or Destination(OWN_PAGES[0])
    pending = open_request(request.runtime, sealed) if sealed else None
    if sealed and pending is None and open_destination(request.runtime, sealed) is None:
        request.reason = "request_expired"
        return error_page(request, "expired")
    understood = await understand(request.runtime, pending) if pending else None
    if isinstance(understood, ShowError | SendAnswer):  # the client was changed or removed meanwhile
        return outcome_reply(request, understood)
    if pending and form.get("decision") == "deny":
        return outcome_reply(request, await give_up(request.runtime, pending))
    ask = ShowPage(Step.LOG_IN, sealed, understood.client, understood.request, None) if understood else None
    if pending and form.get("decision") == "another":
        return _page(request, ask, destination, {}, None)
    problem, done = await _attempt(request, understood, form)
    if done is None:
        return _page(request, ask, destination, form, problem)
    cookies = _cookies(request, done)
    if pending is None:
        return see(destination.path, cookies)
    return await _onward(request, pending, done, cookies)


async def _onward(request: Request, pending: PendingRequest, done: BrowserLogin, cookies: Headers) -> Reply:
    """The person is logged in; what the request still needs. Whatever comes, the browser keeps its new cookie."""
    try:
        outcome = await authorize(request.runtime, pending, cookie=done.cookie)
    except (Unavailable, StoreUnavailable) as error:
        reply = page_failure(request, failure_of(request, error))
        reply.raw_headers += cookies
        return reply
    return outcome_reply(request, outcome, cookies)


async def _attempt(
    request: Request, understood: Understood | None, form: dict[str, str]
) -> tuple[Problem | None, BrowserLogin | None]:
    """What the page must say, or the login."""
    username, password = form.get("username", ""), form.get("password", "")
    if not username or not password:
        request.reason = "login_fields_missing"
        return Problem("missing"), None
    if len(username) > MAX_USERNAME or len(password.encode()) > MOST_BYTES:
        request.reason = "login_fields_too_long"
        return Problem("credentials"), None
    user_agent = request.header(b"user-agent")
    attempt = Attempt(
        email=username,
        password=password,
        remember_me=form.get("remember_me") == "1",
        device_info=None,
        user_agent=printable(user_agent[:MAX_USER_AGENT]) if user_agent else None,
        address=request.address,
        network=request.network,
        device=cookie(request, DEVICE),
    )
    client = understood.client if understood else None
    request.client_id = client.id if client else None
    try:
        done = await browser_login(request.runtime, client, attempt, old_cookie=cookie(request, SESSION))
    except (Rejected, TooMany, Unavailable, StoreUnavailable) as error:
        return problem_of(failure_of(request, error), "credentials"), None
    request.user_id, request.session_id = str(done.user_id), str(done.session_id)
    return None, done


def _page(
    request: Request, ask: ShowPage | None, destination: Destination, form: dict[str, str], problem: Problem | None
) -> Reply:
    username, remember_me = form.get("username", ""), form.get("remember_me") == "1"
    if ask is None:
        return _own_login(request, destination, username, remember_me, problem)
    return login_reply(request, ask, username=username, remember_me=remember_me, problem=problem)


def _own_login(
    request: Request,
    destination: Destination,
    username: str = "",
    remember_me: bool = False,
    problem: Problem | None = None,
) -> Reply:
    csrf, cookies = form_token(request)
    view = views.Login(
        csrf=csrf,
        request=seal_destination(request.runtime, destination),
        username=username[:MAX_USERNAME],
        remember_me_allowed=True,
        remember_me=remember_me,
        again=destination.again,
        problem=problem,
    )
    reply = views.login_page(look(request), language_of(request), view)
    reply.raw_headers += cookies
    return reply


def _cookies(request: Request, done: BrowserLogin) -> Headers:
    seconds = max(1, int((done.expires_at - done.now).total_seconds())) if done.remember_me else None
    return [
        set_cookie(request, SESSION, done.cookie, seconds),
        set_cookie(request, DEVICE, done.device, DEVICE_COOKIE_SECONDS),
    ]


def printable(value: str) -> str | None:
    """What a person will read in a list of devices: no control or direction-changing characters."""
    return "".join(char for char in value if char.isprintable()) or None


ROUTES = (Route("/login", {"GET": login_page, "POST": login}, page_failure),)
