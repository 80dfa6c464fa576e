"""For Django: `@guard(scope="orders.read")` over a view, sync or async; the claims are `request.claims`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import wraps
from inspect import iscoroutinefunction
from typing import Any

from django.http import HttpRequest, JsonResponse

from authsvc_verifier.adapter import BaseGuard
from authsvc_verifier.claims import Claims
from authsvc_verifier.errors import VerifierError
from authsvc_verifier.presented import read_request
from authsvc_verifier.require import Requirement
from authsvc_verifier.sync import SyncVerifier
from authsvc_verifier.wsgi import JUDGED, connection

View = Callable[..., Any]


class Guard(BaseGuard[SyncVerifier, Callable[[View], View]]):
    """See `BaseGuard`."""

    def _guarding(self, need: Requirement) -> Callable[[View], View]:
        def decorate(view: View) -> View:
            @wraps(view)
            def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
                try:
                    request.claims = self.check(request, need)
                except VerifierError as refused:
                    error = self.led(refused, need)
                    return JsonResponse(error.body, status=error.status, headers=error.headers)
                return view(request, *args, **kwargs)

            @wraps(view)
            async def guarded_async(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
                try:
                    # In a thread: nobody else's request waits where the issuer must be asked.
                    request.claims = await asyncio.to_thread(self.check, request, need)
                except VerifierError as refused:
                    error = self.led(refused, need)
                    return JsonResponse(error.body, status=error.status, headers=error.headers)
                return await view(request, *args, **kwargs)

            return guarded_async if iscoroutinefunction(view) else guarded

        return decorate

    def check(self, request: HttpRequest, need: Requirement) -> Claims:
        """Raises Refused, Unavailable, NotConfigured."""
        headers, own = request.headers, self.external_url
        token, shown = read_request(
            [headers["Authorization"]] if "Authorization" in headers else [],
            [headers["DPoP"]] if "DPoP" in headers else [],
            str(request.method),
            own and own + request.get_full_path().partition("?")[0],  # never get_host(): that is the caller's word
            judged=request.META.get(JUDGED) is self.verifier,
        )
        claims = self.verifier.verify(
            token, need, dpop=shown, certificate=self.certificate and self.certificate(connection(request.META))
        )
        request.META[JUDGED] = self.verifier
        return claims
