"""/register: dynamic client registration (RFC 7591) and its management (RFC 7592), where the operator has it on."""

from __future__ import annotations

from typing import Any

from authsvc.flows.operator import register_client as flow
from authsvc.rules.client_record import Client
from authsvc.rules.clients.registration import metadata_of
from authsvc.rules.errors import BearerRejected
from authsvc.web.http.cors import any_registering_origin, management_preflight, registration_preflight
from authsvc.web.http.endpoint import Route
from authsvc.web.http.failures import NotFound
from authsvc.web.http.reply import Reply, json_reply
from authsvc.web.http.request import Request
from authsvc.web.issuing import note_client


async def register(request: Request) -> Reply:
    """RFC 7591 section 3: the token is judged before what is asked, and what is asked before a use is taken."""
    _on(request)
    await any_registering_origin(request)
    if request.runtime.settings.client_registration == "open" and request.header(b"authorization") is None:
        done = await flow.register_stranger(request.runtime, await request.json(), network=request.network)
    else:
        token = _token(request)
        await flow.admit(request.runtime, token, network=request.network)
        done = await flow.register_client(request.runtime, token, await request.json())
    request.client_id = done.client.id
    return json_reply(_information(request, done), 201)


async def read(request: Request) -> Reply:
    client, token = await _known(request)
    return json_reply(_information(request, await flow.read_registration(request.runtime, client, token)))


async def change(request: Request) -> Reply:
    client, token = await _known(request)
    done = await flow.change_registration(request.runtime, client.id, token, await request.json())
    return json_reply(_information(request, done))


async def end(request: Request) -> Reply:
    client, _ = await _known(request)
    await flow.end_registration(request.runtime, client)
    return Reply(204)


async def preflight(request: Request) -> Reply:
    _on(request)
    return await registration_preflight(request)


async def preflight_of_one(request: Request) -> Reply:
    _on(request)
    return await management_preflight(request)


async def _known(request: Request) -> tuple[Client, str]:
    _on(request)
    token, client_id = _token(request), request.scope["path_params"]["client_id"]
    client = await flow.authenticate_registration(request.runtime, client_id, token, network=request.network)
    note_client(request, client)
    return client, token


def _on(request: Request) -> None:
    """Raises NotFound where the operator has registration off."""
    if request.runtime.settings.client_registration == "off":
        raise NotFound


def _token(request: Request) -> str:
    """The bearer token. Raises BearerRejected where there is none."""
    scheme, _, token = (request.header(b"authorization") or "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip(" "):
        raise BearerRejected("bearer_missing", error=None)
    return token.strip(" ")


def _information(request: Request, done: flow.Registered) -> dict[str, Any]:
    """RFC 7591 section 3.2.1, RFC 7592 section 3."""
    answer: dict[str, Any] = {"client_id": done.client.id, "client_id_issued_at": done.issued_at}
    if done.secret is not None:
        answer |= {"client_secret": done.secret, "client_secret_expires_at": 0}
    return {
        **answer,
        "registration_access_token": done.access_token,
        "registration_client_uri": f"{request.runtime.settings.issuer}/register/{done.client.id}",
        **metadata_of(done.client),
    }


ROUTES = (
    Route("/register", {"POST": register, "OPTIONS": preflight}),
    Route("/register/{client_id}", {"GET": read, "PUT": change, "DELETE": end, "OPTIONS": preflight_of_one}),
)
