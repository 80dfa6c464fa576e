"""The second step of a login: what waits for it lies sealed at the caller, and nothing is stored, given or known of the
device before it is done.

A challenge is for one person, one client and one holder (the browser that began, or where there is no cookie the kind
of program and its DPoP key). It is good for five minutes and once, and void when the password is changed: it holds a
digest of the hash that was right, and after a mailed code of the address, too. To step up a session that there is, it
holds the digest of that session's cookie.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import field
from hashlib import sha256
from hmac import compare_digest
from typing import Any
from uuid import UUID

from authsvc.flows.factors.way import MAILED_CODE, PASSWORD, Proved, Tried, Way
from authsvc.flows.factors.ways import asked_of_everybody, check_way, reach_of, those_that_reach, ways_of
from authsvc.flows.login.authenticate_person import Attempt, Authenticated
from authsvc.keys.seal import open_value, seal_value
from authsvc.records import frozen
from authsvc.rules.authorize.prompting import required_rung
from authsvc.rules.client_record import Client
from authsvc.rules.errors import Rejected
from authsvc.rules.levels import PASSWORD_ACR, combined, demanded_of, reaches
from authsvc.rules.login.trusted_device import days_offered
from authsvc.rules.person_record import User
from authsvc.rules.sealed_value_lifetimes import SECOND_STEP_SECONDS
from authsvc.rules.secret_digest import digest_of
from authsvc.runtime import Runtime
from authsvc.store.account import users
from authsvc.store.caller.replay import spend

_PURPOSE = "second step of a login"


@frozen
class Waiting:
    """A login that waits for its second factor, as it is sealed. `client_id`: '' for our own pages. `proof`: the digest
    of the password hash that was right, or of the cookie of the session that shall be stepped up. `ways`: the names of
    those that were open; `name`: unique; `mailed`: it began with a mailed code."""

    user_id: UUID
    client_id: str
    holder: str
    proof: str
    session_id: UUID | None
    remember_me: bool
    device_info: str | None
    ways: Sequence[str]
    name: str
    started_at: float
    mailed: bool = False


@frozen
class SecondStep:
    """What the caller is asked for. `sealed`: to be brought back; `ways`: the names of those that are open, and what
    each of them needs; `trust_days`: for how long the person may trust the device, 0: they may not."""

    user_id: UUID
    sealed: str = field(repr=False)
    ways: Mapping[str, Mapping[str, Any]] = field(repr=False)
    trust_days: int = 0


@frozen
class Answer:
    """An answer to a second step as it was sent: what was sealed, the way that was chosen, its values. `attempt`: what
    the browser and the network say of themselves."""

    sealed: str = field(repr=False)
    way: str
    values: Mapping[str, str] = field(repr=False)
    attempt: Attempt


@frozen
class Passed:
    """A second step that was done. `proved`: by this step alone."""

    user: User
    waiting: Waiting
    proved: Proved

    def person(self) -> Authenticated:
        """Who has proved a password, or has read a mail, and this."""
        first, hashed = (MAILED_CODE, None) if self.waiting.mailed else (PASSWORD, self.user.password_hash or "")
        amr = combined(first.amr, self.proved.amr)
        both = Proved(amr, (*first.credentials, *self.proved.credentials))
        return Authenticated(self.user, hashed, both)


def wanted_of(runtime: Runtime, client: Client | None, user: User) -> str:
    """The rung that this client and the person's roles demand."""
    demanded = demanded_of(user.roles, runtime.settings.mfa_roles)
    return required_rung(client, demanded) if client else demanded


async def ways_after_password(runtime: Runtime, client: Client | None, user: User) -> tuple[Way, ...]:
    """By which of the ways a login goes on after the password: those that reach what is demanded, or where none does
    all that the person has. (): there is none, or nobody asks for the one that there is. Raises StoreUnavailable."""
    ways, wanted = await ways_of(runtime, user), wanted_of(runtime, client, user)
    if wanted == PASSWORD_ACR and not asked_of_everybody(ways):
        return ()
    return those_that_reach(ways, wanted) or ways


async def ways_after_mail(runtime: Runtime, user: User) -> tuple[Way, ...]:
    """As `ways_after_password`, after a mailed code: whoever is asked after a password is asked after that, too. Raises
    StoreUnavailable."""
    ways = await ways_of(runtime, user)
    return ways if asked_of_everybody(ways) else ()


def judge_reach(runtime: Runtime, client: Client, user: User, ways: Sequence[Way]) -> None:
    """Raises Rejected where no page could be shown that helps: what is demanded cannot be reached."""
    wanted = wanted_of(runtime, client, user)
    if wanted != PASSWORD_ACR and not reaches(reach_of(ways), wanted):
        raise Rejected(
            "unmet_authentication_requirements",
            "This account needs a second factor here: set one up on the account page.",
            "factor_missing",
            status=403,
        )


