"""What the chart's pods would do, done here: their commands with their variables, as many of them at once as may be."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import redis

from authsvc_devkit.processes import die_with_parent
from authsvc_devkit.programs import find_redis
from authsvc_devkit.servers import Servers
from tests.cli.conftest import clean_environment
from tests.conftest import with_database
from tests.deploy.judges import Rendered
from tests.support.replicas import free_port

MOUNTED = "/run/secrets/authsvc"


@pytest.fixture
async def secrets(servers: Servers, base_env: dict[str, str], tmp_path: Path) -> AsyncIterator[Path]:
    """The Secrets' files, with the URL of a database that nobody migrated."""
    name = f"chart_{os.getpid()}"
    admin = await asyncpg.connect(servers.admin_url)
    await admin.execute(f"CREATE DATABASE {name}")
    url = with_database(servers.database_url, name)
    values = {
        "owner_url": url,
        "database_url": url,
        "redis_url": base_env["AUTHSVC_REDIS_URL"],
        "master_key": base_env["AUTHSVC_MASTER_KEY"],
    }
    for key, value in values.items():
        (tmp_path / key).write_text(value)
        (tmp_path / key).chmod(0o440)
    yield tmp_path
    await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await admin.close()


def start(container: dict[str, Any], secrets: Path, *arguments: str) -> subprocess.Popen[str]:
    """Its command, or the image's `authsvc serve`."""
    variables = {one["name"]: one["value"].replace(MOUNTED, str(secrets)) for one in container["env"]}
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"  # where `authsvc` is, as in the image
    env = clean_environment(**variables, PATH=path, AUTHSVC_METRICS="off", AUTHSVC_REDIS_PREFIX="chart")
    command = container.get("command", ["authsvc", "serve"])
    return subprocess.Popen(
        [*command, *arguments],
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=die_with_parent(signal.SIGKILL),
    )


async def test_the_hook_can_be_repeated_and_the_deployment_serves_what_it_made(small: Rendered, secrets: Path) -> None:
    job = small.one("Job", "authsvc-migrate")["spec"]["template"]["spec"]["containers"][0]
    owner = (secrets / "owner_url").read_text()
    for _ in range(2):  # the second time nothing is to be done
        started = [start(job, secrets) for _ in range(3)]
        said = [process.communicate(timeout=100)[0] for process in started]
        assert [process.returncode for process in started] == [0, 0, 0], said
        connection = await asyncpg.connect(owner)
        assert await connection.fetchval("SELECT count(*) FROM signing_keys") == 1
        await connection.close()

    serving = small.one("Deployment")["spec"]["template"]["spec"]["containers"][0]
    port = free_port()
    process = start(serving, secrets, "--host", "127.0.0.1", "--port", str(port))
    try:
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            await_200(f"http://127.0.0.1:{port}{serving[probe]['httpGet']['path']}", process)
        process.terminate()
        grace = small.one("Deployment")["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
        assert process.wait(grace) == 0
    finally:
        process.kill()
        process.communicate()


def await_200(url: str, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                assert answer.status == 200
                return
        except OSError:
            assert process.poll() is None, process.communicate()[0]
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_the_bundled_redis_wants_its_password_and_evicts_nothing(bundled: Rendered, tmp_path: Path) -> None:
    [container] = bundled.one("StatefulSet", "authsvc-redis")["spec"]["template"]["spec"]["containers"]
    programs, data = tmp_path / "bin", tmp_path / "data"
    programs.mkdir()
    data.mkdir()
    (programs / "redis-server").symlink_to(find_redis(tmp_path / "copies", None))
    (tmp_path / "redis_password").write_text("a password")
    [script] = container["args"]
    port = free_port()
    for theirs, ours in (("/run/secrets", tmp_path), ("/data", data), ("/tmp/redis.conf", tmp_path / "redis.conf")):
        assert theirs in script
        script = script.replace(theirs, str(ours))
    env = {"PATH": f"{programs}:{os.environ['PATH']}"}
    process = subprocess.Popen(
        [*container["command"], script.rstrip() + f" --port {port} --bind 127.0.0.1"],
        env=env,
        stdout=subprocess.DEVNULL,
        preexec_fn=die_with_parent(signal.SIGTERM),
    )
    try:
        with redis.Redis(port=port, password="a password") as known, redis.Redis(port=port) as stranger:
            deadline = time.monotonic() + 10
            while True:
                try:
                    assert known.ping()
                    break
                except redis.ConnectionError:
                    assert process.poll() is None and time.monotonic() < deadline
                    time.sleep(0.02)
            config = known.config_get("maxmemory*", "appendonly")
            assert (config["maxmemory-policy"], config["maxmemory"], config["appendonly"]) == (
                "noeviction",
                str(256 * 1024 * 1024),
                "yes",
            )
            with pytest.raises(redis.AuthenticationError):
                stranger.ping()
        assert (tmp_path / "redis.conf").stat().st_mode & 0o077 == 0
        assert (data / "appendonlydir").is_dir()
    finally:
        process.terminate()
        process.wait(10)
    shutil.rmtree(data)
