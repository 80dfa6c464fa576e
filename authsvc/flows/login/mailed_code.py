"""A person logs in by a code, or a link, that was mailed to them: what the hosted page and JSON share.

It is for clients whose policy lets people, and opens no session where more than the lowest rung is demanded. Who has a
second factor is asked for it all the same. Whoever reads the mail of an address has shown that it is theirs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from authsvc import metrics
from authsvc.device_name import device_name
from authsvc.flows.factors.way import MAILED_CODE, Way
from authsvc.flows.login.authenticate_person import Attempt, Authenticated
from authsvc.flows.login.second_step import Passed, SecondStep, begin_second_step, is_unchanged, void, wanted_of, whom
from authsvc.flows.proofs.spend_proof import Shown, spend_proof
from authsvc.records import frozen
from authsvc.rules.client_record import Client
from authsvc.rules.errors import Rejected
from authsvc.rules.levels import PASSWORD_ACR
from authsvc.rules.person_record import User
from authsvc.rules.proofs.proof import Purpose
from authsvc.rules.refused import Refused
from authsvc.runtime import Runtime
from authsvc.store import audit
from authsvc.store.account import users
from authsvc.store.postgres import CHANGE_SECONDS, Connection


@frozen
class Asking:
    """Where a code is asked for. `holder`: what stands for the browser or program that alone may use it; `request`: the
    client's request that goes on afterwards, as it is sealed, "" where there is none, and then no link either."""

    client: Client
    holder: str
    request: str = ""

    def detail(self, attempt: Attempt) -> dict[str, str]:
        """What the proof keeps of it, and what its letter says. Of the attempt the address of the person and the
        password do not count."""
        return {
            "client": self.client.id,
            "app": self.client.name,
            "holder": self.holder,
            "request": self.request,
            "remember_me": "1" if attempt.remember_me else "",
            "device_info": attempt.device_info or "",
            "device": device_name(attempt.user_agent),
            "address": attempt.address or "",
        }


def may_log_in_by_mail(client: Client, _name: str = "") -> Refused | None:
    """Why a client's people may not log in by a mailed code; None: they may."""
    if client.login.mail_code_login:
        return None
    return Refused("unauthorized_client", "This client may not log people in by a mailed code.", "mail_code_off")


def person_of(runtime: Runtime, client: Client, shown: Shown, holder: str) -> User:
    """Who may log in at a client by a proof that was shown: that of this client, in the browser that asked for it.
    Raises Rejected (proof_void, access_denied, unmet_authentication_requirements); nothing is spent."""
    detail = shown.proof.detail
    for_this = detail.get("client") == client.id and detail.get("holder") == holder
    if shown.purpose is not Purpose.LOGIN or shown.user is None or not for_this:
        raise mailed_code_void()
    judge_mailed(runtime, client, shown.user)
    return shown.user


def judge_mailed(runtime: Runtime, client: Client | None, user: User) -> None:
    """Raises Rejected where a mailed code opens nothing for this person at this client."""
    if client is None or may_log_in_by_mail(client):
        raise mailed_code_void()
    if wanted_of(runtime, client, user) != PASSWORD_ACR:
        raise Rejected(
            "unmet_authentication_requirements",
            "This account needs more than a mailed code here: log in with the password or a passkey.",
            "mail_code_level",
            status=403,
        )


def mailed_code_void() -> Rejected:
    """One answer for whatever a code or its link lacks; the reason is that of every proof."""
    return Rejected("access_denied", "This code is not good any more.", "proof_void", status=403)


def said_in(detail: Mapping[str, str], attempt: Attempt) -> Attempt:
    """The attempt, with what was said when the code was asked for."""
    return replace(attempt, remember_me=bool(detail.get("remember_me")), device_info=detail.get("device_info") or None)


async def spend_mailed(runtime: Runtime, client: Client | None, shown: Shown, connection: Connection) -> Authenticated:
    """Spend the proof: its address is verified from now on. Raises Rejected where it is void, or the person changed."""
    spent = await spend_proof(connection, shown.secret, Purpose.LOGIN)
    if spent is None:
        raise mailed_code_void()
    user = spent[1]
    judge_mailed(runtime, client, user)
    if not user.email_verified:
        await users.set_verified(connection, user.id)
        await audit.record(connection, "user_address_verified", f"user:{user.id}", user_id=user.id, by=Purpose.LOGIN)
        user = replace(user, email_verified=True)
    if not user.logged_in_before:
        await users.set_first_login(connection, user.id)
    return Authenticated(user, None, MAILED_CODE)


async def spend_and_wait(
    runtime: Runtime, client: Client, attempt: Attempt, shown: Shown, ways: tuple[Way, ...], *, holder: str
) -> SecondStep:
    """Spend the proof, and let the login wait for one of these ways, at whoever holds it. Raises as `spend_mailed`."""
    async with runtime.db.transaction(seconds=CHANGE_SECONDS) as connection:
        user = (await spend_mailed(runtime, client, shown, connection)).user
    metrics.logins.labels("mfa_required").inc()
    return await begin_second_step(
        runtime,
        user,
        ways,
        client_id=client.id,
        holder=holder,
        proof=whom(user),
        remember_me=attempt.remember_me,
        device_info=attempt.device_info,
        mailed=True,
    )


async def hold_passed(runtime: Runtime, client: Client | None, passed: Passed, connection: Connection) -> Authenticated:
    """Who has done the second step after a mailed code, locked until the transaction ends. Raises Rejected where they
    have another address or password by now, or need more."""
    user = await users.lock(connection, passed.user.email)
    if user is None or user.id != passed.user.id or not is_unchanged(passed.waiting, user):
        raise void("second_step_outdated")
    judge_mailed(runtime, client, user)
    return passed.person()
