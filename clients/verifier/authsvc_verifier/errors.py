"""How a request is refused (RFC 6750 section 3, RFC 9449 section 7.1, RFC 9470 section 3), and how it is put off.

`reason` is one lower_snake word for logs and metrics; nothing of the token is in it. Descriptions are constants.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

DPOP_ALGORITHMS = ("ES256", "RS256", "PS256", "EdDSA", "Ed25519")


class VerifierError(Exception):
    """`status`: of the HTTP answer; `headers`: what goes with it; `body`: its JSON."""

    status = 500
    error: str | None = None

    def __init__(self, reason: str, description: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.description = description

    @property
    def headers(self) -> dict[str, str]:
        return {"Cache-Control": "no-store"}

    @property
    def body(self) -> dict[str, str]:
        found = {"error": self.error or "unauthorized"}
        return {**found, "error_description": self.description} if self.description else found

    def answer(self) -> tuple[dict[str, str], bytes]:
        """Headers and content of the HTTP answer, where no framework makes them."""
        content = json.dumps(self.body).encode()
        return {**self.headers, "Content-Type": "application/json", "Content-Length": str(len(content))}, content


class Refused(VerifierError):
    """This request is not let in. The challenge says what would be."""

    status = 401
    scheme = "Bearer"

    def __init__(self, reason: str, description: str = "") -> None:
        super().__init__(reason, description)
        self.more: dict[str, str] = {}
        """Parameters of the challenge that a `ProtectedResource` adds."""

    def parameters(self) -> dict[str, str]:
        """Of the challenge, in order; values hold neither quotes nor backslashes."""
        found = {"error": self.error, "error_description": self.description or None}
        return {name: value for name, value in found.items() if value}

    def challenge(self) -> str:
        """The value of WWW-Authenticate."""
        parts = {**self.parameters(), **self.more}
        if self.scheme == "DPoP":
            parts["algs"] = " ".join(DPOP_ALGORITHMS)
        text = ", ".join(f'{name}="{value}"' for name, value in parts.items())
        return f"{self.scheme} {text}".rstrip()

    @property
    def headers(self) -> dict[str, str]:
        return {**super().headers, "WWW-Authenticate": self.challenge()}


class TokenMissing(Refused):
    """No credentials at all: the challenge carries no error code (RFC 6750 section 3.1)."""

    def __init__(self) -> None:
        super().__init__("token_missing")


class InvalidRequest(Refused):
    """More than one way to show a token, or a malformed one."""

    status = 400
    error = "invalid_request"


class InvalidToken(Refused):
    """Malformed, forged, expired, revoked, or for another audience."""

    error = "invalid_token"

    def __init__(self, reason: str, description: str = "The access token is invalid, expired or revoked.") -> None:
        super().__init__(reason, description)


class InvalidProof(Refused):
    """The DPoP proof is missing or does not fit (RFC 9449 section 7.1); `invalid_token` for a downgrade."""

    scheme = "DPoP"
    error = "invalid_dpop_proof"

    def __init__(self, reason: str, description: str = "The DPoP proof is missing or wrong.") -> None:
        super().__init__(reason, description)


class BoundToken(Refused):
    """A token bound to a key was shown as a bearer token (RFC 9449 section 7.2), or bound in a way we cannot check."""

    scheme = "DPoP"
    error = "invalid_token"

    def __init__(self, reason: str = "bound_token") -> None:
        super().__init__(reason, "The access token is bound to a key: send it with the scheme DPoP and a proof.")


class BoundToCertificate(Refused):
    """A token that is bound to a certificate came without it (RFC 8705 section 3)."""

    error = "invalid_token"

    def __init__(self, reason: str) -> None:
        super().__init__(reason, "The access token is bound to a certificate: send it by a TLS connection with that.")


class InsufficientScope(Refused):
    """Good, but not enough. `scope`: all that the resource wants."""

    status = 403
    error = "insufficient_scope"

    def __init__(self, scope: Sequence[str]) -> None:
        super().__init__("insufficient_scope", "The access token lacks a scope.")
        self.scope = tuple(scope)

    def parameters(self) -> dict[str, str]:
        return {**super().parameters(), "scope": " ".join(self.scope)}


class InsufficientRole(Refused):
    """The person, or the client, has not the role. No other token would help, so no scope is named."""

    status = 403
    error = "insufficient_scope"

    def __init__(self) -> None:
        super().__init__("insufficient_role", "The role for this is missing.")


class StepUpNeeded(Refused):
    """RFC 9470: come back after another login. `max_age`: seconds."""

    error = "insufficient_user_authentication"

    def __init__(self, reason: str, acr_values: Sequence[str] = (), max_age: int | None = None) -> None:
        super().__init__(reason, "A stronger or more recent login is needed.")
        self.acr_values = tuple(acr_values)
        self.max_age = max_age

    def parameters(self) -> dict[str, str]:
        found = super().parameters()
        if self.acr_values:
            found["acr_values"] = " ".join(self.acr_values)
        if self.max_age is not None:
            found["max_age"] = str(self.max_age)
        return found


class NotConfigured(VerifierError):
    """A good token is bound to a key, and nobody told this service under which address callers reach it, so that no
    proof can be judged (RFC 9449 section 4.3, check 9). Never the fault of who asked."""

    status = 500
    error = "server_error"

    def __init__(self, reason: str = "external_url_missing") -> None:
        super().__init__(reason, "This service is not set up to take DPoP proofs.")


class Unavailable(VerifierError):
    """Not known now: the keys or the revocations could not be read. Never the fault of who asked."""

    status = 503
    error = "temporarily_unavailable"

    def __init__(self, reason: str, retry_after: int = 5) -> None:
        super().__init__(reason, "The access token cannot be judged now. Try again.")
        self.retry_after = retry_after

    @property
    def headers(self) -> dict[str, str]:
        return {**super().headers, "Retry-After": str(self.retry_after)}
