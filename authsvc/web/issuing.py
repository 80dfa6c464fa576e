"""What every endpoint that gives tokens shares: who asks, the steps of `flows/token/pipeline`, and their answer."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from typing import Any

from authsvc.flows.caller.authenticate_client import authenticate_client
from authsvc.flows.token.grant_type import Asked, Given, Issuance
from authsvc.flows.token.pipeline import Sent, issue_tokens
from authsvc.flows.token.tokens import Tokens
from authsvc.rules.caller.client_authentication import Credentials, credentials_in
from authsvc.rules.client_record import Client
from authsvc.rules.refused import Refused
from authsvc.web.http.cors import origin_of_client
from authsvc.web.http.dpop_header import offer_nonce, shown_proof
from authsvc.web.http.request import Request


def issued(
    request: Request, grant: Issuance[Asked, Given], asked: Asked | Refused, credentials: Credentials
) -> Awaitable[tuple[Given, Tokens]]:
    """What was granted, and the tokens. Raises Rejected, TooMany, Unavailable, StoreUnavailable."""
    request.grant_type = grant.name
    shown = shown_proof(request)

    def authenticated(client: Client) -> None:
        note_client(request, client)
        if shown is None and client.tokens.dpop_bound_access_tokens:  # it will be asked for a proof
            offer_nonce(request)

    return issue_tokens(request.runtime, grant, asked, Sent(credentials, request.network, shown, authenticated))


async def client_of(request: Request, form: Mapping[str, str]) -> Client:
    """As `authenticated_client`, by the Authorization header or the form."""
    credentials = credentials_in(request.header(b"authorization"), form, request.certificate)
    return await authenticated_client(request, credentials)


async def authenticated_client(request: Request, credentials: Credentials) -> Client:
    """The client that calls, also for the log and for its pages. Raises Rejected, TooMany, StoreUnavailable."""
    client = await authenticate_client(request.runtime, credentials, network=request.network)
    note_client(request, client)
    return client


def note_client(request: Request, client: Client) -> None:
    """For the log; and let a page of this client read the answer, whatever it will be."""
    request.client_id = client.id
    origin_of_client(request, client)


def token_response(tokens: Tokens) -> dict[str, Any]:
    """RFC 6749 section 5.1, RFC 8693 section 2.2.1, RFC 9449 section 5; `refresh_token_expires_in` is ours."""
    answer: dict[str, Any] = {
        "access_token": tokens.access_token,
        "token_type": tokens.token_type,
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
