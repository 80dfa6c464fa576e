"""A first-party frontend logs a person in with e-mail and password: a session, and its first grant."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

from authsvc import metrics
from authsvc.device_name import MAX_DEVICE_INFO, MAX_USER_AGENT, device_name
from authsvc.flows.login.authenticate_person import AMR, Attempt, authenticate_person, refused
from authsvc.flows.session.client_policy import lifetime
from authsvc.flows.token.grant_type import Caller, Issuance
from authsvc.rules.caller.dpop import refresh_binding
from authsvc.rules.client_record import Client
from authsvc.rules.person_record import Login, User
from authsvc.rules.refused import Refused
from authsvc.rules.token.access_token import audience_of
from authsvc.rules.token.granted import Granted
from authsvc.rules.token.refresh_token import RefreshToken
from authsvc.runtime import Runtime
from authsvc.store.session import sessions


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedIn(Granted):
    """`device`: the new value of the cookie by which this device is known."""

    user: User
    session_id: UUID
    remember_me: bool
    device: str = field(repr=False)


async def login(runtime: Runtime, caller: Caller, attempt: Attempt) -> LoggedIn:
    """Begin a session and its grant. Raises Rejected (invalid_credentials, access_denied), TooMany, Unavailable."""
    client = caller.client
    person = await authenticate_person(runtime, attempt, required_role=client.login.required_role)
    remember_me = attempt.remember_me and client.login.remember_me_allowed
    session_id, grant_id, secret = UUID(bytes=runtime.entropy(16)), UUID(bytes=runtime.entropy(16)), runtime.entropy(16)
    first = RefreshToken(runtime.master.current_id, grant_id, 0, secret)
    audience = audience_of(client, runtime.settings.issuer)
    begun = await sessions.begin(
        runtime.db,
        session_id=session_id,
        user_id=person.user.id,
        password_hash=person.password_hash,
        device_info=(attempt.device_info or device_name(attempt.user_agent))[:MAX_DEVICE_INFO],
        ip_address=attempt.address,
        user_agent=attempt.user_agent[:MAX_USER_AGENT] if attempt.user_agent else None,
        amr=AMR,
        remember_me=remember_me,
        lifetime_seconds=lifetime(runtime, client, remember_me),
        grant_id=grant_id,
        client_id=client.id,
        scope=client.tokens.scopes,
        audience=audience,
        secret_hash=first.secret_hash,
        bound_to=refresh_binding(client, caller.confirmation),
    )
    if begun is None:
        raise refused(person.user)
    metrics.logins.labels("ok").inc()
    return LoggedIn(
        subject=Login(person.user.id, session_id, begun.now, AMR, person.user.roles),
        scope=client.tokens.scopes,
        audience=audience,
        now=begun.now,
        expires_at=begun.expires_at,
        refresh_token=first,
        user=person.user,
        session_id=session_id,
        remember_me=remember_me,
        device=person.device,
    )


def _may_log_in(client: Client, _name: str) -> Refused | None:
    if client.first_party:
        return None
    return Refused("unauthorized_client", "This client may not log people in by password.", "client_not_first_party")


PASSWORD_LOGIN = Issuance(name="password_login", run=login, permit=_may_log_in)
