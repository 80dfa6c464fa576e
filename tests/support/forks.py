"""Commands of authsvc as processes that a warm interpreter forks: what every start would import, some 0.7 s of CPU, is
imported once a run of pytest. A fork has its own pid, environment, output and end, as what `subprocess.Popen` starts.

    python -m tests.support.forks    the warm interpreter, on a socket that is its standard input

tests/cli starts the command itself, as an operator does; so does whoever says `own_interpreter` (replicas.py).
"""

from __future__ import annotations

import asyncio
import atexit
import gc
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).parents[2]
_LENGTH = 4


class Fork:
    """One process, with what tests use of `subprocess.Popen`. Errors go where the output goes, or to `errors`."""

    def __init__(
        self, words: Sequence[str], env: Mapping[str, str], output: IO[bytes], errors: IO[bytes] | None = None
    ) -> None:
        ended, end = os.pipe()
        try:
            asked = {"words": list(words), "env": dict(env), "directory": os.getcwd()}
            self.pid = _warm().fork(asked, [output.fileno(), (errors or output).fileno(), end])
        finally:
            os.close(end)
        self.returncode: int | None = None
        self._ended = ended
        self._reading = threading.Lock()

    def poll(self) -> int | None:
        return self._read(0)

    def wait(self, timeout: float | None = None) -> int:
        """Raises subprocess.TimeoutExpired."""
        if self._read(timeout) is None:
            raise subprocess.TimeoutExpired("authsvc", timeout or 0)
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _read(self, seconds: float | None) -> int | None:
        deadline = None if seconds is None else time.monotonic() + seconds
        with self._reading:
            while self.returncode is None:
                left = None if deadline is None else max(0.0, deadline - time.monotonic())
                if not select.select([self._ended], [], [], left)[0]:
                    break
                status = os.read(self._ended, _LENGTH)
                # Without a status the warm interpreter is gone, which kills what it forked.
                self.returncode = os.waitstatus_to_exitcode(int.from_bytes(status, "big")) if status else -9
                os.close(self._ended)
        return self.returncode


class _Warm:
    """The warm interpreter of this process; it kills what still runs when this process ends, however that comes."""

    def __init__(self) -> None:
        self._socket, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", __name__], stdin=theirs, start_new_session=True, cwd=ROOT
            )
        self._asking = threading.Lock()
        atexit.register(self.close)

    def fork(self, asked: dict[str, Any], files: list[int]) -> int:
        """The pid. `files`: for its output and its errors, and the pipe on which its end is told."""
        text = json.dumps(asked).encode()
        with self._asking:
            socket.send_fds(self._socket, [len(text).to_bytes(_LENGTH, "big")], files)
            self._socket.sendall(text)
            return int.from_bytes(_exactly(self._socket, _LENGTH), "big")

    def close(self) -> None:
        self._socket.close()
        self._process.wait(10)


@cache
def _warm() -> _Warm:
    return _Warm()


def _exactly(connection: socket.socket, length: int) -> bytes:
    got = b""
    while len(got) < length:
        part = connection.recv(length - len(got))
        if not part:
            raise ConnectionError("the other end is closed")
        got += part
    return got


def _import() -> None:
    """What `authsvc serve` imports, but for authsvc.cli, which notes when its process began; and the first parse of a
    device's name."""
    import authsvc.serving.worker  # noqa: F401
    from authsvc import device_name

    asyncio.run(device_name.ready())
    gc.collect()
    gc.freeze()


def _fork_on_demand(connection: socket.socket) -> list[str] | None:
    """In a fork the words of its command; None in the warm interpreter, when nobody asks any more."""
    ends: dict[int, int] = {}  # pid: the pipe on which its end is told

    def reap(_number: int, _frame: object) -> None:
        for pid in list(ends):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                with suppress(BrokenPipeError), open(ends.pop(pid), "wb") as end:
                    end.write(status.to_bytes(_LENGTH, "big"))

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, reap)
    while True:
        length, files, _, _ = socket.recv_fds(connection, _LENGTH, 3)
        if not length:
            break
        asked = json.loads(_exactly(connection, int.from_bytes(length, "big")))
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
        pid = os.fork()
        if not pid:
            connection.detach()
            _become(asked, *files[:2])
            for file in (*files, *ends.values()):
                os.close(file)
            return list(asked["words"])
        *written, ends[pid] = files
        for file in written:
            os.close(file)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
        connection.sendall(pid.to_bytes(_LENGTH, "big"))
    for pid in ends:
        os.kill(pid, signal.SIGKILL)
    return None


def _become(asked: dict[str, Any], output: int, errors: int) -> None:
    """Let this process have what a new one would have: signals, files, a directory and an environment of its own."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
    nothing = os.open(os.devnull, os.O_RDONLY)
    for file, copy in ((nothing, 0), (output, 1), (errors, 2)):
        os.dup2(file, copy)
    os.close(nothing)
    os.chdir(asked["directory"])
    os.environ.clear()
    os.environ.update(asked["env"])
    gc.unfreeze()


if __name__ == "__main__":
    _import()
    words = _fork_on_demand(socket.socket(fileno=0))
    if words is not None:
        from authsvc.cli import main

        sys.argv[1:] = words
        main()
