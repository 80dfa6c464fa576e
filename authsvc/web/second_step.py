"""POST /login/second: the second factor of a login on the hosted page, or of a session that is stepped up."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import Response

from authsvc.flows.authorize.authorize import SendAnswer, ShowPage, authorize, understand
from authsvc.flows.authorize.pending_request import Destination, open_destination, open_request
from authsvc.flows.login.browser_login import finish_browser_login
from authsvc.flows.login.enter_by_proof import BrowserLogin
from authsvc.flows.login.second_step import Answer, asked_again
from authsvc.rules.authorize.prompting import Step
from authsvc.rules.authorize.request import Unproved
from authsvc.rules.client_record import Client
from authsvc.rules.errors import Rejected, TooMany, Unavailable
from authsvc.store.errors import StoreUnavailable
from authsvc.web.http.endpoint import Route
from authsvc.web.http.failures import failure_of
from authsvc.web.http.request import Request
from authsvc.web.login import attempt_of, kept, login_redrawn
from authsvc.web.pages.authorization_answer import login_form, outcome_reply, second_form, see
from authsvc.web.pages.cookies_and_forms import SESSION, TRUSTED, cookie, own_form, this_browser
from authsvc.web.pages.failure_page import page_failure, problem_of, redrawn
from authsvc.web.pages.views import Problem

_OURS = frozenset({"challenge", "way", "request", "csrf", "trust_device"})


async def landing(_request: Request) -> Response:
    """The address that the browser shows after a wrong code, opened again: the login begins anew."""
    return see("/login")


@redrawn(login_redrawn)
async def second_step(request: Request) -> Response:
    """The form of one way."""
    form = await own_form(request)
    sealed = form.get("request", "")
    if destination := open_destination(request.runtime, sealed):
        done = await _finished(request, None, form)
        if isinstance(done, BrowserLogin):
            return see(destination.path)
        return await _asked_again(request, destination, form, done)
    pending = open_request(request.runtime, sealed)
    if pending is None:
        return await login_redrawn(request, form)
    understood = await understand(request.runtime, pending)
    if isinstance(understood, Unproved | SendAnswer):  # the client was changed or removed meanwhile
        return outcome_reply(request, understood)
    asked = ShowPage(Step.LOG_IN, sealed, understood.client, understood.request, None)
    done = await _finished(request, understood.client, form)
    if isinstance(done, BrowserLogin):
        return outcome_reply(request, await authorize(request.runtime, pending, cookie=done.cookie))
    return await _asked_again(request, asked, form, done)


async def _finished(request: Request, client: Client | None, form: Mapping[str, str]) -> Problem | BrowserLogin:
    request.client_id = client.id if client else None
    values = {name: value for name, value in form.items() if name not in _OURS}
    answer = Answer(form.get("challenge", ""), form.get("way", ""), values, attempt_of(request, "", ""))
    try:
        done = await finish_browser_login(
            request.runtime,
            client,
            answer,
            old_cookie=cookie(request, SESSION),
            browser=this_browser(request),
            to_trust=form.get("trust_device") == "1",
            trusted=cookie(request, TRUSTED),
        )
    except Rejected as error:
        void = error.error.error != "invalid_credentials"
        return problem_of(failure_of(request, error), "expired" if void else "second_factor")
    except (TooMany, Unavailable, StoreUnavailable) as error:
        return problem_of(failure_of(request, error), "second_factor")
    return kept(request, done)


async def _asked_again(
    request: Request, asked: ShowPage | Destination, form: Mapping[str, str], problem: Problem
) -> Response:
    """The same page after a wrong code; the login page where the step is void."""
    reason = request.reason
    client = asked.client if isinstance(asked, ShowPage) else None
    void = problem.kind == "expired"
    second = None if void else await asked_again(request.runtime, form.get("challenge", ""), client)
    request.reason = reason
    if second is None:
        return login_form(request, asked, {}, Problem("expired"))
    trust = form.get("trust_device") == "1"
    return second_form(request, asked, second, way=form.get("way", ""), trust=trust, problem=problem)


ROUTES = (Route("/login/second", {"GET": landing, "POST": second_step}, page_failure),)
