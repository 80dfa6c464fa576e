"""A person logs in at a first-party frontend with a passkey alone: a session and its first grant, in the transaction
that takes the challenge.

The challenge is sealed to the frontend, for this client and this program; the passkey must have been asked for on one
of the client's registered pages, within the domain that passkeys are made for.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from authsvc import metrics
from authsvc.flows.caller.program import program_at
from authsvc.flows.caller.prove_possession import spend_dpop_proof
from authsvc.flows.factors.passkey_assertion import Sent, Shown, judge_answer, refused
from authsvc.flows.factors.passkey_challenge import Purpose
from authsvc.flows.factors.relying_party import pages_of
from authsvc.flows.login.authenticate_person import Attempt
from authsvc.flows.login.json_login import LoggedIn, begin_by_proof, may_log_in
from authsvc.flows.login.passkey_login import challenge, take_shown
from authsvc.flows.login.second_step import wanted_of
from authsvc.flows.token.grant_type import Caller, Issuance
from authsvc.records import frozen
from authsvc.rules.client_record import Client
from authsvc.rules.errors import Rejected
from authsvc.rules.levels import acr_of, reaches
from authsvc.runtime import Runtime

PURPOSE: Purpose = "passkey log in by a frontend"


@frozen
class PasskeySent:
    """A login by passkey. Of the attempt neither address nor password count. `holder`: what stands for the program that
    asked for the challenge."""

    sent: Sent
    attempt: Attempt
    holder: str


async def begin_passkey_login(
    runtime: Runtime, client: Client, *, holder: str, network: str
) -> tuple[dict[str, Any], str] | None:
    """The options for whichever passkey the person has, and what must come back with the answer. None: no page of this
    client can use one. Raises TooMany."""
    if not pages_of(runtime.settings, client):
        return None
    return await challenge(runtime, PURPOSE, program_at(client, holder), network=network)


async def passkey_login(runtime: Runtime, caller: Caller, asked: PasskeySent) -> LoggedIn:
    """Begin a session and its grant. Raises Rejected (invalid_credentials, one answer for whatever was wrong;
    access_denied, unmet_authentication_requirements), StoreUnavailable."""
    try:
        shown = await judge_answer(
            runtime,
            PURPOSE,
            program_at(caller.client, asked.holder),
            asked.sent,
            origins=pages_of(runtime.settings, caller.client),
        )
        _judge_person(runtime, caller.client, shown)
        if caller.proof is not None:  # what a stranger sends leaves no row behind
            await spend_dpop_proof(runtime, caller.proof)
        gone = refused("factor_removed")
        return await begin_by_proof(runtime, caller, asked.attempt, partial(take_shown, runtime, shown), otherwise=gone)
    except Rejected as rejected:
        metrics.logins.labels(rejected.reason).inc()
        raise


def _judge_person(runtime: Runtime, client: Client, shown: Shown) -> None:
    if client.misses_role(shown.user.roles):
        raise Rejected("access_denied", "This account may not use this client.", "role_missing", status=403)
    if not reaches(acr_of(shown.proved.amr), wanted_of(runtime, client, shown.user)):
        raise Rejected(
            "unmet_authentication_requirements",
            "A passkey that stays in its device is needed here.",
            "passkey_not_bound",
            status=403,
        )


PASSKEY_LOGIN = Issuance(name="passkey_login", run=passkey_login, permit=may_log_in, spends_proof=True)
