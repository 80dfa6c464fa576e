"""What an access token says (RFC 9068 section 2.2)."""

from __future__ import annotations

from typing import Any

from authsvc.rules.client_record import Client
from authsvc.rules.confirmation import Confirmation
from authsvc.rules.person_record import Login
from authsvc.rules.token.exchange import Exchange
from authsvc.rules.token.granted import Granted

ACCESS_TOKEN_TYPE = "at+jwt"  # noqa: S105 - RFC 9068 section 2.1, a media type

PASSWORD_ACR = "urn:authsvc:acr:password"  # noqa: S105 - the name of a login method
"""Authentication context class of a password login (OIDC Core section 2, acr)."""


def audience_of(client: Client, issuer: str) -> tuple[str, ...]:
    """Who may accept this client's tokens. First-party tokens always open authsvc's own endpoints too."""
    if not client.tokens.audiences:
        return (issuer,)
    if client.first_party and issuer not in client.tokens.audiences:
        return (*client.tokens.audiences, issuer)
    return client.tokens.audiences


def access_token_claims(
    granted: Granted, *, issuer: str, client_id: str, sub: str, lifetime: int, jti: str, confirmation: Confirmation
) -> dict[str, Any]:
    """Claims of the access token of a grant. `sub`: the person as the client knows them, or the client itself (RFC 9068
    section 5); `lifetime`: seconds; `confirmation`: what it is bound to."""
    issued_at, audience = int(granted.now.timestamp()), granted.audience
    return {
        "iss": issuer,
        "aud": audience[0] if len(audience) == 1 else list(audience),
        "client_id": client_id,
        "scope": " ".join(granted.scope),
        "iat": issued_at,
        "exp": issued_at + lifetime,
        "jti": jti,
        "sub": sub,
        **_subject_claims(granted.subject),
        **confirmation.claims,
    }


def _subject_claims(subject: Login | Exchange | None) -> dict[str, Any]:
    if subject is None:
        return {}
    if isinstance(subject, Exchange):
        return subject.claims
    return {
        "sid": str(subject.session_id),
        "auth_time": int(subject.auth_time.timestamp()),
        "acr": PASSWORD_ACR,
        "amr": list(subject.amr),
        "roles": list(subject.roles),
    }
