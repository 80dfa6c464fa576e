"""One mail is written and handed in: to the mail server, or to the page of `authsvc dev`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from urllib.parse import urlsplit
from uuid import UUID

from authsvc import traces
from authsvc.flows.mail.dev_mailbox import dev_mailbox, goes_to_page
from authsvc.flows.mail.queue import look_of, open_letter
from authsvc.outgoing.mail import Message, hand_in
from authsvc.rules.mail.compose import compose
from authsvc.rules.people.person import ascii_email
from authsvc.runtime import Runtime
from authsvc.settings.mail import Sender, mail_server, sender
from authsvc.store.mail.outbox import DueMail


async def send(runtime: Runtime, mail: DueMail) -> bool:
    """Hand a mail in. False: its words cannot be opened here. Raises MailFailed."""
    values = open_letter(runtime, mail)
    if values is None:
        return False
    message = written(runtime, mail.id, mail.created_at, mail.template, mail.recipient, mail.language, values)
    if goes_to_page(runtime):
        dev_mailbox.of(runtime).add(message)
    else:
        with traces.span("SMTP", traces.CLIENT):
            await hand_in(mail_server(runtime.settings.smtp_url), message, hello(runtime))
    return True


def written(
    runtime: Runtime, mail_id: UUID, date: datetime, template: str, to: str, language: str, values: Mapping[str, str]
) -> Message:
    """The mail as it is sent."""
    said = compose(template, language, values, look_of(runtime))
    return Message(
        id=mail_id,
        date=date,
        sender=_sender(runtime),
        recipient=ascii_email(to),
        language=language,
        subject=said.subject,
        text=said.text,
        html=said.html,
    )


def _sender(runtime: Runtime) -> Sender:
    """The setting; where it is not there, which is in dev mode, somebody on this machine."""
    settings = runtime.settings
    return sender(settings.mail_from) if settings.mail_from else Sender(settings.brand_name, "mail@localhost")


def hello(runtime: Runtime) -> str:
    """Our name for EHLO: the issuer's host."""
    return urlsplit(runtime.settings.issuer).hostname or "localhost"
