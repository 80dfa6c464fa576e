"""A real PgBouncer by deploy/pgbouncer.ini: only places and roles are others, and what a test changes on purpose."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from authsvc_devkit.processes import die_with_parent, wait_until
from authsvc_devkit.unix_users import as_user, servers_account
from tests.support.standby import on_hosts

EXAMPLE = Path(__file__).parents[2] / "deploy/pgbouncer.ini"
PORT = 5432
"""In the name of the socket: as PostgreSQL's own, so that a URL changes in its directory alone."""


def program() -> str:
    """Skips where there is none."""
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
    if (found := shutil.which("pgbouncer", path=path)) is None:
        pytest.skip("pgbouncer is not installed: authsvc was not tried behind it")
    return found


def version() -> tuple[int, int]:
    said = subprocess.run([program(), "--version"], capture_output=True, text=True, check=True).stdout
    major, minor = re.search(r"(\d+)\.(\d+)", said).groups()  # type: ignore[union-attr]
    return int(major), int(minor)


@contextmanager
def pgbouncer(postgres_dir: Path, roles: dict[str, str], *, deadlines: bool = True, **others: str) -> Iterator[Path]:
    """The directory of its socket, in front of the PostgreSQL whose socket is in another one. `roles`: passwords by
    name; `others`: settings, in place of the example's."""
    command, account = program(), servers_account()
    with tempfile.TemporaryDirectory(prefix="pgbouncer-", dir="/tmp") as name:
        place = Path(name)
        (place / "userlist.txt").write_text("".join(f'"{role}" "{word}"\n' for role, word in roles.items()))
        text = _configuration(place, postgres_dir, others)
        (place / "pgbouncer.ini").write_text(text if deadlines else re.sub(" connect_query=.*", "", text))
        if account is not None:
            for path in (place, *place.iterdir()):
                os.chown(path, account.pw_uid, account.pw_gid)
        with (place / "log").open("wb") as log:
            process = subprocess.Popen(
                [command, str(place / "pgbouncer.ini")],
                stdout=log,
                stderr=log,
                preexec_fn=die_with_parent(signal.SIGKILL),
                **as_user(account),
            )
        try:
            socket = place / f".s.PGSQL.{PORT}"
            assert wait_until(lambda: socket.exists() or process.poll() is not None, 10)
            assert process.poll() is None, (place / "log").read_text()
            yield place
        finally:
            process.kill()
            process.wait()


def _configuration(place: Path, postgres_dir: Path, others: dict[str, str]) -> str:
    text = EXAMPLE.read_text()
    places = {
        "authsvc = host=127.0.0.1 port=5432 dbname=authsvc": f"* = host={postgres_dir}",
        "listen_addr = 127.0.0.1": f"unix_socket_dir = {place}",
        "listen_port = 6432": f"listen_port = {PORT}",
        "/etc/pgbouncer/userlist.txt": str(place / "userlist.txt"),
    }
    for theirs, ours in places.items():
        assert theirs in text, theirs
        text = text.replace(theirs, ours)
    for setting, value in others.items():
        text = re.sub(rf"(?m)^(; )?{setting} = .*\n", "", text) + f"{setting} = {value}\n"
    return text


def through(url: str, pooler: Path) -> str:
    """The same database by way of a pooler."""
    return on_hosts(url, pooler)
