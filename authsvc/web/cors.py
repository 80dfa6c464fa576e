"""Which pages elsewhere may read an answer (the Fetch standard's CORS): never with cookies.

Public documents and /userinfo: any. Token endpoints: exactly the origins of registered redirect URIs, and in the answer
those of the client that asked.
"""

from __future__ import annotations

from authsvc.oauth.records import Client
from authsvc.oauth.redirect import origins_of
from authsvc.web.http import Headers, Reply, Request

ANY = (b"access-control-allow-origin", b"*")
_VARY = (b"vary", b"origin")
_EXPOSED = (b"access-control-expose-headers", b"www-authenticate, dpop-nonce, retry-after")
_ASKED = (b"access-control-allow-headers", b"authorization, content-type, dpop")
_KEPT = (b"access-control-max-age", b"600")


async def token_preflight(request: Request) -> Reply:
    """OPTIONS of an endpoint that clients post to. Raises StoreUnavailable."""
    headers: Headers = [_VARY]
    origin = _origin(request)
    if origin is not None and origin in origins_of(await request.runtime.clients.redirect_uris()):
        headers += [(b"access-control-allow-origin", origin.encode("ascii")), _ASKED, _KEPT]
        headers.append((b"access-control-allow-methods", b"POST"))
    return Reply(204, b"", headers)


async def userinfo_preflight(_request: Request) -> Reply:
    return Reply(204, b"", [ANY, _ASKED, _KEPT, (b"access-control-allow-methods", b"GET, POST")])


def any_origin(request: Request) -> None:
    request.answer_headers = [*request.answer_headers, ANY, _EXPOSED]


def origin_of_client(request: Request, client: Client) -> None:
    """Let a page of this client read the answer, whatever it will be."""
    origin = _origin(request)
    if origin is None:
        return
    request.answer_headers = [*request.answer_headers, _VARY]
    if origin in origins_of(client.redirect_uris):
        allowed = (b"access-control-allow-origin", origin.encode("ascii"))
        request.answer_headers = [*request.answer_headers, allowed, _EXPOSED]


def _origin(request: Request) -> str | None:
    origin = request.header(b"origin")
    return origin if origin and origin.isascii() else None
