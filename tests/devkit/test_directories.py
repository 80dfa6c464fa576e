"""Whose the files are, and who may enter."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from authsvc_devkit import processes, unix_users
from authsvc_devkit.servers import ServerFailed, Servers, default_data_dir
from tests.devkit.conftest import AS_ROOT, both_answer

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
    account = unix_users.servers_account()
    assert account is not None
    for server in (untouched.postgres, untouched.redis):
        assert Path(f"/proc/{server.pid}").stat().st_uid == account.pw_uid != 0


def test_the_password_is_on_no_command_line_and_in_no_log(untouched: Servers) -> None:
    password = (untouched.data_dir / "password").read_text()
    assert password in untouched.database_url
    assert not any(password in processes.command_line(server.pid) for server in (untouched.postgres, untouched.redis))
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
