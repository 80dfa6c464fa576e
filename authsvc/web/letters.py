"""A page that asks for an address and lets a letter be sent there, and the page after it."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from starlette.responses import Response

from authsvc.flows.authorize.pending_request import open_request
from authsvc.flows.mail.queue import mail_is_on
from authsvc.flows.proofs.ask_for_letter import Asked, ask_for_letter, seal_asked
from authsvc.records import frozen
from authsvc.rules.errors import TooMany, Unavailable
from authsvc.rules.proofs.proof import Purpose
from authsvc.rules.refused import Refused
from authsvc.store.errors import StoreUnavailable
from authsvc.web.http.failures import failure_of
from authsvc.web.http.request import Request
from authsvc.web.pages.authorization_answer import MAX_EMAIL, MAX_QUERY
from authsvc.web.pages.chosen_language import language_of
from authsvc.web.pages.cookies_and_forms import form_token, this_browser
from authsvc.web.pages.failure_page import error_page, problem_of
from authsvc.web.pages.proof_views import AskForLetter, LetterSent
from authsvc.web.pages.views import Problem, page


@frozen
class LetterForm:
    """What the letter is for, where the page posts to, and for which app and whether it offers remember me: there
    where a login follows. `target`: where that may lead."""

    purpose: Purpose
    action: str
    client_name: str | None = None
    remember_me_allowed: bool = False
    target: str | None = None


def ask_page(request: Request, form: LetterForm, filled: Mapping[str, str], problem: Problem | None = None) -> Response:
    """The page that asks for the address."""
    if not mail_is_on(request.runtime):
        return error_page(request, "not_found", "mail_off")
    waiting = waiting_request(request, filled)
    view = AskForLetter(
        form.purpose,
        form.action,
        filled.get("username", "")[:MAX_EMAIL],
        waiting,
        form.client_name,
        form.remember_me_allowed,
        filled.get("remember_me") == "1",
        csrf=form_token(request),
        problem=problem,
        target=form.target or target_of(request, waiting),
    )
    return page(request, view)


async def ask(
    request: Request, form: LetterForm, filled: Mapping[str, str], detail: Mapping[str, str] | None = None
) -> Response:
    """Ask for the letter; the same page whoever has the address."""
    if not mail_is_on(request.runtime):
        return error_page(request, "not_found", "mail_off")
    typed = filled.get("username", "")
    if not typed.strip():
        return ask_page(request, form, filled, Problem("missing"))
    asked = await asked_of(request, form.purpose, typed, {"language": language_of(request), **(detail or {})})
    if isinstance(asked, Problem):
        return ask_page(request, form, filled, asked)
    return letter_sent(request, asked, filled, target=form.target)


async def asked_of(
    request: Request, purpose: Purpose, typed: str, detail: Mapping[str, str], user_id: UUID | None = None
) -> Asked | Problem:
    """Ask for a letter to what was typed; a problem, for the page that asked: there was none. `user_id`: who is logged
    in, where that is needed."""
    try:
        asked = await ask_for_letter(
            request.runtime,
            purpose,
            typed[: MAX_EMAIL + 1],
            network=request.network,
            browser=this_browser(request),
            user_id=user_id,
            detail=detail,
        )
    except (TooMany, Unavailable, StoreUnavailable) as error:
        return problem_of(failure_of(request, error), "email")
    if isinstance(asked, Refused):
        request.reason = asked.reason
        return Problem("email")
    return asked


def letter_sent(
    request: Request,
    asked: Asked,
    filled: Mapping[str, str],
    problem: Problem | None = None,
    *,
    target: str | None = None,
) -> Response:
    """The page after it, with the field for the code. `target`: where its form may lead, where that is not a page."""
    waiting = waiting_request(request, filled)
    view = LetterSent(
        asked.purpose,
        asked.email,
        seal_asked(request.runtime, asked),
        waiting,
        _PAGE.get(asked.purpose, "/account") + (f"?request={waiting}" if 0 < len(waiting) <= MAX_QUERY else ""),
        csrf=form_token(request),
        problem=problem,
        target=target or target_of(request, waiting),
    )
    return page(request, view)


_PAGE = {Purpose.RESET: "/reset", Purpose.REGISTRATION: "/signup", Purpose.LOGIN: "/login/mail"}
"""Where a letter is asked for; else on the account page."""


def waiting_request(request: Request, filled: Mapping[str, str]) -> str:
    """The client's request that goes on afterwards, as our login page sealed it; '' for anything else."""
    sealed = filled.get("request", "")
    return sealed if sealed and open_request(request.runtime, sealed) is not None else ""


def target_of(request: Request, waiting: str) -> str | None:
    """Within a client's flow the window stays that of the client; no form of these pages ends elsewhere."""
    return request.runtime.settings.issuer if waiting else None
