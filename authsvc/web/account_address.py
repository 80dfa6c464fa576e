"""/account/address: a person confirms their address, or asks for another one. What changes anything comes by mail."""

from __future__ import annotations

from starlette.responses import Response

from authsvc.flows.account import sessions_and_apps
from authsvc.flows.account.sessions_and_apps import Owner
from authsvc.flows.mail.queue import mail_is_on
from authsvc.rules.proofs.proof import Purpose
from authsvc.web.account import again, known, logged_in_first, page_redrawn, password_landing
from authsvc.web.http.endpoint import Route
from authsvc.web.http.request import Request
from authsvc.web.letters import asked_of, letter_sent
from authsvc.web.pages.chosen_language import language_of
from authsvc.web.pages.cookies_and_forms import SESSION, cookie, own_form
from authsvc.web.pages.failure_page import error_page, page_failure, redrawn
from authsvc.web.pages.views import Problem


@logged_in_first
@redrawn(page_redrawn)
async def verify(request: Request) -> Response:
    await own_form(request)
    session = await sessions_and_apps.person(request.runtime, cookie(request, SESSION))
    return await _ask(request, session, Purpose.VERIFY, session.user.email)


@logged_in_first
@redrawn(page_redrawn)
async def change(request: Request) -> Response:
    form = await own_form(request)
    session = await sessions_and_apps.person(request.runtime, cookie(request, SESSION), recently=True)
    return await _ask(request, session, Purpose.ADDRESS_CHANGE, form.get("new_address", ""))


async def _ask(request: Request, session: Owner, purpose: Purpose, address: str) -> Response:
    known(request, session)
    if not mail_is_on(request.runtime):
        return error_page(request, "not_found", "mail_off")
    language = session.user.locale or language_of(request)
    asked = await asked_of(request, purpose, address, {"language": language}, session.user.id)
    if isinstance(asked, Problem):
        return await again(request, asked, at_address=True)
    return letter_sent(request, asked, {})


ROUTES = (
    Route("/account/address", {"GET": password_landing, "POST": change}, page_failure),
    Route("/account/address/verify", {"GET": password_landing, "POST": verify}, page_failure),
)
