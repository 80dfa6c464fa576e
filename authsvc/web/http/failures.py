"""What a caller is told of a failure: `failure_of` maps each exception once; JSON and pages render the record.

- `Rejected`, `BearerRejected`: 4xx, the caller is at fault (RFC 6749 section 5.2, RFC 6750 section 3).
- `TooMany`: 429. `Unavailable`, `StoreUnavailable`: 503. Both with Retry-After, neither says anything of credentials.
- `NotFound`, `MethodNotAllowed`: no route answers this.
- anything else: 500 `server_error`, nothing but the request id for the caller, the stack for the log.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import field
from typing import Any

from authsvc.logs import get_logger
from authsvc.records import frozen
from authsvc.rules.caller.dpop import ALGORITHMS
from authsvc.rules.errors import BearerRejected, Rejected, TooMany, Unavailable, not_authenticated
from authsvc.store.errors import ClientRemoved, StoreUnavailable
from authsvc.web.http.reply import Headers, Reply, json_reply
from authsvc.web.http.request import Request

_NEEDED = {"scope_openid_missing": "openid", "scope_revocations_missing": "revocations"}

log = get_logger()


class NotFound(Exception):
    """There is nothing at this address."""


class MethodNotAllowed(Exception):
    """The address has other methods: those in `allowed`."""

    def __init__(self, allowed: Iterable[str]) -> None:
        super().__init__("method_not_allowed")
        self.allowed = ", ".join(sorted(allowed))


@frozen
class Failure:
    """What is told of a failure. `reason`: a lower_snake word for log and metrics; `retry_after`: seconds; `challenge`:
    WWW-Authenticate; `allow`: Allow (RFC 9110 sections 11.6.1, 10.2.1)."""

    status: int
    code: str
    description: str
    reason: str | None = None
    retry_after: int | None = None
    challenge: str | None = None
    allow: str | None = None
    members: Mapping[str, Any] = field(default_factory=dict)
    """Of a JSON answer, beside code and description."""


def _rejected(error: Rejected) -> Failure:
    refused = error.error
    # RFC 9110 section 15.5.2: a 401 always says how to authenticate.
    challenge = error.challenge or ('Bearer realm="authsvc"' if refused.status_code == 401 else None)
    return Failure(
        refused.status_code,
        refused.error or "",
        refused.description or "",
        error.reason,
        challenge=challenge,
        members=error.members,
    )


def _bearer_rejected(error: BearerRejected) -> Failure:
    challenge = f'{error.scheme} realm="authsvc"'
    if error.scheme == "DPoP":
        challenge += f', algs="{" ".join(ALGORITHMS)}"'
    if error.error:
        challenge += f', error="{error.error}", error_description="{error.description}"'
    if error.reason in _NEEDED:
        challenge += f', scope="{_NEEDED[error.reason]}"'
    if error.max_age is not None:
        challenge += f', max_age="{error.max_age}"'
    description = error.description or "An access token is needed."
    return Failure(error.status, error.error or "invalid_request", description, error.reason, challenge=challenge)


MAP: dict[type[Exception], Callable[[Any], Failure]] = {
    Rejected: _rejected,
    BearerRejected: _bearer_rejected,
    TooMany: lambda error: Failure(
        429, "too_many_attempts", "Too many failed attempts. Try again later.", error.reason, max(1, error.retry_after)
    ),
    Unavailable: lambda error: Failure(
        503,
        "temporarily_unavailable",
        "Try again in a moment; nothing was changed.",
        error.reason,
        max(1, error.retry_after),
    ),
    # Jitter, or a herd that was turned away together comes back together.
    StoreUnavailable: lambda error: Failure(
        503,
        "temporarily_unavailable",
        "Try again in a moment.",
        f"{error.store}_{error.kind}",
        random.randint(1, 5),  # noqa: S311
    ),
    # As where the client is unknown (flows/caller/authenticate_client): half a second later it will be.
    ClientRemoved: lambda _: _rejected(not_authenticated("client_unknown", "Client authentication failed.")),
    NotFound: lambda _: Failure(404, "not_found", "There is nothing at this address."),
    MethodNotAllowed: lambda error: Failure(
        405, "invalid_request", "This method is not supported here.", allow=error.allowed
    ),
}
"""What each exception means to a caller. Whatever is not here is a bug of ours."""


def failure_of(request: Request, error: Exception) -> Failure:
    """What is told of this exception. Notes the reason for the access log, and the stack of a bug."""
    told = next((MAP[kind] for kind in type(error).__mro__ if kind in MAP), None)
    if told is not None:
        failure = told(error)
    else:
        description = f"The service failed. Quote {request.id} when you report it."
        failure = Failure(500, "server_error", description, "bug")
        log.error("request_failed", request_id=request.id, error_type=type(error).__name__, exc_info=error)
    request.reason = failure.reason
    return failure


def json_failure(_request: Request, failure: Failure) -> Reply:
    """RFC 6749 section 5.2."""
    headers: Headers = []
    if failure.challenge:
        headers.append((b"www-authenticate", failure.challenge.encode("ascii")))
    if failure.retry_after is not None:
        headers.append((b"retry-after", b"%d" % failure.retry_after))
    if failure.allow:
        headers.append((b"allow", failure.allow.encode("ascii")))
    said = {"error": failure.code, "error_description": failure.description, **failure.members}
    return json_reply(said, failure.status, headers)
