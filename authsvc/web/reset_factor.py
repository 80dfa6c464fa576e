"""The second factor of a reset on the hosted pages, asked for between the letter and the new password."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import Response

from authsvc.flows.login.reset_factor import begin_factor, factor_asked_again, is_proved, prove_on_page
from authsvc.flows.login.second_step import Answer, SecondStep
from authsvc.flows.proofs.spend_proof import Shown
from authsvc.rules.errors import Rejected, TooMany, Unavailable
from authsvc.rules.proofs.proof import Purpose
from authsvc.store.errors import StoreUnavailable
from authsvc.web.http.failures import failure_of
from authsvc.web.http.request import Request
from authsvc.web.letters import target_of, waiting_request
from authsvc.web.login import attempt_of
from authsvc.web.pages.cookies_and_forms import form_token, this_browser
from authsvc.web.pages.failure_page import problem_of
from authsvc.web.pages.views import Problem, page
from authsvc.web.pages.views import SecondStep as SecondStepPage

PATH = "/proof/second"
_OURS = frozenset({"challenge", "way", "key", "request", "csrf"})


async def factor_page(
    request: Request, shown: Shown, form: Mapping[str, str], problem: Problem | None = None
) -> Response | None:
    """The page that asks for the factor. None: it was proved, or none is due; then a password may be chosen."""
    if shown.purpose is not Purpose.RESET:
        return None
    browser = this_browser(request)
    if is_proved(request.runtime, shown, form.get("proved", ""), browser=browser):
        return None
    step = await begin_factor(request.runtime, shown, client_id="", holder=browser)
    return _asked(request, shown, step, form, problem) if step else None


async def prove_factor(request: Request, shown: Shown, form: Mapping[str, str]) -> str | Response:
    """What the form of the password brings along; a page where the answer is not right. Raises StoreUnavailable."""
    values = {name: value for name, value in form.items() if name not in _OURS}
    answer = Answer(form.get("challenge", ""), form.get("way", ""), values, attempt_of(request, "", ""))
    try:
        return await prove_on_page(request.runtime, shown, answer, browser=this_browser(request))
    except Rejected as error:
        void = error.error.error != "invalid_credentials"
        problem = problem_of(failure_of(request, error), "expired" if void else "second_factor")
    except (TooMany, Unavailable, StoreUnavailable) as error:
        problem = problem_of(failure_of(request, error), "second_factor")
    again = None if problem.kind == "expired" else await factor_asked_again(request.runtime, shown, answer.sealed)
    anew = None if again else await factor_page(request, shown, form, problem)
    return _asked(request, shown, again, form, problem) if again else anew or ""


def _asked(
    request: Request, shown: Shown, step: SecondStep, form: Mapping[str, str], problem: Problem | None
) -> Response:
    request.reason = request.reason or "mfa_required"
    waiting = waiting_request(request, form)
    view = SecondStepPage(
        step,
        waiting,
        form.get("way", ""),
        action=PATH,
        key=shown.secret,
        csrf=form_token(request),
        problem=problem,
        target=target_of(request, waiting),
    )
    return page(request, view)
