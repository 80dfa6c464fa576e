"""POST /token, /revoke, /introspect: the OAuth endpoints that clients authenticate at."""

from __future__ import annotations

from authsvc.flows.ending.revoke import revoke
from authsvc.flows.revocation.introspect import INTROSPECTION_TYPE, introspect, signed_introspection
from authsvc.flows.token.pipeline import GRANT_TYPES
from authsvc.rules.caller.client_authentication import credentials_in
from authsvc.rules.errors import Rejected
from authsvc.web.http.accept import prefers
from authsvc.web.http.cors import token_preflight
from authsvc.web.http.dpop_header import checked_proof
from authsvc.web.http.endpoint import Route
from authsvc.web.http.reply import NO_STORE, Reply, json_reply
from authsvc.web.http.request import Request, malformed
from authsvc.web.issuing import client_of, issued, token_response

_JWT_ANSWER = (b"content-type", f"application/{INTROSPECTION_TYPE}".encode("ascii"))


async def token(request: Request) -> Reply:
    """RFC 6749 section 3.2, by the steps of `flows/token/pipeline`; `resource` and `audience` may come several times
    (RFC 8707, RFC 8693 section 2.1)."""
    form = await request.form(several=("resource", "audience"))
    grant_type = form.get("grant_type")
    if grant_type is None:
        raise malformed("The parameter grant_type is missing.", "grant_type_missing")
    grant = GRANT_TYPES.get(grant_type)
    if grant is None:
        raise Rejected("unsupported_grant_type", "This grant type is not supported.", "grant_type_unsupported")
    credentials = credentials_in(request.header(b"authorization"), form, request.certificate)
    _, tokens = await issued(request, grant, grant.parse(form), credentials)
    return json_reply(token_response(tokens))


async def revoke_token(request: Request) -> Reply:
    """RFC 7009."""
    form = await request.form()
    client = await client_of(request, form)
    proof = checked_proof(request)
    request.reason = await revoke(request.runtime, client, token=form.get("token"), proof=proof)
    return json_reply({})


async def introspect_token(request: Request) -> Reply:
    """RFC 7662; a JWT where the caller asks for one (RFC 9701)."""
    form = await request.form()
    client = await client_of(request, form)
    answer = await introspect(request.runtime, client, token=form.get("token"))
    if not prefers(request.header_list(b"accept"), f"application/{INTROSPECTION_TYPE}", "application/json"):
        return json_reply(answer)
    signed = await signed_introspection(request.runtime, client, answer)
    return Reply(200, signed.encode("ascii"), [_JWT_ANSWER, NO_STORE])


ROUTES = (
    Route("/token", {"POST": token, "OPTIONS": token_preflight}),
    Route("/introspect", {"POST": introspect_token}),
    Route("/revoke", {"POST": revoke_token, "OPTIONS": token_preflight}),
)
