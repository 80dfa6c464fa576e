"""Mails handed in at the operator's mail server (RFC 5321, RFC 6409): one connection a mail, verified TLS, a deadline
for each stage. aiosmtplib and the `email` package are imported with the first mail: most processes send none.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import field
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Literal
from uuid import UUID

from authsvc.records import frozen
from authsvc.settings.mail import MailServer, Sender

if TYPE_CHECKING:
    from aiosmtplib import SMTP

CONNECT_SECONDS = 10.0
"""For the name, the connection and the greeting, also for TLS, and for the log-in."""
COMMAND_SECONDS = 30.0
ANSWER_SECONDS = 300.0
"""How long a server may think about a mail that it has. Who hangs up earlier gets mails twice (section 4.5.3.2.6)."""
QUIT_SECONDS = 0.5

Stage = Literal["connect", "tls", "login", "sender", "recipient", "data"]


class MailFailed(Exception):
    """`kind`: one lower_snake word for log and metrics; `status`: the code that the server answered. `said`: its words,
    for an operator's terminal alone: they may repeat an address."""

    def __init__(self, stage: Stage, kind: str, status: int | None = None, said: str = "") -> None:
        super().__init__(kind)
        self.stage = stage
        self.kind = kind
        self.status = status
        self.said = said


@frozen
class Message:
    """A mail to one person. `id` and `date` make the Message-ID and the Date: the same at every attempt."""

    id: UUID
    date: datetime
    sender: Sender
    recipient: str
    language: str
    subject: str = field(repr=False)
    text: str = field(repr=False)
    html: str = field(repr=False)


@frozen
class Greeting:
    """What a server offers, once all is agreed with it. `tls`: the protocol's version, "" for none."""

    name: str
    tls: str
    logged_in: bool


async def hand_in(server: MailServer, message: Message, hello: str) -> str:
    """Give a mail to the server; its last words. `hello`: our name for EHLO. Raises MailFailed."""
    try:
        content, path = to_bytes(message), _path(message.recipient)
    except ValueError:
        raise MailFailed("recipient", "address_malformed", 553) from None
    unicode_address = not message.recipient.isascii()
    async with _session(server, hello) as smtp:
        options, encoding = ([], "ascii")
        if unicode_address:
            if not smtp.supports_extension("smtputf8"):
                raise MailFailed("recipient", "smtputf8_missing", 550)
            options, encoding = (["SMTPUTF8"], "utf-8")
        with _stage("sender"):
            await smtp.mail(message.sender.address, options=options, encoding=encoding)
        with _stage("recipient"):
            await smtp.rcpt(path, encoding=encoding)
        with _stage("data"):
            async with asyncio.timeout(ANSWER_SECONDS):
                answer = await smtp.data(content)
    return f"{answer.code} {answer.message}"


async def greet(server: MailServer, hello: str) -> Greeting:
    """Do all that comes before a mail, and none. Raises MailFailed."""
    async with _session(server, hello) as smtp:
        cipher = smtp.get_transport_info("cipher")
        first = (smtp.last_ehlo_response.message if smtp.last_ehlo_response else "").splitlines()[:1]
        return Greeting(" ".join(first), cipher[1] if cipher else "", bool(server.username))


def to_bytes(message: Message) -> bytes:
    """The mail as it is sent: text and HTML (RFC 2046 section 5.1.4), from a machine (RFC 3834 section 5). The same
    bytes every time."""
    from email.headerregistry import Address
    from email.message import EmailMessage
    from email.policy import SMTP, SMTPUTF8

    made = EmailMessage(policy=SMTP if message.recipient.isascii() else SMTPUTF8)
    local, _, domain = message.recipient.rpartition("@")
    ours, _, place = message.sender.address.rpartition("@")
    made["Date"] = message.date
    made["From"] = Address(message.sender.name, ours, place)
    made["To"] = Address("", local, domain)
    made["Subject"] = message.subject
    made["Message-ID"] = f"<{message.id}@{place}>"
    made["Auto-Submitted"] = "auto-generated"
    made["Content-Language"] = message.language
    made.set_content(message.text, cte="quoted-printable")
    made.add_alternative(message.html, subtype="html", cte="quoted-printable")
    made.set_boundary(f"=_{message.id.hex}")
    return made.as_bytes()


@asynccontextmanager
async def _session(server: MailServer, hello: str) -> AsyncIterator[SMTP]:
    """A server that has greeted, with TLS and a log-in where it shall be so."""
    from aiosmtplib import SMTP

    smtp = SMTP(
        hostname=server.host,
        port=server.port,
        local_hostname=hello,
        use_tls=server.security == "tls",
        start_tls=False,
        tls_context=_tls() if server.security != "none" else None,
        timeout=COMMAND_SECONDS,
    )
    try:
        async with _deadline("connect", CONNECT_SECONDS):
            await smtp.connect(timeout=CONNECT_SECONDS)
            await smtp.ehlo()
        if server.security == "starttls":
            async with _deadline("tls", CONNECT_SECONDS):
                if not smtp.supports_extension("starttls"):
                    raise MailFailed("tls", "starttls_missing")
                await smtp.starttls()
                await smtp.ehlo()
        if server.username:
            async with _deadline("login", CONNECT_SECONDS):
                if not smtp.supports_extension("auth"):
                    raise MailFailed("login", "auth_missing")
                await smtp.login(server.username, server.password)
        yield smtp
        with suppress(Exception):  # the server has answered: nothing that follows matters
            async with asyncio.timeout(QUIT_SECONDS):
                await smtp.quit()
    finally:
        smtp.close()


@asynccontextmanager
async def _deadline(stage: Stage, seconds: float) -> AsyncIterator[None]:
    with _stage(stage):
        async with asyncio.timeout(seconds):
            yield


@contextmanager
def _stage(stage: Stage) -> Iterator[None]:
    """Every failure of this part of an attempt comes out as MailFailed."""
    from aiosmtplib import SMTPException, SMTPResponseException, SMTPTimeoutError

    try:
        yield
    except SMTPResponseException as error:
        raise MailFailed(stage, "answer", error.code, f"{error.code} {error.message}") from None
    except (TimeoutError, SMTPTimeoutError):
        raise MailFailed(stage, "timeout") from None
    except (SMTPException, OSError, ValueError) as error:
        cause = error.__cause__ if error.__cause__ is not None else error
        if isinstance(cause, ssl.SSLCertVerificationError):
            raise MailFailed("tls", "certificate", said=cause.verify_message) from None
        if isinstance(cause, ssl.SSLError):
            raise MailFailed("tls", "tls", said=cause.reason or "") from None
        raise MailFailed(stage, "connection", said=getattr(cause, "strerror", None) or "") from None


def _path(address: str) -> str:
    """An address for RCPT: a local part that is no dot-atom is quoted (section 4.1.2)."""
    from email.headerregistry import Address

    local, _, domain = address.rpartition("@")
    return Address("", local, domain).addr_spec


@cache
def _tls() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
