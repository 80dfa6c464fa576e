"""The last step of every grant: sign an access token. Called only after the commit that allows it."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from authsvc import metrics
from authsvc.keyring.ring import NoSigningKey
from authsvc.oauth.claims import ACCESS_TOKEN_TYPE, Person, access_token_claims
from authsvc.oauth.errors import Unavailable
from authsvc.oauth.records import Client
from authsvc.runtime import Runtime


@dataclass(frozen=True, slots=True)
class Tokens:
    """A token response (RFC 6749 section 5.1). Seconds are whole and from now."""

    access_token: str = field(repr=False)
    expires_in: int
    scope: tuple[str, ...]
    refresh_token: str | None = field(repr=False, default=None)
    refresh_token_expires_in: int | None = None


def access_token(
    runtime: Runtime,
    client: Client,
    *,
    grant_type: str,
    scope: Sequence[str],
    audience: Sequence[str],
    person: Person | None,
    now: datetime,
    session_expires_at: datetime | None = None,
) -> tuple[str, int]:
    """(token, seconds it lives): never longer than the session. `now` is the committing statement's, or the clock's."""
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
        jti=urlsafe_b64encode(runtime.entropy(16)).decode("ascii").rstrip("="),
        person=person,
    )
    try:
        token = runtime.keyring.sign(claims, typ=ACCESS_TOKEN_TYPE, now=now)
    except NoSigningKey as error:
        raise Unavailable("no_signing_key", retry_after=5) from error
    metrics.token_issued(grant_type)
    return token, lifetime
