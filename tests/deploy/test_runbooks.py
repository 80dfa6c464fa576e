"""docs/runbooks.md: each chapter's blocks run as they stand there, on a service with people in it, with other places
and with stand-ins for what only a whole machine has (systemctl, runuser). `scripts/runbooks` runs all chapters, the
suite the first."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import asyncpg
import httpx2
import pytest

from authsvc_devkit.processes import send_signal
from authsvc_devkit.servers import Servers
from tests.cli.conftest import clean_environment
from tests.conftest import with_database
from tests.deploy.judges import ROOT
from tests.support.calls import LOGIN
from tests.support.replicas import free_port

PAGE = ROOT / "docs/runbooks.md"
ALL = os.environ.get("AUTHSVC_TEST_RUNBOOKS") == "all"
CHAPTERS = re.findall(r"^## (.+)$", PAGE.read_text(), re.MULTILINE)
LATER = pytest.mark.skipif(not ALL, reason="scripts/runbooks runs it")
SECONDS = 170


def blocks(heading: str) -> str:
    """The shell of one chapter."""
    chapter = PAGE.read_text().partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return "".join(re.findall(r"^```sh\n(.*?)^```$", chapter, re.MULTILINE | re.DOTALL))


SYSTEMCTL = """
case "$*" in
"restart redis-server") exec {python} -c 'import redis; redis.Redis.from_url("{redis}").flushall()' ;;
"restart authsvc") "$0" stop authsvc; exec "$0" start authsvc ;;
"stop authsvc") kill "$(cat {root}/pid)"; while kill -0 "$(cat {root}/pid)" 2>/dev/null; do sleep 0.05; done ;;
"start authsvc")
    set -a; . {root}/etc/authsvc.env; set +a
    {python} -m authsvc serve >> {root}/log 2>&1 & echo $! > {root}/pid
    for turn in $(seq 300); do curl -fs -o /dev/null "$AUTHSVC_ISSUER/livez" && exit 0; sleep 0.1; done; exit 1 ;;
