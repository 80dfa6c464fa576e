"""`authsvc dev` as a child process: started, waited for, told of redirect URIs, ended. It does not outlive us."""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import httpx2

from authsvc.cli.command_runtime import actor, open_from
from authsvc.cli.console import Refused
from authsvc.flows.operator.manage_clients import change_audiences, change_redirect_uris
from authsvc.rules.refused import Refused as NotThis
from authsvc.serving.listening import listen, port_of
from authsvc.store.errors import StoreUnavailable
from authsvc_devkit.processes import die_with_parent

Answer = TypeVar("Answer")
READY_SECONDS = 60.0
TRIES = 20
STOP_SECONDS = 20.0
LOOKS = {"AUTHSVC_BRAND_NAME": "The Nightjar", "AUTHSVC_BRAND_COLOR": "#a3420f", "AUTHSVC_REGISTRATION": "open"}
"""The hosted pages look like the frontends, and guests may register, unless the user's environment says otherwise."""


def free_port(wanted: int, hint: str) -> int:
    """`wanted`, or any free one for 0. Raises Refused."""
    sockets = listen("127.0.0.1", wanted, hint)
    found = port_of(sockets)
    for one in sockets:
        one.close()
    return found


async def pause(stop: asyncio.Event, seconds: float) -> None:
    """Shorter where `stop` is set."""
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)


class Service:
    """To be started from the main thread: Linux ends the child with the thread that started it."""

    def __init__(self, port: int, data_dir: Path, token_seconds: int | None, *, verbose: bool) -> None:
        self.issuer = f"http://localhost:{port}"
        self.data_dir = data_dir
        command = [sys.executable, "-m", "authsvc", "dev", "--port", str(port), "--data-dir", str(data_dir)]
        env = {**LOOKS, **os.environ}
        if token_seconds is not None:
            env["AUTHSVC_ACCESS_TOKEN_SECONDS"] = str(token_seconds)
        self._process = subprocess.Popen(
            command,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=None if verbose else subprocess.DEVNULL,
            process_group=0,  # a Ctrl-C is ours alone: we end it, once
            preexec_fn=die_with_parent(signal.SIGTERM),
        )

    @property
    def ended(self) -> int | None:
        """The exit code of the child; None while it runs."""
        return self._process.poll()

    async def wait_ready(self, stop: asyncio.Event) -> None:
        """Returns when it answers, or when `stop` is set. Raises Refused; the child has said why on standard error."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + READY_SECONDS
        async with httpx2.AsyncClient() as http:
            while not stop.is_set() and not await _answers(http, f"{self.issuer}/readyz"):
                if self.ended is not None:
                    raise Refused("the service did not start; it said why above")
                if loop.time() > deadline:
                    raise Refused(f"the service is not ready after {READY_SECONDS:.0f} s; --verbose shows what it does")
                await pause(stop, 0.05)

    async def register(self, redirect_uris: Mapping[str, str], audience: str) -> None:
        """Give each client its redirect URI and the API's audience, where it has them not: `authsvc clients
        redirect-uris` and `audiences`, without the commands. Raises Refused."""
        runtime = open_from({**os.environ, **_exports(self.data_dir / "env")})
        try:
            for client_id, uri in redirect_uris.items():
                for change, added in ((change_redirect_uris, uri), (change_audiences, audience)):
                    done = await _patient(lambda: change(runtime, actor(), client_id, [added], []))  # noqa: B023
                    if isinstance(done, NotThis):
                        raise Refused(done.description)
        finally:
            await runtime.close()

    async def wait_readable(self, origins: list[str], stop: asyncio.Event) -> None:
        """Until the service has heard of the redirect URIs, which takes a second."""
        async with httpx2.AsyncClient() as http:
            for origin in origins:
                while not stop.is_set() and not await _readable(http, f"{self.issuer}/token", origin):
                    await pause(stop, 0.05)

    def stop(self) -> None:
        """Nothing of it runs afterwards; the data stay."""
        if self.ended is None:
            self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


async def _patient(work: Callable[[], Awaitable[Answer]]) -> Answer:
    """Again while a store is away: on a busy machine it may answer late. Raises Refused."""
    for _ in range(TRIES):
        with suppress(StoreUnavailable):
            return await work()
        await asyncio.sleep(1)
    raise Refused("the database does not answer; --verbose shows what the service says of it")


async def _answers(http: httpx2.AsyncClient, url: str) -> bool:
    try:
        return (await http.get(url, timeout=2)).status_code == 200
    except httpx2.TransportError:
        return False


async def _readable(http: httpx2.AsyncClient, url: str, origin: str) -> bool:
    try:
        answer = await http.options(url, headers={"Origin": origin}, timeout=2)
    except httpx2.TransportError:
        return False
    return "access-control-allow-origin" in answer.headers


def _exports(file: Path) -> dict[str, str]:
    """What `authsvc dev` wrote for other commands: lines of `export NAME=value`, as the shell reads them."""
    words: list[Any] = [shlex.split(line, comments=True) for line in file.read_text().splitlines()]
    pairs = [line[1].partition("=") for line in words if line[:1] == ["export"]]
    return {name: value for name, _, value in pairs}
