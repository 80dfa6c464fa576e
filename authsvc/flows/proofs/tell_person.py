"""A person is told what happened to their account, with a link by which they say that it was not them; in the
transaction of what is told."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from authsvc.flows.mail.notices import Kind, about_digest, notice, template_of
from authsvc.flows.mail.queue import mail_is_on
from authsvc.flows.proofs.issue_proof import not_me_link
from authsvc.records import frozen
from authsvc.rules.person_record import User
from authsvc.runtime import Runtime
from authsvc.store.mail import outbox
from authsvc.store.postgres import Connection


@frozen
class Place:
    """From where something was done, as people read it: device and address, "" where nobody knows. `language`: what the
    browser asks for, "" where it does not."""

    device: str = ""
    address: str = ""
    language: str = ""

    @property
    def recorded(self) -> dict[str, Any]:
        """As audit events have it."""
        return {"device": self.device, "address": self.address}


async def tell_person(
    runtime: Runtime,
    connection: Connection,
    kind: Kind,
    user: User,
    *,
    when: datetime,
    place: Place,
    about: str = "",
) -> None:
    """Queue the mail, where mails can be sent. The words are those of `notice`; what was told about the same within a
    day is not told again."""
    if not mail_is_on(runtime):
        return
    if about and await outbox.was_told(connection, user.id, template_of(kind), about_digest(runtime, kind, about)):
        return
    language = user.locale or place.language or runtime.settings.mail_language
    mail = notice(
        runtime,
        kind,
        user,
        when=when,
        device=place.device,
        address_text=place.address,
        link=await not_me_link(runtime, connection, user, language=language),
        language=language,
        about=about,
    )
    if mail is not None:
        await outbox.queue(connection, mail)
