"""How a flow says no. Two unrelated trees, so that trouble in a store can never become "your credentials are bad":

- `Rejected`: the caller is at fault. Carries an OAuth error (authlib's class) and a `reason` for log and metrics.
- `Unavailable`, `TooMany`: nobody is at fault; come back in `retry_after` seconds.

Nothing here is rendered: `web/http/failures` maps each to what is told. The description is a constant for the caller
(RFC 6749 section 5.2: ASCII without quotes and backslashes; authlib raises on others), never what was sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from authlib.oauth2 import OAuth2Error

from authsvc.rules.refused import Refused


def plain(text: str) -> str:
    """What an operator named (a role), in the characters that a description may have."""
    return "".join(char if "\x20" <= char <= "\x7e" and char not in '"\\' else "?" for char in text)


class Rejected(Exception):
    """The request is refused. `error`: the specification's code; `reason`: a lower_snake word shared by log and
    metrics, never shown to the caller; `challenge`: WWW-Authenticate; `members`: of a JSON answer, beside these."""

    def __init__(
        self,
        error: str,
        description: str,
        reason: str,
        *,
        status: int = 400,
        challenge: str | None = None,
        members: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(reason)
        self.error = OAuth2Error(description, status_code=status, error=error)
        self.reason = reason
        self.challenge = challenge
        self.members = members or {}


def mfa_required(challenge: str, ways: Mapping[str, Mapping[str, Any]], seconds: int) -> Rejected:
    """The password was right, and a second factor is needed. `challenge`: to be sent back with an answer within
    `seconds`; `ways`: how that may be proved, each with what it needs."""
    needs = {name: dict(needed) for name, needed in ways.items() if needed}
    members = {"mfa_challenge": challenge, "ways": list(ways), "expires_in": seconds, **needs}
    return Rejected("mfa_required", "A second factor is needed.", "mfa_required", status=401, members=members)


def rejected(refused: Refused) -> Rejected:
    """What a flow raises for a rule's no."""
    return Rejected(refused.error, refused.description, refused.reason)


def not_authenticated(reason: str, description: str) -> Rejected:
    """RFC 6749 section 5.2: 401, and the scheme that would have served. (authlib's own header lacks the realm.)"""
    return Rejected("invalid_client", description, reason, status=401, challenge='Basic realm="authsvc"')


class BearerRejected(Exception):
    """No valid access token (RFC 6750 section 3). `error` is None where none was sent: then no code is shown.

    `scheme`: how the token has to be shown, Bearer or DPoP (RFC 9449 section 7.1). `max_age`: seconds since the login
    at most, where that is what is wrong with it (RFC 9470).
    """

    def __init__(
        self,
        reason: str,
        *,
        error: str | None,
        description: str = "",
        status: int = 401,
        scheme: str = "Bearer",
        max_age: int | None = None,
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.error = error
        self.description = description
        self.status = status
        self.scheme = scheme
        self.max_age = max_age


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
