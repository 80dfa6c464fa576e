"""uvicorn starlette_app:app   (ISSUER, AUDIENCE, CLIENT_ID, CLIENT_SECRET and EXTERNAL_URL in the environment)"""

import os

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from authsvc_verifier import Verifier
from authsvc_verifier.asgi import BearerMiddleware
from authsvc_verifier.starlette import Guard

verifier = Verifier(
    os.environ.get("ISSUER", "http://localhost:8000"),
    os.environ.get("AUDIENCE", "https://orders.example.com"),  # what tokens call this service: nobody else's name
    feed=True,
    client_id=os.environ.get("CLIENT_ID", "backend"),
    client_secret=os.environ.get("CLIENT_SECRET", "backend-secret"),
)
# Where callers find this service: only DPoP proofs need it, and the header Host is no place to learn it from.
external_url = os.environ.get("EXTERNAL_URL", "")
guard = Guard(verifier, external_url=external_url)


async def health(request: Request) -> JSONResponse:
    return JSONResponse({"ok": True})


async def me(request: Request) -> JSONResponse:
    return JSONResponse({"sub": request.state.claims.sub})


@guard.route(scope="orders.read")
async def orders(request: Request) -> JSONResponse:
    return JSONResponse({"orders_of": request.state.claims.sub})


@guard.route(role="admin", max_age=300)
async def delete(request: Request) -> JSONResponse:
    return JSONResponse({"deleted_by": request.state.claims.sub})


app = Starlette(
    routes=[
        Route("/health", health),
        Route("/me", me),
        Route("/orders", orders),
        Route("/orders", delete, methods=["DELETE"]),
    ],
    # Every path needs a good token; routes may want more. It starts and ends the verifier, too.
    middleware=[Middleware(BearerMiddleware, verifier=verifier, public=["/health"], external_url=external_url)],
)