esac
"""


class Machine:
    """A machine as docs/production.md leaves it: secrets in files, the service running, a shell with its settings."""

    def __init__(self, root: Path, servers: Servers, base_env: dict[str, str], database_url: str) -> None:
        self.root, self.servers, self.name = root, servers, urlsplit(database_url).path[1:]
        self.etc, self.bin = root / "etc", root / "bin"
        for directory in (self.etc, self.bin, root / "state", root / "backups"):
            directory.mkdir()
        self.issuer = f"http://127.0.0.1:{free_port()}"
        self.moved = f"{self.name}_moved"
        self._secrets(base_env, database_url)
        self.env = clean_environment(
            **{name: value for name, value in base_env.items() if "ARGON2" in name},
            AUTHSVC_ISSUER=self.issuer,
            AUTHSVC_PORT=self.issuer.rpartition(":")[2],
            AUTHSVC_METRICS=f"127.0.0.1:{free_port()}",
            AUTHSVC_MASTER_KEY_FILE=str(self.etc / "master.key"),
            AUTHSVC_DATABASE_URL_FILE=str(self.etc / "database_url"),
            AUTHSVC_REDIS_URL_FILE=str(self.etc / "redis_url"),
            AUTHSVC_REDIS_PREFIX=self.name,
            AUTHSVC_STATE_DIR=str(root / "state"),
            AUTHSVC_DRAIN_SECONDS="0",
            AUTHSVC_DB_POOL_SIZE="5",
        )
        (self.etc / "authsvc.env").write_text("AUTHSVC_LOG_LEVEL=info\n")
        self._programs()

    def _secrets(self, base_env: dict[str, str], database_url: str) -> None:
        served = database_url.replace(f"//{urlsplit(database_url).username}:", f"//{self.name}_serve:", 1)
        served = re.sub(r"(//[^:]+):[^@]*@", r"\1:first-password@", served)
        for name, text in {
            "master.key": base_env["AUTHSVC_MASTER_KEY"],
            "owner_url": database_url,
            "database_url": served,
            "redis_url": base_env["AUTHSVC_REDIS_URL"],
            "new_owner_url": with_database(database_url, self.moved),
            "new_database_url": with_database(served, self.moved),
        }.items():
            (self.etc / name).write_text(text)
            (self.etc / name).chmod(0o600)

    def _programs(self) -> None:
        admin = urlsplit(self.servers.admin_url)
        host = dict(parse_qsl(admin.query))["host"]
        as_postgres = f"PGHOST={host} PGUSER={admin.username} PGPASSWORD={admin.password} PGDATABASE=postgres"
        redis = self.etc.joinpath("redis_url").read_text()
        scripts = {
            "authsvc": f'exec {sys.executable} -m authsvc "$@"',
            "runuser": f'shift 3; {as_postgres} exec "$@"',
            "systemctl": SYSTEMCTL.format(python=sys.executable, root=self.root, redis=redis),
        }
        for name, script in scripts.items():
            (self.bin / name).write_text(f"#!/bin/sh\n{script}\n")
            (self.bin / name).chmod(0o755)
        self.serve_role = self.root / "serve-role.sql"
        text = (ROOT / "deploy/serve-role.sql").read_text()
        self.serve_role.write_text(text.replace("authsvc_serve", f"{self.name}_serve"))

    def run(self, text: str, seconds: float = SECONDS) -> str:
        """Raises AssertionError where a line fails."""
        places = {
            "/etc/authsvc": str(self.etc),
            "/var/backups": str(self.root / "backups"),
            "authsvc_serve": f"{self.name}_serve",
            "deploy/serve-role.sql": str(self.serve_role),
        }
        for theirs, ours in places.items():
            text = text.replace(theirs, ours)
        tools = Path(self.servers.postgres._program.argv[0]).parent
        env = {**self.env, "PATH": f"{self.bin}:{tools}:{os.environ['PATH']}"}
        done = subprocess.run(
            ["sh", "-eu"], input=text, cwd=ROOT, env=env, capture_output=True, text=True, timeout=seconds
        )
        log = self.root / "log"
        assert done.returncode == 0, (done.stdout, done.stderr, log.read_text()[-2000:] if log.exists() else "")
        return done.stdout

    def end(self) -> None:
        if (pid_file := self.root / "pid").exists():
            send_signal(int(pid_file.read_text()), signal.SIGKILL)


@pytest.fixture
def machine(servers: Servers, base_env: dict[str, str], database_url: str, tmp_path: Path) -> Iterator[Machine]:
    if missing := [name for name in ("psql", "jq", "curl", "openssl", "seq") if shutil.which(name) is None]:
        pytest.skip(f"{' '.join(missing)} not installed: the runbooks were not tried")
    made = Machine(tmp_path, servers, base_env, database_url)
    asyncio.run(prepare(made))
    try:
        made.run(
            f'psql -q -v ON_ERROR_STOP=1 "$(cat {made.etc}/owner_url)" -f {made.serve_role}\nsystemctl start authsvc\n'
        )
        yield made
    finally:
        made.end()
        asyncio.run(clear(made))


async def prepare(machine: Machine) -> None:
    admin = await asyncpg.connect(machine.servers.admin_url)
    await admin.execute(f"CREATE ROLE {machine.name}_serve LOGIN PASSWORD 'first-password'")
    await admin.execute(f"CREATE DATABASE {machine.moved}")
    await admin.close()


async def clear(machine: Machine) -> None:
    admin = await asyncpg.connect(machine.servers.admin_url)
    for database in (machine.moved, machine.name):
        await admin.execute(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")
    await admin.execute(f"DROP ROLE {machine.name}_serve")
    await admin.close()


def login(machine: Machine) -> dict[str, str]:
    answer = httpx2.post(f"{machine.issuer}/api/auth/login", json=LOGIN, trust_env=False)
    assert answer.status_code == 200, answer.text
    found: dict[str, str] = answer.json()
    return found


def refresh(machine: Machine, tokens: dict[str, str]) -> int:
    form = {"grant_type": "refresh_token", "client_id": "customer", "refresh_token": tokens["refresh_token"]}
    deadline = time.monotonic() + 20
    while (answer := httpx2.post(f"{machine.issuer}/token", data=form, trust_env=False)).status_code == 503:
        assert time.monotonic() < deadline, answer.text
        time.sleep(0.2)
    return answer.status_code


LOGGED_OUT = {"The master key leaked", "A backup is restored"}


@pytest.mark.timeout(240)
@pytest.mark.parametrize("chapter", [CHAPTERS[0], *(pytest.param(one, marks=LATER) for one in CHAPTERS[1:])])
def test_a_runbook_does_what_it_says(machine: Machine, chapter: str) -> None:
    """FAULTS rows 21 to 23, as an operator does them. Who is logged in stays so, but where the page says otherwise."""
    text = blocks(chapter)
    assert text, chapter
    tokens = login(machine)
    said = machine.run(text)
    assert "FAIL" not in said, said
    assert refresh(machine, tokens) == (400 if chapter in LOGGED_OUT else 200)
    login(machine)
