"""Where the account page ends the trust in a device."""

from __future__ import annotations

from uuid import UUID

from starlette.responses import Response

from authsvc.flows.account.result_message import ResultMessage
from authsvc.flows.account.trusted_devices import end_trusted_device, not_there
from authsvc.web.account import back, logged_in_first, page_redrawn, password_landing
from authsvc.web.http.endpoint import Route
from authsvc.web.http.request import Request
from authsvc.web.login import attempt_of
from authsvc.web.pages.cookies_and_forms import SESSION, cookie, own_form
from authsvc.web.pages.failure_page import page_failure, redrawn


@logged_in_first
@redrawn(page_redrawn)
async def end(request: Request) -> Response:
    form = await own_form(request)
    try:
        device_id = UUID(form.get("device", ""))
    except ValueError:
        raise not_there() from None
    attempt = attempt_of(request, "", "")
    session = await end_trusted_device(request.runtime, cookie(request, SESSION), device_id, attempt)
    return back(request, session, ResultMessage("trusted_device_ended"))


ROUTES = (Route("/account/trusted-devices/end", {"GET": password_landing, "POST": end}, page_failure),)
