"""A PostgreSQL and a Valkey of this directory's own, services on real ports, and subscribers that remember."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

import asyncpg
import httpx2
import pytest
import uvicorn

from authsvc.app import App, start
from authsvc.flows.session.publish_revocation import revocation_feed
from authsvc.flows.upkeep.follow_changes import follow_changes
from authsvc.runtime import Runtime, open_runtime
from authsvc.serving.protocol import DeadlineProtocol
from authsvc.settings import load
from authsvc.store.caller import clients
from tests.conftest import base_env as base_env  # an imported fixture is a new one: these are on the servers below
from tests.faults.conftest import database_url as database_url
from tests.faults.conftest import servers as servers
from tests.support.fleet import VERIFIER


class Wire(DeadlineProtocol):
    """A client that reads nothing is given less time."""

    write_seconds = 0.5


class _Server(uvicorn.Server):
    @staticmethod
    def capture_signals() -> Any:  # type: ignore[override]
        return nullcontext()


@dataclass
class Service:
    """A worker in this process, on a real port."""

    runtime: Runtime
    server: uvicorn.Server
    url: str
    http: httpx2.AsyncClient

    async def token(self, scope: str = "revocations", **form: str) -> str:
        form = {"grant_type": "client_credentials", "scope": scope, **form}
        answer = await self.http.post("/token", data=form, auth=("verifier", "verifier-secret"))
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])

    async def document(self) -> dict[str, Any]:
        answer = await self.http.get("/revocations")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found


@asynccontextmanager
async def serving(env: dict[str, str], *, heartbeat_seconds: float = 0.5) -> AsyncIterator[Service]:
    runtime = open_runtime(load(env))
    revocation_feed.of(runtime).heartbeat_seconds = heartbeat_seconds
    await start(runtime)
    with suppress(asyncpg.PostgresError):
        async with runtime.db.transaction() as connection:
            await clients.add(connection, VERIFIER)
    following = asyncio.create_task(follow_changes(runtime))
    config = uvicorn.Config(
        App(runtime),
        "127.0.0.1",
        0,
        http=Wire,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=3,
    )
    server = _Server(config)
    running = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.005)
    url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    try:
        async with httpx2.AsyncClient(base_url=url, timeout=10, trust_env=False) as http:
            yield Service(runtime, server, url, http)
    finally:
        revocation_feed.of(runtime).end("closed")
        server.should_exit = True
        await running
        following.cancel()
        with suppress(asyncio.CancelledError):
            await following
        await runtime.close()


@pytest.fixture
def env(settings_env: dict[str, str]) -> dict[str, str]:
    return settings_env


@pytest.fixture
async def service(env: dict[str, str]) -> AsyncIterator[Service]:
    async with serving(env) as running:
        yield running


@dataclass
class Listener:
    """A subscriber: what it was sent, and what it holds by the rules of the feed."""

    urls: list[str]
    """Where it may connect; it goes on to the next one each time. May be shared, and changed meanwhile."""
    headers: dict[str, str] = field(default_factory=dict)
    last: int | None = None
    events: list[tuple[str, dict[str, Any], float]] = field(default_factory=list)
    held: dict[int, dict[str, Any]] = field(default_factory=dict)
    newest: int = 0
    """The highest number of what it holds."""
    comments: list[float] = field(default_factory=list)
    ends: int = 0
    refused: list[int] = field(default_factory=list)
    over: bool = False
    """Ends `run`: a cancellation alone may be lost, where it meets a connection that fails at the same moment."""

    def of(self, name: str) -> list[dict[str, Any]]:
        return [data for found, data, _ in self.events if found == name]

    def subjects(self) -> set[str]:
        return {entry["subject"] for entry in self.held.values()}

    def take(self, name: str, data: dict[str, Any], number: int | None) -> None:
        self.events.append((name, data, monotonic()))
        if name == "snapshot":
            self.held = {entry["sequence"]: entry for entry in data["revocations"]}
            self.newest = max(self.held, default=0)
            assert number == data["sequence"]
        elif name == "revocation":
            assert number == data["sequence"]
            assert number > self.newest, "a lower number after a higher one"
            self.held[number] = data
            self.newest = number
        elif name == "heartbeat":
            assert data["sequence"] >= self.newest
        if number is not None:
            self.last = number

    async def once(self) -> None:
        """One connection, until it ends."""
        headers, url = dict(self.headers), self.urls[self.ends % len(self.urls)]
        if self.last is not None:
            headers["Last-Event-ID"] = str(self.last)
        timeout = httpx2.Timeout(3, read=30)
        async with (
            httpx2.AsyncClient(timeout=timeout, trust_env=False, verify=False) as http,  # its CAs cost 20 ms
            http.stream("GET", url + "/revocations/stream", headers=headers) as answer,
        ):
            if answer.status_code != 200:
                self.refused.append(answer.status_code)
                return
            assert answer.headers["content-type"] == "text/event-stream"
            fields: dict[str, str] = {}
            async for line in answer.aiter_lines():
                if line.startswith(":"):
                    self.comments.append(monotonic())
                elif line:
                    name, _, value = line.partition(": ")
                    fields[name] = value
                elif "data" in fields:
                    number = int(fields["id"]) if "id" in fields else None
                    self.take(fields["event"], json.loads(fields["data"]), number)
                    fields = {}

    async def run(self) -> None:
        """Again and again, at the next address each time, as a verifier does."""
        while not self.over:
            with suppress(httpx2.HTTPError):
                await self.once()
            self.ends += 1
            await asyncio.sleep(0.05)

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[Listener]:
        """Listen for the time of a block, which begins with the first heartbeat."""
        task = asyncio.create_task(self.run())
        try:
            await until(lambda: task.done() or self.of("heartbeat"))
            yield self
            if task.done():
                await task
        finally:
            self.over = True
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            self.over = False


async def until(check: Callable[[], Any], seconds: float = 8) -> float:
    """Seconds until `check` is true."""
    started = monotonic()
    while not check():
        assert monotonic() - started < seconds, "it never came"
        await asyncio.sleep(0.005)
    return monotonic() - started


INSERT = """INSERT INTO revocations (kind, subject, expires_at, reason)
            SELECT $1, subject, now() + interval '1 hour', 'tests' FROM unnest($2::text[]) AS subject"""


async def revoke(sql: asyncpg.Connection, *subjects: str, kind: str = "session") -> None:
    """As a trigger writes them; no worker hears of it but by looking."""
    await sql.execute(INSERT, kind, list(subjects))
