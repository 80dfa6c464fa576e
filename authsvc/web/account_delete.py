"""/account/delete: a person deletes their account, where the operator lets people do so."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import Response

from authsvc.flows.account import delete_account as deletion
from authsvc.web.account import back_to, known
from authsvc.web.http.endpoint import Route
from authsvc.web.http.request import Request
from authsvc.web.login import attempt_of
from authsvc.web.pages.account_views import AccountDeleted, DeleteAccount
from authsvc.web.pages.cookies_and_forms import DEVICE, SESSION, cookie, form_token, own_form, set_cookie
from authsvc.web.pages.failure_page import error_page, page_failure, redrawn
from authsvc.web.pages.views import Problem, page

_guarded = back_to("/account/delete")


async def _shown(request: Request, problem: Problem | None = None) -> Response:
    if not request.runtime.settings.account_deletion:
        return error_page(request, "not_found", "account_deletion_off")
    session = await deletion.may_delete(request.runtime, cookie(request, SESSION))
    known(request, session)
    return page(request, DeleteAccount(session.user.email, csrf=form_token(request), problem=problem))


async def _redrawn(request: Request, _form: Mapping[str, str]) -> Response:
    """The page again, where it has expired: nothing is deleted."""
    return await _shown(request, Problem("expired"))


@_guarded
async def delete_page(request: Request) -> Response:
    return await _shown(request)


@_guarded
@redrawn(_redrawn)
async def delete(request: Request) -> Response:
    await own_form(request)
    if not request.runtime.settings.account_deletion:
        return error_page(request, "not_found", "account_deletion_off")
    session = await deletion.delete_account(request.runtime, cookie(request, SESSION), attempt_of(request, "", ""))
    known(request, session)
    request.reason = "account_deleted"
    for name in (SESSION, DEVICE):
        set_cookie(request, name, "", 0)
    return page(request, AccountDeleted())


ROUTES = (Route("/account/delete", {"GET": delete_page, "POST": delete}, page_failure),)
