"""The frontends' files: each frontend at the root of an origin of its own, under a policy that lets it speak with the
issuer and the API, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

EXAMPLES = Path(__file__).parents[1]
STATIC = EXAMPLES.parents[2] / "authsvc/web/pages/static"
MODULES = ("authsvc.js", "authsvc-step-up.js", "authsvc-first-party.js")
TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page finds the others. `hint`: said below its login form, '' for nothing."""

    issuer: str
    api: str
    hint: str = ""


class Pages:
    """One frontend. `/` and `/callback` are its page, `/common/` what all share, `/common/authsvc*.js` the module; the
    files are read at each request, so that a change is seen at the next load."""

    def __init__(self, directory: str, page: str, place: Place) -> None:
        index = EXAMPLES / directory / page
        self._files = {
            **{f"/{path.name}": path for path in (EXAMPLES / directory).iterdir() if path.suffix in TYPES},
            **{f"/common/{path.name}": path for path in (EXAMPLES / "common").iterdir() if path.suffix in TYPES},
            "/": index,
            "/callback": index,
            **{f"/common/{name}": STATIC / name for name in MODULES},
        }
        self._config = "".join(
            f"export const {name} = {json.dumps(value)};\n"
            for name, value in (("issuer", place.issuer), ("api", place.api), ("hint", place.hint))
        )
        self._headers = _headers(place)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._answer(Request(scope))(scope, receive, send)

    def _answer(self, request: Request) -> Response:
        if request.method not in ("GET", "HEAD"):
            return Response("only GET", 405, {**self._headers, "Allow": "GET, HEAD"}, "text/plain")
        path = request.url.path
        if path == "/common/config.js":
            return Response(self._config, 200, self._headers, TYPES[".js"])
        file = self._files.get(path)
        if file is None:
            return Response("nothing here", 404, self._headers, "text/plain")
        return Response(file.read_bytes(), 200, self._headers, TYPES[file.suffix])


def _headers(place: Place) -> dict[str, str]:
    """`form-action 'none'`: where no script runs, no password is sent anywhere."""
    policy = [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        f"connect-src {place.issuer} {place.api}",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    ]
    return {
        "Content-Security-Policy": "; ".join(policy),
        "Cache-Control": "no-cache",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }


class ByPort:
    """One application a port, for one server that listens on all of them. `main` also begins and ends with it."""

    def __init__(self, main: ASGIApp, ports: Mapping[int, ASGIApp]) -> None:
        self._main = main
        self._ports = ports

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self._main if scope["type"] == "lifespan" else self._ports[scope["server"][1]]
        await app(scope, receive, send)
