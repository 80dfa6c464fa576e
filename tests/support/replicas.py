"""Real replicas: uvicorn processes on loopback, started and ended by the test that uses them.

A replica of one worker is forked (tests/support/forks.py), unless its test asks for an interpreter of its own.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

from authsvc_devkit.processes import Guard
from authsvc_devkit.tls import TlsFiles
from tests.support.forks import Fork


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Replica:
    """With `tls` it speaks https. With `tls` or `own_issuer` it is its own issuer: http(s)://localhost:PORT. `module`:
    what is run instead of authsvc, and is called as that is. `own_interpreter`: as an operator starts it."""

    def __init__(
        self,
        env: dict[str, str],
        workers: int = 1,
        tls: TlsFiles | None = None,
        own_issuer: bool = False,
        known_as: str = "localhost",
        module: str = "authsvc",
        port: int = 0,
        own_interpreter: bool = False,
    ) -> None:
        self.port = port or free_port()
        own_issuer = own_issuer or tls is not None
        self.url = f"{'https' if tls else 'http'}://{'localhost' if own_issuer else '127.0.0.1'}:{self.port}"
        self.trust = ssl.create_default_context(cafile=str(tls.ca_file)) if tls else None
        options: list[str] = []
        if own_issuer:
            env = {**env, "AUTHSVC_ISSUER": self.url.replace("localhost", known_as)}
        if tls:
            options = ["--tls-cert", str(tls.cert_file), "--tls-key", str(tls.key_file)]
        self.log = Path(tempfile.mkstemp(prefix="authsvc-replica-", suffix=".log")[1])
        clean = {name: value for name, value in os.environ.items() if not name.startswith("AUTHSVC_")}
        words = ["serve", "--port", str(self.port), "--workers", str(workers), *options]
        forked = not own_interpreter and workers == 1 and module == "authsvc"
        self.process: Fork | subprocess.Popen[bytes]
        with self.log.open("wb") as log:
            if forked and not any(name.startswith("PYTHON") for name in env):
                self.process = Fork(words, {**clean, **env}, log)
            else:
                self.process = subprocess.Popen(
                    [sys.executable, "-m", module, *words], env={**clean, **env}, stdout=log, stderr=subprocess.STDOUT
                )
        self._guard = None if isinstance(self.process, Fork) else Guard(signal.SIGKILL, self.process.pid)

    def wait_ready(self, seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError(f"replica ended with {self.process.returncode}: {self.log.read_text()[-2000:]}")
            if self.ready():
                return
            time.sleep(0.03)
        raise RuntimeError(f"replica not ready: {self.log.read_text()[-2000:]}")

    def ready(self) -> bool:
        try:
            with urllib.request.urlopen(self.url + "/readyz", timeout=2, context=self.trust) as answer:
                return bool(json.load(answer)["status"] == "ready")
        except (OSError, urllib.error.URLError, ValueError):
            return False

    def send(self, number: int) -> None:
        self.process.send_signal(number)

    def stop(self) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
        try:
            code = self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait()
        if self._guard:
            self._guard.dismiss()
        return code


class Replicas:
    """All replicas of one test; `stop` leaves nothing running."""

    def __init__(self, env: dict[str, str]) -> None:
        self.env = env
        self.all: list[Replica] = []

    def start(
        self,
        number: int = 1,
        *,
        workers: int = 1,
        tls: TlsFiles | None = None,
        own_issuer: bool = False,
        known_as: str = "localhost",
        own_interpreter: bool = False,
        **env: str,
    ) -> list[Replica]:
        """`known_as`: the host of their issuer, where that is one of their own."""
        started = [
            Replica({**self.env, **env}, workers, tls, own_issuer, known_as, own_interpreter=own_interpreter)
            for _ in range(number)
        ]
        self.all += started
        for replica in started:
            replica.wait_ready()
        return started

    def logs(self) -> str:
        return "".join(replica.log.read_text(errors="replace") for replica in self.all)

    def whole_log(self) -> str:
        """All that they had to say. They are ended for it: a line is written after the answer that it is about."""
        for replica in self.all:
            replica.stop()
        return self.logs()

    def stop(self) -> None:
        for replica in self.all:
            replica.stop()
        for replica in self.all:
            replica.log.unlink(missing_ok=True)
