"""PostgreSQL's disk is full, on a file system of 80 MB: nothing is acknowledged that was not committed."""

from __future__ import annotations

import asyncio
import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import asyncpg
import pytest

from authsvc_devkit.servers import Servers
from tests.conftest import _make_template, with_database
from tests.faults.conftest import honest, logout, serving
from tests.support.busy import again_when_busy, prompt
from tests.support.calls import LOGIN, login, refresh

pytestmark = pytest.mark.faults


@pytest.fixture
def small_disk() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="authsvc-full-") as directory:
        path = Path(directory) / "disk"
        path.mkdir()
        Path(directory).chmod(0o711)
        mount = ["mount", "-t", "tmpfs", "-o", "size=128m,mode=711", "tmpfs", str(path)]
        if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode:
            pytest.skip("a file system of a size of its own can only be mounted by root")
        yield path
        subprocess.run(["umount", str(path)], check=True)


@again_when_busy
async def test_a_full_disk_refuses_honestly_and_heals_by_itself(small_disk: Path, base_env: dict[str, str]) -> None:
    with Servers(small_disk / "data") as servers:  # durable: it may end for want of room, and owes what it acknowledged
        env = base_env | {"AUTHSVC_REDIS_URL": servers.redis_url, "AUTHSVC_REDIS_PREFIX": "full"}
        env["AUTHSVC_DATABASE_URL"] = with_database(servers.database_url, "authsvc_template")
        await asyncio.to_thread(lambda: asyncio.run(_make_template(servers, env)))
        async with serving(env) as service:
            http = service.http
            people = [await login(http) for _ in range(10)]
            ballast = small_disk / "data/postgres/ballast"
            sql = await asyncpg.connect(env["AUTHSVC_DATABASE_URL"])
            await sql.execute("CREATE TABLE filler (x text)")
            await _fill(ballast)
            with pytest.raises((asyncpg.DiskFullError, asyncpg.PostgresError, OSError)):
                for _ in range(200):  # what PostgreSQL has in reserve (recycled WAL, free pages)
                    await sql.execute(
                        "INSERT INTO filler SELECT repeat(md5(random()::text), 60) FROM generate_series(1, 2000)"
                    )
            await _fill(ballast, append=True)
            seen = {200: 0, 204: 0, 503: 0}
            acknowledged: list[dict[str, str]] = []
            until = monotonic() + 2
            while monotonic() < until:
                for answer in (
                    await http.post("/api/auth/login", json={**LOGIN, "device_info": "x" * 100}),
                    await refresh(http, people[0]["refresh_token"]),
                    await logout(http, people[1]),
                ):
                    seen[answer.status_code] += 1  # KeyError: a status that blames somebody
                    if answer.status_code == 503:
                        honest(answer)
                    elif answer.status_code == 200 and "session_id" in answer.json():
                        acknowledged.append(answer.json())
            assert seen[503] > 0, seen
            assert (await http.get("/.well-known/jwks.json")).status_code == 200
            ballast.unlink()
            freed = monotonic()
            servers.postgres.start()  # nothing to do, unless it could not even write its log and has ended
            while (await http.post("/api/auth/login", json=LOGIN)).status_code != 200:
                await asyncio.sleep(0.02)
                prompt(monotonic() - freed < 5)
            for tokens in acknowledged:
                assert (await refresh(http, tokens["refresh_token"])).status_code == 200
            for tokens in people[2:]:
                assert (await refresh(http, tokens["refresh_token"])).status_code == 200
        await sql.close()


async def _fill(path: Path, *, append: bool = False) -> None:
    with path.open("ab" if append else "wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError:
                continue
