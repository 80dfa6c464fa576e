"""The load generator: keep-alive connections that speak just enough HTTP, and exact latencies.

`saturate` sends the next request when an answer arrives (throughput). `pace` sends by a timetable and counts from the
planned moment, so that a slow answer delays no measurement (latency without coordinated omission).
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import sys
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import urlsplit

import uvloop


@dataclass
class Stats:
    latencies: list[float] = field(default_factory=list)
    errors: int = 0
    first_error: str = ""
    packets: int = 0
    bytes: int = 0
    """Both ways, without headers; 0 where the kernel does not count them."""


class Source:
    """What one connection sends: the same request again, or a chain in which each answer makes the next request. An
    empty request ends the connection's work."""

    def __init__(self, request: bytes, follow: Callable[[bytes], bytes] | None = None) -> None:
        self.request = request
        self.follow = follow


class Connection(asyncio.Protocol):
    def __init__(self, source: Source, stats: Stats, period: float | None, phase: float, until: float) -> None:
        self.source = source
        self.stats = stats
        self.period = period
        self.until = until
        self.buffer = b""
        self.planned = 0.0
        self.next_at = time.perf_counter() + phase
        self.finished: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass of it
        self._plan()

    def _plan(self) -> None:
        now = time.perf_counter()
        if now >= self.until or not self.source.request:
            self._count()
            self.transport.close()
        elif self.period is None:
            self._send(now)
        else:
            self.next_at += self.period
            wait = self.next_at - now
            if wait > 0:
                asyncio.get_running_loop().call_later(wait, self._send, self.next_at)
            else:
                self._send(self.next_at)

    def _send(self, planned: float) -> None:
        self.planned = planned
        self.transport.write(self.source.request)

    def data_received(self, data: bytes) -> None:
        buffer = self.buffer + data if self.buffer else data
        end = buffer.find(b"\r\n\r\n")
        if end < 0:
            self.buffer = buffer
            return
        at = buffer.find(b"content-length: ")
        at = buffer.find(b"Content-Length: ") if at < 0 else at
        length = int(buffer[at + 16 : buffer.find(b"\r", at)]) if 0 <= at < end else 0
        if len(buffer) < end + 4 + length:
            self.buffer = buffer
            return
        self.buffer = b""
        if buffer[9:12] == b"200":
            self.stats.latencies.append(time.perf_counter() - self.planned)
            if self.source.follow:
                self.source.request = self.source.follow(buffer[end + 4 :])
        else:
            self.stats.errors += 1
            self.stats.first_error = self.stats.first_error or buffer[:400].decode("latin-1")
        self._plan()

    def _count(self) -> None:
        """struct tcp_info of Linux: bytes acked and received, segments out and in."""
        if sys.platform == "linux":
            told = self.transport.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 144)
            if len(told) == 144:
                *sizes, out, into = struct.unpack_from("=QQII", told, 120)
                self.stats.bytes += sum(sizes)
                self.stats.packets += out + into

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.finished.done():
            self.finished.set_result(None)


async def run(url: str, sources: list[Source], seconds: float, rate: float | None) -> tuple[Stats, float]:
    """Drive all sources; returns the statistics and the seconds it took. `rate`: requests a second in all, or None."""
    address = urlsplit(url)
    loop = asyncio.get_running_loop()
    stats = Stats()
    started = time.perf_counter()
    until = started + seconds
    period = None if rate is None else len(sources) / rate
    made = [
        await loop.create_connection(
            lambda source=source, number=number: Connection(
                source, stats, period, 0 if period is None else period * number / len(sources), until
            ),
            address.hostname,
            address.port,
        )
        for number, source in enumerate(sources)
    ]
    await asyncio.wait_for(asyncio.gather(*(protocol.finished for _, protocol in made)), seconds + 30)
    return stats, time.perf_counter() - started


def request(method: str, path: str, body: str = "", headers: str = "", kind: str = "x-www-form-urlencoded") -> bytes:
    """The bytes of one HTTP/1.1 request; `headers` ends with CRLF where given."""
    content = f"Content-Type: application/{kind}\r\nContent-Length: {len(body)}\r\n" if method == "POST" else ""
    return f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n{headers}{content}\r\n{body}".encode()


def refresh_chain(refresh_token: str, waiting: deque[str] | None = None) -> Source:
    """Each answer's refresh token makes a request, when those that are `waiting` had their turn: a single chain, at
    this speed, would be taken for a client in a loop."""
    waiting = deque() if waiting is None else waiting

    def build(token: str) -> bytes:
        return request("POST", "/token", f"grant_type=refresh_token&client_id=customer&refresh_token={token}")

    def follow(answer: bytes) -> bytes:
        at = answer.index(b'"refresh_token":"') + 17
        waiting.append(answer[at : answer.index(b'"', at)].decode())
        return build(waiting.popleft())

    return Source(build(refresh_token), follow)


def spend(requests: list[bytes], connections: int) -> list[Source]:
    """Each request is sent once, by whichever connection is free, until none is left."""
    left = iter(requests)
    return [Source(next(left, b""), lambda _: next(left, b"")) for _ in range(connections)]


def main() -> None:
    """Child process: reads one JSON job from stdin, prints one JSON result."""
    job: dict[str, Any] = json.load(sys.stdin)
    if job["chains"]:
        turns = [deque(job["chains"][number :: job["connections"]]) for number in range(job["connections"])]
        sources = [refresh_chain(waiting.popleft(), waiting) for waiting in turns]
    elif job["once"]:
        sources = spend([text.encode("latin-1") for text in job["once"]], job["connections"])
    else:
        requests = [text.encode("latin-1") for text in job["requests"]]
        sources = [Source(requests[number % len(requests)]) for number in range(job["connections"])]
    began = time.process_time()
    stats, seconds = uvloop.run(run(job["url"], sources, job["seconds"], job["rate"]))
    last = []
    if job["chains"]:
        last = [source.request.rpartition(b"=")[2].decode() for source in sources] + [
            one for all in turns for one in all
        ]
    json.dump(
        {
            "seconds": seconds,
            "answers": len(stats.latencies),
            "errors": stats.errors,
            "first_error": stats.first_error,
            "generator": time.process_time() - began,
            "packets": stats.packets,
            "bytes": stats.bytes,
            "latencies": sorted(stats.latencies),
            "chains": last,
        },
        sys.stdout,
    )


if __name__ == "__main__":
    main()
