"""Two replicas that anybody may join, the mail server that their letters go to, and a service that verifies tokens by
itself: what tests/browser/accounts*.mjs meet."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from email.message import EmailMessage
from typing import Any

import httpx2
import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from authsvc.rules.levels import MFA_ACR
from authsvc_verifier import Verifier
from authsvc_verifier.starlette import Guard
from tests.support.fleet import FOLLOWING
from tests.support.mail import MailServer
from tests.support.replicas import Replica

ORDERS = "https://orders.example.com"


class _AtReplica(httpx2.AsyncHTTPTransport):
    """To one replica, whatever address stands before it."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self._port = port

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        request.url = request.url.copy_with(host="127.0.0.1", port=self._port)
        return await super().handle_async_request(request)


def _verifier(issuer: str, replica: Replica) -> Verifier:
    """Follows the feed of this replica alone."""
    return Verifier(
        issuer, audience=ORDERS, http=lambda: httpx2.AsyncClient(transport=_AtReplica(replica.port)), **FOLLOWING
    )


def _routes_of(name: str, verifier: Verifier) -> list[Route]:
    """/NAME/orders wants a second factor, /NAME/standing any good token."""
    guard = Guard(verifier)

    @guard.route(acr=MFA_ACR)
    async def orders(request: Request) -> JSONResponse:
        return JSONResponse({"acr": request.state.claims.acr, **await request.json()}, 201)

    @guard.route()
    async def standing(_request: Request) -> JSONResponse:
        return JSONResponse({})

    return [Route(f"/{name}/orders", orders, methods=["POST"]), Route(f"/{name}/standing", standing)]


def _told(mail: EmailMessage) -> dict[str, Any]:
    """What a person has of a mail. `code`: '' where it has none."""
    text, html = (mail.get_body((kind,)) for kind in ("plain", "html"))
    assert text and html
    words = text.get_content()
    code = re.search(r"^\s*(\d{4} ?\d{4})\s*$", words, re.MULTILINE)
    return {
        "subject": mail["Subject"],
        "links": re.findall(r"https?://\S+", words),
        "code": code[1] if code else "",
        "html": html.get_content(),
    }


@asynccontextmanager
async def orders_service(issuer: str, replicas: Sequence[Replica], app: str, mails: MailServer) -> AsyncIterator[str]:
    """Its origin. One verifier for each replica (/0/..., /1/...); pages of the origin `app` may call it. Beside that,
    /letters?to=ADDRESS: what the mail server got."""

    async def letters(request: Request) -> JSONResponse:
        return JSONResponse([_told(one) for one in mails.mails if one["To"] == request.query_params["to"]])

    cors = Middleware(
        CORSMiddleware,
        allow_origins=[app],
        allow_headers=["authorization", "content-type"],
        allow_methods=["GET", "POST"],
        expose_headers=["www-authenticate"],
    )
    async with AsyncExitStack() as stack:
        verifiers = [await stack.enter_async_context(_verifier(issuer, replica)) for replica in replicas]
        routes = [route for number, one in enumerate(verifiers) for route in _routes_of(str(number), one)]
        api = Starlette(routes=[*routes, Route("/letters", letters)], middleware=[cors])
        listener = socket.create_server(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(api, log_level="warning", lifespan="off"))
        serving = asyncio.create_task(server.serve([listener]))
        try:
            yield f"http://localhost:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            with suppress(asyncio.CancelledError):
                await serving
            listener.close()
