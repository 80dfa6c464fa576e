"""/account: the person's sessions, password and apps. Every form posts here, and is answered by a redirect back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.responses import Response

from authsvc.device_name import MAX_USER_AGENT, device_name
from authsvc.flows.account import change_password as password
from authsvc.flows.account import sessions_and_apps
from authsvc.flows.account.result_message import ResultMessage, open_result, seal_result
from authsvc.flows.account.sessions_and_apps import LoginNeeded, Overview, Owner
from authsvc.flows.authorize.pending_request import Destination, seal_destination
from authsvc.flows.ending.browser_logout import LoggedOut
from authsvc.flows.login.authenticate_person import Attempt
from authsvc.rules.errors import Rejected, TooMany, Unavailable
from authsvc.rules.people.new_password import LEAST, MOST_BYTES, judge_new_password
from authsvc.web.http.endpoint import Handler, Route
from authsvc.web.http.errors import failure_of
from authsvc.web.http.reply import Headers, Reply
from authsvc.web.http.request import Request, malformed
from authsvc.web.login import printable
from authsvc.web.logout import logged_out
from authsvc.web.pages import views
from authsvc.web.pages.authorization_answer import see
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
from authsvc.web.pages.errors import page_failure, problem_of
from authsvc.web.pages.views import Problem

MAX_PAGE = 10_000
Form = dict[str, str]


def _logged_in(handler: Handler) -> Handler:
    """Who is not logged in, or not recently enough for this, is sent to the login page and comes back to /account."""

    async def guarded(request: Request) -> Response:
        try:
            return await handler(request)
        except LoginNeeded as needed:
            request.reason = str(needed)
            if not needed.again:
                return see("/login?next=/account")
            return see(f"/login?request={seal_destination(request.runtime, Destination('/account', again=True))}")

    return guarded


def _posted(handler: Callable[[Request, Form], Awaitable[Reply]]) -> Handler:
    async def checked(request: Request) -> Reply:
        form = await request.form()
        check_form(request, form)
        return await handler(request, form)

    return _logged_in(checked)


@_logged_in
async def account_page(request: Request) -> Reply:
    query = request.query()
    found = await sessions_and_apps.overview(
        request.runtime, cookie(request, SESSION), _page_number(query.get("page", ""))
    )
    notice = open_result(request.runtime, found.session.id, query.get("notice", ""))
    return _page(request, found, notice=notice)


@_posted
async def end_session(request: Request, form: Form) -> Reply:
    session, own = await sessions_and_apps.end_session(
        request.runtime, cookie(request, SESSION), form.get("session", "")
    )
    if own:
        return logged_out(request, LoggedOut(None, None, str(session.id)))
    return _back(request, session, ResultMessage("session_ended"))


@_posted
async def end_others(request: Request, _form: Form) -> Reply:
    session, count = await sessions_and_apps.end_others(request.runtime, cookie(request, SESSION))
    return _back(request, session, ResultMessage("others_ended", count))


@_posted
async def revoke_app(request: Request, form: Form) -> Reply:
    client_id = form.get("client_id", "")
    if not 1 <= len(client_id) <= 128:
        raise malformed("The client_id is missing.", "client_id_missing")
    session = await sessions_and_apps.revoke_app(request.runtime, cookie(request, SESSION), client_id)
    return _back(request, session, ResultMessage("app_revoked"))


async def password_landing(_request: Request) -> Reply:
    """The address that the browser shows after a wrong password, opened again."""
    return see("/account")


@_posted
async def change_password(request: Request, form: Form) -> Reply:
    secret = cookie(request, SESSION)
    session = await sessions_and_apps.person(request.runtime, secret, recently=True)
    current, new = form.get("current_password", ""), form.get("new_password", "")
    fault = judge_new_password(current, new, form.get("repeat_password", ""), session.user.email)
    if fault:
        request.reason = fault
        return await _again(request, Problem(fault, count=LEAST))
    if len(current.encode("utf-8", "surrogatepass")) > MOST_BYTES:
        return await _again(request, Problem("current_password"))
    try:
        changed = await password.change_password(request.runtime, secret, _attempt(request, session, current), new)
    except (Rejected, TooMany, Unavailable) as error:
        return await _again(request, problem_of(failure_of(request, error), "current_password"))
    seconds = max(1, int((session.expires_at - session.now).total_seconds())) if session.remember_me else None
    return _back(
        request,
        session,
        ResultMessage("password_changed"),
        [
            set_cookie(request, SESSION, changed.cookie, seconds),
            set_cookie(request, DEVICE, changed.device, DEVICE_COOKIE_SECONDS),
        ],
    )


def _attempt(request: Request, session: Owner, current: str) -> Attempt:
    """The current password, judged and counted as at any login."""
    user_agent = request.header(b"user-agent")
    return Attempt(
        email=session.user.email,
        password=current,
        remember_me=False,
        device_info=None,
        user_agent=printable(user_agent[:MAX_USER_AGENT]) if user_agent else None,
        address=request.address,
        network=request.network,
        device=cookie(request, DEVICE),
    )


async def _again(request: Request, problem: Problem) -> Reply:
    found = await sessions_and_apps.overview(request.runtime, cookie(request, SESSION), 1)
    return _page(request, found, problem=problem)


def _back(request: Request, session: Owner, notice: ResultMessage, headers: Headers | None = None) -> Reply:
    request.user_id, request.session_id = str(session.user.id), str(session.id)
    request.reason = notice.kind
    return see(f"/account?notice={seal_result(request.runtime, session.id, notice)}", headers)


def _page(
    request: Request, found: Overview, *, notice: ResultMessage | None = None, problem: Problem | None = None
) -> Reply:
    user = found.session.user
    request.user_id, request.session_id = str(user.id), str(found.session.id)
    csrf, cookies = form_token(request)
    view = views.Account(
        csrf=csrf,
        account=user.email,
        name=user.name,
        now=found.session.now,
        sessions=tuple(
            views.SessionCard(
                id=str(one.id),
                device=one.device_info,
                browser=device_name(one.user_agent) if one.user_agent else None,
                address=one.ip_address,
                apps=one.apps,
                signed_in=one.created_at,
                last_seen=one.last_activity,
                current=one.id == found.session.id,
            )
            for one in found.sessions
        ),
        apps=tuple(views.AppCard(one.client_id, one.name, one.scope, one.granted_at) for one in found.apps),
        notice=notice.kind if notice else None,
        count=notice.count if notice else 0,
        problem=problem,
        total=found.total,
        page=found.page,
        pages=found.pages,
    )
    reply = views.account_page(look(request), language_of(request), view)
    reply.raw_headers += cookies
    return reply


def _page_number(text: str) -> int:
    """From 1; 1 for whatever is no page number."""
    return min(max(int(text), 1), MAX_PAGE) if text.isascii() and text.isdecimal() and len(text) < 9 else 1


ROUTES = (
    Route("/account", {"GET": account_page}, page_failure),
    Route("/account/sessions/end", {"POST": end_session}, page_failure),
    Route("/account/sessions/end-others", {"POST": end_others}, page_failure),
    Route("/account/password", {"GET": password_landing, "POST": change_password}, page_failure),
    Route("/account/apps/revoke", {"POST": revoke_app}, page_failure),
)
