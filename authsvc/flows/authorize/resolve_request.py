"""The parameters of an authorization request, wherever they are: as they were sent, or pushed before (RFC 9126)."""

from __future__ import annotations

from authsvc.rules.authorize.request import Asked
from authsvc.rules.authorize.request_uri import PREFIX, reference_in
from authsvc.rules.errors import Rejected
from authsvc.rules.secret_digest import digest_of
from authsvc.runtime import Runtime
from authsvc.store.authorize import pushed_requests


async def resolve_request(runtime: Runtime, asked: Asked) -> Asked:
    """Fetch the parameters that a request only refers to; a plain one is returned as it came. Of a pushed request only
    what was pushed counts (RFC 9126 section 4), once, and for its own client.

    Where it is not known nobody can be answered but the person. Raises Rejected, StoreUnavailable. A foreign
    request_uri, or an object in `request`, stays in the parameters and is refused by `judge`.
    """
    request_uri = asked.parameters.get("request_uri", "")
    if not request_uri.startswith(PREFIX):
        return asked
    if asked.repeated or "request" in asked.parameters:
        raise Rejected("invalid_request", "The request is ambiguous.", "request_uri_ambiguous")
    reference, client_id = reference_in(request_uri), asked.parameters.get("client_id")
    parameters = None
    if reference and client_id:
        parameters = await pushed_requests.take(runtime.db, digest_of(reference), client_id)
    if parameters is None:
        raise Rejected("invalid_request", "The pushed request has expired or was used.", "request_uri_unknown")
    return Asked(parameters, pushed=True)
