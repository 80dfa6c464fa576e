"""/signup: somebody wants an account, and asks for a letter. Nothing begins to be before its address is proved."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import Response

from authsvc.flows.authorize.pending_request import open_request
from authsvc.flows.proofs.join import CLIENT
from authsvc.rules.proofs.proof import Purpose
from authsvc.web.http.endpoint import Route
from authsvc.web.http.request import Request
from authsvc.web.letters import LetterForm, ask, ask_page
from authsvc.web.pages.cookies_and_forms import own_form
from authsvc.web.pages.failure_page import error_page, page_failure, redrawn
from authsvc.web.pages.views import Problem

PATH = "/signup"
_FORM = LetterForm(Purpose.REGISTRATION, PATH)


async def sign_up_page(request: Request) -> Response:
    return _page(request, {"request": request.query().get("request", "")})


async def _redrawn(request: Request, form: Mapping[str, str]) -> Response:
    return _page(request, form, Problem("expired"))


@redrawn(_redrawn)
async def sign_up(request: Request) -> Response:
    form = await own_form(request)
    if not _open(request):
        return _closed(request)
    pending = open_request(request.runtime, form.get("request", ""))
    client_id = pending.parameters.get("client_id") if pending else None
    return await ask(request, _FORM, form, {CLIENT: client_id} if client_id else {})


def _page(request: Request, filled: Mapping[str, str], problem: Problem | None = None) -> Response:
    return ask_page(request, _FORM, filled, problem) if _open(request) else _closed(request)


def _open(request: Request) -> bool:
    return request.runtime.settings.registration == "open"


def _closed(request: Request) -> Response:
    return error_page(request, "not_found", "registration_off")


ROUTES = (Route(PATH, {"GET": sign_up_page, "POST": sign_up}, page_failure),)
