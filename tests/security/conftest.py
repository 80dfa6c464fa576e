"""One service for each module of attacks, and means to count what an attack costs."""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import pytest
import pytest_asyncio

from authsvc import logs
from authsvc.logs.pipe import shared_pipe
from authsvc.passwords import Passwords
from authsvc.runtime import Runtime
from authsvc_devkit.servers import Servers
from tests.support.service import Service, service

_watched: ContextVar[list[str] | None] = ContextVar("watched", default=None)


@pytest_asyncio.fixture(scope="module")
async def house(servers: Servers, base_env: dict[str, str]) -> AsyncIterator[Service]:
    async with service(servers, base_env) as running:
        yield running


@contextmanager
def statements(runtime: Runtime) -> Iterator[list[str]]:
    """What PostgreSQL and Redis are asked on behalf of the calling task (the worker's own polling is not counted)."""
    asked: list[str] = []
    once, command = runtime.db._once, runtime.redis.command

    async def counted_once(method: str, sql: str, args: tuple[object, ...]) -> Any:
        if _watched.get() is asked:
            asked.append(sql)
        return await once(method, sql, args)

    async def counted_command(*words: Any) -> Any:
        if _watched.get() is asked:
            asked.append(str(words[0]))
        return await command(*words)

    runtime.db._once, runtime.redis.command = counted_once, counted_command  # type: ignore[method-assign]
    mark = _watched.set(asked)
    try:
        yield asked
    finally:
        _watched.reset(mark)
        runtime.db._once, runtime.redis.command = once, command  # type: ignore[method-assign]


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[str | None]:
    """The stored hashes that passwords were compared with, None for the dummy: what a login cost."""
    compared: list[str | None] = []
    check = Passwords._check

    def counted(self: Passwords, password: str, stored: str | None) -> Any:
        compared.append(stored)
        return check(self, password, stored)

    monkeypatch.setattr(Passwords, "_check", counted)
    return compared


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    logs.flush(5)  # what other tests of this process still have in the pipe
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    shared_pipe.told = shared_pipe.lost
    stream = io.StringIO()
    logs.configure("debug", "json", stream)
    yield stream
    logs.flush(5)
    logs.configure("info", "json", sys.__stdout__)
    root.handlers[:] = handlers
    root.setLevel(level)
