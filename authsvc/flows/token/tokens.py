"""The last step of every grant: sign an access token. Called only after the commit that allows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from authsvc import metrics
from authsvc.flows.keys.sign import signed
from authsvc.flows.revocation.status_indices import give_index, names_list
from authsvc.rules.confirmation import Confirmation
from authsvc.rules.records import Client
from authsvc.rules.token.access_token import ACCESS_TOKEN_TYPE, Person, access_token_claims, exchanged_claims
from authsvc.rules.token.exchange import GRANT_TYPE as TOKEN_EXCHANGE
from authsvc.rules.token.exchange import Exchange
from authsvc.rules.token.id_token import ID_TOKEN_TYPE, half_hash, id_token_claims
from authsvc.rules.token.refresh_token import RefreshToken, encode
from authsvc.runtime import Runtime
from authsvc_jws.base64url import base64url_encode


@dataclass(frozen=True, slots=True)
class Tokens:
    """A token response (RFC 6749 section 5.1). Seconds are whole and from now."""

    access_token: str = field(repr=False)
    expires_in: int
    scope: tuple[str, ...]
    refresh_token: str | None = field(repr=False, default=None)
    refresh_token_expires_in: int | None = None
    id_token: str | None = field(repr=False, default=None)
    issued_token_type: str | None = None


@dataclass(frozen=True, slots=True)
class Identified:
    """What an ID token says besides who logged in, when and how. `about`: further claims about the person."""

    nonce: str | None = None
    about: Mapping[str, Any] = field(default_factory=dict)


def session_tokens(
    runtime: Runtime,
    client: Client,
    person: Person,
    *,
    grant_type: str,
    scope: tuple[str, ...],
    audience: Sequence[str],
    now: datetime,
    expires_at: datetime,
    confirmation: Confirmation,
    refresh_token: RefreshToken | None,
    identified: Identified | None = None,
) -> Tokens:
    """What a session gives to a client. `expires_at`: the grant's end; `refresh_token`: None where the client gets
    none; `identified`: what its ID token says, None for no ID token. See `access_token`. Raises Unavailable."""
    token, lifetime = access_token(
        runtime, client, grant_type=grant_type, scope=scope, audience=audience, person=person,
        confirmation=confirmation, now=now, session_expires_at=expires_at,
    )  # fmt: skip
    return Tokens(
        access_token=token,
        expires_in=lifetime,
        scope=scope,
        refresh_token=_encoded(runtime, client, refresh_token) if refresh_token else None,
        refresh_token_expires_in=max(0, int((expires_at - now).total_seconds())) if refresh_token else None,
        id_token=_id_token(runtime, client, person, identified, access_token=token, now=now) if identified else None,
    )


def gets_refresh_token(client: Client, scope: Sequence[str]) -> bool:
    """By policy: frontends of the house always, others where `offline_access` was granted (OIDC Core section 11)."""
    return "refresh_token" in client.grant_types and (client.first_party or "offline_access" in scope)


def _encoded(runtime: Runtime, client: Client, token: RefreshToken) -> str:
    key = runtime.refresh_mac_key(token.key_id)
    assert key is not None
    return encode(token, key, client.id)


def access_token(
    runtime: Runtime,
    client: Client,
    *,
    grant_type: str,
    scope: Sequence[str],
    audience: Sequence[str],
    person: Person | None,
    confirmation: Confirmation,
    now: datetime,
    session_expires_at: datetime | None = None,
) -> tuple[str, int]:
    """(token, seconds it lives): never longer than the session. `now` is the committing statement's, or the clock's.
    `confirmation`: what the caller proved."""
    issued_at = int(now.timestamp())
    lifetime = client.access_token_seconds or runtime.settings.access_token_seconds
    if session_expires_at is not None:
        lifetime = max(1, min(lifetime, int((session_expires_at - now).total_seconds())))
    claims = access_token_claims(
        issuer=runtime.settings.issuer,
        audience=audience,
        client_id=client.id,
        scope=scope,
        issued_at=issued_at,
        expires_at=issued_at + lifetime,
        jti=base64url_encode(runtime.entropy(16)),
        person=person,
        confirmation=confirmation,
    )
    if names_list(runtime, client, audience):
        claims["status"] = give_index(runtime, client, claims, now)
    token = signed(runtime, claims, ACCESS_TOKEN_TYPE, now, client.access_token_signed_response_alg)
    metrics.token_issued(grant_type)
    return token, lifetime


def exchanged_token(
    runtime: Runtime,
    client: Client,
    *,
    subject: Mapping[str, Any],
    exchange: Exchange,
    confirmation: Confirmation,
    now: datetime,
) -> tuple[str, int]:
    """(token, seconds it lives): as `access_token`, and never longer than the token with the claims `subject`."""
    issued_at = int(now.timestamp())
    lifetime = client.access_token_seconds or runtime.settings.access_token_seconds
    expires_at = min(issued_at + lifetime, int(subject["exp"]))
    claims = exchanged_claims(
        subject,
        audience=exchange.audience,
        client_id=client.id,
        scope=exchange.scope,
        issued_at=issued_at,
        expires_at=expires_at,
        jti=base64url_encode(runtime.entropy(16)),
        act=exchange.act,
        exchanged_from=exchange.exchanged_from,
        confirmation=confirmation,
    )
    if names_list(runtime, client, exchange.audience):
        claims["status"] = give_index(runtime, client, claims, now)
    token = signed(runtime, claims, ACCESS_TOKEN_TYPE, now, client.access_token_signed_response_alg)
    metrics.token_issued(TOKEN_EXCHANGE)
    return token, expires_at - issued_at


def _id_token(
    runtime: Runtime, client: Client, person: Person, identified: Identified, *, access_token: str, now: datetime
) -> str:
    alg = client.id_token_signed_response_alg
    claims = id_token_claims(
        issuer=runtime.settings.issuer,
        client_id=client.id,
        person=person,
        issued_at=int(now.timestamp()),
        at_hash=half_hash(access_token, alg),
        nonce=identified.nonce,
        jti=base64url_encode(runtime.entropy(16)),
        about=identified.about,
    )
    return signed(runtime, claims, ID_TOKEN_TYPE, now, alg)
