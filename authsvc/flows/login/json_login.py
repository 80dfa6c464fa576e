"""A first-party frontend logs a person in with e-mail and password: a session, and its first grant."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from authsvc import metrics
from authsvc.device_name import MAX_DEVICE_INFO, MAX_USER_AGENT, device_name
from authsvc.flows.keys.sign import require_keys
from authsvc.flows.login.authenticate_person import AMR, Attempt, Authenticated, authenticate_person, refused
from authsvc.flows.session.lifetime import lifetime
from authsvc.flows.session.subject import person_of
from authsvc.flows.token.tokens import Tokens, session_tokens
from authsvc.rules.caller.dpop import refresh_binding
from authsvc.rules.confirmation import UNBOUND, Confirmation
from authsvc.rules.errors import Rejected, UnauthorizedClientError
from authsvc.rules.records import Client, User
from authsvc.rules.token.access_token import audience_of
from authsvc.rules.token.refresh_token import RefreshToken
from authsvc.runtime import Runtime
from authsvc.store.session import sessions


@dataclass(frozen=True, slots=True)
class LoggedIn:
    tokens: Tokens
    user: User
    session_id: UUID
    remember_me: bool
    device: str = field(repr=False)
    now: datetime


async def login(
    runtime: Runtime, client: Client, attempt: Attempt, *, confirmation: Confirmation = UNBOUND
) -> LoggedIn:
    """`confirmation`: what the tokens are bound to.

    Raises Rejected (invalid_credentials, access_denied, unauthorized_client), TooMany, Unavailable."""
    if not client.first_party:
        raise Rejected(
            UnauthorizedClientError("This client may not log people in by password."), "client_not_first_party"
        )
    require_keys(runtime, client)
    person = await authenticate_person(runtime, attempt, required_role=client.required_role)
    logged_in = await _begin(runtime, client, attempt, person, confirmation)
    metrics.logins.labels("ok").inc()
    return logged_in


async def _begin(
    runtime: Runtime, client: Client, attempt: Attempt, person: Authenticated, confirmation: Confirmation
) -> LoggedIn:
    user = person.user
    remember_me = attempt.remember_me and client.remember_me_allowed
    session_id, grant_id, secret = UUID(bytes=runtime.entropy(16)), UUID(bytes=runtime.entropy(16)), runtime.entropy(16)
    first = RefreshToken(runtime.master.current_id, grant_id, 0, secret)
    audience = audience_of(client, runtime.settings.issuer)
    begun = await sessions.begin(
        runtime.db,
        session_id=session_id,
        user_id=user.id,
        password_hash=person.password_hash,
        device_info=(attempt.device_info or device_name(attempt.user_agent))[:MAX_DEVICE_INFO],
        ip_address=attempt.address,
        user_agent=attempt.user_agent[:MAX_USER_AGENT] if attempt.user_agent else None,
        amr=AMR,
        remember_me=remember_me,
        lifetime_seconds=lifetime(runtime, client, remember_me),
        grant_id=grant_id,
        client_id=client.id,
        scope=client.scopes,
        audience=audience,
        secret_hash=first.secret_hash,
        bound_to=refresh_binding(client, confirmation),
    )
    if begun is None:
        raise refused(user)
    who = person_of(
        runtime, client, user_id=user.id, session_id=session_id, auth_time=begun.now, amr=AMR, roles=user.roles
    )
    tokens = session_tokens(
        runtime, client, who, grant_type="password_login", scope=client.scopes, audience=audience, now=begun.now,
        expires_at=begun.expires_at, confirmation=confirmation, refresh_token=first,
    )  # fmt: skip
    return LoggedIn(tokens, user, session_id, remember_me, person.device, begun.now)
