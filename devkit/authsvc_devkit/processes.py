"""Starting, signalling and ending one server and its children. Which server it is, only its `Program` says.

A server dies with the process that started it, and what an earlier process left behind is ended before the next start.
Blocking code, from the main thread.
"""

from __future__ import annotations

import ctypes
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, sleep

from authsvc_devkit.errors import PortTaken, ServerFailed
from authsvc_devkit.unix_users import Account, as_user

START_SECONDS = 30.0
STOP_SECONDS = 10.0
POLL_SECONDS = 0.01
LOG_TAIL_LINES = 15
PR_SET_PDEATHSIG = 1
DATA_IN_USE = re.compile(r"pre-existing shared memory block|lock file \"postmaster.pid\" already exists")
PORT_IN_USE = re.compile(r"TCP listening socket .*: Address already in use")


def process_table() -> dict[int, tuple[int, str]]:
    """Every process: pid -> (pid of its parent, letter of its state)."""
    if not Path("/proc/self/stat").exists():
        listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid=,state="], capture_output=True, text=True, check=True)  # noqa: S607
        return {int(pid): (int(parent), state[0]) for pid, parent, state in map(str.split, listed.stdout.splitlines())}
    table = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with suppress(OSError):  # it ended while we looked
                table[int(entry.name)] = _parent_and_state(entry)
    return table


def _parent_and_state(entry: Path) -> tuple[int, str]:
    """Of a process below /proc. Raises OSError where it is gone."""
    state, parent = entry.joinpath("stat").read_text(errors="replace").rpartition(")")[2].split()[:2]
    return int(parent), state


def state_of(pid: int) -> str:
    """The letter of a process's state, `Z` where it is gone."""
    if not Path("/proc/self/stat").exists():
        return process_table().get(pid, (0, "Z"))[1]
    try:
        return _parent_and_state(Path(f"/proc/{pid}"))[1]
    except OSError:
        return "Z"


def is_alive(pid: int) -> bool:
    """A zombie is dead: it holds neither files nor memory any more."""
    return state_of(pid) != "Z"


def command_line(pid: int) -> str:
    """The command line of a process, empty where it is gone."""
    entry = Path(f"/proc/{pid}/cmdline")
    if entry.parent.parent.joinpath("self").exists():
        with suppress(OSError):
            return entry.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        return ""
    return subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True).stdout  # noqa: S603, S607


def send_signal(pid: int, number: signal.Signals) -> None:
    """Signal a process, if it is still there."""
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def wait_until(done: Callable[[], bool], seconds: float) -> bool:
    """Whether a condition held within so many seconds."""
    deadline = monotonic() + seconds
    while not done():
        if monotonic() > deadline:
            return False
        sleep(POLL_SECONDS)
    return True


def die_with_parent(number: signal.Signals) -> Callable[[], None] | None:
    """For the child, between fork and exec: have the kernel send it `number` when the thread that forked it ends.

    Linux only; elsewhere a server that outlived us is ended at the next start. It runs after the change of user,
    which would undo it. prctl is looked up before the fork: afterwards another thread's lock might never be freed.
    """
    if sys.platform != "linux":
        return None
    prctl, parent = ctypes.CDLL(None).prctl, os.getpid()

    def arm() -> None:
        prctl(PR_SET_PDEATHSIG, int(number), 0, 0, 0)
        if os.getppid() != parent:  # it ended before we asked
            os._exit(1)

    return arm


class Guard:
    """A shell that sends a signal to processes when we end, however that comes; `dismiss` it before.

    It is for what `die_with_parent` does not reach: a frozen process takes no signal but SIGKILL and SIGCONT, and what
    another thread than the main one started would die with that thread.
    """

    def __init__(self, number: signal.Signals, *pids: int) -> None:
        name = number.name.removeprefix("SIG")
        self._shell = subprocess.Popen(  # noqa: S603
            ("/bin/sh", "-c", 'while read -r pids; do set -- $pids; done; kill -s "$0" "$@"', name, *map(str, pids)),
            stdin=subprocess.PIPE,  # which closes with us
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # what ends our group must not end it first
        )

    def watch(self, *pids: int) -> None:
        """It is for these from now on, in place of those before."""
        assert self._shell.stdin is not None
        self._shell.stdin.write(" ".join(map(str, pids)).encode() + b"\n")
        self._shell.stdin.flush()

    def dismiss(self) -> None:
        """Nothing is sent any more. Harmless when repeated."""
        self._shell.kill()
        self._shell.communicate()


def first_answer(path: Path, request: bytes, length: int) -> bytes:
    """The first `length` bytes of the answer; fewer when there is no server or no more comes within a second."""
    answer = b""
    with suppress(OSError), socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(1)
        connection.connect(str(path))
        connection.sendall(request)
        while len(answer) < length and (part := connection.recv(length - len(answer))):
            answer += part
    return answer


@dataclass(frozen=True, slots=True)
class Program:
    """What `Server` has to know of a program."""

    name: str
    argv: tuple[str, ...]
    config: str = field(repr=False)
    """Given on standard input; it may hold the password."""
    socket_path: Path
    pid_file: Path
    command_mark: str
    """What the command line of this very server contains, and that of a stranger who got its old pid does not."""
    log: Path
    stop_signal: signal.Signals
    answers: Callable[[], bool]
    account: Account | None


