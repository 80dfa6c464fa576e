"""Each adapter in front of a route that says who came, asked without a socket; proofs as their holder makes them."""

from __future__ import annotations

import asyncio
import os
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import django
import fastapi
import flask
import httpx2
import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from django.conf import settings
from django.http import HttpRequest, JsonResponse
from django.test import RequestFactory
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from authsvc_jws.thumbprint import thumbprint
from authsvc_verifier import Claims, FromClientCert, SyncVerifier, Verifier, asgi, starlette, wsgi
from authsvc_verifier.django import Guard as DjangoGuard
from authsvc_verifier.flask import Guard as FlaskGuard
from fake_issuer import AUDIENCE, FakeIssuer

OURS = "https://orders.example"
FROM_PROXY = FromClientCert(["127.0.0.1/32"])
"""All of them are asked from there."""

if not settings.configured:
    settings.configure(ALLOWED_HOSTS=["*"], SECRET_KEY="of no use")
    django.setup()


@dataclass
class Holder:
    """Whoever holds a key, and tokens that are bound to it."""

    issuer: FakeIssuer
    sub: str = "user-1"
    key: Any = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    @property
    def jwk(self) -> dict[str, Any]:
        document: dict[str, Any] = jwt.get_algorithm_by_name("ES256").to_jwk(self.key.public_key(), as_dict=True)
        return document

    @property
    def jkt(self) -> str:
        return str(thumbprint(self.jwk))

    def token(self) -> str:
        return self.issuer.token(sub=self.sub, cnf={"jkt": self.jkt})

    def sent(self, url: str = f"{OURS}/me", token: str = "", **headers: str) -> dict[str, str]:
        """The headers of a GET of `url`, with a new proof."""
        token = token or self.token()
        ath = urlsafe_b64encode(sha256(token.encode()).digest()).decode().rstrip("=")
        claims = {"jti": os.urandom(9).hex(), "htm": "GET", "htu": url, "iat": int(time.time()), "ath": ath}
        proof = jwt.encode(claims, self.key, "ES256", {"typ": "dpop+jwt", "jwk": self.jwk})
        return {"Authorization": f"DPoP {token}", "DPoP": proof, **headers}


@dataclass(frozen=True)
class Answer:
    """`headers` by their names in lower case."""

    status: int
    headers: dict[str, str]
    text: str


Requests = Sequence[dict[str, str]]
Asking = Callable[[FakeIssuer, str, Requests], list[Answer]]


def _answer(found: httpx2.Response) -> Answer:
    return Answer(found.status_code, dict(found.headers), found.text)


def _asgi(make: Callable[[Verifier, str], Any]) -> Asking:
    def asking(issuer: FakeIssuer, external_url: str, requests: Requests) -> list[Answer]:
        async def ask() -> list[Answer]:
            async with Verifier(issuer.url, AUDIENCE) as verifier:
                transport = httpx2.ASGITransport(app=make(verifier, external_url))
                async with httpx2.AsyncClient(transport=transport, base_url="http://10.0.0.7:8000") as http:
                    return [_answer(await http.get("/me", headers=each)) for each in requests]

        return asyncio.run(ask())

    return asking


def _wsgi(make: Callable[[SyncVerifier, str], Any]) -> Asking:
    def asking(issuer: FakeIssuer, external_url: str, requests: Requests) -> list[Answer]:
        with SyncVerifier(issuer.url, AUDIENCE) as verifier:
            transport = httpx2.WSGITransport(app=make(verifier, external_url))
            with httpx2.Client(transport=transport, base_url="http://10.0.0.7:8000") as http:
                return [_answer(http.get("/me", headers=each)) for each in requests]

    return asking


def _django(issuer: FakeIssuer, external_url: str, requests: Requests, times: int = 1) -> list[Answer]:
    def me(request: HttpRequest) -> JsonResponse:
        return JsonResponse({"sub": request.claims.sub})  # type: ignore[attr-defined]

    with SyncVerifier(issuer.url, AUDIENCE) as verifier:
        guarded = me
        for _ in range(times):
            guarded = DjangoGuard(verifier, external_url=external_url, certificate=FROM_PROXY)()(guarded)
        found = [guarded(RequestFactory().get("/me", headers=each)) for each in requests]
        return [
            Answer(each.status_code, {name.lower(): value for name, value in each.items()}, each.content.decode())
            for each in found
        ]


async def _who(request: Request) -> JSONResponse:
    return JSONResponse({"sub": request.state.claims.sub})


def bare_asgi(verifier: Verifier, external_url: str) -> Any:
    return asgi.BearerMiddleware(
        Starlette(routes=[Route("/me", _who)]), verifier, external_url=external_url, certificate=FROM_PROXY
    )


def starlette_route(verifier: Verifier, external_url: str) -> Any:
    guard = starlette.Guard(verifier, external_url=external_url, certificate=FROM_PROXY)
    return Starlette(routes=[Route("/me", guard.route()(_who))])


def fastapi_route(verifier: Verifier, external_url: str) -> Any:
    guard, app = starlette.Guard(verifier, external_url=external_url, certificate=FROM_PROXY), fastapi.FastAPI()
    judged = fastapi.Depends(guard())

    @app.get("/me")
    async def me(claims: Claims = judged) -> dict[str, str]:
        return {"sub": claims.sub}

    return app


def bare_wsgi(verifier: SyncVerifier, external_url: str) -> Any:
    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Type", "application/json")])
        return [b'{"sub": "%s"}' % environ["authsvc.claims"].sub.encode()]

    return wsgi.BearerMiddleware(app, verifier, external_url=external_url, certificate=FROM_PROXY)


def flask_route(verifier: SyncVerifier, external_url: str) -> Any:
    guard, app = FlaskGuard(verifier, external_url=external_url, certificate=FROM_PROXY), flask.Flask(__name__)

    @app.get("/me")
    @guard()
    def me() -> dict[str, str]:
        return {"sub": flask.g.claims.sub}

    return app


def starlette_behind_middleware(verifier: Verifier, external_url: str) -> Any:
    return asgi.BearerMiddleware(
        starlette_route(verifier, external_url), verifier, external_url=external_url, certificate=FROM_PROXY
    )


def fastapi_twice(verifier: Verifier, external_url: str) -> Any:
    """As a router wants any good token, and one of its routes more."""
    guard, app = starlette.Guard(verifier, external_url=external_url, certificate=FROM_PROXY), fastapi.FastAPI()
    judged = fastapi.Depends(guard(scope="orders.read"))

    @app.get("/me", dependencies=[fastapi.Depends(guard())])
    async def me(claims: Claims = judged) -> dict[str, str]:
        return {"sub": claims.sub}

    return app


def flask_behind_middleware(verifier: SyncVerifier, external_url: str) -> Any:
    return wsgi.BearerMiddleware(
        flask_route(verifier, external_url), verifier, external_url=external_url, certificate=FROM_PROXY
    )


def _django_twice(issuer: FakeIssuer, external_url: str, requests: Requests) -> list[Answer]:
    return _django(issuer, external_url, requests, times=2)


ADAPTERS: dict[str, Asking] = {
    "asgi": _asgi(bare_asgi),
    "starlette": _asgi(starlette_route),
    "fastapi": _asgi(fastapi_route),
    "wsgi": _wsgi(bare_wsgi),
    "flask": _wsgi(flask_route),
    "django": _django,
}

TWICE: dict[str, Asking] = {
    "starlette": _asgi(starlette_behind_middleware),
    "fastapi": _asgi(fastapi_twice),
    "flask": _wsgi(flask_behind_middleware),
    "django": _django_twice,
}
"""Two guards of one verifier before the same route."""
