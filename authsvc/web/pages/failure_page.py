"""Errors of the hosted pages: the same statuses and reasons as everywhere, as a page that a person can read."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import urlsplit

from starlette.responses import Response

from authsvc.rules.client_record import Client
from authsvc.web.http.accept import prefers
from authsvc.web.http.endpoint import Handler
from authsvc.web.http.failures import Failure, json_failure
from authsvc.web.http.request import Request
from authsvc.web.pages import views
from authsvc.web.pages.cookies_and_forms import FormExpired
from authsvc.web.pages.views import FAILURE_STATUS, FailureKind, Problem, ProblemKind, page

_KINDS = {status: kind for kind, status in FAILURE_STATUS.items()}


def page_failure(request: Request, failure: Failure) -> Response:
    """The page of a failure that was mapped."""
    kind = _KINDS.get(failure.status, "bad_request")
    if failure.reason == "form_token":  # our own form, but of a browser that has forgotten our cookie
        kind = "expired"
    reply = error_page(request, kind, failure.reason, failure.retry_after or 1)
    reply.status_code = failure.status
    if failure.allow:
        reply.headers["allow"] = failure.allow
    return reply


def redrawn(draw: Callable[[Request, Mapping[str, str]], Awaitable[Response]]) -> Callable[[Handler], Handler]:
    """Answer a form that has expired with its page, drawn anew by `draw` from what was posted. Nothing else is done:
    whoever is sent away instead loses what they came for."""

    def around(handler: Handler) -> Handler:
        async def guarded(request: Request) -> Response:
            try:
                return await handler(request)
            except FormExpired as expired:
                reply = await draw(request, expired.form)
                request.reason = expired.reason
                if reply.status_code in (200, 400):
                    reply.status_code = expired.error.status_code
                return reply

        return guarded

    return around


def page_or_json_failure(request: Request, failure: Failure) -> Response:
    """A page for who asks for one, JSON for all others."""
    return page_failure(request, failure) if wants_page(request) else json_failure(request, failure)


def wants_page(request: Request) -> bool:
    """Whether HTML is named in the Accept header: browsers do, `*/*` does not."""
    return prefers(request.header_list(b"accept"), "text/html", "application/json")


def problem_of(failure: Failure, otherwise: ProblemKind) -> Problem:
    """What a form says of a failure that it can be sent again after; `otherwise`: of every other one."""
    kinds: dict[int, ProblemKind] = {429: "too_many", 503: "unavailable"}
    return Problem(kinds.get(failure.status, otherwise), failure.retry_after or 1)


def error_page(
    request: Request, kind: FailureKind, reason: str | None, retry_after: int = 1, back: str | None = None
) -> Response:
    """The error page, with the reason and the request's id to quote. `back`: where the person came from. Notes the
    reason."""
    request.reason = reason
    return page(request, views.Failure(kind, request.id, reason or "", retry_after, back))


def home_of(client: Client, redirect_uri: str) -> str | None:
    """Where a person finds a client again: its home page, or the origin of the URI that its answer would have gone to.
    None: an app on their own device."""
    parts = urlsplit(redirect_uri)
    origin = f"{parts.scheme}://{parts.netloc}/" if parts.scheme in ("http", "https") else None
    return client.links.client_uri or origin
