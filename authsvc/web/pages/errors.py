"""Errors of the hosted pages: the same statuses and reasons as everywhere, as a page that a person can read."""

from __future__ import annotations

from authsvc.rules.errors import Rejected
from authsvc.web.http.accept import prefers
from authsvc.web.http.errors import Failure, json_failure
from authsvc.web.http.reply import Reply
from authsvc.web.http.request import Request
from authsvc.web.pages import views
from authsvc.web.pages.cookies_and_forms import language_of, look
from authsvc.web.pages.views import FailureKind, Problem, ProblemKind

_KINDS: dict[int, FailureKind] = {
    403: "forbidden",
    404: "not_found",
    429: "too_many",
    500: "server_error",
    503: "unavailable",
}


def page_failure(request: Request, failure: Failure) -> Reply:
    """The page of a failure that was mapped."""
    kind = _KINDS.get(failure.status, "bad_request")
    if failure.reason == "form_token":  # our own form, but of a browser that has forgotten our cookie
        kind = "expired"
    reply = error_page(request, kind, retry_after=failure.retry_after or 1)
    reply.status_code = failure.status
    if failure.allow:
        reply.raw_headers.append((b"allow", failure.allow.encode("ascii")))
    return reply


def page_or_json_failure(request: Request, failure: Failure) -> Reply:
    """A page for who asks for one, JSON for all others."""
    return page_failure(request, failure) if wants_page(request) else json_failure(request, failure)


def wants_page(request: Request) -> bool:
    """Whether HTML is named in the Accept header: browsers do, `*/*` does not."""
    return prefers(request.header_list(b"accept"), "text/html", "application/json")


def problem_of(failure: Failure, otherwise: ProblemKind) -> Problem:
    """What a form says of a failure that it can be sent again after; `otherwise`: of every other one."""
    if failure.status == 429:
        return Problem("too_many", failure.retry_after or 1)
    if failure.status == 503:
        return Problem("unavailable", failure.retry_after or 1)
    return Problem(otherwise)


def error_page(request: Request, kind: FailureKind, *, retry_after: int = 1) -> Reply:
    """The error page, with `request.reason` and the request's id to quote."""
    try:
        language = language_of(request)
    except Rejected:  # a header that was sent twice is perhaps the very error
        language = "en"
    view = views.Failure(kind, request.id, request.reason or "", retry_after)
    return views.error_page(look(request), language, view)
