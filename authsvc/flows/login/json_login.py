"""A first-party frontend logs a person in with e-mail and password: a session, and its first grant.

Whoever has a second factor gets neither: the frontend is told so, with what it brings to the second call
(`second_step`)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final
from uuid import UUID

from authsvc import metrics
from authsvc.flows.caller.prove_possession import spend_dpop_proof
from authsvc.flows.factors.relying_party import pages_of
from authsvc.flows.login.authenticate_person import (
    Attempt,
    Authenticated,
    authenticate_person,
    new_device_cookie,
    new_session,
    refused,
)
from authsvc.flows.login.enter_by_proof import Take
from authsvc.flows.login.mailed_code import hold_passed
from authsvc.flows.login.new_device import Begin, begin_and_tell, is_worth_telling, place_of
from authsvc.flows.login.second_step import (
    Answer,
    begin_second_step,
    check_second_step,
    judge_reach,
    void,
    ways_after_password,
)
from authsvc.flows.proofs.tell_of_device import tell_of_device
from authsvc.flows.session.end_surplus import end_surplus
from authsvc.flows.session.subject import session_name_for
from authsvc.flows.token.grant_type import Caller, Issuance
from authsvc.records import frozen
from authsvc.rules.caller.dpop import refresh_binding
from authsvc.rules.client_record import Client
from authsvc.rules.errors import Rejected, mfa_required
from authsvc.rules.person_record import Login, User
from authsvc.rules.refused import Refused
from authsvc.rules.sealed_value_lifetimes import SECOND_STEP_SECONDS
from authsvc.rules.token.audience import audience_of
from authsvc.rules.token.granted import Granted
from authsvc.rules.token.refresh_token import RefreshToken
from authsvc.runtime import Runtime
from authsvc.store.postgres import CHANGE_SECONDS
from authsvc.store.session import sessions
from authsvc.store.session.sessions import Begun, NewSession


@dataclass(slots=True, kw_only=True)
class LoggedIn(Granted):
    """`device`: the new value of the cookie by which this device is known."""

    user: Final[User]
    session_id: Final[UUID]
    remember_me: Final[bool]
    device: Final[str] = field(repr=False)


@frozen
class PasswordSent:
    """A login by password. `holder`: what stands for the program that sends it, and that must send the rest."""

    attempt: Attempt
    holder: str


@frozen
class SecondSent:
    """The second step of such a login."""

    answer: Answer
    holder: str


async def login(runtime: Runtime, caller: Caller, asked: PasswordSent) -> LoggedIn:
    """Begin a session and its grant. Raises Rejected (invalid_credentials, access_denied, mfa_required), TooMany,
    Unavailable, StoreUnavailable."""
    client, attempt = caller.client, asked.attempt
    person = await authenticate_person(runtime, attempt, required_role=client.login.required_role)
    if caller.proof is not None:  # a wrong password is anybody's, and leaves no row behind
        await spend_dpop_proof(runtime, caller.proof)
    ways = await ways_after_password(runtime, client, person.user)
    judge_reach(runtime, client, person.user, ways)
    if ways:
        metrics.logins.labels("mfa_required").inc()
        step = await begin_second_step(
            runtime,
            person.user,
            ways,
            client_id=client.id,
            holder=holder_with_key(caller, asked.holder),
            proof=person.password_hash or "",
            remember_me=attempt.remember_me,
            device_info=attempt.device_info,
        )
        raise mfa_required(step.sealed, step.ways, SECOND_STEP_SECONDS)
    return await _begin(runtime, caller, attempt, person)


async def second_step(runtime: Runtime, caller: Caller, asked: SecondSent) -> LoggedIn:
    """Finish a login that was answered mfa_required. Raises Rejected (invalid_grant, invalid_credentials,
    access_denied), TooMany, Unavailable, StoreUnavailable."""
    client = caller.client
    passed = await check_second_step(
        runtime,
        asked.answer,
        client_id=client.id,
        holder=holder_with_key(caller, asked.holder),
        origins=pages_of(runtime.settings, client),
    )
    if client.misses_role(passed.user.roles):
        raise Rejected("access_denied", "This account may not use this client.", "role_missing", status=403)
    waiting = passed.waiting
    attempt = replace(
        asked.answer.attempt,
        email=passed.user.email,
        remember_me=waiting.remember_me,
        device_info=waiting.device_info,
    )
    if waiting.mailed:
        taking = partial(hold_passed, runtime, client, passed)
        return await begin_by_proof(runtime, caller, attempt, taking, otherwise=void("second_step_outdated"))
    return await _begin(runtime, caller, attempt, passed.person())


async def begin_by_proof(
    runtime: Runtime, caller: Caller, attempt: Attempt, take: Take, *, otherwise: Rejected
) -> LoggedIn:
    """A session and its grant, in the transaction that takes what proved the person. Raises Rejected (`otherwise` where
    they have changed meanwhile), StoreUnavailable."""
    async with runtime.db.transaction(seconds=CHANGE_SECONDS) as connection:
        person = await take(connection)
        made = _make(runtime, caller, attempt, person)
        begun = await made.begin(connection)
        if begun is None:
            raise otherwise
        if is_worth_telling(runtime, attempt, person):
            await tell_of_device(runtime, connection, person.user, made.new.id, place_of(attempt, made.new))
    return await _logged_in(runtime, caller, person, made, begun)


async def _begin(runtime: Runtime, caller: Caller, attempt: Attempt, person: Authenticated) -> LoggedIn:
    made = _make(runtime, caller, attempt, person)
    begun = await begin_and_tell(runtime, attempt, person, made.new, made.begin)
    if begun is None:
        raise refused(person.user)
    return await _logged_in(runtime, caller, person, made, begun)


@frozen
class _Made:
    """A session that is not stored yet, and the refresh token of its grant. `name`: what the tokens call it."""

    new: NewSession
    first: RefreshToken
    audience: tuple[str, ...]
    name: str | None
    begin: Begin


def _make(runtime: Runtime, caller: Caller, attempt: Attempt, person: Authenticated) -> _Made:
    client = caller.client
    new = new_session(runtime, client, attempt, person)
    first = RefreshToken(runtime.master.current_id, UUID(bytes=runtime.entropy(16)), 0, runtime.entropy(16))
    audience = audience_of(client, runtime.settings.issuer)
    name = session_name_for(runtime, client, new.id)
    begin = partial(
        sessions.begin_with_grant,
        new=new,
        grant_id=first.grant_id,
        client_id=client.id,
        scope=client.tokens.scopes,
        audience=audience,
        secret_hash=first.secret_hash,
        bound_to=refresh_binding(client, caller.confirmation),
        session_name=name,
    )
    return _Made(new, first, audience, name, begin)


async def _logged_in(runtime: Runtime, caller: Caller, person: Authenticated, made: _Made, begun: Begun) -> LoggedIn:
    client, new = caller.client, made.new
    await end_surplus(runtime, new.user_id, new.id, begun.others)
    metrics.logins.labels("ok").inc()
    return LoggedIn(
        subject=Login(person.user.id, new.id, begun.now, new.amr, person.user.roles, session_name=made.name),
        scope=client.tokens.scopes,
        audience=made.audience,
        now=begun.now,
        expires_at=begun.expires_at,
        refresh_token=made.first,
        user=person.user,
        session_id=new.id,
        remember_me=new.remember_me,
        device=new_device_cookie(runtime, person.user),
    )


def holder_with_key(caller: Caller, holder: str) -> str:
    """With the key that it proved: a login that began with a key goes on with the same."""
    return f"{holder} {caller.confirmation.stored}"


def may_log_in(client: Client, _name: str) -> Refused | None:
    """Whether a client may have people log in without our pages."""
    if client.first_party:
        return None
    return Refused("unauthorized_client", "This client may not log people in by password.", "client_not_first_party")


PASSWORD_LOGIN = Issuance(name="password_login", run=login, permit=may_log_in, spends_proof=True)
SECOND_STEP = Issuance(name="password_login", run=second_step, permit=may_log_in)
