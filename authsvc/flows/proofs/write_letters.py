"""The worker that writes the letters which somebody asked for: looks whose the address is, makes the proof, queues the
letter; all in the transaction that takes the wish away."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace

from authsvc.flows.mail.queue import letter, mail_is_on
from authsvc.flows.proofs.ask_for_letter import asked_here
from authsvc.flows.proofs.issue_proof import issue_decoy, issue_proof
from authsvc.logs import get_logger
from authsvc.rules.people.person import ascii_email
from authsvc.rules.proofs.letters import letter_for
from authsvc.rules.proofs.proof import Purpose
from authsvc.runtime import Runtime
from authsvc.store.errors import StoreUnavailable
from authsvc.store.mail import outbox
from authsvc.store.postgres import Connection
from authsvc.store.proofs import proofs
from authsvc.store.proofs.proofs import Proof

PAUSE_SECONDS = 5.0
"""How soon another worker writes what one has left."""
_APART_SECONDS = 0.2
"""The letter's work begins so long after the answer at most: whoever measures the next answer learns nothing."""

log = get_logger()


async def write_one(runtime: Runtime) -> bool:
    """Write the letter of one wish. False: there is none. Raises StoreUnavailable."""
    async with runtime.db.transaction() as connection:
        wish = await proofs.take_asked(connection)
        if wish is None:
            return False
        try:
            async with connection.transaction():  # what cannot be written is dropped, and holds up nobody else
                await _write(runtime, connection, wish)
        except ValueError as error:
            log.error("letter_dropped", kind=wish.purpose, error_type=type(error).__name__, exc_info=True)
    return True


async def _write(runtime: Runtime, connection: Connection, wish: Proof) -> None:
    owner = await proofs.hold_by_email(connection, wish.email, ascii_email(wish.email))
    what = letter_for(Purpose(wish.purpose), owner, wish.user_id)
    if what.proves:
        issued = await issue_proof(runtime, connection, replace(wish, user_id=what.user_id))
        values = _of_a_login(wish, issued.values()) if wish.purpose == Purpose.LOGIN else issued.values()
    else:
        await issue_decoy(runtime, connection, wish)
        values = {"link": f"{runtime.settings.issuer}/login?next=/account"}
    if what.template:
        mail = letter(
            runtime,
            template=what.template,
            to=wish.email,
            language=(owner and owner.locale) or wish.detail.get("language", "en"),
            values=values,
            user_id=what.user_id,
        )
        await outbox.queue(connection, mail)


def _of_a_login(wish: Proof, values: dict[str, str]) -> dict[str, str]:
    """Whoever is asked for the code by a stranger shall see that a stranger asks: for what, on which device, from
    where. A link is for a page of ours to go on from."""
    if not wish.detail.get("request"):
        del values["link"]
    return {**values, **{name: wish.detail.get(name, "") for name in ("app", "device", "address")}}


async def write_for_ever(runtime: Runtime) -> None:
    """Write letters, until cancelled; where no mail server is named, nothing is asked for."""
    asked = asked_here.of(runtime)
    while mail_is_on(runtime):
        try:
            async with asyncio.timeout(PAUSE_SECONDS * random.uniform(0.8, 1.2)):  # noqa: S311
                await asked.wait()
            await asyncio.sleep(random.uniform(0, _APART_SECONDS))  # noqa: S311
        except TimeoutError:
            pass
        asked.clear()
        try:
            while await write_one(runtime):
                pass
        except StoreUnavailable as error:
            log.warning("letters_postponed", reason=error.kind)
        except Exception as error:
            log.error("letters_failed", error_type=type(error).__name__, exc_info=True)
