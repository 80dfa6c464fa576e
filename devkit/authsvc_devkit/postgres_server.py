"""How PostgreSQL is set up here: UTF-8, SCRAM, on a unix socket only, with the database `authsvc`."""

from __future__ import annotations

import asyncio
import shutil
import signal
import struct
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import asyncpg

from authsvc_devkit.directories import write_private
from authsvc_devkit.errors import ServerFailed
from authsvc_devkit.processes import Program, die_with_parent, first_answer
from authsvc_devkit.programs import find_postgres
from authsvc_devkit.site import Site
from authsvc_devkit.unix_users import NAME, Account, as_user


def url(site: Site, database: str) -> str:
    """The DSN of a database of this server, over its unix socket."""
    return f"postgresql://{NAME}:{site.password}@/{database}?host={site.socket_dir}"


def program(site: Site) -> Program:
    """Makes the database's files where there are none. Raises ServerFailed."""
    data, socket_path = site.data_dir / "postgres/data", site.socket_dir / ".s.PGSQL.5432"
    written_by = int((data / "PG_VERSION").read_text()) if data.exists() else None
    bin_dir, major = find_postgres(site.data_dir / "bin", site.account, written_by)
    if written_by is None:
        _initdb(bin_dir, major, data.parent, site.password, site.account)
    return Program(
        name="PostgreSQL",
        argv=(str(bin_dir / "postgres"), "-D", str(data), *_settings(site)),
        config="",
        socket_path=socket_path,
        pid_file=data / "postmaster.pid",
        command_mark=f"postgres -D {data} ",
        log=site.data_dir / "postgres.log",
        stop_signal=signal.SIGINT,  # fast; SIGTERM would wait for every client to leave
        answers=partial(answers, socket_path),
        account=site.account,
    )


def answers(path: Path) -> bool:
    """Like pg_isready: ask for a connection; a server that takes them asks for the password ('R')."""
    parameters = f"user\0{NAME}\0database\0postgres\0\0".encode()
    hello = struct.pack("!II", len(parameters) + 8, 3 << 16) + parameters
    return first_answer(path, hello, 1) == b"R"


def ensure_database(site: Site) -> None:
    """Make the database where it is missing. In a thread of its own: the caller's may have a running event loop."""
    try:
        with ThreadPoolExecutor(1) as pool:
            pool.submit(asyncio.run, _create_database(url(site, "postgres"))).result()
    except (OSError, asyncpg.PostgresError) as error:
        raise ServerFailed(
            f"PostgreSQL does not let us in: {error}. Where {site.data_dir / 'password'} is not the one its data "
            f"were made with, remove {site.data_dir} and start afresh."
        ) from error


async def _create_database(admin_url: str) -> None:
    connection = await asyncpg.connect(admin_url, timeout=10)
    try:
        if not await connection.fetchval("select 1 from pg_database where datname = $1", NAME):
            await connection.execute(f"create database {NAME}")
    finally:
        await connection.close()


def _settings(site: Site) -> Iterator[str]:
    settings = {
        "unix_socket_directories": str(site.socket_dir),
        "unix_socket_permissions": "0700",
        "listen_addresses": "",
        "port": "5432",
        "max_connections": "200",
        "dynamic_shared_memory_type": "mmap",  # beside its data, where nothing stays of a server that was killed
        "log_parameter_max_length": "0",  # parameters are secrets
        "log_parameter_max_length_on_error": "0",
    }
    if not site.durable:
        settings |= dict.fromkeys(("fsync", "synchronous_commit", "full_page_writes"), "off")
    for name, value in settings.items():
        yield from ("-c", f"{name}={value}")


def _initdb(bin_dir: Path, major: int, directory: Path, password: str, account: Account | None) -> None:
    """Make `<directory>/data`, all of it or nothing. Raises ServerFailed with what initdb said."""
    unfinished, password_file = directory / "data.new", directory / "password.new"
    shutil.rmtree(unfinished, ignore_errors=True)
    write_private(password_file, password, account)
    # The provider `builtin` sorts the same everywhere and came with 17; before, the C library's C.UTF-8 is nearest.
    builtin = ("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
    locale = builtin if major >= 17 else ("--locale=C.UTF-8",)
    # The password is 192 random bits: 4,096 rounds would protect nothing and cost both ends of every connection.
    rounds = ("-c", "scram_iterations=1") if major >= 16 else ()
    options = ("-U", NAME, "-A", "scram-sha-256", "--pwfile", str(password_file), "-E", "UTF8", "--no-sync")
    made = subprocess.run(  # noqa: S603
        (str(bin_dir / "initdb"), "-D", str(unfinished), *options, *locale, *rounds),
        capture_output=True,
        text=True,
        preexec_fn=die_with_parent(signal.SIGKILL),
        **as_user(account),
    )
    password_file.unlink()
    if made.returncode:
        raise ServerFailed(f"initdb could not make the database in {directory}:\n{made.stderr.strip()}")
    unfinished.rename(directory / "data")
