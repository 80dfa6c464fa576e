"""What the store hands to the rules: one frozen record a thing. Times are aware and UTC."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

Digest = bytes
"""SHA-256 of a secret. The secret itself is never stored."""

DEFAULT_ALG = "RS256"
"""What a client's tokens are signed with that named no algorithm (OpenID Connect Registration section 2)."""


@dataclass(frozen=True, slots=True)
class Client:
    """A registered client (RFC 7591 section 2) and what it may do. `None` seconds mean the service's default.

    `id_token_signed_response_alg`: of ID tokens and logout tokens (OpenID Connect Registration section 2);
    `access_token_signed_response_alg`: ours, of access tokens. A key of exactly this algorithm signs, or none.
    """

    id: str
    name: str
    kind: str
    secret_hashes: tuple[Digest, ...] = field(repr=False, default=())
    redirect_uris: tuple[str, ...] = ()
    grant_types: frozenset[str] = frozenset()
    scopes: tuple[str, ...] = ()
    audiences: tuple[str, ...] = ()
    jwks: Mapping[str, Any] | None = field(repr=False, default=None)
    first_party: bool = False
    introspection: bool = False
    required_role: str | None = None
    remember_me_allowed: bool = True
    access_token_seconds: int | None = None
    session_seconds: int | None = None
    remember_me_seconds: int | None = None
    refresh_grace_seconds: int | None = None
    application_type: str = "web"
    post_logout_redirect_uris: tuple[str, ...] = ()
    backchannel_logout_uri: str | None = None
    subject_type: str = "public"
    sector: str = ""
    require_pushed_authorization_requests: bool = False
    dpop_bound_access_tokens: bool = False
    exchange_audiences: tuple[str, ...] = ()
    exchange_subjects: tuple[str, ...] = ()
    jwks_uri: str | None = None
    client_uri: str | None = None
    policy_uri: str | None = None
    tos_uri: str | None = None
    token_endpoint_auth_method: str | None = None
    registration_hash: Digest | None = field(repr=False, default=None)
    status_list: bool = False
    id_token_signed_response_alg: str = DEFAULT_ALG
    access_token_signed_response_alg: str = DEFAULT_ALG

    @property
    def confidential(self) -> bool:
        return self.kind == "confidential"


@dataclass(frozen=True, slots=True)
class User:
    """A person. `password_hash` is an argon2id or bcrypt string, None where the person has no password."""

    id: UUID
    email: str
    name: str
    roles: tuple[str, ...]
    password_hash: str | None = field(repr=False)
    disabled_at: datetime | None
    email_verified: bool = False


@dataclass(frozen=True, slots=True)
class Session:
    """One login of one person on one device. `expires_at` is fixed at login."""

    id: UUID
    user_id: UUID
    device_info: str
    ip_address: str | None
    user_agent: str | None
    created_at: datetime
    auth_time: datetime
    amr: tuple[str, ...]
    remember_me: bool
    expires_at: datetime
    is_active: bool
    last_activity: datetime
