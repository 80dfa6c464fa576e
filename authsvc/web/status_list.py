"""GET /statuslists/{id}: which access tokens of clients with status lists are void (draft-ietf-oauth-status-list)."""

from __future__ import annotations

from authsvc.flows.revocation.status_list import status_list
from authsvc.rules.errors import Rejected
from authsvc.rules.revocation.status_list import STATUS_LIST_TYPE
from authsvc.web.http.endpoint import Route
from authsvc.web.http.errors import NotFound
from authsvc.web.http.reply import Reply
from authsvc.web.http.request import Request
from authsvc.web.wellknown import public

_TYPE = f"application/{STATUS_LIST_TYPE}".encode("ascii")


async def status_list_get(request: Request) -> Reply:
    """Section 8.1. Lists that are over are unknown."""
    if "time" in request.query():
        # draft-ietf-oauth-status-list section 8.4: only the newest status list can be had.
        raise Rejected("invalid_request", "Status lists of the past are not kept.", "status_list_history", status=501)
    found = await status_list(request.runtime, request.scope["path_params"]["id"])
    if found is None:
        raise NotFound
    signed, seconds = found
    return public(request, signed.body, signed.etag, seconds, _TYPE)


ROUTES = (Route("/statuslists/{id}", {"GET": status_list_get}),)
