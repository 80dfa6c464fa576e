"""The operator's terminal: commands in this process, and as processes of their own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from authsvc import logs
from authsvc.cli import root
from authsvc_devkit.processes import Guard
from tests.support.forks import Fork

Cli = Callable[..., Result]


def clean_environment(**env: str) -> dict[str, str]:
    return {**{name: value for name, value in os.environ.items() if not name.startswith("AUTHSVC_")}, **env}


@pytest.fixture
def cli(settings_env: dict[str, str]) -> Cli:
    """`cli("keys", "list", code=0)`: runs a command against this test's database."""
    return terminal(settings_env)


def terminal(env: dict[str, str]) -> Cli:
    def run(*words: str, code: int = 0, input: str | bytes | None = None) -> Result:
        hidden = {name: None for name in os.environ if name.startswith("AUTHSVC_")}
        logs.flush(5)  # what other tests of this process still have in the pipe is not the command's
        result = CliRunner().invoke(root, list(words), input=input, env={**hidden, **env})
        assert result.exit_code == code, f"{words}: {result.exit_code}\n{result.output}"
        return result

    return run


def answer(result: Result) -> Any:
    return json.loads(result.stdout)


class Process:
    """`authsvc ...` as a process, its output in files; `forked`: by a warm interpreter (tests/support/forks.py)."""

    def __init__(self, words: list[str], env: dict[str, str], directory: Path, *, forked: bool) -> None:
        self.out, self.err = directory / f"{time.monotonic_ns()}.out", directory / f"{time.monotonic_ns()}.err"
        with self.out.open("wb") as out, self.err.open("wb") as err:
            self.popen: Fork | subprocess.Popen[bytes]
            if forked:
                self.popen = Fork(words, clean_environment(**env), out, err)
            else:
                self.popen = subprocess.Popen(
                    [sys.executable, "-m", "authsvc", *words], env=clean_environment(**env), stdout=out, stderr=err
                )
        self._guard = None if forked else Guard(signal.SIGKILL, self.popen.pid)

    @property
    def said(self) -> str:
        return self.out.read_text() + self.err.read_text()

    def events(self, name: str) -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in self.out.read_text().splitlines() if line.startswith("{")]
        return [line for line in lines if line["event"] == name]

    def wait_for(self, done: Callable[[], bool], seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while not done():
            assert self.popen.poll() is None, f"ended with {self.popen.returncode}: {self.said}"
            assert time.monotonic() < deadline, f"not in {seconds} s: {self.said}"
            time.sleep(0.02)

    def end(self, number: signal.Signals = signal.SIGTERM, seconds: float = 20) -> int:
        self.popen.send_signal(number)
        return self.popen.wait(seconds)

    def kill(self) -> None:
        """Where it still runs."""
        if self.popen.poll() is None:
            self.popen.kill()
            self.popen.wait()
        if self._guard:
            self._guard.dismiss()


Start = Callable[..., Process]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """`start("serve", "--port", "8000", env={...})`; whatever still runs is killed in the end."""
    started: list[Process] = []

    def run(*words: str, env: dict[str, str], forked: bool = False) -> Process:
        started.append(Process(list(words), env, tmp_path, forked=forked))
        return started[-1]

    yield run
    for process in started:
        process.kill()


def get(url: str) -> tuple[int, str]:
    """Status and body; status 0 where nobody answers."""
    try:
        with urllib.request.urlopen(url, timeout=3) as reply:
            return reply.status, reply.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError as error:
        return 0, str(error)


def children(pid: int) -> list[int]:
    """Living processes whose parent is `pid`."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = entry.read_text(errors="replace").rpartition(")")[2].split()[:2]
        except OSError:
            continue
        if int(parent) == pid and state != "Z":
            found.append(int(entry.parent.name))
    return found
