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
from starlette.requests import HTTPConnection

from authsvc_verifier.adapter import BaseGuard
from authsvc_verifier.asgi import authenticate
from authsvc_verifier.certificate import FindCertificate
from authsvc_verifier.claims import Claims
from authsvc_verifier.errors import VerifierError
from authsvc_verifier.require import Requirement
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
        self, verifier: Verifier, *, external_url: str = "", certificate: FindCertificate | None = None
    ) -> None:
        super().__init__(verifier, external_url=external_url, certificate=certificate)
        self.route = _Routes(verifier, external_url=external_url, certificate=certificate)

    def _guarding(self, need: Requirement) -> Dependency:
        async def dependency(request: HTTPConnection) -> Claims:
            return await self.check(request, need)

        return dependency

    async def check(self, request: HTTPConnection, need: Requirement) -> Claims:
        """Raises HTTPException with the challenge."""
        return await _check(self, request, need)


async def _check(guard: BaseGuard[Verifier, Any], request: HTTPConnection, need: Requirement) -> Claims:
    try:
        return await authenticate(guard.verifier, request.scope, need, guard.external_url, guard.certificate)
    except VerifierError as error:
        raise HTTPException(error.status, error.body.get("error_description"), error.headers) from error
