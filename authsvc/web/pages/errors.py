"""Errors of the hosted pages: the same statuses and reasons as everywhere, as a page that a person can read."""

from __future__ import annotations

from authsvc.web.http.errors import error_reply
from authsvc.web.http.request import Reply, Request
from authsvc.web.pages import views
from authsvc.web.pages.browser import language_of, look
from authsvc.web.pages.views import FailureKind

_KINDS: dict[int, FailureKind] = {
    403: "forbidden", 404: "not_found", 429: "too_many", 500: "server_error", 503: "unavailable",
}  # fmt: skip


def page_error_reply(request: Request, error: Exception) -> Reply:
    """What a flow raised, for a person. Notes the reason for the access log."""
    answer = error_reply(request, error)
    retry_after = next((int(value) for name, value in answer.headers if name == b"retry-after"), 1)
    kind = _KINDS.get(answer.status, "bad_request")
    if request.reason == "form_token":  # our own form, but of a browser that has forgotten our cookie
        kind = "expired"
    return failure(request, kind, retry_after=retry_after, status=answer.status)


def failure(request: Request, kind: FailureKind, *, retry_after: int = 1, status: int | None = None) -> Reply:
    """The error page, with `request.reason` and the request's id to quote. `status`: another than the kind's own."""
    try:
        language = language_of(request)
    except Exception:  # a header that was sent twice is perhaps the very error
        language = "en"
    view = views.Failure(kind, request.id, request.reason or "", retry_after)
    reply = views.error_page(look(request), language, view)
    reply.status = status or reply.status
    return reply
