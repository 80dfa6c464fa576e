"""Somebody registers through a first-party frontend: the judgement of the hosted pages, without a page.

Whoever has the address, the frontend is told the same; who has an account gets a mail that says so, and no code. What
was chosen is judged before the code is tried, so that a refusal costs no try. Nobody is logged in by it.
"""

from __future__ import annotations

from authsvc.flows.caller.program import program_at
from authsvc.flows.mail.queue import mail_is_on
from authsvc.flows.people.choose_password import judge_choice, password_refused
from authsvc.flows.proofs.ask_for_letter import ask_for_letter, open_asked, seal_asked
from authsvc.flows.proofs.join import CLIENT, Joining, register
from authsvc.flows.proofs.spend_proof import mailed_code_wrong, try_code
from authsvc.rules.client_record import Client
from authsvc.rules.errors import Rejected
from authsvc.rules.people.person import judge_name
from authsvc.rules.proofs.proof import Purpose
from authsvc.rules.refused import Refused
from authsvc.runtime import Runtime


async def ask_to_join(
    runtime: Runtime, client: Client, typed: str, *, network: str, holder: str, language: str
) -> str | Refused | None:
    """What must come back with the code, whoever has the address that was `typed`. Refused: no address can look like
    that. None: nobody can register. Raises TooMany, StoreUnavailable."""
    if runtime.settings.registration != "open" or not mail_is_on(runtime):
        return None
    asked = await ask_for_letter(
        runtime,
        Purpose.REGISTRATION,
        typed,
        network=network,
        browser=program_at(client, holder),
        detail={"language": language, CLIENT: client.id},
    )
    return asked if isinstance(asked, Refused) else seal_asked(runtime, asked)


async def join_by_code(
    runtime: Runtime, client: Client, sealed: str, code: str, joining: Joining, *, holder: str
) -> None:
    """Make the account. Raises Rejected (password_refused, invalid_request for the name, invalid_credentials for the
    code, invalid_grant), Unavailable, StoreUnavailable."""
    asked = open_asked(runtime, sealed)
    if asked is None or asked.purpose is not Purpose.REGISTRATION or asked.browser != program_at(client, holder):
        raise _void("signup_expired")
    if isinstance(judge_name(joining.name), Refused):
        raise Rejected("invalid_request", "That is no name.", "name")
    new = joining.password
    if fault := await judge_choice(runtime, new, new, account=asked.email, name=joining.name):
        raise password_refused(runtime, fault)
    shown = await try_code(runtime, asked, code)
    if shown is None:
        raise mailed_code_wrong()
    try:
        added = await register(runtime, shown, joining)
    except Rejected as refused:
        if refused.reason != "proof_void":
            raise
        raise _void(refused.reason) from None
    if isinstance(added, Refused):  # the role of the client, which an operator has to mend
        raise _void(added.reason)
    if added is None:
        raise Rejected("invalid_grant", "There is an account with this address by now: log in.", "account_exists")


def _void(reason: str) -> Rejected:
    description = "This registration has expired, was used, or is not yours: begin again."
    return Rejected("invalid_grant", description, reason)
