"""/proof: what opens from a letter. GET shows a page and changes nothing, because scanners of mails follow links; POST
spends the proof. /proof/code: the code beside the link, in the browser that asked for the letter."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from uuid import UUID

from starlette.responses import Response

from authsvc.device_name import device_name
from authsvc.flows.people.choose_password import judge_choice
from authsvc.flows.proofs.ask_for_letter import open_asked
from authsvc.flows.proofs.issue_proof import PATH
from authsvc.flows.proofs.join import Joining, accept_invitation, register
from authsvc.flows.proofs.own_address import change_address, verify_address
from authsvc.flows.proofs.reset_password import Chooser, reset_password
from authsvc.flows.proofs.spend_proof import Shown, show_proof, try_code
from authsvc.flows.proofs.take_back import take_back
from authsvc.flows.proofs.tell_person import Place
from authsvc.rules.errors import Rejected, Unavailable
from authsvc.rules.people.person import MAX_NAME, normal_email
from authsvc.rules.proofs.proof import Purpose
from authsvc.rules.refused import Refused
from authsvc.store.errors import StoreUnavailable
from authsvc.web.http.endpoint import Route
from authsvc.web.http.failures import failure_of
from authsvc.web.http.request import Request
from authsvc.web.letters import letter_sent, target_of, waiting_request
from authsvc.web.mailed_code import draw_login, log_in, target_of_code
from authsvc.web.pages.authorization_answer import see
from authsvc.web.pages.cookies_and_forms import form_token, is_browser, own_form
from authsvc.web.pages.failure_page import error_page, page_failure, problem_of, redrawn
from authsvc.web.pages.proof_views import ChoosePassword, ConfirmProof, DoneKind, ProofDone, ProofVoid
from authsvc.web.pages.views import Problem, page
from authsvc.web.reset_factor import PATH as FACTOR_PATH
from authsvc.web.reset_factor import factor_page, prove_factor

_CHOOSE = (Purpose.RESET, Purpose.INVITATION, Purpose.REGISTRATION)
CODE_PATH = f"{PATH}/code"
Filled = Mapping[str, str]


async def proof_page(request: Request) -> Response:
    """What a link shows: the page whose button spends the proof."""
    return await _shown(request, {"key": request.query().get("key", "")})


async def _expired(request: Request, form: Filled) -> Response:
    return await _shown(request, form, Problem("expired"))


@redrawn(_expired)
async def proof(request: Request) -> Response:
    form = await own_form(request)
    shown = await show_proof(request.runtime, form.get("key", ""))
    if shown is None or shown.purpose not in _SPEND:
        return void(request)
    return await _spent(request, shown, form)


async def _spent(request: Request, shown: Shown, form: Filled) -> Response:
    try:
        return await _SPEND[shown.purpose](request, shown, form)
    except Rejected as rejected:
        if rejected.reason != "proof_void":
            raise
        return void(request)
    except (Unavailable, StoreUnavailable) as error:
        return await draw(request, shown, form, problem_of(failure_of(request, error), "missing"))


@redrawn(_expired)
async def second(request: Request) -> Response:
    """The second factor of a reset, before the password is chosen."""
    form = await own_form(request)
    shown = await show_proof(request.runtime, form.get("key", ""))
    if shown is None or shown.purpose is not Purpose.RESET or shown.user is None or shown.user.disabled_at:
        return void(request)
    proved = await prove_factor(request, shown, form)
    return proved if isinstance(proved, Response) else await draw(request, shown, {**form, "proved": proved})


async def code_landing(_request: Request) -> Response:
    """The address that the browser shows after a wrong code, opened again."""
    return see("/reset")


async def _code_expired(request: Request, _form: Filled) -> Response:
    return error_page(request, "expired", "form_token")


@redrawn(_code_expired)
async def code(request: Request) -> Response:
    """The code, in the browser that asked; in another one, or too late, the form has expired."""
    form = await own_form(request)
    asked = open_asked(request.runtime, form.get("sealed", ""))
    if asked is None or not is_browser(request, asked.browser):
        return error_page(request, "expired", "request_expired")
    target = await target_of_code(request, form) if asked.purpose is Purpose.LOGIN else None
    if not form.get("code", "").strip():
        return letter_sent(request, asked, form, Problem("missing"), target=target)
    try:
        shown = await try_code(request.runtime, asked, form["code"])
    except StoreUnavailable as error:
        problem = problem_of(failure_of(request, error), "mailed_code")
        return letter_sent(request, asked, form, problem, target=target)
    if shown is None:
        request.reason = "mailed_code_wrong"
        return letter_sent(request, asked, form, Problem("mailed_code"), target=target)
    if shown.purpose is Purpose.LOGIN:  # to type the code was to press the button
        return await _spent(request, shown, form)
    return await draw(request, shown, form)


async def _shown(request: Request, form: Filled, problem: Problem | None = None) -> Response:
    shown = await show_proof(request.runtime, form.get("key", ""))
    return void(request) if shown is None else await draw(request, shown, form, problem)


def void(request: Request) -> Response:
    request.reason = "proof_void"
    return page(request, ProofVoid())


async def draw(request: Request, shown: Shown, form: Filled, problem: Problem | None = None) -> Response:
    """The page of a proof that is alive."""
    if shown.purpose not in _SPEND or (shown.user and shown.user.disabled_at):
        return void(request)
    if shown.purpose is Purpose.LOGIN:
        return await draw_login(request, shown, problem)
    if asked := await factor_page(request, shown, form, problem):
        return asked
    waiting = waiting_request(request, form)
    shared: dict[str, Any] = {
        "purpose": shown.purpose,
        "email": shown.proof.email,
        "key": shown.secret,
        "request": waiting,
        "csrf": form_token(request),
        "problem": problem,
        "target": target_of(request, waiting),
    }
    if shown.purpose in _CHOOSE:
        known = "" if shown.user is None else shown.user.name
        name = None if shown.purpose is Purpose.RESET else form.get("name", known)[:MAX_NAME]
        return page(request, ChoosePassword(**shared, name=name, proved=form.get("proved", "")))
    account = shown.user.email if shown.user and normal_email(shown.user.email) != shown.proof.email else ""
    return page(request, ConfirmProof(**shared, account=account))


async def _choose(request: Request, shown: Shown, form: Filled) -> Response:
    """A password is chosen: for an account that is there, or for one that begins."""
    if asked := await factor_page(request, shown, form, Problem("expired") if form.get("proved") else None):
        return asked
    new, runtime = form.get("new_password", ""), request.runtime
    name = form.get("name", "") if shown.purpose is not Purpose.RESET else shown.user.name if shown.user else ""
    fault = await judge_choice(runtime, new, form.get("repeat_password", ""), account=shown.proof.email, name=name)
    if fault:
        request.reason = fault
        return await draw(request, shown, form, Problem(fault, count=runtime.settings.password_characters))
    if shown.purpose is Purpose.RESET:
        await reset_password(runtime, shown, new, Chooser(request.network, _place(request)))
        return _done(request, shown, "reset", form)
    joining = Joining(name, new, request.network, _place(request))
    if shown.purpose is Purpose.INVITATION:
        joined: UUID | Refused | None = await accept_invitation(runtime, shown, joining)
    else:
        joined = await register(runtime, shown, joining)
    if isinstance(joined, Refused):
        request.reason = joined.reason
        return await draw(request, shown, form, Problem("name"))
    kind: DoneKind = "invitation" if shown.purpose is Purpose.INVITATION else "registration"
    return _done(request, shown, kind if joined else "account_exists", form)


async def _verify(request: Request, shown: Shown, form: Filled) -> Response:
    await verify_address(request.runtime, shown, _place(request))
    return _done(request, shown, "verify", form)


async def _change_address(request: Request, shown: Shown, form: Filled) -> Response:
    changed = await change_address(request.runtime, shown, _place(request))
    return _done(request, shown, "address_change" if changed else "address_taken", form)


async def _take_back(request: Request, shown: Shown, form: Filled) -> Response:
    done = await take_back(request.runtime, shown, _place(request))
    kind: DoneKind = "undo_address" if shown.purpose is Purpose.UNDO_ADDRESS else "not_me"
    return _done(request, shown, kind if done.lettered else "address_lost", form)


def _place(request: Request) -> Place:
    return Place(device_name(request.user_agent), request.address)


def _done(request: Request, shown: Shown, kind: DoneKind, form: Filled) -> Response:
    waiting = waiting_request(request, form)
    request.user_id = str(shown.proof.user_id) if shown.proof.user_id else None
    request.reason = f"proof_{kind}"
    csrf = form_token(request) if waiting else ""
    return page(request, ProofDone(kind, shown.proof.email, waiting, csrf=csrf, target=target_of(request, waiting)))


_SPEND: dict[Purpose, Callable[[Request, Shown, Filled], Awaitable[Response]]] = {
    **dict.fromkeys(_CHOOSE, _choose),
    Purpose.VERIFY: _verify,
    Purpose.ADDRESS_CHANGE: _change_address,
    Purpose.UNDO_ADDRESS: _take_back,
    Purpose.NOT_ME: _take_back,
    Purpose.LOGIN: log_in,
}

ROUTES = (
    Route(PATH, {"GET": proof_page, "POST": proof}, page_failure),
    Route(CODE_PATH, {"GET": code_landing, "POST": code}, page_failure),
    Route(FACTOR_PATH, {"GET": code_landing, "POST": second}, page_failure),
)
