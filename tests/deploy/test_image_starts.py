"""The image, built from the Dockerfile by `scripts/image`, as a container that can write nothing: it migrates, serves,
logs somebody in and drains."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import httpx2
import pytest

import authsvc
from authsvc_devkit.servers import Servers
from tests.conftest import with_database
from tests.deploy.image import ROOT, Container, Image, container, end, inside, is_built
from tests.deploy.judges import NOT_TRIED, PROGRAMS
from tests.interop.pod import by_tcp
from tests.support.faultproxy import FaultProxy
from tests.support.replicas import free_port

pytestmark = pytest.mark.skipif(not is_built(), reason="`scripts/image` was not run: the image was not tried")
USER = 10001
PASSWORD = "a long enough password"


@pytest.fixture(scope="module")
def one() -> Iterator[Container]:
    with container() as made:
        yield made


@pytest.fixture
async def made(servers: Servers, base_env: dict[str, str], tmp_path: Path) -> AsyncIterator[dict[str, str]]:
    """Settings of a container: secrets in files, stores by TCP, a database that nobody migrated."""
    name = f"image_{os.getpid()}"
    admin = await asyncpg.connect(servers.admin_url)
    await admin.execute(f"CREATE DATABASE {name}")
    async with (
        FaultProxy(servers.postgres.socket_path, tcp=True) as postgres,
        FaultProxy(servers.redis.socket_path, tcp=True) as redis,
    ):
        urls = {
            "database_url": by_tcp(with_database(servers.database_url, name), postgres.port, query=""),
            "redis_url": by_tcp(base_env["AUTHSVC_REDIS_URL"], redis.port, scheme="redis", path="/0"),
        }
        for key, value in {**urls, "master_key": base_env["AUTHSVC_MASTER_KEY"]}.items():
            (tmp_path / "secrets").mkdir(exist_ok=True)
            (tmp_path / "secrets" / key).write_text(value)
            (tmp_path / "secrets" / key).chmod(0o440)
            os.chown(tmp_path / "secrets" / key, 0, USER)
        yield {
            "AUTHSVC_ISSUER": "https://auth.example.com",
            **{f"AUTHSVC_{key.upper()}_FILE": f"/run/secrets/{key}" for key in (*urls, "master_key")},
            "AUTHSVC_REDIS_PREFIX": name,
            "AUTHSVC_HOST": "127.0.0.1",
            "AUTHSVC_PORT": str(free_port()),
            "AUTHSVC_METRICS": "main",
            "AUTHSVC_DRAIN_SECONDS": "1",
        }
    await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await admin.close()


async def test_it_migrates_serves_and_drains_on_a_file_system_that_is_read_only(
    one: Container, made: dict[str, str], tmp_path: Path
) -> None:
    await asyncio.to_thread(lives_and_ends, one, made, {tmp_path / "secrets": "/run/secrets:ro"})


def lives_and_ends(one: Container, env: dict[str, str], volumes: dict[Path, str]) -> None:
    image = Image.read()
    entry = image.config["Entrypoint"]

    def run(*words: str, given: str = "") -> str:
        command = one.command(*words, env=env, volumes=volumes)
        done = subprocess.run(command, input=given, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, (words, done.stdout, done.stderr)
        return done.stdout

    assert run("sh", "-c", "id -u; touch /opt/authsvc/x 2>&1 || true").splitlines()[0] == str(USER)
    assert "Read-only" in run("sh", "-c", "touch /var/tmp/x 2>&1 || true"), "where anybody may write"
    run(*entry, "migrate")
    run(*entry, "keys", "generate", "--first")
    run(*entry, "users", "add", "anna@example.com", "--name", "Anna", "--password-stdin", given=PASSWORD)
    command = one.command(*entry, *image.config["Cmd"], env=env, volumes=volumes)
    began = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        with httpx2.Client(base_url=f"http://127.0.0.1:{env['AUTHSVC_PORT']}", trust_env=False) as http:
            while not is_ready(http):
                assert process.poll() is None, process.communicate()[0]
                assert time.monotonic() - began < 30
                time.sleep(0.01)
            ready = time.monotonic() - began
            assert http.get("/.well-known/jwks.json").json()["keys"]
            assert f'version="{authsvc.__version__}"' in http.get("/metrics").text
            first = inside(process.pid)[0]
            [status] = [line for line in Path(f"/proc/{first}/status").read_text().splitlines() if "CapEff" in line]
            assert int(status.split()[1], 16) == 0
            health = image.config["Healthcheck"]["Test"]
            assert health[0] == "CMD"
            run(*(word.replace(":8000/", f":{env['AUTHSVC_PORT']}/") for word in health[1:]))
            os.kill(first, signal.SIGTERM)
            assert process.wait(20) == 0
    finally:
        end(process)
    assert run("ls", "/var/lib/authsvc").split() == ["jwks.json"], "the image's own volume"
    print("\n| size | layers | user | ready after |\n|---|---|---|---|")
    print(f"| {image.size} | {image.layers} | {image.config['User']} | {ready:.2f} s |")


def is_ready(http: httpx2.Client) -> bool:
    try:
        return http.get("/readyz").status_code == 200
    except httpx2.TransportError:
        return False


def test_its_labels_say_what_it_is() -> None:
    labels = Image.read().config["Labels"]
    assert labels["org.opencontainers.image.version"] == authsvc.__version__
    assert labels["org.opencontainers.image.licenses"] == "Apache-2.0"
    assert labels["org.opencontainers.image.revision"] not in ("", "$REVISION")


def test_its_bill_of_materials_has_every_pinned_package(one: Container) -> None:
    """The bill is written to dist, where `scripts/image` leaves it."""
    if not (PROGRAMS / "python").exists():
        pytest.skip(NOT_TRIED)
    command = [str(PROGRAMS / "python"), str(ROOT / "tests/deploy/sbom.py"), str(one.root), authsvc.__version__]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    pinned = re.findall(r"^([\w.-]+)==([^\s;]+) \\$", (ROOT / "requirements.txt").read_text(), re.MULTILINE)
    assert len(pinned) > 20
    assert [name for name, version in pinned if f'"pkg:pypi/{name}@{version}"' not in done.stdout] == []
    assert '"pkg:deb/debian/libc6@' in done.stdout
    assert "pip@" not in done.stdout.replace("pkg:deb", "")
    (ROOT / "dist").mkdir(exist_ok=True)
    (ROOT / "dist/authsvc.cdx.json").write_text(done.stdout)
    print(f"\n{done.stdout.count('purl')} packages in dist/authsvc.cdx.json")
