"""Valkey servers of a test's own, on addresses that it names: what sentinel.py and cluster.py are made of."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import redis

from authsvc_devkit.processes import Guard, die_with_parent
from authsvc_devkit.programs import find_redis

LOOPBACK = "127.0.0.1"
PATIENCE = 20.0


@cache
def program() -> str:
    """The server program that devkit uses. Raises ServerFailed where there is none."""
    return str(find_redis(Path(tempfile.gettempdir()) / "authsvc-programs", None))


def free_ports(number: int) -> list[int]:
    """Free on loopback now, all different."""
    probes = [socket.socket() for _ in range(number)]
    for probe in probes:
        probe.bind((LOOPBACK, 0))
    ports = [int(probe.getsockname()[1]) for probe in probes]
    for probe in probes:
        probe.close()
    return ports


def until(done: Callable[[], Any], what: str, seconds: float = PATIENCE) -> float:
    """Wait; the seconds that it took. What fails while servers start or change roles is asked again."""
    started = time.monotonic()
    while True:
        try:
            if done():
                return time.monotonic() - started
        except redis.RedisError:
            pass
        if time.monotonic() - started > seconds:
            raise TimeoutError(f"{what}: not within {seconds} s")
        time.sleep(0.02)


class Valkey:
    """One server process. `launch`: words before the program, such as `ip netns exec NAME`; `options` as in its
    configuration file, which the server itself may rewrite."""

    def __init__(
        self,
        directory: Path,
        options: Mapping[str, object],
        *,
        bind: str = LOOPBACK,
        port: int = 0,
        password: str = "",
        sentinel: bool = False,
        launch: Sequence[str] = (),
    ) -> None:
        self.host, self.port, self.password = bind, port or free_ports(1)[0], password
        self.directory = directory / str(self.port)
        self.directory.mkdir(parents=True)
        self.config = self.directory / "valkey.conf"
        lines = {"bind": bind, "port": self.port, "dir": self.directory, "save": '""', "enable-debug-command": "yes"}
        if sentinel:
            lines = {"bind": bind, "port": self.port, "dir": self.directory}
        if password:
            lines["requirepass"] = password
        values = {name: value if isinstance(value, list) else [value] for name, value in {**lines, **options}.items()}
        self.config.write_text("".join(f"{name} {one}\n" for name, many in values.items() for one in many))
        self._argv = [*launch, program(), str(self.config), *(["--sentinel"] if sentinel else [])]
        self._process: subprocess.Popen[bytes] | None = None
        self._guard: Guard | None = None
        self._client: redis.Redis | None = None

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"

    def start(self) -> None:
        """Start it unless it runs. Returns when it answers."""
        if self._process is not None and self._process.poll() is None:
            return
        with (self.directory / "log").open("ab") as log:
            self._process = subprocess.Popen(
                self._argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=die_with_parent(signal.SIGKILL)
            )
        self._guard = Guard(signal.SIGKILL, self._process.pid)
        until(self.ask().ping, f"{self} does not start; its log: {self.directory / 'log'}")

    def ask(self) -> redis.Redis:
        """A client for the test's own questions."""
        if self._client is None:
            self._client = redis.Redis(
                host=self.host,
                port=self.port,
                password=self.password or None,
                decode_responses=True,
                socket_timeout=2,
                retry=redis.retry.Retry(redis.backoff.NoBackoff(), 0),
            )
        return self._client

    @property
    def is_alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def kill(self) -> None:
        """SIGKILL, also of a frozen one."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        if self._guard is not None:
            self._guard.dismiss()
        self._process = self._guard = None

    def freeze(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        self.kill()
        if self._client is not None:
            self._client.close()
        shutil.rmtree(self.directory, ignore_errors=True)
