"""What an access token says (RFC 9068 section 2.2)."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from authsvc.rules.client_record import Client
from authsvc.rules.confirmation import Confirmation
from authsvc.rules.levels import stated
from authsvc.rules.person_record import Login
from authsvc.rules.token.audience import audience_now
from authsvc.rules.token.exchange import ROLES_SCOPE, Exchange
from authsvc.rules.token.granted import Granted

ACCESS_TOKEN_TYPE = "at+jwt"  # noqa: S105 - RFC 9068 section 2.1, a media type
PRESENT, ABSENT = frozenset({"client_id", "scope", "jti"}), frozenset({"azp", "nonce", "at_hash", "c_hash"})
"""What every access token of ours says and no ID token does, and the other way round: where a client's access tokens
are of the type JWT, both are told apart by these alone. ID tokens once said `client_id`, so both lists are needed."""


def sees_roles(client: Client, scope: Collection[str]) -> bool:
    """Whether a client's tokens say what roles a person has: services let people in by them, so a stranger's do only
    where an operator gave the client the scope and the person consented to it."""
    return client.first_party or ROLES_SCOPE in scope


def access_token_claims(
    granted: Granted, *, issuer: str, client: Client, sub: str, lifetime: int, jti: str, confirmation: Confirmation
) -> dict[str, Any]:
    """Claims of the access token of a grant. `sub`: the person as the client knows them, or the client itself (RFC 9068
    section 5); `lifetime`: seconds; `confirmation`: what it is bound to."""
    issued_at, audience = int(granted.now.timestamp()), granted.audience
    if isinstance(granted.subject, Login):
        audience = audience_now(client, issuer, audience)
    return {
        "iss": issuer,
        "aud": audience[0] if len(audience) == 1 else list(audience),
        "client_id": client.id,
        "scope": " ".join(granted.scope),
        "iat": issued_at,
        "exp": issued_at + lifetime,
        "jti": jti,
        "sub": sub,
        **_subject_claims(granted.subject, roles=sees_roles(client, granted.scope)),
        **confirmation.claims,
    }


def _subject_claims(subject: Login | Exchange | None, *, roles: bool) -> dict[str, Any]:
    if subject is None:
        return {}
    if isinstance(subject, Exchange):
        return subject.claims
    return {
        "sid": subject.sid,
        "auth_time": int(subject.auth_time.timestamp()),
        "acr": stated(subject.amr, subject.acr_values),
        "amr": list(subject.amr),
        **({"roles": list(subject.roles)} if roles else {}),
    }
