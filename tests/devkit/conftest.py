"""Data directories the servers can reach, servers on them, and questions to both."""

from __future__ import annotations

import asyncio
import os
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import pytest
import redis

from authsvc_devkit import processes
from authsvc_devkit.servers import Servers
from tests.conftest import memory

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root drops to another user")


@pytest.fixture
def new_dir() -> Iterator[Path]:
    """Not made yet, in a directory that the servers' user can reach; pytest's own are private to us."""
    with reachable_directory() as outer:
        yield outer / "data"


@pytest.fixture(scope="session")
def made_once() -> Iterator[Path]:
    with reachable_directory() as outer:
        with Servers(outer / "data", durable=False):
            pass
        subprocess.run(["cp", "-a", outer / "data", outer / "copied"], check=True)
        yield outer / "data"


@pytest.fixture
def data_dir(new_dir: Path, made_once: Path) -> Path:
    """A copy of one that was used before: making a database takes most of the time of a first start."""
    subprocess.run(["cp", "-a", made_once.with_name("copied"), new_dir], check=True)
    return new_dir


@pytest.fixture(scope="session")
def untouched(made_once: Path) -> Iterator[Servers]:
    """Running, for tests that only look."""
    with Servers(made_once, durable=False) as running:
        yield running


@contextmanager
def reachable_directory() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="authsvc-test-", dir=memory() or "/tmp") as outer:
        os.chmod(outer, 0o755)
        yield Path(outer)


@pytest.fixture
def servers(data_dir: Path) -> Iterator[Servers]:
    with Servers(data_dir, durable=False) as running:
        yield running


def query(url: str, sql: str) -> object:
    async def ask() -> object:
        connection = await asyncpg.connect(url, timeout=5)
        try:
            return await connection.fetchval(sql, timeout=5)
        finally:
            await connection.close(timeout=5)

    def in_thread() -> None:
        answers.append(asyncio.run(ask()))

    answers: list[object] = []
    thread = threading.Thread(target=in_thread)  # the tests' own loop may be running in this one
    thread.start()
    thread.join()
    assert answers, "the query failed: see the traceback of its thread"
    return answers[0]


def redis_at(url: str) -> redis.Redis:
    return redis.Redis.from_url(url, socket_timeout=5, decode_responses=True)


def both_answer(servers: Servers) -> bool:
    with redis_at(servers.redis_url) as client:
        return query(servers.database_url, "select current_database()::text") == "authsvc" and bool(client.ping())


def is_gone(pid: int) -> bool:
    return not processes.is_alive(pid)


def wait_until_gone(*pids: int, seconds: float) -> bool:
    return processes.wait_until(lambda: all(map(is_gone, pids)), seconds)


def expect_postgresql_as_wanted(servers: Servers) -> None:
    ask = "select string_agg(name || '=' || setting, ' ' order by name) from pg_settings where name = any('{%s}')"
    wanted = "fsync=off full_page_writes=off log_parameter_max_length=0 log_parameter_max_length_on_error=0 "
    wanted += "max_connections=200 synchronous_commit=off"
    assert query(servers.admin_url, ask % ",".join(pair.split("=")[0] for pair in wanted.split())) == wanted
    assert query(servers.admin_url, "select rolpassword like 'SCRAM-SHA-256$%' from pg_authid where rolcanlogin")
    kind = "select pg_encoding_to_char(encoding) || ' ' || {} from pg_database where datname = 'authsvc'"
    if int(str(query(servers.admin_url, "show server_version_num"))) >= 170000:
        assert query(servers.admin_url, kind.format("datlocprovider::text || ' ' || datlocale")) == "UTF8 b C.UTF-8"
    else:
        assert query(servers.admin_url, kind.format("datcollate")) == "UTF8 C.UTF-8"
