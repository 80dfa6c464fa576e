"""What an operator does about mails: send one now, look at those that wait, have them tried again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from authsvc.flows.mail.dev_mailbox import goes_to_page
from authsvc.flows.mail.queue import letter, mail_is_on
from authsvc.flows.mail.send import hello, written
from authsvc.outgoing.mail import Greeting, greet, hand_in
from authsvc.records import frozen
from authsvc.rules.people.person import judge_person
from authsvc.rules.refused import Refused
from authsvc.runtime import Runtime
from authsvc.settings.mail import mail_server
from authsvc.store import audit
from authsvc.store.mail import outbox

_OFF = Refused("conflict", "no mail server is named: set AUTHSVC_SMTP_URL and AUTHSVC_MAIL_FROM", "mail_off")


@frozen
class Tested:
    """`said`: the server's last words; "" where the mail was queued for the page of `authsvc dev`."""

    id: UUID
    to: str
    said: str


async def send_test(runtime: Runtime, address: str, language: str) -> Tested | Refused:
    """Send a mail now. Raises MailFailed, StoreUnavailable."""
    if not mail_is_on(runtime):
        return _OFF
    judged = judge_person(address, "", ())
    if isinstance(judged, Refused):
        return judged
    mail = letter(
        runtime,
        template="test",
        to=judged.email,
        language=language or runtime.settings.mail_language,
        values={},
        user_id=None,
    )
    if goes_to_page(runtime):
        await outbox.queue(runtime.db, mail)
        return Tested(mail.id, judged.email, "")
    message = written(runtime, mail.id, runtime.clock.now(), mail.template, mail.recipient, mail.language, {})
    return Tested(mail.id, judged.email, await hand_in(mail_server(runtime.settings.smtp_url), message, hello(runtime)))


async def greet_server(runtime: Runtime) -> Greeting:
    """Do all that comes before a mail. Raises MailFailed."""
    return await greet(mail_server(runtime.settings.smtp_url), hello(runtime))


async def listed(runtime: Runtime, *, everything: bool, limit: int) -> Sequence[Any]:
    """What waits or was given up; with `everything` also what was sent of late. Never what a mail says."""
    return await outbox.recent(runtime.db, everything=everything, limit=limit)


async def try_again(runtime: Runtime, actor: str, mail_id: UUID | None) -> int | Refused:
    """Make one mail due now, or all that wait (None); how many. Raises StoreUnavailable."""
    if not mail_is_on(runtime):
        return _OFF
    async with runtime.db.transaction() as connection:
        count = await outbox.retry(connection, mail_id)
        if count:
            await audit.record(connection, "mails_retried", actor, mail=str(mail_id) if mail_id else None, count=count)
    if mail_id and not count:
        return Refused(
            "not_found",
            f"no mail {mail_id} can be tried again: it was sent, is under way, or had a link or a code, "
            "which are not kept; whoever needs it asks for a new one",
            "mail_over",
        )
    return count
