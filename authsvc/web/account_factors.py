"""/account/factors: the person's second factors. Every form posts here; what is shown once is shown in the answer."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import Response

from authsvc.flows.account import factors
from authsvc.flows.account.result_message import ResultMessage, open_result, seal_result
from authsvc.rules.errors import Rejected, TooMany, Unavailable
from authsvc.web.account import back_to, known
from authsvc.web.http.endpoint import Route
from authsvc.web.http.failures import failure_of
from authsvc.web.http.request import Request
from authsvc.web.login import attempt_of, keep_login
from authsvc.web.pages.authorization_answer import see
from authsvc.web.pages.cookies_and_forms import SESSION, cookie, form_token, own_form
from authsvc.web.pages.factor_views import AccountFactors, RecoveryCodes
from authsvc.web.pages.failure_page import page_failure, problem_of, redrawn
from authsvc.web.pages.views import Problem, page

PATH = "/account/factors"
_guarded = back_to(PATH)


async def _shown(request: Request, problem: Problem | None = None) -> Response:
    found = await factors.factors_of(request.runtime, cookie(request, SESSION))
    known(request, found.session)
    notice = open_result(request.runtime, found.session.id, request.query().get("notice", ""))
    return page(request, AccountFactors(found, notice, csrf=form_token(request), problem=problem))


async def _redrawn(request: Request, _form: Mapping[str, str]) -> Response:
    """The page again, where it has expired: nothing is changed."""
    return await _shown(request, Problem("expired"))


@_guarded
async def factors_page(request: Request) -> Response:
    return await _shown(request)


async def landing(_request: Request) -> Response:
    """The address that the browser shows after a form, opened again."""
    return see(PATH)


@_guarded
@redrawn(_redrawn)
async def begin_app(request: Request) -> Response:
    await own_form(request)
    try:
        await factors.begin_app(request.runtime, cookie(request, SESSION))
    except Rejected as error:  # another window was quicker
        failure_of(request, error)
    return see(PATH)


@_guarded
@redrawn(_redrawn)
async def confirm_app(request: Request) -> Response:
    form = await own_form(request)
    try:
        attempt = attempt_of(request, "", "")
        done = await factors.confirm_app(request.runtime, cookie(request, SESSION), form.get("code", ""), attempt)
    except (Rejected, TooMany, Unavailable) as error:
        return await _shown(request, problem_of(failure_of(request, error), "second_factor"))
    known(request, done.session)
    request.reason = "factor_added"
    keep_login(request, done.cookie, done.device, done.session)
    return page(request, RecoveryCodes(done.codes, added=True, csrf=form_token(request))) if done.codes else see(PATH)


@_guarded
@redrawn(_redrawn)
async def new_codes(request: Request) -> Response:
    await own_form(request)
    attempt = attempt_of(request, "", "")
    session, codes = await factors.new_recovery_codes(request.runtime, cookie(request, SESSION), attempt)
    known(request, session)
    request.reason = "recovery_codes_made"
    return page(request, RecoveryCodes(codes, csrf=form_token(request)))


@_guarded
@redrawn(_redrawn)
async def remove_app(request: Request) -> Response:
    await own_form(request)
    session = await factors.remove_app(request.runtime, cookie(request, SESSION), attempt_of(request, "", ""))
    known(request, session)
    notice = ResultMessage("factor_removed")
    request.reason = notice.kind
    return see(f"{PATH}?notice={seal_result(request.runtime, session.id, notice)}")


ROUTES = (
    Route(PATH, {"GET": factors_page}, page_failure),
    Route(f"{PATH}/otp", {"GET": landing, "POST": begin_app}, page_failure),
    Route(f"{PATH}/otp/confirm", {"GET": landing, "POST": confirm_app}, page_failure),
    Route(f"{PATH}/otp/remove", {"GET": landing, "POST": remove_app}, page_failure),
    Route(f"{PATH}/recovery-codes", {"GET": landing, "POST": new_codes}, page_failure),
)
