"""Mails of `authsvc dev`: kept by the process, for the page /dev/mail, and sent to nobody."""

from __future__ import annotations

from collections import deque
from uuid import UUID

from authsvc.outgoing.mail import Message
from authsvc.runtime import Memory, Runtime
from authsvc.settings.mail import DEV_PAGE

KEPT = 100


class Mailbox:
    """The latest mails, the newest first."""

    def __init__(self) -> None:
        self.messages: deque[Message] = deque(maxlen=KEPT)

    def add(self, message: Message) -> None:
        """A second attempt is the same mail."""
        if self.find(message.id) is None:
            self.messages.appendleft(message)

    def find(self, mail_id: UUID) -> Message | None:
        return next((one for one in self.messages if one.id == mail_id), None)


dev_mailbox = Memory(Mailbox)


def goes_to_page(runtime: Runtime) -> bool:
    """Whether mails are shown instead of sent. Settings allow it in dev mode alone."""
    return runtime.settings.smtp_url == DEV_PAGE
