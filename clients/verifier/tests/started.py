"""An example in a process of its own, started by the command in its docstring, asked over HTTP."""

from __future__ import annotations

import ast
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx2

EXAMPLES = Path(__file__).parents[1] / "examples"
FRAMEWORKS = ("fastapi", "starlette", "flask", "django")
SECONDS = 20
_WITH_PORT = {"uvicorn": "--port {port}", "flask": "--port {port}", "python": "--noreload 127.0.0.1:{port}"}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def command_of(file: Path, port: int) -> list[str]:
    """What the docstring says, before the brackets, on a port of our own."""
    words = str(ast.get_docstring(ast.parse(file.read_text()))).partition("(")[0].split()
    program = [sys.executable, *(words[1:] if words[0] == "python" else ["-m", *words])]
    return program + _WITH_PORT[words[0]].format(port=port).split()


class Example:
    """It starts when this is made; a context manager that waits for it, and ends it. `env`: ISSUER and so on."""

    def __init__(self, file: Path, **env: str) -> None:
        self.port = free_port()
        self.http = httpx2.Client(base_url=f"http://127.0.0.1:{self.port}", trust_env=False)
        self.process = subprocess.Popen(
            command_of(file, self.port),
            cwd=file.parent,
            env={**os.environ, **env},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def __enter__(self) -> Self:
        deadline = time.monotonic() + SECONDS
        while True:
            try:
                self.http.get("/")
            except httpx2.TransportError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    self.end()
                    raise
                time.sleep(0.05)
            else:
                return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.end()

    def end(self) -> None:
        self.http.close()
        self.process.terminate()
        self.process.wait(10)

    def ask(self, method: str, path: str, authorization: str | None) -> httpx2.Response:
        return self.http.request(method, path, headers={"Authorization": authorization} if authorization else {})

    def until_refused(self, path: str, authorization: str) -> httpx2.Response:
        """The first answer that is no 200; AssertionError when none comes in time."""
        deadline = time.monotonic() + 5
        while (answer := self.ask("GET", path, authorization)).status_code == 200:
            assert time.monotonic() < deadline, "it did not hear of it"
        return answer
