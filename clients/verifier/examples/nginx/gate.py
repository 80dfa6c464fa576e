"""uvicorn gate:app --port 9000   (ISSUER, AUDIENCE, CLIENT_ID and CLIENT_SECRET in the environment)

What nginx asks before it lets a request through (auth_request in orders.conf): 204 and who it is, or why not. The path
is the scope that is wanted, `/` for any good token. Judged by memory, so that there is nothing to cache.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from authsvc_verifier import Verifier, VerifierError, require
from authsvc_verifier.presented import read_request

verifier = Verifier(
    os.environ.get("ISSUER", "http://localhost:8000"),
    os.environ.get("AUDIENCE", "https://orders.example.com"),  # what tokens call the service behind nginx
    feed=True,
    client_id=os.environ.get("CLIENT_ID", "backend"),
    client_secret=os.environ.get("CLIENT_SECRET", "backend-secret"),
)


async def judge(request: Request) -> Response:
    sent = request.headers
    try:
        token, proof = read_request(
            sent.getlist("authorization"), sent.getlist("dpop"), sent["x-original-method"], sent["x-original-url"]
        )
        claims = await verifier.verify(token, require(scope=request.path_params["scope"]), dpop=proof)
    except VerifierError as error:
        return Response(status_code=error.status, headers=error.headers)
    return Response(status_code=204, headers={"X-User": claims.sub, "X-Client": claims.client_id})


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    async with verifier:
        yield


app = Starlette(routes=[Route("/{scope:path}", judge)], lifespan=lifespan)
