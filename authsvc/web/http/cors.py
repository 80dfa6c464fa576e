"""Which pages elsewhere may read an answer (the Fetch standard's CORS): never with cookies.

Public documents: any. All else: exactly the origins of registered clients, which are those of their redirect URIs and
those that an operator named beside them; where a client names itself, those of this client. Where an access token is
the credential, those of every client: an expired one must be readable as 401, and whose it was is not known then. The
origin alone decides: it may send whatever headers it asks for, because instrumentation adds its own, and because what
we do not know we do not read.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from functools import lru_cache

from authsvc.rules.authorize.redirect import origins_of
from authsvc.rules.client_record import Client
from authsvc.web.http.reply import Headers, Reply
from authsvc.web.http.request import Request

LetsIn = Callable[[Request, str], Awaitable[bool]]

_VARY = (b"vary", b"origin")
_VARY_PREFLIGHT = (b"vary", b"origin, access-control-request-headers")
# Date: a device whose own clock is wrong can make no DPoP proof without it.
_EXPOSED = (b"access-control-expose-headers", b"www-authenticate, dpop-nonce, retry-after, date")
_USUAL = b"authorization, content-type, dpop"
_MOST_ASKED = 1000
_NAME = "[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # a token, RFC 9110 section 5.6.2
_NAMES = re.compile(rf"{_NAME}(?:[ \t]*,[ \t]*{_NAME})*").fullmatch
# As long as Chromium keeps it. It gives nothing away: whether an answer may be read, the answer says itself.
_KEPT = (b"access-control-max-age", b"7200")


async def token_preflight(request: Request) -> Reply:
    """OPTIONS of an endpoint that clients post to: a form of another origin is preflighted for DPoP alone.

    Raises StoreUnavailable."""
    return await _preflight(request, b"POST")


async def api_preflight(request: Request) -> Reply:
    """OPTIONS of /userinfo and of everything under /api. Raises StoreUnavailable."""
    return await _preflight(request, b"GET, POST, DELETE")


async def registration_preflight(request: Request) -> Reply:
    """OPTIONS of /register: for pages that an initial access token names, whichever it is. Raises StoreUnavailable."""
    return await _preflight(request, b"POST", _registering)


async def management_preflight(request: Request) -> Reply:
    """OPTIONS of /register/{client_id}. Raises StoreUnavailable."""
    return await _preflight(request, b"GET, PUT, DELETE")


async def public_preflight(request: Request) -> Reply:
    """OPTIONS of what anybody may read: a page that adds a header to its GET asks first."""
    return Reply(204, b"", [_VARY_PREFLIGHT, *_allowed(request, b"*", b"GET")])


async def _preflight(request: Request, methods: bytes, lets_in: LetsIn | None = None) -> Reply:
    headers: Headers = [_VARY_PREFLIGHT]
    origin = _origin(request)
    if origin is not None and await (lets_in or _registered)(request, origin):
        headers += _allowed(request, origin.encode("ascii"), methods)
    return Reply(204, b"", headers)


def _allowed(request: Request, origin: bytes, methods: bytes) -> Headers:
    return [
        (b"access-control-allow-origin", origin),
        (b"access-control-allow-headers", _asked(request)),
        _KEPT,
        (b"access-control-allow-methods", methods),
    ]


def _asked(request: Request) -> bytes:
    """The names of the headers that the page wants to send; the usual ones where it names none, or too much."""
    asked = request.header_list(b"access-control-request-headers")
    return asked.encode("ascii") if len(asked) <= _MOST_ASKED and _NAMES(asked) else _USUAL


def origin_of_client(request: Request, client: Client) -> None:
    """Let a page of this client read the answer, whatever it will be."""
    origin = _origin(request)
    if origin is not None:
        login = client.login
        _allow(request, origin, origin in login.origins or origin in origins_of(login.redirect_uris))


async def any_registering_origin(request: Request) -> None:
    """Let a page that may register clients read the answer, whatever it will be: also that its token is good no more.
    Raises StoreUnavailable."""
    origin = _origin(request)
    if origin is not None:
        _allow(request, origin, await _registering(request, origin))


async def any_registered_origin(request: Request) -> None:
    """Let a page of any client read the answer, whatever it will be. Raises StoreUnavailable."""
    origin = _origin(request)
    if origin is not None:
        _allow(request, origin, await _registered(request, origin))


def _allow(request: Request, origin: str, allowed: bool) -> None:
    request.answer_with(_VARY)
    if allowed:
        request.answer_with((b"access-control-allow-origin", origin.encode("ascii")), _EXPOSED)


async def _registering(request: Request, origin: str) -> bool:
    """Any page may where anybody may: it brings no cookie, and reads what it was given itself."""
    if request.runtime.settings.client_registration == "open":
        return True
    return origin in (await request.runtime.clients.pages()).registering


async def _registered(request: Request, origin: str) -> bool:
    pages = await request.runtime.clients.pages()
    return origin in pages.origins or origin in _origins(pages.redirect_uris)


@lru_cache(maxsize=2)
def _origins(redirect_uris: frozenset[str]) -> frozenset[str]:
    return origins_of(redirect_uris)


def _origin(request: Request) -> str | None:
    origin = request.header(b"origin")
    return origin if origin and origin.isascii() else None
