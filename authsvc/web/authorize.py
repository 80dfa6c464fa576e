"""GET and POST /authorize, the consent page (OpenID Connect Core section 3.1.2), and POST /par (RFC 9126)."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

from starlette.responses import Response

from authsvc.flows.authorize.authorize import authorize, decide_consent
from authsvc.flows.authorize.pending_request import begin_request, open_request
from authsvc.flows.authorize.pushed_requests import (
    REQUEST_SECONDS,
    client_named,
    is_reference,
    push_request,
    resolve_request,
)
from authsvc.flows.caller.client_documents import read_for
from authsvc.rules.authorize.request import Asked, read_pairs
from authsvc.rules.client_record import MAX_DOCUMENT_URL
from authsvc.web.http.cors import token_preflight
from authsvc.web.http.dpop_header import checked_proof
from authsvc.web.http.endpoint import Route
from authsvc.web.http.reply import Reply, json_reply
from authsvc.web.http.request import Request, malformed
from authsvc.web.issuing import client_of
from authsvc.web.pages.authorization_answer import MAX_QUERY, opened_reply, outcome_reply, request_redrawn, see
from authsvc.web.pages.cookies_and_forms import SESSION, cookie, own_form, session_secret, this_browser
from authsvc.web.pages.failure_page import error_page, home_of, page_failure, redrawn


async def authorization(request: Request) -> Response:
    """A request from a client. Parameters are in the query, or in the form of a POST (section 3.1.2.1)."""
    if request.scope["method"] == "POST":
        pairs = await request.form_pairs()
        if _without_cookies(request) and len(again := urlencode(pairs)) <= MAX_QUERY:
            return see(f"/authorize?{again}")
    else:
        pairs = request.query_pairs()
    asked = read_pairs(pairs)
    if request.scope["method"] == "HEAD" and is_reference(asked):
        return see("/login")  # as a GET would be answered, but it is not taken
    request.client_id = asked.parameters.get("client_id", "")[:MAX_DOCUMENT_URL] or None
    resolved = await resolve_request(request.runtime, asked)
    if resolved is None:
        return await _gone(request, asked)
    asked = resolved
    if not asked.pushed:
        await read_for(request.runtime, asked.parameters.get("client_id", ""), network=request.network)
    pending = begin_request(request.runtime, asked, this_browser(request) if asked.pushed else None)
    outcome = await authorize(request.runtime, pending, cookie=session_secret(request))
    return opened_reply(request, outcome) if asked.pushed else outcome_reply(request, outcome)


async def _gone(request: Request, asked: Asked) -> Response:
    """The page for who comes with a pushed request that has expired, with the way back to the client."""
    client = await client_named(request.runtime, asked)
    uris = client.login.redirect_uris if client else ()
    back = home_of(client, uris[0]) if client and uris else None
    return error_page(request, "bad_request", "request_uri_unknown", back=back)


def _without_cookies(request: Request) -> bool:
    """A form of the client's own page: browsers leave Lax cookies away from it, and bring them with the GET after it.
    Without them whoever is logged in would have to do it again."""
    return request.header(b"sec-fetch-site") == "cross-site" and cookie(request, SESSION) is None


async def _consent_redrawn(request: Request, form: Mapping[str, str]) -> Response:
    """The consent page again, where it has expired: whatever the person pressed, they are asked anew."""
    return await request_redrawn(request, form, consent=True)


@redrawn(_consent_redrawn)
async def consent(request: Request) -> Response:
    """A button of the consent page."""
    form = await own_form(request)
    pending = open_request(request.runtime, form.get("request", ""))
    if pending is None:
        return await _consent_redrawn(request, form)
    request.client_id = pending.parameters.get("client_id")
    if form.get("decision") not in ("allow", "deny"):
        raise malformed("The decision is missing.", "decision_missing")
    outcome = await decide_consent(
        request.runtime, pending, cookie=cookie(request, SESSION), allow=form["decision"] == "allow"
    )
    return outcome_reply(request, outcome)


async def consent_landing(request: Request) -> Response:
    """A bookmark, or a reload in another window: the request itself is gone."""
    return error_page(request, "expired", "request_expired")


async def push(request: Request) -> Reply:
    """The pushed authorization request endpoint (RFC 9126): clients authenticate as at /token. 201 with request_uri and
    expires_in (section 2.2)."""
    form = await request.form(several=("resource",))
    client = await client_of(request, form)
    proof = checked_proof(request)
    request_uri = await push_request(request.runtime, client, form, network=request.network, proof=proof)
    return json_reply({"request_uri": request_uri, "expires_in": REQUEST_SECONDS}, 201)


ROUTES = (
    Route("/authorize", {"GET": authorization, "POST": authorization}, page_failure),
    Route("/consent", {"GET": consent_landing, "POST": consent}, page_failure),
    Route("/par", {"POST": push, "OPTIONS": token_preflight}),
)
