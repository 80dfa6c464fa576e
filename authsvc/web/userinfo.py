"""GET and POST /userinfo (OpenID Connect Core section 5.3). A page of any client may read it; cookies do nothing."""

from __future__ import annotations

from authsvc.flows.account.userinfo import userinfo
from authsvc.flows.caller.authenticate_bearer import authenticate_bearer
from authsvc.jose.verify import VerifiedClaims
from authsvc.web.http.cors import any_registered_origin, api_preflight
from authsvc.web.http.dpop_header import shown_proof
from authsvc.web.http.endpoint import Route
from authsvc.web.http.reply import Reply, json_reply
from authsvc.web.http.request import Request, malformed


async def userinfo_get(request: Request) -> Reply:
    await any_registered_origin(request)
    return await _answer(request, request.header(b"authorization"))


async def userinfo_post(request: Request) -> Reply:
    """The token may be in the form instead (RFC 6750 section 2.2), but not in both."""
    await any_registered_origin(request)
    authorization = request.header(b"authorization")
    if request.is_form:
        token = (await request.form()).get("access_token")
        if token is not None and authorization is not None:
            raise malformed("The access token was sent twice.", "bearer_duplicate")
        if token is not None:
            authorization = f"Bearer {token}"
    return await _answer(request, authorization)


async def _answer(request: Request, authorization: str | None) -> Reply:
    return json_reply(await userinfo(request.runtime, await bearer(request, authorization)))


async def bearer(request: Request, authorization: str | None) -> VerifiedClaims:
    """The claims of the token of a person, also for the log. Raises BearerRejected, StoreUnavailable."""
    claims = await authenticate_bearer(request.runtime, authorization, shown_proof(request), request.certificate)
    request.client_id, request.user_id, request.session_id = claims.client_id, claims.sub, claims.sid
    return claims


ROUTES = (Route("/userinfo", {"GET": userinfo_get, "POST": userinfo_post, "OPTIONS": api_preflight}),)
