"""The device grant (RFC 8628): POST /device_authorization for machines, /device for the person beside them."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

from starlette.responses import Response

from authsvc.flows.authorize.pending_request import Destination, seal_destination
from authsvc.flows.device.authorize_device import authorize_device
from authsvc.flows.device.confirm_device import LevelMissing, RoleMissing, decide, find
from authsvc.flows.session.browser import browser_session
from authsvc.rules.device.codes import MAX_TYPED, normal_user_code, shown_user_code
from authsvc.rules.errors import TooMany
from authsvc.store.errors import StoreUnavailable
from authsvc.web.http.cors import token_preflight
from authsvc.web.http.dpop_header import checked_proof
from authsvc.web.http.endpoint import Route
from authsvc.web.http.failures import failure_of
from authsvc.web.http.reply import Reply, json_reply
from authsvc.web.http.request import Request
from authsvc.web.issuing import client_of
from authsvc.web.pages.authorization_answer import see
from authsvc.web.pages.cookies_and_forms import SESSION, cookie, form_token, own_form
from authsvc.web.pages.failure_page import error_page, page_failure, problem_of, redrawn
from authsvc.web.pages.views import DeviceConfirm, DeviceDone, DeviceEntry, Problem, page

PATH = "/device"


async def device_authorization(request: Request) -> Reply:
    """Section 3.1 and 3.2."""
    form = await request.form(several=("resource",))
    runtime = request.runtime
    client = await client_of(request, form)
    asked = await authorize_device(
        runtime,
        client,
        scope=form.get("scope", ""),
        resource=form.get("resource", ""),
        user_agent=request.user_agent or "",
        address=request.address,
        network=request.network,
        proof=checked_proof(request),
        certificate=request.certificate,
    )
    page = f"{runtime.settings.issuer}{PATH}"
    return json_reply(
        {
            "device_code": asked.device_code,
            "user_code": asked.user_code,
            "verification_uri": page,
            "verification_uri_complete": f"{page}?{urlencode({'user_code': asked.user_code})}",
            "expires_in": asked.expires_in,
            "interval": asked.interval,
        }
    )


async def device_get(request: Request) -> Response:
    """The form for the code. verification_uri_complete fills it in, and does no more (section 3.3.1)."""
    typed = request.query().get("user_code", "")
    session = await browser_session(request.runtime, cookie(request, SESSION))
    if session is None:
        return _log_in(request, typed)
    request.locale = session.user.locale
    return _entry(request, session.user.email, typed)


async def _redrawn(request: Request, form: Mapping[str, str]) -> Response:
    """The form for the code again, where its page has expired: nothing is looked up and nothing decided."""
    typed = form.get("user_code", "")
    session = await browser_session(request.runtime, cookie(request, SESSION))
    if session is None:
        return _log_in(request, typed)
    request.locale = session.user.locale
    return _entry(request, session.user.email, typed, Problem("expired"))


@redrawn(_redrawn)
async def device_post(request: Request) -> Response:
    """The code, or the decision."""
    form = await own_form(request)
    typed = form.get("user_code", "")
    session = await browser_session(request.runtime, cookie(request, SESSION))
    if session is None:
        return _log_in(request, typed)
    request.user_id, request.locale, account = str(session.user.id), session.user.locale, session.user.email
    decision = form.get("decision")
    try:
        if decision in ("allow", "deny"):
            allowed = await decide(request.runtime, session, form.get("request", ""), allow=decision == "allow")
            if allowed is None:
                return _entry(request, account, typed, Problem("user_code"))
            return page(request, DeviceDone(allowed))
        if not typed.strip():
            return _entry(request, account, "", Problem("missing"))
        found = await find(request.runtime, session, typed, network=request.network)
    except (TooMany, StoreUnavailable) as error:
        return _entry(request, account, typed, problem_of(failure_of(request, error), "user_code"))
    if found is None:
        request.reason = "user_code_unknown"
        return _entry(request, account, typed, Problem("user_code"))
    request.client_id = found.client.id
    if isinstance(found, RoleMissing):
        return error_page(request, "role_missing", "role_missing")
    if isinstance(found, LevelMissing):
        request.reason = "step_up_needed" if found.reachable else "factor_missing"
        return _log_in(request, typed, again=True) if found.reachable else see("/account/factors")
    return page(request, DeviceConfirm(account, found, csrf=form_token(request)))


def _entry(request: Request, account: str, typed: str, problem: Problem | None = None) -> Response:
    view = DeviceEntry(account, typed[:MAX_TYPED], csrf=form_token(request), problem=problem)
    return page(request, view)


def _log_in(request: Request, typed: str, *, again: bool = False) -> Response:
    """The way back is ours, and of what was typed it carries nothing but a code."""
    code = normal_user_code(typed)
    path = f"{PATH}?{urlencode({'user_code': shown_user_code(code)})}" if code else PATH
    sealed = seal_destination(request.runtime, Destination(path, again=again))
    return see(f"/login?{urlencode({'request': sealed})}")


ROUTES = (
    Route("/device_authorization", {"POST": device_authorization, "OPTIONS": token_preflight}),
    Route(PATH, {"GET": device_get, "POST": device_post}, page_failure),
)
