"""For Starlette and FastAPI: a guard for single routes.

guard = Guard(Verifier(issuer, audience))
claims: Annotated[Claims, Depends(guard(scope="orders.read"))]     # FastAPI
@guard.route(scope="orders.read")                                 # Starlette; claims in request.state.claims
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from functools import wraps
from typing import Any, TypeVar

from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection

from authsvc_verifier.asgi import authenticate
from authsvc_verifier.claims import Claims
from authsvc_verifier.errors import VerifierError
from authsvc_verifier.require import Requirement, Stale, require
from authsvc_verifier.verifier import Verifier

Answer = TypeVar("Answer")


class Guard:
    """`external_url`: scheme and host under which callers know us, where a proxy changes them."""

    def __init__(self, verifier: Verifier, *, external_url: str = "") -> None:
        self.verifier = verifier
        self.external_url = external_url

    def __call__(
        self,
        scope: str | Iterable[str] = (),
        role: str | Iterable[str] = (),
        max_age: int | None = None,
        acr: str | Iterable[str] = (),
        stale: Stale | None = None,
    ) -> Callable[[HTTPConnection], Awaitable[Claims]]:
        """A dependency that gives the claims."""
        need = require(scope, role, max_age, acr, stale)

        async def dependency(request: HTTPConnection) -> Claims:
            return await self.check(request, need)

        return dependency

    def route(
        self,
        scope: str | Iterable[str] = (),
        role: str | Iterable[str] = (),
        max_age: int | None = None,
        acr: str | Iterable[str] = (),
        stale: Stale | None = None,
    ) -> Callable[[Callable[..., Awaitable[Answer]]], Callable[..., Awaitable[Answer]]]:
        """A decorator of `async def endpoint(request)`."""
        need = require(scope, role, max_age, acr, stale)

        def decorate(endpoint: Callable[..., Awaitable[Answer]]) -> Callable[..., Awaitable[Answer]]:
            @wraps(endpoint)
            async def guarded(request: Any, *args: Any, **kwargs: Any) -> Answer:
                await self.check(request, need)
                return await endpoint(request, *args, **kwargs)

            return guarded

        return decorate

    async def check(self, request: HTTPConnection, need: Requirement) -> Claims:
        """Raises HTTPException with the challenge."""
        try:
            return await authenticate(self.verifier, request.scope, need, self.external_url)
        except VerifierError as error:
            raise HTTPException(error.status, error.body.get("error_description"), error.headers) from error
