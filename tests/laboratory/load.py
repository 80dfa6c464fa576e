"""Load by a timetable, over keep-alive connections: every request has its planned moment, and its latency counts from
that. It costs a tenth of what an HTTP library does, so that two cores measure the service and not this."""

from __future__ import annotations

import asyncio
import random
from asyncio import StreamReader, StreamWriter
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from time import monotonic
from urllib.parse import urlencode

NOTHING = 0
"""The status of a request that was not answered."""


@dataclass
class Told:
    """What came of a load. Latencies in seconds, of the served."""

    statuses: Counter[int] = field(default_factory=Counter)
    latencies: list[float] = field(default_factory=list)
    began: float = field(default_factory=monotonic)
    seconds: float = 0

    def add(self, status: int, latency: float) -> None:
        self.statuses[status] += 1
        if 200 <= status < 400:
            self.latencies.append(latency)

    @property
    def served(self) -> int:
        return len(self.latencies)

    @property
    def asked(self) -> int:
        return sum(self.statuses.values())

    def at(self, share: float) -> float:
        """A quantile of the latencies in ms."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1000 if ordered else float("nan")

    def text(self) -> str:
        others = {status or "none": number for status, number in self.statuses.items() if not 200 <= status < 400}
        rate = self.served / self.seconds if self.seconds else 0
        return (
            f"{self.asked} asked, {self.served} served ({rate:.0f}/s), p50 {self.at(0.5):.1f} ms, "
            f"p99 {self.at(0.99):.1f} ms, others {others or 'none'}"
        )


class Wire:
    """Keep-alive connections to one address. An answer is (status, body)."""

    def __init__(self, port: int, host: str = "127.0.0.1") -> None:
        self.host, self.port = host, port
        self._idle: list[tuple[StreamReader, StreamWriter]] = []

    async def ask(self, request: bytes, seconds: float = 10) -> tuple[int, bytes]:
        """NOTHING where no whole answer came. A connection that turns out to be closed before anything of the answer
        came is not used twice, and the request is not repeated: a POST must not be. Who gives up hangs up, too."""
        writer: StreamWriter | None = None
        try:
            async with asyncio.timeout(seconds):
                reader, writer = await self._connection()
                writer.write(request)
                head = await reader.readuntil(b"\r\n\r\n")
                lower = head.lower()
                length = (
                    int(lower.split(b"content-length: ", 1)[1].split(b"\r\n", 1)[0])
                    if b"content-length" in lower
                    else 0
                )
                body = await reader.readexactly(length) if length else b""
        except (OSError, asyncio.IncompleteReadError, TimeoutError, asyncio.LimitOverrunError):
            if writer is not None:
                writer.close()
            return NOTHING, b""
        if b"connection: close" in lower:
            writer.close()
        else:
            self._idle.append((reader, writer))
        return int(head[9:12]), body

    async def _connection(self) -> tuple[StreamReader, StreamWriter]:
        while self._idle:
            reader, writer = self._idle.pop()
            if not reader.at_eof() and not writer.is_closing():
                return reader, writer
            writer.close()
        return await asyncio.open_connection(self.host, self.port)

    def close(self) -> None:
        for _, writer in self._idle:
            with suppress(OSError):
                writer.close()
        self._idle.clear()


def post(path: str, form: dict[str, str], *, headers: str = "") -> bytes:
    body = urlencode(form).encode()
    kind = "application/x-www-form-urlencoded"
    return _head("POST", path, headers, kind, len(body)) + body


def post_json(path: str, text: bytes, *, headers: str = "") -> bytes:
    return _head("POST", path, headers, "application/json", len(text)) + text


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()


def _head(method: str, path: str, headers: str, kind: str, length: int) -> bytes:
    lines = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n"
    return f"{lines}{headers}\r\n".encode()


async def by_timetable(one: Callable[[], Awaitable[int]], rate: float, seconds: float, *, most: int = 4000) -> Told:
    """`one()` returns a status; begun `rate` times a second. Beyond `most` at once a request counts as not answered."""
    told, began, under_way, number = Told(), monotonic(), set(), 0

    async def timed(planned: float) -> None:
        told.add(await one(), monotonic() - planned)

    while (planned := began + number / rate) < began + seconds:
        if (wait := planned - monotonic()) > 0:
            await asyncio.sleep(wait)
        number += 1
        if len(under_way) >= most:
            told.add(NOTHING, 0)
            continue
        task = asyncio.create_task(timed(planned))
        under_way.add(task)
        task.add_done_callback(under_way.discard)
    await asyncio.gather(*under_way)
    told.seconds = monotonic() - began
    return told


async def as_fast_as_answered(one: Callable[[], Awaitable[int]], at_once: int, seconds: float) -> Told:
    told, ends = Told(), monotonic() + seconds

    async def again() -> None:
        while (began := monotonic()) < ends:
            told.add(await one(), monotonic() - began)

    await asyncio.gather(*(again() for _ in range(at_once)))
    told.seconds = seconds
    return told


class Sessions:
    """Grants that are refreshed in turn, each by one caller at a time. `wires`: the replicas, or what stands before
    them."""

    def __init__(self, wires: list[Wire]) -> None:
        self.wires = wires
        self.free: list[str] = []
        self.lost = 0
        self.reasons: Counter[str] = Counter()
        """Of refreshes that were not served: the error, or what stands before the replicas said something."""

    async def log_in(self, emails: list[str], password: str) -> None:
        for email in emails:
            text = f'{{"email": "{email}", "password": "{password}"}}'.encode()
            for _ in range(50):
                status, body = await random.choice(self.wires).ask(post_json("/api/auth/login", text))
                if status == 200:
                    self.free.append(_refresh_token(body))
                    break
                await asyncio.sleep(0.1)
            else:
                raise RuntimeError(f"no login: {status} {body!r}")

    async def refresh(self) -> int:
        if not self.free:
            return NOTHING
        token = self.free.pop(0)
        form = {"grant_type": "refresh_token", "client_id": "customer", "refresh_token": token}
        status, body = await random.choice(self.wires).ask(post("/token", form))
        if status != 200:
            self.reasons["ours" if b'"error":' in body else "not ours"] += 1
        self.lost += status == 400
        self.free.append(_refresh_token(body) if status == 200 else token)
        return status

    async def machine(self) -> int:
        basic = "Authorization: Basic YmFja2VuZDpiYWNrZW5kLXNlY3JldA==\r\n"
        form = {"grant_type": "client_credentials", "scope": "api"}
        return (await random.choice(self.wires).ask(post("/token", form, headers=basic)))[0]

    async def jwks(self) -> int:
        return (await random.choice(self.wires).ask(get("/.well-known/jwks.json")))[0]

    async def mixed(self) -> int:
        return await random.choices((self.refresh, self.machine, self.jwks), (5, 2, 3))[0]()


def _refresh_token(body: bytes) -> str:
    return body.split(b'"refresh_token":"', 1)[1].split(b'"', 1)[0].decode()
