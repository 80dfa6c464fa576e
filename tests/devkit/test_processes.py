"""What the fault tests do to the servers: kill, freeze, thaw, start again."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from pathlib import Path

import asyncpg
import pytest

from authsvc_devkit import postgres_server, processes
from authsvc_devkit.servers import Servers
from tests.devkit.conftest import both_answer, is_gone, query, redis_at


def test_killed_servers_come_back_on_the_same_data(data_dir: Path) -> None:
    with Servers(data_dir) as servers:
        query(servers.database_url, "create table kept (n int)")
        for server in (servers.postgres, servers.redis):
            old = [server.pid, *server._children()]
            server.kill()
            assert not server.running
            assert all(map(is_gone, old))
            server.start()
            assert server.pid not in old
        assert both_answer(servers)
        assert query(servers.database_url, "select count(*) from kept") == 0


def sleep_in(servers: Servers) -> threading.Thread:
    """A client of PostgreSQL in the middle of a long statement; its thread ends when its server is gone."""

    async def sleep() -> None:
        connection = await asyncpg.connect(servers.database_url)
        with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
            await connection.execute("select pg_sleep(60)")

    thread = threading.Thread(target=lambda: asyncio.run(sleep()))
    thread.start()
    running = "select count(*) from pg_stat_activity where query = 'select pg_sleep(60)' and state = 'active'"
    assert processes.wait_until(lambda: query(servers.admin_url, running) == 1, 5)
    return thread


def test_kills_in_the_middle_of_a_statement_and_restarts_in_a_row_work(servers: Servers) -> None:
    for _ in range(4):
        busy = sleep_in(servers)
        servers.postgres.kill()
        servers.postgres.start()
        assert query(servers.database_url, "select 1") == 1
        busy.join()


def test_a_start_waits_until_the_memory_of_its_ancestor_is_free(servers: Servers) -> None:
    busy = sleep_in(servers)
    backend = int(str(query(servers.admin_url, "select pid from pg_stat_activity where query = 'select pg_sleep(60)'")))
    os.kill(backend, signal.SIGSTOP)  # it does not notice that its server dies
    os.kill(servers.postgres.pid, signal.SIGKILL)
    assert processes.wait_until(lambda: not servers.postgres.running, 5)
    freed = threading.Timer(0.5, os.kill, (backend, signal.SIGKILL))
    freed.start()
    servers.postgres.start()
    assert query(servers.database_url, "select 1") == 1
    assert "pre-existing shared memory block" in (servers.data_dir / "postgres.log").read_text()
    freed.join()
    busy.join()


def test_stopped_servers_can_be_started_and_starting_twice_is_harmless(servers: Servers) -> None:
    for server in (servers.postgres, servers.redis):
        server.stop()
        server.stop()
        assert is_gone(server.pid)
        server.start()
        pid = server.pid
        server.start()
        assert server.pid == pid
    assert both_answer(servers)


def test_a_frozen_server_keeps_its_connections_and_answers_after_the_thaw(servers: Servers) -> None:
    with redis_at(servers.redis_url) as client:
        client.ping()
        for server in (servers.postgres, servers.redis):
            server.freeze()
        states = processes.process_table()
        family = [pid for server in (servers.postgres, servers.redis) for pid in (server.pid, *server._children())]
        assert len(family) > 4
        assert {states[pid][1] for pid in family} == {"T"}
        assert not postgres_server.answers(servers.postgres.socket_path)
        for server in (servers.postgres, servers.redis):
            server.thaw()
        assert client.ping()
    assert both_answer(servers)


def test_frozen_servers_can_be_stopped_and_killed(servers: Servers) -> None:
    servers.redis.freeze()
    servers.redis.kill()
    servers.postgres.freeze()
    servers.stop()
    assert is_gone(servers.postgres.pid) and is_gone(servers.redis.pid)
