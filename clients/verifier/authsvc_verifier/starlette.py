"""For Starlette and FastAPI: a guard for single routes.

guard = Guard(Verifier(issuer, audience))
claims: Annotated[Claims, Depends(guard(scope="orders.read"))]     # FastAPI
@guard.route(scope="orders.read")                                 # Starlette; claims in request.state.claims
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any, Protocol, TypeVar

from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.routing import Route

from authsvc_verifier.adapter import BaseGuard
from authsvc_verifier.asgi import authenticate
from authsvc_verifier.certificate import FindCertificate
from authsvc_verifier.claims import Claims
from authsvc_verifier.errors import VerifierError
from authsvc_verifier.require import Requirement
from authsvc_verifier.resource import ProtectedResource
from authsvc_verifier.verifier import Verifier

Answer = TypeVar("Answer")
Dependency = Callable[[HTTPConnection], Awaitable[Claims]]


class Decorator(Protocol):
    """Of `async def endpoint(request)`."""

    def __call__(self, endpoint: Callable[..., Awaitable[Answer]], /) -> Callable[..., Awaitable[Answer]]: ...


class _Routes(BaseGuard[Verifier, Decorator]):
    def _guarding(self, need: Requirement) -> Decorator:
        def decorate(endpoint: Callable[..., Awaitable[Answer]]) -> Callable[..., Awaitable[Answer]]:
            @wraps(endpoint)
            async def guarded(request: Any, *args: Any, **kwargs: Any) -> Answer:
                await _check(self, request, need)
                return await endpoint(request, *args, **kwargs)

            return guarded

        return decorate


class Guard(BaseGuard[Verifier, Dependency]):
    """Called, it makes a dependency that gives the claims; `route`, with the same arguments, a decorator. See
    `BaseGuard`."""

    def __init__(
        self,
        verifier: Verifier,
        *,
        external_url: str = "",
        certificate: FindCertificate | None = None,
        resource: ProtectedResource | None = None,
    ) -> None:
        super().__init__(verifier, external_url=external_url, certificate=certificate, resource=resource)
        self.route = _Routes(verifier, external_url=external_url, certificate=certificate, resource=resource)

    def _guarding(self, need: Requirement) -> Dependency:
        async def dependency(request: HTTPConnection) -> Claims:
            return await self.check(request, need)

        return dependency

    async def check(self, request: HTTPConnection, need: Requirement) -> Claims:
        """Raises HTTPException with the challenge."""
        return await _check(self, request, need)


def metadata_route(resource: ProtectedResource) -> Route:
    """Where the metadata of a resource are read (RFC 9728 section 3), without a token. FastAPI takes it by
    `app.routes.append`."""

    async def metadata(_: Request) -> Response:
        headers, content = resource.answer()
        return Response(content, headers=headers)

    return Route(resource.metadata_path, metadata)


async def _check(guard: BaseGuard[Verifier, Any], request: HTTPConnection, need: Requirement) -> Claims:
    try:
        return await authenticate(guard.verifier, request.scope, need, guard.external_url, guard.certificate)
    except VerifierError as refused:
        error = guard.led(refused, need)
        raise HTTPException(error.status, error.body.get("error_description"), error.headers) from refused
