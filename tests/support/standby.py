"""A standby of the tests' PostgreSQL: a copy of its data in a directory of its own, which follows it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from authsvc_devkit import directories, postgres_server
from authsvc_devkit.processes import Server
from authsvc_devkit.servers import Servers
from authsvc_devkit.site import Site
from authsvc_devkit.unix_users import servers_account

NAME = "standby"
"""What the primary knows it by: for `synchronous_standby_names`."""


@contextmanager
def standby_of(servers: Servers, primary_host: Path | None = None) -> Iterator[Server]:
    """A server that follows; `primary_host`: the directory of a socket in between. The primary is started anew."""
    account, password = servers_account(), (servers.data_dir / "password").read_text()
    place = servers.data_dir.with_name("standby")
    directories.adopt(place, account)
    site = Site(place, directories.socket_dir_of(place), account, password, durable=False)
    directories.prepare(place, account)
    data = place / "postgres/data"
    servers.postgres.stop()
    subprocess.run(["cp", "-a", str(servers.data_dir / "postgres/data"), str(data)], check=True)
    servers.postgres.start()
    conninfo = f"host={primary_host or servers.socket_dir} user=authsvc password={password} application_name={NAME}"
    with (data / "postgresql.auto.conf").open("a") as file:
        file.write(f"primary_conninfo = '{conninfo}'\nsynchronous_standby_names = ''\n")
    directories.write_private(data / "standby.signal", "", account)
    (data / "postmaster.pid").unlink(missing_ok=True)
    if (programs := servers.data_dir / "bin").exists():
        shutil.copytree(programs, place / "bin", symlinks=True)
    server = Server(postgres_server.program(site))
    try:
        server.start()
        yield server
    finally:
        server.kill()
        shutil.rmtree(site.socket_dir, ignore_errors=True)
        shutil.rmtree(place, ignore_errors=True)


def on_hosts(url: str, *directories_of_sockets: Path, **others: str) -> str:
    """The same database on these servers."""
    parts = urlsplit(url)
    query = {**dict(parse_qsl(parts.query)), "host": ",".join(map(str, directories_of_sockets)), **others}
    return urlunsplit(parts._replace(query=urlencode(query)))
