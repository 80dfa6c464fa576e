"""A first-party frontend logs a person in by a code that is mailed to them: asked for in one call, and spent in another
by the same client in the same program. There is no link: the person is at the frontend's page, not at ours."""

from __future__ import annotations

from dataclasses import field
from functools import partial

from authsvc import metrics
from authsvc.flows.caller.program import program_at
from authsvc.flows.caller.prove_possession import Shown as ShownProof
from authsvc.flows.caller.prove_possession import certificate_for_tokens, check_proof_for_tokens, spend_dpop_proof
from authsvc.flows.login.authenticate_person import Attempt
from authsvc.flows.login.json_login import PASSWORD_LOGIN, LoggedIn, begin_by_proof, holder_with_key
from authsvc.flows.login.mailed_code import (
    Asking,
    mailed_code_void,
    may_log_in_by_mail,
    person_of,
    said_in,
    spend_and_wait,
    spend_mailed,
)
from authsvc.flows.login.second_step import ways_after_mail
from authsvc.flows.mail.queue import mail_is_on
from authsvc.flows.proofs.ask_for_letter import ask_for_letter, open_asked, seal_asked
from authsvc.flows.proofs.spend_proof import Shown, mailed_code_wrong, try_code
from authsvc.flows.token.grant_type import ROLE_MISSING, Caller, Issuance
from authsvc.records import frozen
from authsvc.rules.caller.certificate import SentCertificate
from authsvc.rules.client_record import Client
from authsvc.rules.errors import Rejected, mfa_required, rejected
from authsvc.rules.proofs.proof import Purpose
from authsvc.rules.refused import Refused
from authsvc.rules.sealed_value_lifetimes import SECOND_STEP_SECONDS
from authsvc.runtime import Runtime


@frozen
class MailedCodeSent:
    """A code as it was sent, with what was sealed when it was asked for. `holder`: as in `PasswordSent`."""

    sealed: str = field(repr=False)
    code: str = field(repr=False)
    attempt: Attempt
    holder: str


async def ask_for_mailed_code(
    runtime: Runtime,
    client: Client,
    attempt: Attempt,
    *,
    holder: str,
    shown: ShownProof | None,
    certificate: SentCertificate | None,
    language: str,
) -> str | Refused | None:
    """What must come back with the code, whoever has the address. Refused: no address can look like that. None: no mail
    can be sent. The code will be for this client, this holder and the key of a proof, which is not spent: without the
    key nothing follows from it. Raises Rejected, TooMany, StoreUnavailable."""
    if refused := _permit(client, ""):
        raise rejected(refused)
    if not mail_is_on(runtime):
        return None
    proof = check_proof_for_tokens(runtime, client, shown)
    caller = Caller(client, proof, certificate_for_tokens(client, certificate))
    asking = Asking(client, _holder(caller, holder))
    asked = await ask_for_letter(
        runtime,
        Purpose.LOGIN,
        attempt.email,
        network=attempt.network,
        browser=asking.holder,
        detail={**asking.detail(attempt), "language": language},
    )
    return asked if isinstance(asked, Refused) else seal_asked(runtime, asked)


async def mailed_code_login(runtime: Runtime, caller: Caller, asked: MailedCodeSent) -> LoggedIn:
    """Begin a session and its grant. Raises Rejected (invalid_grant, invalid_credentials, access_denied, mfa_required,
    unmet_authentication_requirements), StoreUnavailable."""
    try:
        return await _log_in(runtime, caller, asked)
    except Rejected as rejected:
        if rejected.reason != "proof_void":
            raise
        raise _void(rejected.reason) from None


async def _log_in(runtime: Runtime, caller: Caller, asked: MailedCodeSent) -> LoggedIn:
    client, holder = caller.client, _holder(caller, asked.holder)
    shown = await _right(runtime, asked, holder)
    if shown is None:
        metrics.logins.labels("mailed_code_wrong").inc()
        raise mailed_code_wrong()
    user = person_of(runtime, client, shown, holder)
    if client.misses_role(user.roles):
        raise Rejected("access_denied", ROLE_MISSING, "role_missing", status=403)
    if caller.proof is not None:  # a wrong code is anybody's, and leaves no row behind
        await spend_dpop_proof(runtime, caller.proof)
    attempt = said_in(shown.proof.detail, asked.attempt)
    if ways := await ways_after_mail(runtime, user):
        again_by = holder_with_key(caller, asked.holder)
        step = await spend_and_wait(runtime, client, attempt, shown, ways, holder=again_by)
        raise mfa_required(step.sealed, step.ways, SECOND_STEP_SECONDS)
    taking = partial(spend_mailed, runtime, client, shown)
    return await begin_by_proof(runtime, caller, attempt, taking, otherwise=mailed_code_void())


async def _right(runtime: Runtime, asked: MailedCodeSent, holder: str) -> Shown | None:
    """The proof of a right code. Raises Rejected where this caller asked for none, so that nobody else uses up
    a try."""
    opened = open_asked(runtime, asked.sealed)
    if opened is None or opened.purpose is not Purpose.LOGIN or opened.browser != holder:
        raise _void("mail_challenge_void")
    return await try_code(runtime, opened, asked.code)


def _void(reason: str) -> Rejected:
    return Rejected("invalid_grant", "This login has expired, was used, or is not yours: ask for another code.", reason)


def _holder(caller: Caller, holder: str) -> str:
    return program_at(caller.client, holder_with_key(caller, holder))


def _permit(client: Client, _name: str) -> Refused | None:
    return PASSWORD_LOGIN.permit(client, "") or may_log_in_by_mail(client)


MAILED_CODE_LOGIN = Issuance(name="mailed_code_login", run=mailed_code_login, permit=_permit, spends_proof=True)
