"""Mail servers on loopback, and the worker's task that sends."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any, cast

import asyncpg
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

from authsvc.flows.mail import deliver
from authsvc.runtime import Runtime
from tests.support.background import beside

NOT_LOCAL = "127.0.0.2"
"""This machine by a name that the settings do not take for it: STARTTLS is demanded."""


@dataclass
class MailServer:
    """A handler of aiosmtpd. `answers`: hook ("RCPT", "DATA", ...) -> what to answer, taken one by one; then 250."""

    port: int = 0
    mails: list[EmailMessage] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    answers: dict[str, list[str]] = field(default_factory=dict)
    connections: int = 0
    wait: float = 0

    def url(self, host: str = "localhost", *, scheme: str = "smtp", login: str = "") -> str:
        return f"{scheme}://{login}{host}:{self.port}"

    async def handle_EHLO(
        self, _server: SMTP, session: Session, _envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        return responses

    async def handle_MAIL(
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return self._answer("MAIL", "250 OK")

    async def handle_RCPT(
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        said = self._answer("RCPT", "250 OK")
        if said.startswith("250"):
            envelope.rcpt_tos.append(address)
        return said

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:
        await asyncio.sleep(self.wait)
        said = self._answer("DATA", "250 taken")
        if said.startswith("250"):
            content = cast("bytes", envelope.original_content)
            self.raw.append(content)
            self.mails.append(cast("EmailMessage", message_from_bytes(content, policy=default)))
            self.recipients += envelope.rcpt_tos
        return said

    def _answer(self, hook: str, otherwise: str) -> str:
        waiting = self.answers.get(hook)
        return waiting.pop(0) if waiting else otherwise

    async def until(self, count: int, seconds: float = 15) -> None:
        async with asyncio.timeout(seconds):
            while len(self.mails) < count:
                await asyncio.sleep(0.01)


@asynccontextmanager
async def mail_server(
    host: str = "127.0.0.1",
    *,
    port: int = 0,
    tls: ssl.SSLContext | None = None,
    smtps: ssl.SSLContext | None = None,
    login: tuple[str, str] | None = None,
) -> AsyncIterator[MailServer]:
    """`tls`: STARTTLS is demanded; `smtps`: TLS from the start; `login`: user and password are demanded."""
    handler = MailServer()

    def judge(_server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: Any) -> AuthResult:
        return AuthResult(success=(data.login.decode(), data.password.decode()) == login, handled=False)

    def protocol() -> SMTP:
        handler.connections += 1
        return SMTP(
            handler,
            hostname="mail.test",
            enable_SMTPUTF8=True,
            tls_context=tls,
            require_starttls=tls is not None,
            auth_required=login is not None,
            auth_require_tls=tls is not None,
            authenticator=judge if login else None,
            timeout=60,
        )

    server = await asyncio.get_running_loop().create_server(protocol, host, port, ssl=smtps)
    handler.port = server.sockets[0].getsockname()[1]
    try:
        yield handler
    finally:
        server.close()
        server.close_clients() if hasattr(server, "close_clients") else None


@asynccontextmanager
async def raw_server(
    serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[int]:
    """A server that speaks as `serve` does; its port."""
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


Sessions = list[bytes]


def breaks_off_in_data(
    heard: Sessions, *, after: int | None
) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
    """A server that hangs up so many bytes into a mail; None: after its last one, without an answer."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.test\r\n")
        while line := await reader.readline():
            if line.startswith(b"DATA"):
                writer.write(b"354 go on\r\n")
                taken = await (reader.readexactly(after) if after else reader.readuntil(b"\r\n.\r\n"))
                heard.append(taken)
                writer.transport.abort()
                return
            writer.write(b"250 fine\r\n")

    return serve


def settings_of(env: dict[str, str], server: MailServer, **others: str) -> dict[str, str]:
    return {**env, "AUTHSVC_SMTP_URL": server.url(), "AUTHSVC_MAIL_FROM": "The Bar <mail@bar.example>", **others}


def post_office(runtime: Runtime) -> AbstractAsyncContextManager[None]:
    return beside(deliver.deliver_for_ever, runtime)


async def until(sql: asyncpg.Connection, condition: str, count: int = 1, seconds: float = 15) -> None:
    """Until so many rows of `mails` are as `condition` says."""
    async with asyncio.timeout(seconds):
        while await sql.fetchval(f"SELECT count(*) FROM mails WHERE {condition}") < count:
            await asyncio.sleep(0.02)
