"""For any ASGI application: a middleware in front of all of it. Knows no framework.

The claims are in `scope["authsvc.claims"]`, and as `request.state.claims` where the framework reads `scope["state"]`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from authsvc_verifier.adapter import BaseMiddleware
from authsvc_verifier.certificate import Connection, FindCertificate
from authsvc_verifier.claims import Claims
from authsvc_verifier.errors import TokenMissing, VerifierError
from authsvc_verifier.presented import read_request
from authsvc_verifier.require import NOTHING, Requirement
from authsvc_verifier.verifier import Verifier

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

CLAIMS = "authsvc.claims"
JUDGED = "authsvc.judged"
"""By which verifier: a guard behind a middleware judges the same request again."""


async def authenticate(
    verifier: Verifier,
    scope: Scope,
    need: Requirement = NOTHING,
    external_url: str = "",
    certificate: FindCertificate | None = None,
) -> Claims:
    """The claims of the token of an http or websocket scope; kept in the scope. `external_url`: scheme and host under
    which callers reach this service; only DPoP proofs need it. `certificate`: as in `adapter.BaseGuard`. Raises
    Refused, Unavailable, NotConfigured."""
    token, shown = read_request(
        _values(scope, b"authorization"),
        _values(scope, b"dpop"),
        scope.get("method", "GET"),
        _url(scope, external_url),
        judged=scope.get(JUDGED) is verifier,
    )
    claims = await verifier.verify(token, need, dpop=shown, certificate=certificate and certificate(_connection(scope)))
    scope[CLAIMS], scope[JUDGED] = claims, verifier
    scope.setdefault("state", {})["claims"] = claims
    return claims


class BearerMiddleware(BaseMiddleware[App, Verifier]):
    """See `BaseMiddleware`. Starts and ends the verifier with the application."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            async with self.verifier:
                await self.app(scope, receive, send)
            return
        if scope["type"] == "http" and (resource := self.describes(scope["method"], scope["path"])):
            await _send(*resource.answer(), 200, send)
            return
        if scope["type"] in ("http", "websocket") and scope["path"] not in self.public:
            try:
                await authenticate(self.verifier, scope, self.need, self.external_url, self.certificate)
            except TokenMissing as missing:
                if not self.optional:
                    await refuse(self.led(missing), scope, receive, send)
                    return
            except VerifierError as error:
                await refuse(self.led(error), scope, receive, send)
                return
        await self.app(scope, receive, send)


async def refuse(error: VerifierError, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer instead of the application. A websocket is closed before it is accepted: the server says 403."""
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1008})
        return
    await _send(*error.answer(), error.status, send)


async def _send(headers: dict[str, str], body: bytes, status: int, send: Send) -> None:
    """The server leaves the content away where the method was HEAD."""
    raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})


def _values(scope: Scope, name: bytes) -> list[str]:
    return [value.decode("latin-1") for given, value in scope["headers"] if given.lower() == name]


def _connection(scope: Scope) -> Connection:
    peer, tls = scope.get("client"), (scope.get("extensions") or {}).get("tls") or {}
    chain = tls.get("client_cert_chain") or ("",)
    return Connection(peer[0] if peer else None, lambda name: _values(scope, name.encode("latin-1")), next(iter(chain)))


def _url(scope: Scope, external_url: str) -> str:
    """'' where we do not know our own address: the header `Host` is the caller's word."""
    if not external_url:
        return ""
    path = scope.get("raw_path") or scope["path"].encode()
    return external_url.rstrip("/") + bytes(path).partition(b"?")[0].decode("latin-1")
