"""A mail is promised: its words are sealed, for they may hold a link that opens an account. The row is written by the
caller, in the transaction of what the mail tells (store/mail/outbox.queue)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from uuid import UUID

from authsvc.keys.seal import open_value, seal_value
from authsvc.rules.mail.compose import Look, judge_letter
from authsvc.rules.mail.templates import OPENS
from authsvc.runtime import Runtime
from authsvc.store.mail.outbox import DueMail, QueuedMail

_PURPOSE = "mail"


def mail_is_on(runtime: Runtime) -> bool:
    """Whether there is a mail server to hand mails to."""
    return bool(runtime.settings.smtp_url)


def letter(
    runtime: Runtime, *, template: str, to: str, language: str, values: Mapping[str, str], user_id: UUID | None
) -> QueuedMail:
    """A mail to be queued. `values`: as its template wants them; a `link` is a whole URL of the issuer. `user_id`:
    whose mail it is; it goes when they go. Raises ValueError for what no template can say."""
    known = judge_letter(template, language, values, look_of(runtime))
    mail_id = UUID(bytes=runtime.entropy(16), version=4)
    return QueuedMail(
        id=mail_id,
        template=template,
        recipient=to,
        language=language,
        user_id=user_id,
        sealed=_sealed(runtime, mail_id, to, template, values),
        holds_secret=not OPENS.isdisjoint(values),
        lifetime_seconds=known.lifetime_seconds,
    )


def open_letter(runtime: Runtime, mail: DueMail) -> dict[str, str] | None:
    """The values of a mail. None: the master key that sealed it is not held, or the row was altered."""
    opened = open_value(runtime.master, _PURPOSE, mail.sealed)
    if opened is None:
        return None
    found = json.loads(opened)
    if found["mail"] != _bound(mail.id, mail.recipient, mail.template):
        return None
    values: dict[str, str] = found["values"]
    return values


def look_of(runtime: Runtime) -> Look:
    """What mails look like, and the only place that they lead to."""
    return Look(runtime.settings.brand_name, runtime.settings.brand_color, runtime.settings.issuer)


def _sealed(runtime: Runtime, mail_id: UUID, to: str, template: str, values: Mapping[str, str]) -> str:
    # Whoever can write to the database cannot send one person's link to another.
    said = {"mail": _bound(mail_id, to, template), "values": dict(values)}
    return seal_value(runtime.master, _PURPOSE, json.dumps(said).encode("ascii"), runtime.entropy)


def _bound(mail_id: UUID, to: str, template: str) -> list[str]:
    return [str(mail_id), to, template]
