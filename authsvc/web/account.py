"""/account: the person's sessions, password and apps. Every form posts here, and is answered by a redirect back."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from starlette.responses import Response

from authsvc.flows.account import change_password as password
from authsvc.flows.account import sessions_and_apps
from authsvc.flows.account.result_message import ResultMessage, open_result, seal_result
from authsvc.flows.account.sessions_and_apps import LoginNeeded, Overview, Owner
from authsvc.flows.authorize.pending_request import Destination, seal_destination
from authsvc.flows.ending.browser_logout import LoggedOut
from authsvc.flows.factors.relying_party import rp_id_of
from authsvc.flows.mail.queue import mail_is_on
from authsvc.flows.people.choose_password import judge_choice
from authsvc.rules.client_record import MAX_DOCUMENT_URL
from authsvc.rules.errors import Rejected, TooMany, Unavailable
from authsvc.rules.people.new_password import MOST_BYTES
from authsvc.web.http.endpoint import Handler, Route
from authsvc.web.http.failures import failure_of
from authsvc.web.http.request import Request, malformed
from authsvc.web.login import attempt_of, keep_device, keep_login
from authsvc.web.logout import logged_out
from authsvc.web.pages.authorization_answer import see
from authsvc.web.pages.cookies_and_forms import SESSION, cookie, form_token, own_form
from authsvc.web.pages.failure_page import page_failure, problem_of, redrawn
from authsvc.web.pages.views import Account, Problem, page
from authsvc_jws.base64url import base64url_encode

MAX_PAGE = 10_000


def back_to(path: str) -> Callable[[Handler], Handler]:
    """Who is not logged in, or not as it takes for this, is sent to the login page and comes back to `path`."""

    def around(handler: Handler) -> Handler:
        async def guarded(request: Request) -> Response:
            try:
                return await handler(request)
            except LoginNeeded as needed:
                request.reason = str(needed)
                if not needed.again:
                    return see(f"/login?next={path}")
                return see(f"/login?request={seal_destination(request.runtime, Destination(path, again=True))}")

        return guarded

    return around


logged_in_first = back_to("/account")


async def again(request: Request, problem: Problem, *, at_address: bool = False) -> Response:
    """The account page with what is wrong, in the form of the password or of the address."""
    found = await sessions_and_apps.overview(request.runtime, cookie(request, SESSION), 1)
    return _page(request, found, problem=problem, at_address=at_address)


async def page_redrawn(request: Request, _form: Mapping[str, str]) -> Response:
    """The account page again, where it has expired: nothing is ended or changed."""
    return await again(request, Problem("expired"))


@logged_in_first
async def account_page(request: Request) -> Response:
    query = request.query()
    found = await sessions_and_apps.overview(
        request.runtime, cookie(request, SESSION), _page_number(query.get("page", ""))
    )
    notice = open_result(request.runtime, found.session.id, query.get("notice", ""))
    return _page(request, found, notice=notice)


@logged_in_first
@redrawn(page_redrawn)
async def end_session(request: Request) -> Response:
    form = await own_form(request)
    session, own = await sessions_and_apps.end_session(
        request.runtime, cookie(request, SESSION), form.get("session", "")
    )
    if own:
        return logged_out(request, LoggedOut(None, None, str(session.id)))
    return back(request, session, ResultMessage("session_ended"))


@logged_in_first
@redrawn(page_redrawn)
async def end_others(request: Request) -> Response:
    await own_form(request)
    session, count, device = await sessions_and_apps.end_others(request.runtime, cookie(request, SESSION))
    keep_device(request, device)
    return back(request, session, ResultMessage("others_ended", count))


@logged_in_first
@redrawn(page_redrawn)
async def revoke_app(request: Request) -> Response:
    form = await own_form(request)
    client_id = form.get("client_id", "")
    if not 1 <= len(client_id) <= MAX_DOCUMENT_URL:
        raise malformed("The client_id is missing.", "client_id_missing")
    session = await sessions_and_apps.revoke_app(request.runtime, cookie(request, SESSION), client_id)
    return back(request, session, ResultMessage("app_revoked"))


async def password_landing(_request: Request) -> Response:
    """The address that the browser shows after a wrong password, opened again."""
    return see("/account")


@logged_in_first
@redrawn(page_redrawn)
async def change_password(request: Request) -> Response:
    form = await own_form(request)
    secret = cookie(request, SESSION)
    session = await sessions_and_apps.person(request.runtime, secret, recently=True)
    current, new = form.get("current_password", ""), form.get("new_password", "")
    repeated = form.get("repeat_password", "")
    fault = await judge_choice(
        request.runtime, new, repeated, account=session.user.email, name=session.user.name, current=current
    )
    if fault:
        request.reason = fault
        return await again(request, Problem(fault, count=request.runtime.settings.password_characters))
    if len(current.encode("utf-8", "surrogatepass")) > MOST_BYTES:
        return await again(request, Problem("current_password"))
    try:
        attempt = attempt_of(request, session.user.email, current)  # judged and counted as at any login
        changed = await password.change_password(request.runtime, secret, attempt, new)
    except (Rejected, TooMany, Unavailable) as error:
        return await again(request, problem_of(failure_of(request, error), "current_password"))
    keep_login(request, changed.cookie, changed.device, session)
    return back(request, session, ResultMessage("password_changed" if changed.over else "password_changed_ending"))


def known(request: Request, session: Owner) -> None:
    """Note who is logged in: for the log, and for the language of the page."""
    request.user_id, request.session_id = str(session.user.id), str(session.id)
    request.locale = session.user.locale


def back(request: Request, session: Owner, notice: ResultMessage) -> Response:
    """To the account page, which says what was done."""
    known(request, session)
    request.reason = notice.kind
    return see(f"/account?notice={seal_result(request.runtime, session.id, notice)}")


def _page(
    request: Request,
    found: Overview,
    *,
    notice: ResultMessage | None = None,
    problem: Problem | None = None,
    at_address: bool = False,
) -> Response:
    known(request, found.session)
    rp_id = rp_id_of(request.runtime.settings)
    view = Account(
        found,
        notice,
        can_mail=mail_is_on(request.runtime),
        at_address=at_address,
        passkeys=bool(rp_id),
        can_delete=request.runtime.settings.account_deletion,
        signal=_signal(found, rp_id, notice.kind if notice else None),
        csrf=form_token(request),
        problem=problem,
    )
    return page(request, view)


def _signal(found: Overview, rp_id: str, done: str | None) -> str:
    """What the browser's passkey providers are to know after a change (WebAuthn Level 3 section 5.1.10): the method of
    PublicKeyCredential, and its argument, as JSON."""
    user = found.session.user
    about: dict[str, Any] = {"rpId": rp_id, "userId": base64url_encode(user.id.bytes)}
    if done == "passkey_removed":
        accepted = [base64url_encode(one.credential_id) for one in found.passkeys]
        return json.dumps(["signalAllAcceptedCredentials", about | {"allAcceptedCredentialIds": accepted}])
    if done in ("passkey_renamed", "profile_changed"):
        names = {"name": user.email, "displayName": user.name or user.email}
        return json.dumps(["signalCurrentUserDetails", about | names])
    return ""


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