async def begin_second_step(
    runtime: Runtime,
    user: User,
    ways: Sequence[Way],
    *,
    client_id: str,
    holder: str,
    proof: str,
    session_id: UUID | None = None,
    remember_me: bool = False,
    device_info: str | None = None,
    mailed: bool = False,
) -> SecondStep:
    """Let a login wait. `proof`: the password hash that was right, `whom` the mail went to, or the cookie of the
    session. Raises StoreUnavailable."""
    waiting = Waiting(
        user.id,
        client_id,
        holder,
        digest_of(proof).hex(),
        session_id,
        remember_me,
        device_info,
        [way.name for way in ways],
        runtime.entropy(16).hex(),
        runtime.clock.seconds(),
        mailed,
    )
    asked = {way.name: await way.ask(runtime, user, waiting.name) for way in ways}
    return SecondStep(user.id, _seal(runtime, waiting), asked)


async def asked_again(runtime: Runtime, sealed: str, client: Client | None) -> SecondStep | None:
    """The same step once more, after an answer that was wrong; None: it is over. Raises StoreUnavailable."""
    waiting = open_waiting(runtime, sealed)
    user = await users.by_id(runtime.db, waiting.user_id) if waiting else None
    if waiting is None or user is None:
        return None
    ways = [way for way in await ways_of(runtime, user) if way.name in waiting.ways]
    asked = {way.name: await way.ask(runtime, user, waiting.name) for way in ways}
    days = 0 if waiting.session_id or waiting.mailed else days_offered(client, wanted_of(runtime, client, user))
    return SecondStep(user.id, sealed, asked, days)


async def check_second_step(
    runtime: Runtime,
    answer: Answer,
    *,
    client_id: str,
    holder: str,
    cookie: str | None = None,
    origins: tuple[str, ...] = (),
) -> Passed:
    """Judge the answer to a second step. `cookie`: of the browser's session; `origins`: of the pages besides our own
    that may have asked. Raises Rejected (invalid_grant where the step is void, invalid_credentials), TooMany,
    StoreUnavailable."""
    waiting = open_waiting(runtime, answer.sealed)
    if waiting is None:
        raise void("second_step_expired")
    holds = waiting.session_id is not None or compare_digest(waiting.holder.encode(), holder.encode())
    if waiting.client_id != client_id or not holds:
        raise void("second_step_foreign")
    user = await users.by_id(runtime.db, waiting.user_id)
    proof = cookie if waiting.session_id else user and _proof_of(waiting, user)
    if user is None or user.disabled_at is not None or digest_of(proof or "").hex() != waiting.proof:
        raise void("second_step_outdated")
    tried = Tried(answer.values, waiting.name, answer.attempt.place, origins)
    proved = await check_way(runtime, user, answer.way, tried, network=answer.attempt.network)
    spent = sha256(f"{_PURPOSE}\0{waiting.name}".encode()).digest()
    if not await spend(runtime.db, spent, SECOND_STEP_SECONDS):
        raise void("second_step_used")
    return Passed(user, waiting, proved)


def is_unchanged(waiting: Waiting, user: User) -> bool:
    """Whether somebody is still whom the first step found: with that password and, after a mailed code, address."""
    return user.disabled_at is None and digest_of(_proof_of(waiting, user)).hex() == waiting.proof


def whom(user: User) -> str:
    """What must not change while a login waits that a mailed code began."""
    return f"{user.email} {user.password_hash or ''}"


def _proof_of(waiting: Waiting, user: User) -> str:
    return whom(user) if waiting.mailed else user.password_hash or ""


def open_waiting(runtime: Runtime, sealed: str) -> Waiting | None:
    """What waits; None: not ours, altered, or over."""
    payload = open_value(runtime.master, _PURPOSE, sealed)
    if payload is None:
        return None
    user_id, client_id, holder, proof, session_id, *others = json.loads(payload)
    session = UUID(session_id) if session_id else None
    waiting = Waiting(UUID(user_id), client_id, holder, proof, session, *others)
    return waiting if waiting.started_at >= runtime.clock.seconds() - SECOND_STEP_SECONDS else None


def _seal(runtime: Runtime, waiting: Waiting) -> str:
    ids = (str(waiting.user_id), waiting.client_id, waiting.holder, waiting.proof)
    session = str(waiting.session_id) if waiting.session_id else None
    known = [session, waiting.remember_me, waiting.device_info, list(waiting.ways), waiting.name, waiting.started_at]
    payload = [*ids, *known, *([True] if waiting.mailed else [])]  # the version before knows no such step
    return seal_value(runtime.master, _PURPOSE, json.dumps(payload).encode(), runtime.entropy)


def void(reason: str) -> Rejected:
    """One answer for whatever a step lacks."""
    return Rejected("invalid_grant", "This login has expired, was used, or is not yours: begin again.", reason)
