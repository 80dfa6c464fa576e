"""What an access token says (RFC 9068 section 2.2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from authsvc.rules.confirmation import UNBOUND, Confirmation
from authsvc.rules.records import Client

ACCESS_TOKEN_TYPE = "at+jwt"  # noqa: S105 - RFC 9068 section 2.1, a media type

PASSWORD_ACR = "urn:authsvc:acr:password"  # noqa: S105 - the name of a login method
"""Authentication context class of a password login (OIDC Core section 2, acr)."""


@dataclass(frozen=True, slots=True)
class Person:
    """Who stands behind a token that came from a login. `subject`: as the client knows the person."""

    subject: str
    session_id: str
    auth_time: datetime
    amr: Sequence[str]
    roles: Sequence[str]


def audience_of(client: Client, issuer: str) -> tuple[str, ...]:
    """Who may accept this client's tokens. First-party tokens always open authsvc's own endpoints too."""
    if not client.audiences:
        return (issuer,)
    if client.first_party and issuer not in client.audiences:
        return (*client.audiences, issuer)
    return client.audiences


def access_token_claims(
    *,
    issuer: str,
    audience: Sequence[str],
    client_id: str,
    scope: Sequence[str],
    issued_at: int,
    expires_at: int,
    jti: str,
    person: Person | None,
    confirmation: Confirmation = UNBOUND,
) -> dict[str, Any]:
    """Claims of an access token; a client without a person is its own subject (RFC 9068 section 5). `confirmation`:
    what it is bound to."""
    claims: dict[str, Any] = {
        "iss": issuer,
        "sub": person.subject if person else client_id,
        "aud": audience[0] if len(audience) == 1 else list(audience),
        "client_id": client_id,
        "scope": " ".join(scope),
        "iat": issued_at,
        "exp": expires_at,
        "jti": jti,
    }
    if person:
        claims["sid"] = person.session_id
        claims["auth_time"] = int(person.auth_time.timestamp())
        claims["acr"] = PASSWORD_ACR
        claims["amr"] = list(person.amr)
        claims["roles"] = list(person.roles)
    return claims | confirmation.claims


_OF_THE_PERSON = ("sub", "sid", "auth_time", "acr", "amr", "roles")


def exchanged_claims(
    subject: Mapping[str, Any],
    *,
    audience: Sequence[str],
    client_id: str,
    scope: Sequence[str],
    issued_at: int,
    expires_at: int,
    jti: str,
    act: Mapping[str, Any],
    exchanged_from: Sequence[Mapping[str, Any]],
    confirmation: Confirmation,
) -> dict[str, Any]:
    """Claims of an access token made from another (RFC 8693 section 4.1): who is meant stays as `subject` says. `act`:
    who acts, and for whom; `exchanged_from`: jti, client_id and iat of what it was made from, the newest first."""
    claims: dict[str, Any] = {
        "iss": subject["iss"],
        "aud": audience[0] if len(audience) == 1 else list(audience),
        "client_id": client_id,
        "scope": " ".join(scope),
        "iat": issued_at,
        "exp": expires_at,
        "jti": jti,
        "act": act,
        "exchanged_from": list(exchanged_from),
    }
    claims |= {name: subject[name] for name in _OF_THE_PERSON if name in subject}
    return claims | confirmation.claims
