"""How a flow says no. Two unrelated trees, so that trouble in a store can never become "your credentials are bad":

- `Rejected`: the caller is at fault. Carries an OAuth error (authlib's classes) and a `reason` for log and metrics.
- `Unavailable`, `TooMany`: nobody is at fault; come back in `retry_after` seconds.

Nothing here is rendered: `web/http/errors` maps each to what is told. The description is a constant for the caller
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

from authsvc.rules.refused import Refused

__all__ = [
    "AccessDeniedError",
    "AuthorizationPendingError",
    "BearerRejected",
    "ExpiredTokenError",
    "InvalidClientError",
    "InvalidCredentialsError",
    "InvalidDpopProofError",
    "InvalidGrantError",
    "InvalidRequestError",
    "InvalidScopeError",
    "InvalidTargetError",
    "MetadataRefusedError",
    "NotFoundError",
    "OAuth2Error",
    "PayloadTooLargeError",
    "Rejected",
    "RequestRefusedError",
    "SlowDownError",
    "TooMany",
    "UnauthorizedClientError",
    "Unavailable",
    "UnsupportedGrantTypeError",
    "UnsupportedMediaTypeError",
    "UseDpopNonceError",
    "plain",
    "rejected",
]


class InvalidCredentialsError(OAuth2Error):
    """Our own JSON login's "no such person or wrong password": one answer for both."""

    error = "invalid_credentials"
    status_code = 401


class InvalidDpopProofError(OAuth2Error):
    """RFC 9449 section 5: the proof is missing where it is needed, not genuine, not for this request, or not new."""

    error = "invalid_dpop_proof"


class UseDpopNonceError(OAuth2Error):
    """RFC 9449 section 8: the nonce to use stands in the DPoP-Nonce header of the answer."""

    error = "use_dpop_nonce"


class AuthorizationPendingError(OAuth2Error):
    """RFC 8628 section 3.5, like the next two."""

    error = "authorization_pending"


class SlowDownError(OAuth2Error):
    error = "slow_down"


class ExpiredTokenError(OAuth2Error):
    error = "expired_token"


class InvalidTargetError(OAuth2Error):
    """RFC 8707 section 2, RFC 8693 section 2.2.2."""

    error = "invalid_target"


class MetadataRefusedError(OAuth2Error):
    """RFC 7591 section 3.2.2: invalid_redirect_uri, invalid_client_metadata, unapproved_software_statement."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(description)
        self.error = error


class NotFoundError(OAuth2Error):
    error = "not_found"
    status_code = 404


class PayloadTooLargeError(OAuth2Error):
    error = "invalid_request"
    status_code = 413


class HistoryNotKeptError(OAuth2Error):
    """draft-ietf-oauth-status-list section 8.4: only the newest status list can be had."""

    error = "invalid_request"
    status_code = 501


class RequestRefusedError(OAuth2Error):
    """What a rule refused, in its words."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(description)
        self.error = error


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


def rejected(refused: Refused) -> Rejected:
    """What a flow raises for a rule's no."""
    return Rejected(RequestRefusedError(refused.error, refused.description), refused.reason)


class BearerRejected(Exception):
    """No valid access token (RFC 6750 section 3). `error` is None where none was sent: then no code is shown.

    `scheme`: how the token has to be shown, Bearer or DPoP (RFC 9449 section 7.1).
    """

    def __init__(
        self, reason: str, *, error: str | None, description: str = "", status: int = 401, scheme: str = "Bearer"
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.error = error
        self.description = description
        self.status = status
        self.scheme = scheme


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
