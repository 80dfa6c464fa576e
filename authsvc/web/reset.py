"""/reset: somebody forgot their password, and asks for a letter. One page for known and unknown addresses."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import Response

from authsvc.rules.proofs.proof import Purpose
from authsvc.web.http.endpoint import Route
from authsvc.web.http.request import Request
from authsvc.web.letters import LetterForm, ask, ask_page
from authsvc.web.pages.cookies_and_forms import own_form
from authsvc.web.pages.failure_page import page_failure, redrawn
from authsvc.web.pages.views import Problem

PATH = "/reset"
_FORM = LetterForm(Purpose.RESET, PATH)


async def reset_page(request: Request) -> Response:
    return ask_page(request, _FORM, {"request": request.query().get("request", "")})


async def _redrawn(request: Request, form: Mapping[str, str]) -> Response:
    return ask_page(request, _FORM, form, Problem("expired"))


@redrawn(_redrawn)
async def reset(request: Request) -> Response:
    return await ask(request, _FORM, await own_form(request))


ROUTES = (Route(PATH, {"GET": reset_page, "POST": reset}, page_failure),)
