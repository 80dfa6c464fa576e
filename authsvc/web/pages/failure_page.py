"""Errors of the hosted pages: the same statuses and reasons as everywhere, as a page that a person can read."""

from __future__ import annotations

from starlette.responses import Response

from authsvc.web.http.accept import prefers
from authsvc.web.http.failures import Failure, json_failure
from authsvc.web.http.request import Request
from authsvc.web.pages import views
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


def error_page(request: Request, kind: FailureKind, reason: str | None, retry_after: int = 1) -> Response:
    """The error page, with the reason and the request's id to quote. Notes the reason."""
    request.reason = reason
    return page(request, views.Failure(kind, request.id, reason or "", retry_after))
