"""A person is told what happened to their account: always, whoever did it. Each mail says when, on which device and
from where, and has one button: "this was not me"."""

from __future__ import annotations

import hmac
from dataclasses import replace
from datetime import datetime
from typing import Literal

from authsvc.flows.mail.queue import letter, mail_is_on
from authsvc.rules.mail.text import moment
from authsvc.rules.person_record import User
from authsvc.runtime import Runtime
from authsvc.store.mail.outbox import QueuedMail

Kind = Literal[
    "new_device",
    "password_changed",
    "address_changed",
    "factor_added",
    "factor_removed",
    "recovery_code_used",
    "theft",
]


def notice(
    runtime: Runtime,
    kind: Kind,
    user: User,
    *,
    when: datetime,
    device: str,
    address_text: str,
    link: str | None = None,
    language: str = "",
    about: str = "",
) -> QueuedMail | None:
    """The mail that tells a person what happened, to be queued with it; None where no mail server is named. `device`,
    `address_text`: as people read them, "" where nobody knows. `link`: where "this was not me" leads. `about`: what is
    not told again within a day."""
    if not mail_is_on(runtime):
        return None
    values = {"when": moment(when), "device": device, "address": address_text}
    mail = letter(
        runtime,
        template=template_of(kind),
        to=user.email,
        language=user.locale or language or runtime.settings.mail_language,
        values={**values, "link": link} if link else values,
        user_id=user.id,
    )
    return replace(mail, about=about_digest(runtime, kind, about)) if about else mail


def template_of(kind: Kind) -> str:
    """The name of a kind's template."""
    return f"notice_{kind}"


def about_digest(runtime: Runtime, kind: Kind, about: str) -> bytes:
    """What is stored of what a mail is about. Not to be guessed from: it tells devices and addresses."""
    text = f"{kind} {about}".encode("utf-8", "surrogatepass")
    return hmac.digest(runtime.current_key("mail about"), text, "sha256")[:16]
