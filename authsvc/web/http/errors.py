"""The only writer of errors. One exception tree, one status, one shape:

- `Rejected`, `BearerRejected`: 4xx, the caller is at fault (RFC 6749 section 5.2, RFC 6750 section 3).
- `TooMany`: 429. `Unavailable`, `StoreUnavailable`: 503. Both with Retry-After, neither says anything of credentials.
- anything else: 500 `server_error`, nothing but the request id for the caller, the stack for the log.
"""

from __future__ import annotations

import random

from authsvc.logs import get_logger
from authsvc.rules.caller.dpop import ALGORITHMS
from authsvc.rules.errors import BearerRejected, Rejected, TooMany, Unavailable
from authsvc.store.errors import StoreUnavailable
from authsvc.web.http.request import Headers, Reply, Request, json_reply

_NEEDED = {"scope_openid_missing": "openid", "scope_revocations_missing": "revocations"}

log = get_logger()


def error_reply(request: Request, error: Exception) -> Reply:
    """Render what a flow raised; notes the reason for the access log."""
    if isinstance(error, Rejected):
        request.reason = error.reason
        # RFC 9110 section 15.5.2: a 401 always says how to authenticate.
        challenge = error.challenge or ('Bearer realm="authsvc"' if error.error.status_code == 401 else None)
        headers: Headers = [(b"www-authenticate", challenge.encode("ascii"))] if challenge else []
        return _error(error.error.status_code, error.error.error, error.error.description or "", headers)
    if isinstance(error, BearerRejected):
        return _bearer_error(request, error)
    if isinstance(error, TooMany):
        request.reason = error.reason
        return _later(429, "too_many_attempts", "Too many failed attempts. Try again later.", error.retry_after)
    if isinstance(error, Unavailable):
        request.reason = error.reason
        return _later(503, "temporarily_unavailable", "Try again in a moment; nothing was changed.", error.retry_after)
    if isinstance(error, StoreUnavailable):
        request.reason = f"{error.store}_{error.kind}"
        # Jitter, or a herd that was turned away together comes back together.
        return _later(503, "temporarily_unavailable", "Try again in a moment.", random.randint(1, 5))  # noqa: S311
    request.reason = "bug"
    log.error("request_failed", request_id=request.id, error_type=type(error).__name__, exc_info=error)
    return _error(500, "server_error", f"The service failed. Quote {request.id} when you report it.")


def _error(status: int, code: str | None, description: str, headers: Headers | None = None) -> Reply:
    return json_reply({"error": code, "error_description": description}, status, headers)


def _later(status: int, code: str, description: str, seconds: int) -> Reply:
    return _error(status, code, description, [(b"retry-after", b"%d" % max(1, seconds))])


def _bearer_error(request: Request, error: BearerRejected) -> Reply:
    request.reason = error.reason
    challenge = f'{error.scheme} realm="authsvc"'
    if error.scheme == "DPoP":
        challenge += f', algs="{" ".join(ALGORITHMS)}"'
    if error.error:
        challenge += f', error="{error.error}", error_description="{error.description}"'
    if error.reason in _NEEDED:
        challenge += f', scope="{_NEEDED[error.reason]}"'
    description = error.description or "An access token is needed."
    headers = [(b"www-authenticate", challenge.encode("ascii"))]
    return _error(error.status, error.error or "invalid_request", description, headers)


async def not_found(_request: Request) -> Reply:
    return _error(404, "not_found", "There is nothing at this address.")


async def method_not_allowed(request: Request) -> Reply:
    allowed = ", ".join(sorted(request.scope["authsvc.allowed"]))
    return _error(405, "invalid_request", "This method is not supported here.", [(b"allow", allowed.encode("ascii"))])
