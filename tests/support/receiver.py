"""A small HTTP server of somebody else's: what it was sent, and the answers that it was told to give."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from time import monotonic
from urllib.parse import parse_qs

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
Answer = bytes | Callable[[asyncio.StreamWriter], Awaitable[None]]


def answer(status: int, body: bytes = b"", kind: str = "application/json", *headers: str) -> bytes:
    head = [f"HTTP/1.1 {status} X", f"Content-Type: {kind}", f"Content-Length: {len(body)}", "Connection: close"]
    return "\r\n".join([*head, *headers, "", ""]).encode() + body


async def silence(_writer: asyncio.StreamWriter) -> None:
    """Takes the request and never says a word."""
    await asyncio.sleep(60)


@dataclass
class Receiver:
    """`answer` may be changed at any time; `requests` holds (monotonic time, head, form)."""

    answer: Answer = OK
    port: int = 0
    connections: int = 0
    requests: list[tuple[float, str, dict[str, str]]] = field(default_factory=list)
    came: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/logout"

    @property
    def tokens(self) -> list[str]:
        return [form["logout_token"] for _, _, form in self.requests]

    async def until(self, number: int, seconds: float = 10) -> None:
        """Wait for the `number`th request."""
        async with asyncio.timeout(seconds):
            while len(self.requests) < number:
                self.came.clear()
                await self.came.wait()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with suppress(OSError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            lengths = [line.partition(":")[2] for line in head.split("\r\n") if line.lower().startswith("content-len")]
            body = await reader.readexactly(int(lengths[0])) if lengths else b""
            form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
            self.requests.append((monotonic(), head, form))
            self.came.set()
            if isinstance(self.answer, bytes):
                writer.write(self.answer)
                await writer.drain()
            else:
                await self.answer(writer)
        writer.close()


@asynccontextmanager
async def receiver(first: Answer = OK, *, port: int = 0, tls: ssl.SSLContext | None = None) -> AsyncIterator[Receiver]:
    one = Receiver(first)
    server = await asyncio.start_server(one.serve, "127.0.0.1", port, ssl=tls)
    one.port = server.sockets[0].getsockname()[1]
    try:
        yield one
    finally:
        server.close()
