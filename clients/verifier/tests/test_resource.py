"""Protected resource metadata (RFC 9728): where they are, what they say, how refusals lead there in each adapter."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import fastapi
import flask
import httpx2
import pytest
from django.http import HttpRequest, JsonResponse
from django.test import RequestFactory
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

import adapters  # noqa: F401 - configures Django
from authsvc_verifier import (
    InsufficientRole,
    InsufficientScope,
    InvalidToken,
    ProtectedResource,
    StepUpNeeded,
    SyncVerifier,
    TokenMissing,
    Unavailable,
    Verifier,
    asgi,
    protected_resource,
    require,
    starlette,
    wsgi,
)
from authsvc_verifier.django import Guard as DjangoGuard
from authsvc_verifier.flask import Guard as FlaskGuard
from fake_issuer import AUDIENCE, FakeIssuer

MCP = protected_resource("https://mcp.example.com/mcp", "https://auth.example.com", "notes.read notes.write")
METADATA = "https://mcp.example.com/.well-known/oauth-protected-resource/mcp"

# Pure


@pytest.mark.parametrize(
    ("resource", "path"),
    [
        ("https://mcp.example.com", ""),
        ("https://mcp.example.com/", ""),
        ("https://mcp.example.com/mcp", "/mcp"),
        ("https://mcp.example.com/a/b/", "/a/b/"),
        ("https://mcp.example.com:8443/a%20b", "/a%20b"),
        ("http://localhost:9000/mcp", "/mcp"),
        ("http://[::1]:9000/mcp", "/mcp"),
    ],
)
def test_the_well_known_part_comes_between_host_and_path(resource: str, path: str) -> None:
    found = protected_resource(resource, "https://auth.example.com")
    assert found.metadata_path == f"/.well-known/oauth-protected-resource{path}"
    origin = "/".join(resource.split("/")[:3])
    assert found.metadata_url == origin + found.metadata_path
    assert found.metadata()["resource"] == resource, "character by character (section 3.3)"


@pytest.mark.parametrize(
    "url",
    [
        *(
            "",
            "mcp.example.com",
            "http://mcp.example.com",
            "ftp://mcp.example.com",
            "https://",
            "https://u@mcp.example.com",
        ),
        *("https://mcp.example.com/?a=1", "https://mcp.example.com/#a", "https://mcp.example.com/?", "https://m:x/"),
        *(
            'https://mcp.example.com/"',
            "https://mcp.example.com/a b",
            "https://mcp.example.com/\n",
            "https://mcp.example/é",
        ),
        *("http://localhost.example.com", "https://mcp.example.com/\\"),
    ],
)
def test_what_is_no_address_of_a_resource_or_an_issuer(url: str) -> None:
    with pytest.raises(ValueError, match=r"the (resource|issuer) "):
        protected_resource(url, "https://auth.example.com")
    with pytest.raises(ValueError, match=r"the issuer |at least one"):
        protected_resource("https://mcp.example.com", url)


def test_a_resource_without_an_issuer_or_with_odd_scopes_is_none() -> None:
    with pytest.raises(ValueError, match="at least one"):
        ProtectedResource("https://mcp.example.com", ())
    with pytest.raises(ValueError, match="words"):
        protected_resource("https://mcp.example.com", "https://auth.example.com", ['a"b'])


def test_metadata_leave_away_what_is_empty() -> None:
    assert protected_resource("https://mcp.example.com", "https://auth.example.com").metadata() == {
        "resource": "https://mcp.example.com",
        "authorization_servers": ["https://auth.example.com"],
        "bearer_methods_supported": ["header"],
    }
    bound = protected_resource(
        "https://mcp.example.com",
        ["https://a.example", "https://b.example"],
        resource_name="Notes",
        dpop_bound_access_tokens_required=True,
        more={"resource_documentation": "https://mcp.example.com/docs"},
    ).metadata()
    assert bound["authorization_servers"] == ["https://a.example", "https://b.example"]
    assert bound["resource_name"] == "Notes"
    assert bound["dpop_bound_access_tokens_required"] is True
    assert "ES256" in bound["dpop_signing_alg_values_supported"]
    assert bound["resource_documentation"] == "https://mcp.example.com/docs"


LEADS = f'resource_metadata="{METADATA}"'


@pytest.mark.parametrize(
    ("error", "need", "challenge"),
    [
        (TokenMissing(), "", f'Bearer {LEADS}, scope="notes.read notes.write"'),
        (TokenMissing(), "notes.read", f'Bearer {LEADS}, scope="notes.read"'),
        (
            InvalidToken("expired", "No."),
            "notes.read",
            f'Bearer error="invalid_token", error_description="No.", {LEADS}, scope="notes.read"',
        ),
        (InvalidToken("expired", "No."), "", f'Bearer error="invalid_token", error_description="No.", {LEADS}'),
        (
            InsufficientScope(["notes.read", "notes.write"]),
            "notes.read notes.write",
            'Bearer error="insufficient_scope", error_description="The access token lacks a scope.", '
            f'scope="notes.read notes.write", {LEADS}',
        ),
        (
            InsufficientRole(),
            "notes.read",
            f'Bearer error="insufficient_scope", error_description="The role for this is missing.", {LEADS}',
        ),
        (
            StepUpNeeded("login_too_old", (), 300),
            "notes.read",
            'Bearer error="insufficient_user_authentication", error_description="A stronger or more recent login is '
            f'needed.", max_age="300", {LEADS}',
        ),
    ],
)
def test_a_refusal_leads_to_the_metadata(error: Any, need: str, challenge: str) -> None:
    assert MCP.leads(error, require(scope=need)).headers["WWW-Authenticate"] == challenge


def test_trouble_is_no_refusal() -> None:
    assert "WWW-Authenticate" not in MCP.leads(Unavailable("keys")).headers


# Adapters

Ask = Callable[[str, dict[str, str]], httpx2.Response]


async def _who(request: Request) -> JSONResponse:
    return JSONResponse({"sub": request.state.claims.sub})


def _nothing() -> dict[str, str]:
    return {}


def _asgi(make: Callable[[Verifier], Any]) -> Callable[[FakeIssuer], Ask]:
    def of(issuer: FakeIssuer) -> Ask:
        def ask(path: str, headers: dict[str, str]) -> httpx2.Response:
            async def once() -> httpx2.Response:
                async with Verifier(issuer.url, AUDIENCE) as verifier:
                    transport = httpx2.ASGITransport(app=make(verifier))
                    async with httpx2.AsyncClient(transport=transport, base_url="http://10.0.0.7") as http:
                        return await http.get(path, headers=headers)

            return asyncio.run(once())

        return ask

    return of


def _wsgi(make: Callable[[SyncVerifier], Any]) -> Callable[[FakeIssuer], Ask]:
    def of(issuer: FakeIssuer) -> Ask:
        def ask(path: str, headers: dict[str, str]) -> httpx2.Response:
            with SyncVerifier(issuer.url, AUDIENCE) as verifier:
                transport = httpx2.WSGITransport(app=make(verifier))
                with httpx2.Client(transport=transport, base_url="http://10.0.0.7") as http:
                    return http.get(path, headers=headers)

        return ask

    return of


def _middleware(verifier: Verifier) -> Any:
    app = Starlette(routes=[Route("/mcp", _who)])
    return asgi.BearerMiddleware(app, verifier, require(scope="orders.write"), resource=MCP)


def _starlette(verifier: Verifier) -> Any:
    guard = starlette.Guard(verifier, resource=MCP)
    route = Route("/mcp", guard.route(scope="orders.write")(_who))
    return Starlette(routes=[route, starlette.metadata_route(MCP)])


def _fastapi(verifier: Verifier) -> Any:
    guard, app = starlette.Guard(verifier, resource=MCP), fastapi.FastAPI()
    app.get("/mcp", dependencies=[fastapi.Depends(guard(scope="orders.write"))])(_nothing)
    app.routes.append(starlette.metadata_route(MCP))
    return app


def _wsgi_middleware(verifier: SyncVerifier) -> Any:
    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return [b"{}"]

    return wsgi.BearerMiddleware(app, verifier, require(scope="orders.write"), resource=MCP)


def _flask(verifier: SyncVerifier) -> Any:
    guard, app = FlaskGuard(verifier, resource=MCP), flask.Flask(__name__)
    app.get("/mcp")(guard(scope="orders.write")(_nothing))

    @app.get(MCP.metadata_path)
    def metadata() -> tuple[bytes, dict[str, str]]:
        headers, content = MCP.answer()
        return content, headers

    return app


def _django(issuer: FakeIssuer) -> Ask:
    def ask(path: str, headers: dict[str, str]) -> httpx2.Response:
        with SyncVerifier(issuer.url, AUDIENCE) as verifier:

            def view(_: HttpRequest) -> JsonResponse:
                return JsonResponse({})

            def metadata(_: HttpRequest) -> JsonResponse:
                return JsonResponse(MCP.metadata(), headers={"Access-Control-Allow-Origin": "*"})

            guarded = DjangoGuard(verifier, resource=MCP)(scope="orders.write")(view)
            found = (guarded if path == "/mcp" else metadata)(RequestFactory().get(path, headers=headers))
            return httpx2.Response(found.status_code, headers=dict(found.items()), content=found.content)

    return ask


ADAPTERS = {
    "asgi": _asgi(_middleware),
    "starlette": _asgi(_starlette),
    "fastapi": _asgi(_fastapi),
    "wsgi": _wsgi(_wsgi_middleware),
    "flask": _wsgi(_flask),
    "django": _django,
}


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_each_adapter_leads_to_the_metadata(issuer: FakeIssuer, adapter: str) -> None:
    ask = ADAPTERS[adapter](issuer)
    missing = ask("/mcp", {})
    assert (missing.status_code, missing.headers["www-authenticate"]) == (401, f'Bearer {LEADS}, scope="orders.write"')
    void = ask("/mcp", {"Authorization": f"Bearer {issuer.token(exp=1)}"})
    assert void.status_code == 401
    assert void.headers["www-authenticate"].endswith(f'{LEADS}, scope="orders.write"')
    narrow = ask("/mcp", {"Authorization": f"Bearer {issuer.token()}"})
    assert narrow.status_code == 403
    assert narrow.headers["www-authenticate"].endswith(f'scope="orders.write", {LEADS}')
    good = {"Authorization": f"Bearer {issuer.token(scope='orders.write')}"}
    assert ask("/mcp", good).status_code == 200
    told = ask(MCP.metadata_path, {})
    assert (told.status_code, json.loads(told.content)) == (200, MCP.metadata())
    assert told.headers["access-control-allow-origin"] == "*"
