"""Passkeys on the hosted pages: a challenge for the login page, and where the account page adds, renames and removes
them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from uuid import UUID

from starlette.responses import Response

from authsvc.flows.account import passkey_enrolment, passkeys
from authsvc.flows.account.passkeys import not_there
from authsvc.flows.account.result_message import ResultMessage
from authsvc.flows.account.sessions_and_apps import Owner, person
from authsvc.flows.ending.browser_logout import LoggedOut
from authsvc.flows.factors.relying_party import rp_id_of
from authsvc.flows.login.passkey_login import begin_passkey_login
from authsvc.rules.errors import Rejected
from authsvc.web.account import again, back, back_to, logged_in_first, page_redrawn, password_landing
from authsvc.web.http.endpoint import Route
from authsvc.web.http.failures import NotFound, failure_of
from authsvc.web.http.reply import Reply, json_reply
from authsvc.web.http.request import Request
from authsvc.web.login import attempt_of
from authsvc.web.logout import logged_out
from authsvc.web.pages.authorization_answer import see
from authsvc.web.pages.cookies_and_forms import SESSION, cookie, form_token, own_form, refuse_foreign, this_browser
from authsvc.web.pages.failure_page import page_failure, redrawn
from authsvc.web.pages.passkey_views import NewPasskey
from authsvc.web.pages.views import Problem, ProblemKind, page

NEW = "/account/passkeys/new"
_PROBLEMS: Mapping[str, ProblemKind] = {
    "passkey_full": "passkey_full",
    "passkey_known": "passkey_known",
    "passkey_challenge_expired": "expired",
}


async def login_challenge(request: Request) -> Reply:
    """A fresh challenge for whichever passkey the person has, for the script of the login page. Gives no access, and
    leaves no row behind; a network gets so many."""
    refuse_foreign(request)
    if not rp_id_of(request.runtime.settings):
        raise NotFound
    browser = this_browser(request)
    options, sealed = await begin_passkey_login(request.runtime, browser=browser, network=request.network)
    return json_reply({"options": options, "challenge": sealed})


@back_to(NEW)
async def new_passkey(request: Request) -> Response:
    """The page that has one made."""
    return await _new(request)


async def _new(request: Request, typed: Mapping[str, str] | None = None, problem: Problem | None = None) -> Response:
    if not rp_id_of(request.runtime.settings):
        raise NotFound
    session = await _recent(request)
    try:
        begun = await passkey_enrolment.begin_enrolment(request.runtime, session, this_browser(request))
    except Rejected as full:
        failure_of(request, full)
        return await again(request, Problem("passkey_full"))
    view = NewPasskey(
        account=session.user.email,
        options=json.dumps(begun.options),
        challenge=begun.sealed,
        name=(typed or {}).get("name", "")[:64],
        csrf=form_token(request),
        problem=problem,
    )
    return page(request, view)


async def _redrawn(request: Request, form: Mapping[str, str]) -> Response:
    return await _new(request, form, Problem("expired"))


@back_to(NEW)
@redrawn(_redrawn)
async def add_passkey(request: Request) -> Response:
    form = await own_form(request)
    session = await _recent(request)
    try:
        await passkey_enrolment.finish_enrolment(
            request.runtime,
            session,
            this_browser(request),
            attempt_of(request, "", ""),
            sealed=form.get("challenge", ""),
            credential=form.get("credential", ""),
            name=form.get("name", ""),
        )
    except Rejected as wrong:
        failure_of(request, wrong)
        return await _new(request, form, Problem(_PROBLEMS.get(wrong.reason, "passkey_add")))
    return back(request, session, ResultMessage("passkey_added"))


async def add_landing(_request: Request) -> Response:
    """The address that the browser shows after a passkey was not added, opened again."""
    return see(NEW)


@logged_in_first
@redrawn(page_redrawn)
async def rename_passkey(request: Request) -> Response:
    form = await own_form(request)
    session = await passkeys.rename_passkey(
        request.runtime, cookie(request, SESSION), _passkey_id(form), form.get("name", "")
    )
    return back(request, session, ResultMessage("passkey_renamed"))


@logged_in_first
@redrawn(page_redrawn)
async def remove_passkey(request: Request) -> Response:
    form = await own_form(request)
    try:
        session, goes_on = await passkeys.remove_passkey(
            request.runtime, cookie(request, SESSION), _passkey_id(form), attempt_of(request, "", "")
        )
    except Rejected as wrong:
        if wrong.reason != "passkey_last":
            raise
        failure_of(request, wrong)
        return await again(request, Problem("passkey_last"))
    if not goes_on:
        return logged_out(request, LoggedOut(None, None, str(session.id)))
    return back(request, session, ResultMessage("passkey_removed"))


async def _recent(request: Request) -> Owner:
    return await person(request.runtime, cookie(request, SESSION), recently=True)


def _passkey_id(form: Mapping[str, str]) -> UUID:
    """Raises Rejected as for one that is not there."""
    try:
        return UUID(form.get("passkey", ""))
    except ValueError:
        raise not_there() from None


ROUTES = (
    Route("/login/passkey", {"POST": login_challenge}),
    Route(NEW, {"GET": new_passkey}, page_failure),
    Route("/account/passkeys/add", {"GET": add_landing, "POST": add_passkey}, page_failure),
    Route("/account/passkeys/rename", {"GET": password_landing, "POST": rename_passkey}, page_failure),
    Route("/account/passkeys/remove", {"GET": password_landing, "POST": remove_passkey}, page_failure),
)
