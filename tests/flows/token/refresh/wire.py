"""A proxy on a unix socket that reads PostgreSQL's protocol and counts what the server is asked."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlencode, urlsplit, urlunsplit

import httpx2

from authsvc.app import App, start
from authsvc.runtime import Runtime, open_runtime
from authsvc.settings import load
from tests.conftest import ISSUER

SOCKET = ".s.PGSQL.5432"


class Wire:
    """`statements` executed, and `round_trips` waited for, since `reset`. Connect to host=`directory`."""

    def __init__(self, upstream: Path) -> None:
        self._upstream = upstream
        self.reset()

    def reset(self) -> None:
        self.statements = self.round_trips = 0

    async def __aenter__(self) -> Self:
        self.directory = Path(tempfile.mkdtemp(prefix="authsvc-wire-"))
        self._tasks: set[asyncio.Task[None]] = set()
        self._server = await asyncio.start_unix_server(self._accept, self.directory / SOCKET)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()
        shutil.rmtree(self.directory)

    def _accept(self, reader: StreamReader, writer: StreamWriter) -> None:
        task = asyncio.ensure_future(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        up_reader, up_writer = await asyncio.open_unix_connection(self._upstream)
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._requests(reader, up_writer))
                both.create_task(_copy(up_reader, writer))
        except* (OSError, asyncio.IncompleteReadError):
            pass  # one end has gone
        finally:
            for end in (writer, up_writer):
                with suppress(OSError):
                    end.close()

    async def _requests(self, reader: StreamReader, writer: StreamWriter) -> None:
        length = await reader.readexactly(4)  # the startup message has no type; asyncpg asks for no TLS on a socket
        writer.write(length + await reader.readexactly(int.from_bytes(length, "big") - 4))
        while True:
            head = await reader.readexactly(5)
            kind = head[:1]
            self.statements += kind in (b"Q", b"E")  # a simple query, or Execute
            self.round_trips += kind in (b"Q", b"S", b"H")  # the client waits after these: Query, Sync, Flush
            writer.write(head + await reader.readexactly(int.from_bytes(head[1:], "big") - 4))


async def _copy(reader: StreamReader, writer: StreamWriter) -> None:
    while chunk := await reader.read(65_536):
        writer.write(chunk)
    writer.close()


@asynccontextmanager
async def service_behind(env: dict[str, str], wire: Wire) -> AsyncIterator[tuple[Runtime, httpx2.AsyncClient]]:
    """A worker behind the wire that follows no changes, so that all that is counted is a request's. One connection:
    whatever is prepared once a connection is prepared by the first call."""
    url = urlsplit(env["AUTHSVC_DATABASE_URL"])
    through = urlunsplit(url._replace(query=urlencode({"host": str(wire.directory)})))
    runtime = open_runtime(load({**env, "AUTHSVC_DATABASE_URL": through, "AUTHSVC_DB_POOL_SIZE": "1"}))
    await start(runtime)
    transport = httpx2.ASGITransport(app=App(runtime), client=("192.0.2.7", 4711))
    async with httpx2.AsyncClient(transport=transport, base_url=ISSUER) as http:
        yield runtime, http
    await runtime.close()
