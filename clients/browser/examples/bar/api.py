"""The bar's API: tokens are verified by authsvc-verifier, roles by its guard; a revoked session is refused at once.

By itself, where ISSUER=http://localhost:8000 and ORIGINS=http://localhost:5173 are in the environment:
uvicorn --port 8001 --factory bar.api:from_environment
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from authsvc_verifier import Claims, Verifier
from authsvc_verifier.starlette import Guard
from bar.orders import MENU, Bar, Order, Refused, State, earlier

AUDIENCE = "https://bar.example.com"
"""What tokens call this API: a name of its own, so that no token does here that was meant for another."""
MFA = "urn:authsvc:acr:mfa"
"""What closing the till wants of a login: two factors (RFC 9470)."""
MAX_BODY = 4096
MAX_NAME = 40
STATUS = {"not_on_the_menu": 422, "no_such_order": 404, "too_many": 429, "moved_on": 409}
NO_STORE = {"Cache-Control": "no-store"}

Endpoint = Callable[[Request], Awaitable[JSONResponse]]


class Api:
    """The endpoints. `clock`: seconds since 1970."""

    def __init__(self, bar: Bar, clock: Callable[[], float]) -> None:
        self.bar = bar
        self.clock = clock

    async def menu(self, request: Request) -> JSONResponse:
        drinks = [
            {"id": d.id, "name": d.name, "words": d.words, "glass": d.glass, "price": d.price} for d in MENU.values()
        ]
        return JSONResponse({"drinks": drinks}, headers={"Cache-Control": "max-age=60"})

    async def orders(self, request: Request) -> JSONResponse:
        return _answer({"orders": [_shown(order) for order in self.bar.of(_claims(request).sub)]})

    async def order(self, request: Request) -> JSONResponse:
        said, claims = await _members(request), _claims(request)
        drink, name = said.get("drink"), said.get("name", "")
        if not isinstance(drink, str) or not isinstance(name, str):
            raise HTTPException(422, "Say which drink, and the name to call out.")
        name = "".join(char for char in name if char.isprintable())[:MAX_NAME]
        return _answer(_shown(self.bar.order(drink, claims.sub, name, _who(claims), self.clock())), 201)

    async def cancel(self, request: Request) -> JSONResponse:
        claims, number = _claims(request), request.path_params["number"]
        return _answer(_shown(self.bar.cancel(number, claims.sub, _who(claims), self.clock())))

    async def queue(self, request: Request) -> JSONResponse:
        return _answer({"orders": [_shown(order) for order in self.bar.queue()]})

    def move(self, to: State) -> Endpoint:
        async def moved(request: Request) -> JSONResponse:
            number = request.path_params["number"]
            return _answer(_shown(self.bar.move(number, to, _who(_claims(request)), self.clock())))

        return moved

    async def evening(self, request: Request) -> JSONResponse:
        sold = [{"name": drink.name, "number": number} for drink, number in self.bar.sold()]
        log = [{"at": entry.at, "who": entry.who, "what": entry.what} for entry in reversed(self.bar.log)]
        return _answer({"figures": self.bar.figures(), "sold": sold, "log": log})

    async def close(self, request: Request) -> JSONResponse:
        self.bar.close(_who(_claims(request)), self.clock())
        return _answer({"figures": self.bar.figures()})


def make_api(
    verifier: Verifier, bar: Bar, url: str, origins: Sequence[str], clock: Callable[[], float] = time.time
) -> Starlette:
    """`url`: where its callers find it; `origins`: whose pages may call it. The verifier follows the issuer as long as
    the application lives."""
    api, guard = Api(bar, clock), Guard(verifier, external_url=url)
    customer, bartender, admin = (guard.route(role=role) for role in ("customer", "bartender", "admin"))

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with verifier:
            yield

    return Starlette(
        routes=[
            Route("/menu", api.menu),
            Route("/orders", customer(api.orders)),
            Route("/orders", customer(api.order), methods=["POST"]),
            Route("/orders/{number:int}", customer(api.cancel), methods=["DELETE"]),
            Route("/queue", bartender(api.queue)),
            Route("/queue/{number:int}/mix", bartender(api.move("mixing")), methods=["POST"]),
            Route("/queue/{number:int}/serve", bartender(api.move("served")), methods=["POST"]),
            Route("/evening", admin(api.evening)),
            Route("/evening/close", guard.route(role="admin", acr=MFA)(api.close), methods=["POST"]),
        ],
        middleware=[
            Middleware(
                CORSMiddleware,
                allow_origins=origins,
                allow_methods=["GET", "POST", "DELETE"],
                allow_headers=["*"],  # whatever a page of ours asks for: instrumentation adds headers of its own
                expose_headers=["WWW-Authenticate", "Retry-After"],
                max_age=600,
            )
        ],
        exception_handlers={HTTPException: _http_error, Refused: _refused},
        lifespan=lifespan,
    )


def from_environment() -> Starlette:
    """ISSUER, AUDIENCE, EXTERNAL_URL (where pages find this API), ORIGINS (theirs, space-separated), CLIENT_ID and
    CLIENT_SECRET of a client with the scope `revocations`."""
    bar = Bar()
    earlier(bar, time.time())
    issuer = os.environ.get("ISSUER", "http://localhost:8000")
    client_id, secret = os.environ.get("CLIENT_ID", "backend"), os.environ.get("CLIENT_SECRET", "backend-secret")
    audience = os.environ.get("AUDIENCE", AUDIENCE)
    verifier = Verifier(issuer, audience=audience, feed=True, client_id=client_id, client_secret=secret)
    url = os.environ.get("EXTERNAL_URL", "http://localhost:8001")
    return make_api(verifier, bar, url, os.environ.get("ORIGINS", "").split())


def _claims(request: Request) -> Claims:
    claims: Claims = request.state.claims
    return claims


def _who(claims: Claims) -> str:
    """For the log: the app and the subject, as the token says them. Names are not the API's business."""
    return f"{claims.client_id} {claims.sub[:8]}"


def _shown(order: Order) -> dict[str, Any]:
    return {
        "number": order.number,
        "drink": order.drink.name,
        "glass": order.drink.glass,
        "price": order.drink.price,
        "name": order.name,
        "state": order.state,
        "ordered_at": order.ordered_at,
        "changed_at": order.changed_at,
    }


def _answer(content: dict[str, Any], status: int = 200) -> JSONResponse:
    return JSONResponse(content, status, NO_STORE)


async def _members(request: Request) -> dict[str, Any]:
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MAX_BODY:
            raise HTTPException(413, "That is too long.")
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict):
        raise HTTPException(400, "The body must be a JSON object.")
    return said


async def _http_error(request: Request, error: Exception) -> JSONResponse:
    """Also what the guard raises: its challenge is in the headers."""
    assert isinstance(error, HTTPException)
    return JSONResponse({"error_description": error.detail}, error.status_code, {**NO_STORE, **(error.headers or {})})


async def _refused(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Refused)
    return _answer({"error": error.code, "error_description": str(error)}, STATUS[error.code])
