"""/login/mail: a code by mail instead of a password, where the client of the waiting request lets its people; and what
that code, or the link beside it, opens: a login in this browser, and in no other."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import Response

from authsvc.flows.authorize.authorize import ShowPage, Understood, authorize, understand
from authsvc.flows.authorize.pending_request import PendingRequest, open_request
from authsvc.flows.login.mailed_code import Asking
from authsvc.flows.login.mailed_code_login import mailed_code_login
from authsvc.flows.login.second_step import SecondStep
from authsvc.flows.proofs.spend_proof import Shown
from authsvc.records import frozen
from authsvc.rules.authorize.prompting import Step, mailed_code_will_do
from authsvc.rules.errors import Rejected
from authsvc.rules.proofs.proof import Purpose
from authsvc.web.http.endpoint import Route
from authsvc.web.http.failures import failure_of
from authsvc.web.http.request import Request
from authsvc.web.letters import LetterForm, ask, ask_page
from authsvc.web.login import attempt_of, kept
from authsvc.web.pages.authorization_answer import login_form, outcome_reply, request_redrawn, second_form, see
from authsvc.web.pages.cookies_and_forms import SESSION, cookie, form_token, is_browser, own_form, this_browser
from authsvc.web.pages.failure_page import error_page, page_failure, problem_of, redrawn
from authsvc.web.pages.proof_views import ConfirmProof, ProofElsewhere
from authsvc.web.pages.views import Problem, page

PATH = "/login/mail"


@frozen
class Waiting:
    """The client's request that waits, for which a code may be mailed."""

    pending: PendingRequest
    asked: ShowPage

    @property
    def form(self) -> LetterForm:
        client = self.asked.client
        return LetterForm(
            Purpose.LOGIN, PATH, client.name, client.login.remember_me_allowed, self.asked.request.redirect_uri
        )


async def ask_for_code_page(request: Request) -> Response:
    """Without a request it is the address that the browser shows after the form, opened again."""
    sealed = request.query().get("request", "")
    return await _page(request, {"request": sealed}) if sealed else see("/login")


async def _expired(request: Request, form: Mapping[str, str]) -> Response:
    return await _page(request, form, Problem("expired"))


async def _page(request: Request, filled: Mapping[str, str], problem: Problem | None = None) -> Response:
    waiting = await waiting_in(request, filled.get("request", ""))
    return ask_page(request, waiting.form, filled, problem) if isinstance(waiting, Waiting) else waiting


@redrawn(_expired)
async def ask_for_code(request: Request) -> Response:
    form = await own_form(request)
    waiting = await waiting_in(request, form.get("request", ""))
    if not isinstance(waiting, Waiting):
        return waiting
    asking = Asking(waiting.asked.client, this_browser(request), waiting.asked.sealed)
    attempt = attempt_of(request, "", "", remember_me=form.get("remember_me") == "1")
    return await ask(request, waiting.form, form, asking.detail(attempt))


async def waiting_in(request: Request, sealed: str) -> Waiting | Response:
    """The request that waits in a form, a link or a proof; else what is to be shown. A pushed request goes on only in
    the browser that opened it."""
    pending = open_request(request.runtime, sealed)
    if pending is None or (pending.pushed and not is_browser(request, pending.opened_by)):
        return await request_redrawn(request, {"request": sealed})
    understood = await understand(request.runtime, pending)
    if not isinstance(understood, Understood):  # the client was changed or removed meanwhile
        return outcome_reply(request, understood)
    request.client_id = understood.client.id
    if not mailed_code_will_do(understood.request, understood.client):
        return error_page(request, "not_found", "mail_code_off")
    return Waiting(pending, ShowPage(Step.LOG_IN, sealed, understood.client, understood.request, None))


async def target_of_code(request: Request, form: Mapping[str, str]) -> str | None:
    """Where the form of a code may lead: to the client of the request that waits in it."""
    pending = open_request(request.runtime, form.get("request", ""))
    understood = await understand(request.runtime, pending) if pending else None
    return understood.request.redirect_uri if isinstance(understood, Understood) else None


async def draw_login(request: Request, shown: Shown, problem: Problem | None = None) -> Response:
    """The page of a link: a button, in the browser that asked; nothing in any other. Whoever sends somebody their own
    link logs nobody in as themselves, and who is sent on by somebody else's mail logs nobody in elsewhere."""
    detail = shown.proof.detail
    if not is_browser(request, detail.get("holder")):
        request.reason = "mail_code_elsewhere"
        return page(request, ProofElsewhere())
    waiting = await waiting_in(request, detail.get("request", ""))
    if not isinstance(waiting, Waiting):
        return waiting
    view = ConfirmProof(
        Purpose.LOGIN,
        shown.proof.email,
        shown.secret,
        client_name=waiting.asked.client.name,
        csrf=form_token(request),
        problem=problem,
        target=waiting.form.target,
    )
    return page(request, view)


async def log_in(request: Request, shown: Shown, _form: Mapping[str, str]) -> Response:
    """Spend the proof, in the browser that asked for it, and go on with the request that it was asked for. Raises
    Rejected (proof_void), StoreUnavailable."""
    detail = shown.proof.detail
    if not is_browser(request, detail.get("holder")):
        return await draw_login(request, shown)
    waiting = await waiting_in(request, detail.get("request", ""))
    if not isinstance(waiting, Waiting):
        return waiting
    try:
        done = await mailed_code_login(
            request.runtime,
            waiting.asked.client,
            attempt_of(request, "", ""),
            shown,
            old_cookie=cookie(request, SESSION),
            browser=this_browser(request),
        )
    except Rejected as rejected:
        if rejected.reason != "mail_code_level":
            raise
        problem = problem_of(failure_of(request, rejected), "mail_code_level")
        return login_form(request, waiting.asked, {"username": shown.proof.email}, problem)
    if isinstance(done, SecondStep):
        request.user_id = str(done.user_id)
        return second_form(request, waiting.asked, done)
    kept(request, done)
    return outcome_reply(request, await authorize(request.runtime, waiting.pending, cookie=done.cookie))


ROUTES = (Route(PATH, {"GET": ask_for_code_page, "POST": ask_for_code}, page_failure),)
