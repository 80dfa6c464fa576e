"""POST /token, /revoke, /introspect: the OAuth endpoints that clients authenticate at."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from authsvc.flows.caller.authenticate_client import authenticate_client
from authsvc.flows.ending.revoke import revoke
from authsvc.flows.revocation.introspect import INTROSPECTION_TYPE, introspect, signed_introspection
from authsvc.flows.token.authorization_code import redeem_code
from authsvc.flows.token.client_credentials import client_credentials
from authsvc.flows.token.device_code import redeem_device_code
from authsvc.flows.token.refresh_token import refresh
from authsvc.flows.token.token_exchange import exchange_token
from authsvc.flows.token.tokens import Tokens
from authsvc.rules.confirmation import Confirmation
from authsvc.rules.device.codes import GRANT_TYPE as DEVICE_CODE
from authsvc.rules.errors import Rejected, UnsupportedGrantTypeError
from authsvc.rules.records import Client
from authsvc.rules.token.exchange import GRANT_TYPE as TOKEN_EXCHANGE
from authsvc.runtime import Runtime
from authsvc.web.http.accept import prefers
from authsvc.web.http.cors import origin_of_client
from authsvc.web.http.dpop_header import proved_key
from authsvc.web.http.request import NO_STORE, Reply, Request, json_reply, malformed
from authsvc.web.issuing import Issuing

Form = dict[str, str]
_JWT_ANSWER = (b"content-type", f"application/{INTROSPECTION_TYPE}".encode("ascii"))


async def _refresh(runtime: Runtime, client: Client, form: Form, confirmation: Confirmation) -> Tokens:
    token, scope = form.get("refresh_token"), form.get("scope", "")
    resource = form.get("resource", "")
    return await refresh(
        runtime, client, refresh_token=token, scope=scope, resource=resource, confirmation=confirmation
    )


async def _authorization_code(runtime: Runtime, client: Client, form: Form, confirmation: Confirmation) -> Tokens:
    return await redeem_code(runtime, client, form, confirmation)


async def _client_credentials(runtime: Runtime, client: Client, form: Form, confirmation: Confirmation) -> Tokens:
    return client_credentials(runtime, client, scope=form.get("scope", ""), confirmation=confirmation)


GRANTS: dict[str, Callable[[Runtime, Client, Form, Confirmation], Awaitable[Tokens]]] = {
    "authorization_code": _authorization_code,
    DEVICE_CODE: redeem_device_code,
    "client_credentials": _client_credentials,
    "refresh_token": _refresh,
    TOKEN_EXCHANGE: exchange_token,
}


async def token(request: Request) -> Reply:
    """RFC 6749 section 3.2; `resource` and `audience` may come several times (RFC 8707, RFC 8693 section 2.1)."""
    form = await request.form(several=("resource", "audience"))
    grant_type = form.get("grant_type")
    if grant_type is None:
        raise malformed("The parameter grant_type is missing.", "grant_type_missing")
    grant = GRANTS.get(grant_type)
    if grant is None:
        raise Rejected(UnsupportedGrantTypeError("This grant type is not supported."), "grant_type_unsupported")
    request.grant_type = grant_type
    client = await _client(request, form)
    async with Issuing(request, client) as confirmation:
        return json_reply(token_response(await grant(request.runtime, client, form, confirmation), confirmation))


def token_response(tokens: Tokens, confirmation: Confirmation) -> dict[str, Any]:
    """RFC 6749 section 5.1, RFC 8693 section 2.2.1, RFC 9449 section 5; `refresh_token_expires_in` is ours."""
    answer: dict[str, Any] = {
        "access_token": tokens.access_token,
        "token_type": confirmation.token_type,
        "expires_in": tokens.expires_in,
    }
    if tokens.refresh_token is not None:
        answer["refresh_token"] = tokens.refresh_token
        answer["refresh_token_expires_in"] = tokens.refresh_token_expires_in
    if tokens.id_token is not None:
        answer["id_token"] = tokens.id_token
    if tokens.issued_token_type is not None:
        answer["issued_token_type"] = tokens.issued_token_type
    answer["scope"] = " ".join(tokens.scope)
    return answer


async def revoke_token(request: Request) -> Reply:
    """RFC 7009."""
    form = await request.form()
    client = await _client(request, form)
    request.reason = await revoke(
        request.runtime, client, token=form.get("token"), confirmation=await proved_key(request)
    )
    return json_reply({})


async def introspect_token(request: Request) -> Reply:
    """RFC 7662; a JWT where the caller asks for one (RFC 9701)."""
    form = await request.form()
    client = await _client(request, form)
    answer = await introspect(request.runtime, client, token=form.get("token"))
    if not prefers(request.headers(b"accept"), f"application/{INTROSPECTION_TYPE}", "application/json"):
        return json_reply(answer)
    signed = signed_introspection(request.runtime, client, answer)
    return Reply(200, signed.encode("ascii"), [_JWT_ANSWER, NO_STORE])


async def _client(request: Request, form: Form) -> Client:
    client = await authenticate_client(request.runtime, request.header(b"authorization"), form, network=request.network)
    request.client_id = client.id
    origin_of_client(request, client)
    return client
