"""POST /token, /revoke, /introspect: the OAuth endpoints that clients authenticate at."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from authsvc.flows.authenticate_client import authenticate_client
from authsvc.flows.client_credentials import client_credentials
from authsvc.flows.introspect import introspect
from authsvc.flows.issue import Tokens
from authsvc.flows.refresh import refresh
from authsvc.flows.revoke import revoke
from authsvc.oauth.errors import Rejected, UnsupportedGrantTypeError
from authsvc.oauth.records import Client
from authsvc.runtime import Runtime
from authsvc.web.http import Reply, Request, json_reply, malformed

Form = dict[str, str]


async def _refresh(runtime: Runtime, client: Client, form: Form) -> Tokens:
    return await refresh(runtime, client, refresh_token=form.get("refresh_token"), scope=form.get("scope", ""))


async def _client_credentials(runtime: Runtime, client: Client, form: Form) -> Tokens:
    return await client_credentials(runtime, client, scope=form.get("scope", ""))


GRANTS: dict[str, Callable[[Runtime, Client, Form], Awaitable[Tokens]]] = {
    "client_credentials": _client_credentials,
    "refresh_token": _refresh,
}


async def token(request: Request) -> Reply:
    """RFC 6749 section 3.2."""
    form = await request.form()
    grant_type = form.get("grant_type")
    if grant_type is None:
        raise malformed("The parameter grant_type is missing.", "grant_type_missing")
    grant = GRANTS.get(grant_type)
    if grant is None:
        raise Rejected(UnsupportedGrantTypeError("This grant type is not supported."), "grant_type_unsupported")
    request.grant_type = grant_type
    client = await _client(request, form)
    return json_reply(token_response(await grant(request.runtime, client, form)))


def token_response(tokens: Tokens) -> dict[str, Any]:
    """RFC 6749 section 5.1; `refresh_token_expires_in` is ours."""
    answer: dict[str, Any] = {
        "access_token": tokens.access_token,
        "token_type": "Bearer",
        "expires_in": tokens.expires_in,
    }
    if tokens.refresh_token is not None:
        answer["refresh_token"] = tokens.refresh_token
        answer["refresh_token_expires_in"] = tokens.refresh_token_expires_in
    answer["scope"] = " ".join(tokens.scope)
    return answer


async def revoke_token(request: Request) -> Reply:
    """RFC 7009."""
    form = await request.form()
    client = await _client(request, form)
    request.reason = await revoke(request.runtime, client, token=form.get("token"))
    return json_reply({})


async def introspect_token(request: Request) -> Reply:
    """RFC 7662."""
    form = await request.form()
    client = await _client(request, form)
    return json_reply(await introspect(request.runtime, client, token=form.get("token")))


async def _client(request: Request, form: Form) -> Client:
    client = await authenticate_client(request.runtime, request.header(b"authorization"), form, network=request.network)
    request.client_id = client.id
    return client
