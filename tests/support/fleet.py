"""Many verifiers, each a process with a connection to the feed of its own, told what to do over a socket; and what
stands between them and the replicas.

    async with balanced(replicas, env, sql) as (running, balancer), Fleet(50, balancer_url, **FOLLOWING) as fleet:
        words = await fleet.judge(token)             # of each: "" or why not
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
from asyncio import Future, StreamReader, StreamWriter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import asyncpg

from authsvc.store.caller import clients
from tests.support.clients import changed_client, flat_client
from tests.support.faultproxy import FaultProxy
from tests.support.fleet_member import MOST_BYTES
from tests.support.replicas import Replica, Replicas

START_SECONDS = 60
VERIFIER = flat_client(
    id="verifier",
    name="Verifier",
    kind="confidential",
    secret_hashes=(sha256(b"verifier-secret").digest(),),
    grant_types=frozenset({"client_credentials"}),
    scopes=("api", "revocations"),
    introspection=True,
)
FOLLOWING: dict[str, Any] = {"feed": True, "client_id": "verifier", "client_secret": "verifier-secret"}
"""Options of a verifier that follows the feed."""


@asynccontextmanager
async def balanced(
    replicas: Replicas, env: dict[str, str], sql: asyncpg.Connection, **policy: Any
) -> AsyncIterator[tuple[list[Replica], FaultProxy]]:
    """Two replicas, and what stands before them: its address is the issuer. `policy`: of the verifiers' client."""
    assert await clients.add(sql, changed_client(VERIFIER, **policy))
    async with FaultProxy([], tcp=True) as balancer:
        env["AUTHSVC_ISSUER"] = f"http://127.0.0.1:{balancer.port}"
        running = replicas.start(2)
        balancer.upstream = [("127.0.0.1", replica.port) for replica in running]
        yield running, balancer


class Member:
    """One of these processes. `rejected`: name of a watched token -> (monotonic seconds, reason)."""

    def __init__(self, reader: StreamReader, writer: StreamWriter) -> None:
        self.rejected: dict[str, tuple[float, str]] = {}
        self._writer = writer
        self._waiting: dict[int, Future[dict[str, Any]]] = {}
        self._asked = 0
        self.task = asyncio.create_task(self._listen(reader))

    async def ask(self, **words: Any) -> dict[str, Any]:
        self._asked += 1
        self._waiting[self._asked] = future = asyncio.get_running_loop().create_future()
        self._writer.write(json.dumps({"id": self._asked, **words}).encode() + b"\n")
        async with asyncio.timeout(30):
            return await future

    async def _listen(self, reader: StreamReader) -> None:
        while line := await reader.readline():
            said = json.loads(line)
            if "rejected" in said:
                self.rejected[said["rejected"]] = (said["at"], said["reason"])
            elif "id" in said:
                self._waiting.pop(said["id"]).set_result(said)

    def close(self) -> None:
        self._writer.close()


class Fleet:
    """`caching`: their caches of keys age so many times as fast. Other options are `Verifier`'s."""

    def __init__(self, number: int, issuer: str, *, caching: float = 1, **options: Any) -> None:
        self.members: list[Member] = []
        self._directory = tempfile.TemporaryDirectory(prefix="authsvc-fleet-", dir="/tmp")
        socket = Path(self._directory.name) / "socket"
        self._config = {
            "number": number,
            "socket": str(socket),
            "issuer": issuer,
            "audience": issuer,
            "options": options,
            "caching": caching,
        }

    async def __aenter__(self) -> Self:
        self._all_here = asyncio.Event()
        self._server = await asyncio.start_unix_server(self._welcome, self._config["socket"], limit=MOST_BYTES)
        command = [sys.executable, "-m", "tests.support.fleet_member", json.dumps(self._config)]
        self._process = subprocess.Popen(command, cwd=Path(__file__).parents[2])
        try:
            async with asyncio.timeout(START_SECONDS):
                await self._all_here.wait()
        except BaseException:
            await self._end()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self._end()

    async def _welcome(self, reader: StreamReader, writer: StreamWriter) -> None:
        json.loads(await reader.readline())  # ready
        self.members.append(Member(reader, writer))
        if len(self.members) == self._config["number"]:
            self._all_here.set()

    async def _end(self) -> None:
        """They end when their line is cut."""
        for member in self.members:
            member.close()
        self._server.close()
        try:
            await asyncio.to_thread(self._process.wait, 20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        await asyncio.gather(*(member.task for member in self.members), return_exceptions=True)
        self._directory.cleanup()

    async def judge(self, *tokens: str, stale: str | None = None) -> list[list[str]]:
        """A list of words for each member."""
        said = await asyncio.gather(*(member.ask(judge=tokens, stale=stale) for member in self.members))
        return [words["words"] for words in said]

    async def watch(self, tokens: dict[str, str]) -> None:
        """Look at them until they are rejected; returns when all do."""
        await asyncio.gather(*(member.ask(watch=tokens) for member in self.members))

    async def held(self) -> list[dict[str, Any]]:
        """{"held": {kind: [subject, …]}, "staleness": seconds} of each."""
        return await asyncio.gather(*(member.ask(held=True) for member in self.members))

    async def until(self, true: Callable[[dict[str, Any]], bool], seconds: float) -> list[dict[str, Any]]:
        """What they hold, when that is `true` of each."""
        async with asyncio.timeout(seconds):
            while not all(map(true, found := await self.held())):
                await asyncio.sleep(0.1)
        return found
