"""A proxy that breaks the network on purpose, between a client and PostgreSQL, Redis or an HTTP server.

    async with FaultProxy("/tmp/x/.s.PGSQL.5432", name=".s.PGSQL.5432") as proxy:   # connect to host=proxy.directory
        proxy.delay = 0.2
        proxy.cut_after_request(b"COMMIT")

It forwards bytes and knows no protocol. Everything may be changed while connections are open.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import struct
import tempfile
from asyncio import StreamReader, StreamWriter
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

CHUNK = 65536
RESET_ON_CLOSE = struct.pack("ii", 1, 0)

Upstream = str | os.PathLike[str] | tuple[str, int]


class FaultProxy:
    """Listens on the unix socket `path` (named `name`, in a short directory of its own), or on 127.0.0.1 when `tcp`.

    `upstream` is the path of a unix socket or (host, port); or a list of them, which are taken in turn, past those that
    refuse the connection. Counters: `connections` accepted, `bytes_up` forwarded to the server, `bytes_down` to the
    client, `cuts` connections reset, `dropped` answers swallowed.
    """

    def __init__(self, upstream: Upstream | list[Upstream], *, tcp: bool = False, name: str = "proxy.sock") -> None:
        self.upstream = upstream
        self.delay = 0.0
        """Seconds that each chunk waits before it is forwarded, each way; later chunks wait behind it."""
        self.connections = self.bytes_up = self.bytes_down = self.cuts = self.dropped = 0
        self.directory = Path()
        self.port = 0
        self._tcp = tcp
        self._name = name
        self._server: asyncio.Server | None = None
        self._open: set[_Connection] = set()
        self._flowing = asyncio.Event()
        self._refusing = False
        self._fatal_request: bytes | None = None
        self._banned_request: bytes | None = None
        self._fatal_times = 0
        self._drop_next = False
        self.heal()

    @property
    def path(self) -> Path:
        """Of the unix socket."""
        return self.directory / self._name

    async def __aenter__(self) -> Self:
        if self._tcp:
            self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
            self.port = self._server.sockets[0].getsockname()[1]
        else:
            self.directory = Path(tempfile.mkdtemp(prefix="faultproxy-", dir="/tmp"))
            self._server = await asyncio.start_unix_server(self._accept, self.path)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for connection in self._open:
            connection.abort()
        await asyncio.gather(*(connection.task for connection in self._open), return_exceptions=True)
        await self._server.wait_closed()
        if not self._tcp:
            shutil.rmtree(self.directory, ignore_errors=True)

    def heal(self) -> None:
        """A plain proxy again. Stalled connections go on with what they held; those whose bytes are lost are cut."""
        self.delay = 0.0
        self._refusing = self._drop_next = False
        self._fatal_request = self._banned_request = None
        for connection in self._open:
            if connection.lost:
                connection.cut()
        self._flowing.set()

    def blackhole(self) -> None:
        """Nothing passes and nothing is closed, until `heal`. Open connections stall and lose nothing, as in TCP.

        New ones are accepted, what they send is thrown away, and the server never hears of them.
        """
        self._flowing.clear()

    def refuse(self) -> None:
        """Close new connections at once, until `heal`. Those that are open stay: see `cut`."""
        self._refusing = True

    def cut(self) -> None:
        """Reset every open connection, both ends. New ones are welcome."""
        for connection in self._open:
            connection.cut()

    def cut_after_request(self, match: bytes, times: int = 1) -> None:
        """Lose one answer: forward the next request that contains `match`, wait for the answer, cut instead.

        The server has done the work by then, and the client cannot know. So many times in a row; `cuts` counts them.
        """
        self._fatal_request, self._fatal_times = match, times

    def ban_request(self, match: bytes) -> None:
        """Reset every connection that sends a request with `match`, before the server hears all of it, until `heal`."""
        self._banned_request = match

    def drop_next_answer(self) -> None:
        """Swallow what a server says next, on any connection, until its client speaks again. Nothing is closed."""
        self._drop_next = True

    def _accept(self, reader: StreamReader, writer: StreamWriter) -> None:
        self.connections += 1
        if self._refusing:
            writer.transport.abort()
            return
        connection = _Connection(self, reader, writer)
        self._open.add(connection)
        connection.task.add_done_callback(lambda _: self._open.discard(connection))

    async def flowing(self) -> None:
        """For connections: passes unless there is a black hole."""
        await self._flowing.wait()

    @property
    def swallowing(self) -> bool:
        return not self._flowing.is_set()

    def take_fatal(self, request: bytes) -> bool:
        """Whether these bytes are what `cut_after_request` waits for; true as often as it was told."""
        if self._fatal_request is None or self._fatal_request not in request:
            return False
        self._fatal_times -= 1
        if self._fatal_times == 0:
            self._fatal_request = None
        return True

    def is_banned(self, request: bytes) -> bool:
        return self._banned_request is not None and self._banned_request in request

    @property
    def longest_overlap(self) -> int:
        """How many bytes of a chunk may be the beginning of a request that is waited for."""
        return max(len(self._fatal_request or b""), len(self._banned_request or b""), 1) - 1

    def next_upstreams(self) -> list[Upstream]:
        """All of them, in the order in which this connection tries them."""
        if not isinstance(self.upstream, list):
            return [self.upstream]
        first = self.connections % len(self.upstream)
        return self.upstream[first:] + self.upstream[:first]

    def take_drop(self) -> bool:
        wanted, self._drop_next = self._drop_next, False
        return wanted


class _Connection:
    """One client and, unless it fell into the hole, its server."""

    def __init__(self, proxy: FaultProxy, reader: StreamReader, writer: StreamWriter) -> None:
        self._proxy = proxy
        self._client = (reader, writer)
        self._writers = [writer]
        self._doomed = False
        self._mute = False
        self._aborted = False
        self.lost = proxy.swallowing
        self.task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        reader, writer = self._client
        try:
            if self.lost:
                while await reader.read(CHUNK):
                    pass
                return
            up_reader, up_writer = await self._connect()
            self._writers.append(up_writer)
            async with asyncio.TaskGroup() as both:
                both.create_task(self._forward_requests(reader, up_writer))
                both.create_task(self._forward_answers(up_reader, writer))
        except* OSError:
            pass  # one end is gone: the other is told by closing it
        finally:
            await self._close()

    async def _connect(self) -> tuple[StreamReader, StreamWriter]:
        *others, last = self._proxy.next_upstreams()
        for upstream in others:
            with suppress(OSError):
                return await self._dial(upstream)
        return await self._dial(last)

    @staticmethod
    async def _dial(upstream: Upstream) -> tuple[StreamReader, StreamWriter]:
        if isinstance(upstream, tuple):
            return await asyncio.open_connection(*upstream)
        return await asyncio.open_unix_connection(upstream)

    async def _forward_requests(self, reader: StreamReader, writer: StreamWriter) -> None:
        seen = b""
        while chunk := await reader.read(CHUNK):
            await self._hold()
            self._mute = False
            seen += chunk
            if self._proxy.is_banned(seen):
                self.cut()
                return
            self._doomed = self._proxy.take_fatal(seen) or self._doomed
            seen = seen[len(seen) - min(self._proxy.longest_overlap, len(seen)) :]
            await self._write(writer, chunk)
            self._proxy.bytes_up += len(chunk)
        await self._hold()
        if not writer.is_closing():
            writer.write_eof()

    async def _forward_answers(self, reader: StreamReader, writer: StreamWriter) -> None:
        while chunk := await reader.read(CHUNK):
            if self._doomed:
                self.cut()
                return
            await self._hold()
            if self._proxy.take_drop():
                self._mute = True
                self._proxy.dropped += 1
            if self._mute:
                continue
            await self._write(writer, chunk)
            self._proxy.bytes_down += len(chunk)
        await self._hold()
        if not writer.is_closing():
            writer.write_eof()

    @staticmethod
    async def _write(writer: StreamWriter, chunk: bytes) -> None:
        if writer.is_closing():  # uvloop calls it a RuntimeError, asyncio nothing at all
            raise ConnectionResetError
        writer.write(chunk)
        await writer.drain()

    async def _hold(self) -> None:
        await asyncio.sleep(self._proxy.delay)
        await self._proxy.flowing()

    def cut(self) -> None:
        """Reset, as far as the kind of socket can: TCP sends RST, a unix socket loses what was not sent."""
        if not self._aborted:
            self._proxy.cuts += 1
            self.abort()

    def abort(self) -> None:
        self._aborted = True
        for writer in self._writers:
            self._reset_on_close(writer)
            writer.transport.abort()
        self.task.cancel()  # it may be waiting out a delay or a black hole

    async def _close(self) -> None:
        for writer in self._writers:
            writer.close()
        for writer in self._writers:
            with suppress(OSError):
                await writer.wait_closed()

    @staticmethod
    def _reset_on_close(writer: StreamWriter) -> None:
        connected = writer.get_extra_info("socket")
        if connected is not None and connected.family != socket.AF_UNIX:
            with suppress(OSError):
                connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
