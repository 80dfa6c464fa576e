"""A first-party frontend logs a person in with e-mail and password: a session, and its first grant."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

from authsvc import metrics
from authsvc.flows.caller.prove_possession import spend_proof
from authsvc.flows.login.authenticate_person import AMR, Attempt, authenticate_person, new_session, refused
from authsvc.flows.session.end_surplus import end_surplus
from authsvc.flows.token.grant_type import Caller, Issuance
from authsvc.rules.caller.dpop import refresh_binding
from authsvc.rules.client_record import Client
from authsvc.rules.person_record import Login, User
from authsvc.rules.refused import Refused
from authsvc.rules.token.audience import audience_of
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
    if caller.proof is not None:  # a wrong password is anybody's, and leaves no row behind
        await spend_proof(runtime, caller.proof)
    new = new_session(runtime, client, attempt, person)
    first = RefreshToken(runtime.master.current_id, UUID(bytes=runtime.entropy(16)), 0, runtime.entropy(16))
    audience = audience_of(client, runtime.settings.issuer)
    begun = await sessions.begin_with_grant(
        runtime.db,
        new,
        grant_id=first.grant_id,
        client_id=client.id,
        scope=client.tokens.scopes,
        audience=audience,
        secret_hash=first.secret_hash,
        bound_to=refresh_binding(client, caller.confirmation),
    )
    if begun is None:
        raise refused(person.user)
    await end_surplus(runtime, new.user_id, new.id, begun.others)
    metrics.logins.labels("ok").inc()
    return LoggedIn(
        subject=Login(person.user.id, new.id, begun.now, AMR, person.user.roles),
        scope=client.tokens.scopes,
        audience=audience,
        now=begun.now,
        expires_at=begun.expires_at,
        refresh_token=first,
        user=person.user,
        session_id=new.id,
        remember_me=new.remember_me,
        device=person.device,
    )


def _may_log_in(client: Client, _name: str) -> Refused | None:
    if client.first_party:
        return None
    return Refused("unauthorized_client", "This client may not log people in by password.", "client_not_first_party")


PASSWORD_LOGIN = Issuance(name="password_login", run=login, permit=_may_log_in, spends_proof=True)