class Server:
    """One server process and its children. The fault tests break it with `kill` and `freeze`."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._process: subprocess.Popen[bytes] | None = None
        self._guard: Guard | None = None

    @property
    def socket_path(self) -> Path:
        return self._program.socket_path

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """Of the main process of the last start, even when it has ended since."""
        if self._process is None:
            raise RuntimeError(f"{self._program.name} was never started")
        return self._process.pid

    def start(self) -> None:
        """Start on the same data and return when it answers. Nothing to do when it runs. Raises ServerFailed."""
        if self.running:
            return
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError("servers are started from the main thread: Linux ends them with the thread that did it")
        self._end_leftover()
        for stale in self.socket_path.parent.glob(self.socket_path.name + "*"):
            stale.unlink()  # PostgreSQL believes the lock beside its old socket whenever that pid is in use
        deadline = monotonic() + START_SECONDS
        while not self._launch(deadline):
            sleep(5 * POLL_SECONDS)

    def stop(self) -> None:
        """An orderly end; the data stay. Nothing to do when it has ended."""
        self.ask_to_stop()
        self.await_stop()

    def ask_to_stop(self) -> None:
        if self.running:
            self.thaw()
            send_signal(self.pid, self._program.stop_signal)

    def await_stop(self) -> None:
        self._dismiss_guard()
        if self._process is None:
            return
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """As a power cut: SIGKILL to the server and all its children; returns when they are gone."""
        if self._process is None or not self.running:
            return
        guard = self._halt()  # first, so that none of them sees another one die
        family = [*self._children(), self.pid]
        for pid in family:
            send_signal(pid, signal.SIGKILL)
        self._process.wait()
        guard.dismiss()
        self._dismiss_guard()
        wait_until(lambda: not any(map(is_alive, family)), STOP_SECONDS)

    def freeze(self) -> None:
        """Stop all its processes where they are: connections stay open, nothing answers, until `thaw`.

        Should we end before, a guard thaws them, and they take the signal of our death.
        """
        if self.running and self._guard is None:
            self._guard = self._halt()

    def _halt(self) -> Guard:
        """Stop it and its children. Whoever is stopped is guarded already: we may end at each of these lines."""
        guard = Guard(signal.SIGCONT, self.pid)
        send_signal(self.pid, signal.SIGSTOP)
        wait_until(lambda: state_of(self.pid) in "TtZ", STOP_SECONDS)  # now it forks no more
        children = self._children()
        guard.watch(*children, self.pid)
        for child in children:
            send_signal(child, signal.SIGSTOP)
        return guard

    def thaw(self) -> None:
        self._dismiss_guard()
        if not self.running:
            return
        for pid in (*self._children(), self.pid):
            send_signal(pid, signal.SIGCONT)

    def _dismiss_guard(self) -> None:
        if self._guard is not None:
            self._guard.dismiss()
            self._guard = None

    def _children(self) -> list[int]:
        return [pid for pid, (parent, state) in process_table().items() if parent == self.pid and state != "Z"]

    def _launch(self, deadline: float) -> bool:
        """Start once and wait for an answer; False: it ended only because an ancestor's memory is still in use."""
        said_before = self._program.log.stat().st_size
        self._process = self._spawn()
        answers = self._program.answers
        if not wait_until(lambda: not self.running or answers(), deadline - monotonic()):
            self.kill()
            raise ServerFailed(self._failure("gave no answer", said_before))
        if self.running:
            return True
        log = self._said_since(said_before)
        if PORT_IN_USE.search(log):
            raise PortTaken(self._failure("found its port taken", said_before))
        if DATA_IN_USE.search(log) is None:
            raise ServerFailed(self._failure("ended at once", said_before))
        if monotonic() > deadline:
            raise ServerFailed(self._failure("found its data in use", said_before))
        return False

    def _spawn(self) -> subprocess.Popen[bytes]:
        program = self._program
        with program.log.open("ab") as log, tempfile.TemporaryFile() as config:
            config.write(program.config.encode())
            config.seek(0)
            return subprocess.Popen(  # noqa: S603
                program.argv,
                stdin=config,
                stdout=log,
                stderr=subprocess.STDOUT,
                preexec_fn=die_with_parent(program.stop_signal),
                **as_user(program.account),
            )

    def _said_since(self, offset: int) -> str:
        return self._program.log.read_bytes()[offset:].decode(errors="replace")

    def _failure(self, what: str, said_before: int) -> str:
        program = self._program
        said = "\n".join(f"  | {line}" for line in self._said_since(said_before).splitlines()[-LOG_TAIL_LINES:])
        return (
            f"{program.name} {what}. Its last words:\n{said or '  | (none)'}\nAll of them: {program.log}. "
            f"Once the cause is gone, start again; data that are not worth it may go: remove {program.log.parent}."
        )

    def _end_leftover(self) -> None:
        """End the server an earlier process left behind: killed where there is no PDEATHSIG, or frozen by another.

        The lock on data_dir is ours, so no living process of ours owns it.
        """
        program = self._program
        try:
            pid = int(program.pid_file.read_text().split()[0])
        except (OSError, ValueError, IndexError):
            return
        if program.command_mark in command_line(pid):
            send_signal(pid, signal.SIGCONT)
            send_signal(pid, program.stop_signal)
            if not wait_until(lambda: not is_alive(pid), STOP_SECONDS):
                send_signal(pid, signal.SIGKILL)
                wait_until(lambda: not is_alive(pid), STOP_SECONDS)
        elif is_alive(pid):
            program.pid_file.unlink()  # a stranger's pid now, in which PostgreSQL would see itself running
