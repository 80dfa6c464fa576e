"""A first-party frontend lets somebody choose a new password by the code of a letter: the judgement of the hosted
pages, without a page.

Whoever has a second factor is asked for it before the password is changed. What waits lies sealed at the frontend, for
this client and this program alone. Nobody is logged in by it.
"""

from __future__ import annotations

from dataclasses import field, replace

from authsvc.flows.caller.program import program_at
from authsvc.flows.factors.relying_party import pages_of
from authsvc.flows.login.reset_factor import begin_factor, open_waiting_reset, reset_void
from authsvc.flows.login.second_step import Answer, check_second_step
from authsvc.flows.mail.queue import mail_is_on
from authsvc.flows.people.choose_password import judge_choice, password_refused
from authsvc.flows.proofs.ask_for_letter import ask_for_letter, open_asked, seal_asked
from authsvc.flows.proofs.reset_password import Chooser, reset_password
from authsvc.flows.proofs.spend_proof import Shown, mailed_code_wrong, show_proof, try_code
from authsvc.records import frozen
from authsvc.rules.client_record import Client
from authsvc.rules.errors import Rejected, mfa_required
from authsvc.rules.people.new_password import Fault
from authsvc.rules.proofs.proof import Purpose
from authsvc.rules.refused import Refused
from authsvc.rules.sealed_value_lifetimes import MAILED_CODE_SECONDS, SECOND_STEP_SECONDS
from authsvc.runtime import Runtime

_RIGHT_CODE = "reset whose code was right"


@frozen
class NewPassword:
    """A password that somebody chose, and where: `chooser`. `holder`: what stands for the program that they use."""

    password: str = field(repr=False)
    holder: str
    chooser: Chooser


async def ask_for_code(
    runtime: Runtime, client: Client, typed: str, *, network: str, holder: str, language: str
) -> str | Refused | None:
    """What must come back with the code, whoever has the address that was `typed`. Refused: no address can look like
    that. None: no mail can be sent. Raises TooMany, StoreUnavailable."""
    if not mail_is_on(runtime):
        return None
    asked = await ask_for_letter(
        runtime,
        Purpose.RESET,
        typed,
        network=network,
        browser=program_at(client, holder),
        detail={"language": language},
    )
    return asked if isinstance(asked, Refused) else seal_asked(runtime, asked)


async def reset_by_code(runtime: Runtime, client: Client, sealed: str, code: str, new: NewPassword) -> None:
    """Choose a new password. `sealed`: as `ask_for_code` gave it, or a refusal of the password after a right code; then
    `code` is not looked at. Raises Rejected (invalid_grant, invalid_credentials, password_refused, mfa_required),
    Unavailable, StoreUnavailable. A password that is refused costs no try."""
    shown = await _shown(runtime, client, sealed, code, new)
    assert shown.user is not None
    if fault := await _fault(runtime, shown.proof.email, shown.user.name, new):
        again = runtime.seal_dated(_RIGHT_CODE, shown.secret, program_at(client, new.holder))
        raise password_refused(runtime, fault, {"reset_challenge": again})
    if step := await begin_factor(runtime, shown, client_id=client.id, holder=new.holder):
        raise mfa_required(step.sealed, step.ways, SECOND_STEP_SECONDS)
    await _change(runtime, shown, new)


async def reset_by_second_step(runtime: Runtime, client: Client, answer: Answer, new: NewPassword) -> None:
    """Finish a reset that was answered mfa_required. Raises as `reset_by_code`, and TooMany."""
    waiting = open_waiting_reset(runtime, answer.sealed)
    if waiting is None:
        raise reset_void("second_step_expired")
    shown = await show_proof(runtime, waiting.secret)
    if shown is None or shown.user is None:
        raise reset_void("proof_void")
    if fault := await _fault(runtime, shown.proof.email, shown.user.name, new):
        raise password_refused(runtime, fault)
    step = replace(answer, sealed=waiting.step)
    pages = pages_of(runtime.settings, client)
    await check_second_step(runtime, step, client_id=client.id, holder=new.holder, origins=pages)
    await _change(runtime, shown, new)


async def _shown(runtime: Runtime, client: Client, sealed: str, code: str, new: NewPassword) -> Shown:
    """The proof of a code that is right, or was."""
    holder = program_at(client, new.holder)
    if right := runtime.open_dated(_RIGHT_CODE, sealed, seconds=MAILED_CODE_SECONDS):
        secret, made_for = right
        shown = await show_proof(runtime, secret) if made_for == holder else None
        if shown is None or shown.user is None:
            raise reset_void("proof_void")
        return shown
    asked = open_asked(runtime, sealed)
    if asked is None or asked.purpose is not Purpose.RESET or asked.browser != holder:
        raise reset_void("reset_expired")
    if fault := await _fault(runtime, asked.email, "", new):
        raise password_refused(runtime, fault)
    shown = await try_code(runtime, asked, code)
    if shown is None or shown.user is None:
        raise mailed_code_wrong()
    return shown


async def _change(runtime: Runtime, shown: Shown, new: NewPassword) -> None:
    try:
        await reset_password(runtime, shown, new.password, new.chooser)
    except Rejected as rejected:
        if rejected.reason != "proof_void":
            raise
        raise reset_void(rejected.reason) from None


async def _fault(runtime: Runtime, email: str, name: str, new: NewPassword) -> Fault | None:
    return await judge_choice(runtime, new.password, new.password, account=email, name=name)
