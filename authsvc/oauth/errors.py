"""How a flow says no. Two unrelated trees, so that trouble in a store can never become "your credentials are bad":

- `Rejected`: the caller is at fault. Carries an OAuth error (authlib's classes) and a `reason` for log and metrics.
- `Unavailable`, `TooMany`: nobody is at fault; come back in `retry_after` seconds.

Nothing here is rendered: `web/reply.py` is the only writer of errors. The description is a constant for the caller
(RFC 6749 section 5.2: ASCII without quotes and backslashes; authlib raises on others), never what was sent.
"""

from __future__ import annotations

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import (
    AccessDeniedError,
    InvalidClientError,
    InvalidGrantError,
    InvalidRequestError,
    InvalidScopeError,
    UnauthorizedClientError,
)

__all__ = [
    "AccessDeniedError",
    "BearerRejected",
    "InvalidClientError",
    "InvalidCredentialsError",
    "InvalidGrantError",
    "InvalidRequestError",
    "InvalidScopeError",
    "NotFoundError",
    "OAuth2Error",
    "PayloadTooLargeError",
    "Rejected",
    "TooMany",
    "UnauthorizedClientError",
    "Unavailable",
    "UnsupportedGrantTypeError",
    "UnsupportedMediaTypeError",
    "plain",
]


class InvalidCredentialsError(OAuth2Error):
    """Our own JSON login's "no such person or wrong password": one answer for both."""

    error = "invalid_credentials"
    status_code = 401


class NotFoundError(OAuth2Error):
    error = "not_found"
    status_code = 404


class PayloadTooLargeError(OAuth2Error):
    error = "invalid_request"
    status_code = 413


class UnsupportedMediaTypeError(OAuth2Error):
    error = "invalid_request"
    status_code = 415


class UnsupportedGrantTypeError(OAuth2Error):
    """RFC 6749 section 5.2. authlib's own takes the grant type that was sent, and has no description."""

    error = "unsupported_grant_type"


def plain(text: str) -> str:
    """What an operator named (a role), in the characters that a description may have."""
    return "".join(char if "\x20" <= char <= "\x7e" and char not in '"\\' else "?" for char in text)


class Rejected(Exception):
    """The request is refused. `reason` is a lower_snake word shared by log and metrics, never shown to the caller."""

    def __init__(self, error: OAuth2Error, reason: str, *, challenge: str | None = None) -> None:
        super().__init__(reason)
        self.error = error
        self.reason = reason
        self.challenge = challenge


class BearerRejected(Exception):
    """No valid access token (RFC 6750 section 3). `error` is None where none was sent: then no code is shown."""

    def __init__(self, reason: str, *, error: str | None, description: str = "", status: int = 401) -> None:
        super().__init__(reason)
        self.reason = reason
        self.error = error
        self.description = description
        self.status = status


class Unavailable(Exception):
    """Come back later: 503 `temporarily_unavailable` with Retry-After (seconds)."""

    def __init__(self, reason: str, *, retry_after: int = 1) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after = retry_after


class TooMany(Exception):
    """Too many failures: 429 with Retry-After (seconds). Says nothing about whether the credentials were right."""

    def __init__(self, reason: str, *, retry_after: int) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after = retry_after
