"""The end of the process that started the servers, and the user it ran as."""

from __future__ import annotations

import os
import pwd
import signal
import subprocess
import sys
from pathlib import Path

import asyncpg
import pytest

from authsvc_devkit import processes, unix_users
from authsvc_devkit.servers import AlreadyRunning, Servers
from tests.devkit.conftest import AS_ROOT, both_answer, is_gone, wait_until_gone

ROOT = Path(__file__).resolve().parents[2]

PARENT = """
import os, signal, sys, time
from pathlib import Path
from authsvc_devkit.servers import Servers
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell starts what runs in its background without it
uid = int(sys.argv[2])
if uid != os.geteuid():
    os.setgroups([]), os.setgid(uid), os.setuid(uid)
servers = Servers(Path(sys.argv[1]), redis_port="redis_port" in sys.argv)
servers.start()
try:
    for server in (servers.postgres, servers.redis) if "freeze" in sys.argv else ():
        server.freeze()
    print(servers.postgres.pid, servers.redis.pid, *servers.postgres._children(), flush=True)
    for _ in range(600):
        time.sleep(0.1)  # a signal just before one long sleep would be heard after it
except KeyboardInterrupt:
    servers.stop()
    print("stopped", flush=True)
"""


def start_parent(
    data_dir: Path, *options: str, program: str = PARENT, python: str = sys.executable, uid: int | None = None
) -> subprocess.Popen[str]:
    site_packages = Path(asyncpg.__file__).parents[1]
    return subprocess.Popen(
        [python, "-c", program, str(data_dir), str(os.geteuid() if uid is None else uid), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd="/",
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'devkit'}:{site_packages}", "PYTHONDONTWRITEBYTECODE": "1"},
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


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent died")
def test_frozen_servers_die_with_a_killed_parent_too_and_the_data_are_usable(data_dir: Path) -> None:
    parent = start_parent(data_dir, "freeze")
    pids = pids_from(parent)
    assert len(pids) > 4
    table = processes.process_table()
    assert {table[pid][1] for pid in pids} - {"Z"} == {"T"}  # Z: a child that ended while its frozen parent looks away
    finish(parent, signal.SIGKILL)
    assert wait_until_gone(*pids, seconds=5)
    with Servers(data_dir) as servers:
        assert both_answer(servers)


DIES_IN_BETWEEN = """
import os, signal, sys
from pathlib import Path
from authsvc_devkit.servers import Servers
servers = Servers(Path(sys.argv[1]))
servers.start()
server = getattr(servers, sys.argv[3])
children = server._children()
def dies():
    print(server.pid, *children, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
server._children = dies  # asked when the server is stopped, and its children are not yet
getattr(server, sys.argv[4])()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent died")
@pytest.mark.parametrize("name", ["postgres", "redis"])
@pytest.mark.parametrize("how", ["freeze", "kill"])
def test_a_server_dies_with_a_parent_that_was_killed_while_it_stopped_it(data_dir: Path, name: str, how: str) -> None:
    parent = start_parent(data_dir, name, how, program=DIES_IN_BETWEEN)
    pids = pids_from(parent)
    try:
        assert wait_until_gone(*pids, seconds=5)
    finally:
        for pid in pids:
            processes.send_signal(pid, signal.SIGKILL)
    parent.communicate()


GUARDED = """
import signal, subprocess, sys, time
from authsvc_devkit.processes import Guard
quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
sleepers = [subprocess.Popen(["sleep", "60"], **quiet) for _ in range(2)]
guards = [Guard(signal.SIGKILL, sleeper.pid) for sleeper in sleepers]
guards[1].dismiss()
guards[1].dismiss()
sleepers[0].send_signal(signal.SIGSTOP)
print(*(sleeper.pid for sleeper in sleepers), flush=True)
time.sleep(60)
"""


def test_what_is_guarded_dies_with_us_even_when_it_is_frozen_and_what_is_dismissed_does_not() -> None:
    parent = start_parent(Path("/"), program=GUARDED)
    guarded, dismissed = pids_from(parent)
    try:
        finish(parent, signal.SIGKILL)
        assert wait_until_gone(guarded, seconds=5)
        assert not is_gone(dismissed)
    finally:
        os.kill(dismissed, signal.SIGKILL)


@pytest.mark.parametrize("options", [(), ("redis_port",)])
def test_servers_that_outlived_a_killed_parent_are_ended_by_the_next_start(
    data_dir: Path, options: tuple[str, ...]
) -> None:
    """Ones that somebody else froze cannot take the signal of their parent's death; where there is none, none can."""
    parent = start_parent(data_dir, *options)
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
        account = unix_users.servers_account()
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
    site_packages = str(Path(asyncpg.__file__).parents[1])  # below a directory of root's alone, perhaps
    wanted = (
        "import os, sys; "
        f"sys.exit(sys.version_info[:2] != {sys.version_info[:2]} or not os.access({site_packages!r}, os.R_OK))"
    )
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
