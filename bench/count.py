"""`scripts/bench --count`: instructions of Python and calls of Python functions that a request takes, and where.

They are the same on every machine of one Python, however busy it is: what a change adds or saves is seen to the last of
them. What is done in C is not among them: a signature is one call.
"""

from __future__ import annotations

import asyncio
import platform
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import uvloop
from uvicorn.server import ServerState

from authsvc.app import begin, start
from authsvc.logs.pipe import shared_pipe
from authsvc.runtime import open_runtime
from authsvc.serving.protocol import DeadlineProtocol
from authsvc.serving.worker import config_of
from authsvc.settings import load
from bench.load import refresh_chain
from bench.service import ROOT, Scenario, Service

BEFORE, COUNTED = 50, 20
"""Requests: until everything is remembered that will be, and those of which the mean is told."""
MOST = 7
_HERE = __file__


@dataclass
class Counted:
    """A request, by room: of ours the directory, of others the package."""

    instructions: Counter[str] = field(default_factory=Counter)
    calls: Counter[str] = field(default_factory=Counter)

    def row(self, name: str) -> str:
        rooms = ", ".join(f"{room} {number / COUNTED:,.0f}" for room, number in self.instructions.most_common(MOST))
        instructions, calls = (sum(one.values()) / COUNTED for one in (self.instructions, self.calls))
        return f"| {name} | {instructions:,.0f} | {calls:,.0f} | {rooms} |"


class _Transport(asyncio.Transport):
    """Of a connection that is none: it keeps what is written, and says so."""

    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 1), "sockname": ("127.0.0.1", 80)})
        self.answer = b""
        self.written = asyncio.Event()

    def write(self, data: Any) -> None:
        self.answer += bytes(data)
        self.written.set()

    def is_closing(self) -> bool:
        return False

    def get_write_buffer_size(self) -> int:
        return 0

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


def counted(service: Service, scenarios: list[Scenario]) -> list[str]:
    """The table. Scenarios of authorization codes are left out: half of their work is another request's."""
    chains = service.refresh_tokens(1)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        rows = runner.run(_rows(service.env, [one for one in scenarios if not one.codes], chains[0]))
    return [
        f"`scripts/bench --count`, Python {platform.python_version()}: instructions and calls of Python a request.",
        "",
        "| request | instructions | calls | instructions, by room |",
        "|---|---|---|---|",
        *rows,
    ]


async def _rows(env: dict[str, str], scenarios: list[Scenario], refresh_token: str) -> list[str]:
    runtime = open_runtime(load({**env}))
    shared_pipe.write = lambda _: None  # its lines are made, and read by nobody
    try:
        await start(runtime)
        begin(runtime)
        wire, transport = DeadlineProtocol(config_of(runtime, None), ServerState(), {}), _Transport()
        wire.connection_made(transport)
        return [(await _counted(wire, transport, one, refresh_token)).row(one.name) for one in scenarios]
    finally:
        await runtime.close()


async def _counted(wire: DeadlineProtocol, transport: _Transport, scenario: Scenario, refresh_token: str) -> Counted:
    found = Counted()
    requests = _requests(scenario, refresh_token, transport)
    for number in range(BEFORE + COUNTED):
        request = next(requests)
        transport.answer = b""
        transport.written.clear()
        if number >= BEFORE:
            sys.settrace(_tracer(found))
        try:
            wire.data_received(request)
            await transport.written.wait()
        finally:
            sys.settrace(None)
        assert transport.answer.startswith((b"HTTP/1.1 200", b"HTTP/1.1 302", b"HTTP/1.1 303")), transport.answer
    return found


def _requests(scenario: Scenario, refresh_token: str, transport: _Transport) -> Iterator[bytes]:
    if not scenario.chains:
        while True:
            yield from scenario.requests
    source = refresh_chain(refresh_token)
    assert source.follow
    yield source.request
    while True:
        yield source.follow(transport.answer)


def _tracer(found: Counted) -> Callable[[FrameType, str, Any], Any]:
    def begins(frame: FrameType, event: str, _: Any) -> Any:
        file = frame.f_code.co_filename
        if file == _HERE:
            return None
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        room = _room(file)
        found.calls[room] += 1

        def goes_on(_frame: FrameType, event: str, _: Any) -> Any:
            if event == "opcode":
                found.instructions[room] += 1
            return goes_on

        return goes_on

    return begins


def _room(file: str) -> str:
    path = Path(file)
    if ROOT in path.parents and ".venv" not in file:
        parts = path.relative_to(ROOT).parts
        return parts[1].removesuffix(".py") if parts[0] == "authsvc" else parts[0]
    if "site-packages" in path.parts:
        return path.parts[path.parts.index("site-packages") + 1]
    return "records" if file == "<string>" else "Python"
