"""docs/production.md, word by word: its blocks run as they stand there, with other places and with stand-ins for what
only a whole machine has (apt, systemctl, Docker)."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest
import yaml

from authsvc_devkit.processes import die_with_parent
from authsvc_devkit.servers import Servers
from authsvc_devkit.tls import make_certificate
from tests.cli.conftest import clean_environment
from tests.deploy.judges import NOT_TRIED, PROGRAMS, ROOT
from tests.deploy.proxies import HOST, before
from tests.deploy.shell_of_page import shell_of, stand_ins, with_places
from tests.interop.pod import by_tcp
from tests.support.faultproxy import FaultProxy
from tests.support.replicas import free_port

PAGE = ROOT / "docs/production.md"
PASSWORD = "a long enough password"


# On Debian, without Docker


def service(unit: Path, root: Path) -> subprocess.Popen[bytes]:
    """What systemd would start: the unit's command with its variables, its credentials copied."""
    lines = [line.partition("=") for line in unit.read_text().splitlines() if line[:1].isalpha()]
    credentials = root / "credentials"
    credentials.mkdir()
    env = clean_environment()
    for name, _, value in lines:
        if name == "EnvironmentFile":
            env |= dict(line.split("=", 1) for line in Path(value).read_text().split())
        elif name == "LoadCredential":
            shutil.copy(value.partition(":")[2], credentials / value.partition(":")[0])
        elif name == "Environment":
            key, _, text = value.partition("=")
            env[key] = text.replace("%d", str(credentials)).replace("%S", str(root / "state"))
    [command] = [value for name, _, value in lines if name == "ExecStart"]
    (root / "state/authsvc").mkdir(parents=True)
    with (root / "log").open("wb") as log:
        return subprocess.Popen(
            command.split(), env=env, stdout=log, stderr=subprocess.STDOUT, preexec_fn=die_with_parent(signal.SIGKILL)
        )


# Making an environment takes its time on a machine that is busy.
slow = pytest.mark.timeout(400)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `scripts/install` makes; skips where Python's packages cannot be had."""
    if shutil.which("psql") is None or shutil.which("openssl") is None:
        pytest.skip("psql or openssl is not installed: the page was not tried")
    into = tmp_path_factory.mktemp("opt") / "authsvc"
    command = [str(ROOT / "scripts/install"), str(into)]
    env = {**os.environ, "PIP_NO_COMPILE": "1"}  # it would compile ten times what is imported here
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, env=env)
    if done.returncode:
        pytest.skip(f"scripts/install has no packages, the page was not tried: {done.stderr.strip()[-200:]}")
    return into


@slow
async def test_the_page_makes_a_service_that_answers_by_its_name(
    installed: Path, servers: Servers, base_env: dict[str, str], tmp_path: Path
) -> None:
    name = f"page_{os.getpid()}"
    async with (
        FaultProxy(servers.postgres.socket_path, tcp=True) as postgres,
        FaultProxy(servers.redis.socket_path, tcp=True) as redis,
    ):
        stores = {
            "@127.0.0.1/authsvc": f"@127.0.0.1:{postgres.port}/{name}",
            "redis://127.0.0.1:6379/0": by_tcp(base_env["AUTHSVC_REDIS_URL"], redis.port, scheme="redis", path="/0"),
        }
        admin_url = by_tcp(servers.admin_url, postgres.port, query="")
        try:
            await asyncio.to_thread(follows, installed, name, stores, admin_url, tmp_path)
        finally:
            admin = await asyncpg.connect(servers.admin_url)
            await admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
            await admin.execute(f"DROP ROLE IF EXISTS {name}_serve; DROP ROLE IF EXISTS {name}")
            await admin.close()


def follows(installed: Path, name: str, stores: dict[str, str], admin_url: str, root: Path) -> None:
    port = free_port()
    etc = root / "etc"
    (root / "system").mkdir()
    (root / "caddy").mkdir()
    (root / "serve-role.sql").write_text(
        (ROOT / "deploy/serve-role.sql").read_text().replace("authsvc_serve", f"{name}_serve")
    )
    more = f"AUTHSVC_PORT={port}\nAUTHSVC_METRICS=off\nAUTHSVC_REDIS_PREFIX={name}\nAUTHSVC_DRAIN_SECONDS=0"
    places = {
        **stores,
        "/opt/authsvc": str(installed),
        "/etc/authsvc": str(etc),
        "/etc/systemd/system/": f"{root}/system/",
        "/etc/caddy/": f"{root}/caddy/",
        "AUTHSVC_TRUSTED_PROXIES=127.0.0.1": f"AUTHSVC_TRUSTED_PROXIES=127.0.0.1\n{more}",
        "//authsvc_serve:": f"//{name}_serve:",
        "//authsvc:": f"//{name}:",
        "ROLE authsvc": f"ROLE {name}",
        "DATABASE authsvc": f"DATABASE {name}",
        "OWNER authsvc": f"OWNER {name}",
        "TO authsvc_serve": f"TO {name}_serve",
        "-f deploy/serve-role.sql": f"-f {root}/serve-role.sql",
    }
    asks = "authsvc users add you@example.com --name You"
    last = {asks: f"echo '{PASSWORD}' | {asks} --password-stdin"}
    script = with_places(shell_of(PAGE, "On Debian, without Docker"), places)
    script += with_places(shell_of(PAGE, "The first person and the first client"), last)
    admin = urlsplit(admin_url)
    as_postgres = f"PGHOST=127.0.0.1 PGPORT={admin.port} PGUSER={admin.username} PGPASSWORD={admin.password}"
    programs = stand_ins(
        root / "bin",
        apt="",
        runuser=f'shift 3; {as_postgres} PGDATABASE=postgres exec "$@"',
        systemctl=f'case "$*" in "reload caddy") while [ ! -e {root}/served ]; do sleep 0.1; done ;; esac',
    )
    env = clean_environment(PATH=f"{programs}:{os.environ['PATH']}", CURL_HOME=str(root))
    process = subprocess.Popen(
        ["sh", "-eu"],
        cwd=ROOT,
        env=env,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdin
    process.stdin.write(script)
    process.stdin.close()
    process.stdin = None
    serving = None
    try:
        until(root / "calls", "systemctl enable --now authsvc", process)
        unit = root / "system/authsvc.service"
        unit.write_text(with_places(unit.read_text(), {"/opt/authsvc": str(installed), "/etc/authsvc": str(etc)}))
        serving = service(unit, root)
        until(root / "log", '"event":"serving"', serving)
        tls = make_certificate(root, [HOST])
        with before("caddy", root / "caddy", tls, [port]) as proxy:
            assert (root / "caddy/Caddyfile").read_text() == (ROOT / "deploy/proxies/Caddyfile").read_text()
            (root / ".curlrc").write_text(
                f'connect-to = "{HOST}:443:127.0.0.1:{proxy.port}"\ncacert = "{tls.ca_file}"\n'
            )
            (root / "served").touch()
            said, wrong = process.communicate(timeout=60)
            assert process.returncode == 0, (said, wrong)
            assert f'"issuer":"https://{HOST}"' in said.replace('": "', '":"')
            assert "FAIL" not in said
            assert "shop" in said
            page = proxy.ask("/account")
            assert (page.status, page.all("location")[0].partition("?")[0]) == (303, "/login")
            form = proxy.ask(page.all("location")[0])
            assert (form.status, 'type="password"' in form.text) == (200, True)
        assert oct((etc / "database_url").stat().st_mode & 0o777) == "0o600"
    finally:
        for one in (process, serving):
            if one is not None and one.poll() is None:
                one.terminate()
                one.wait(20)
    assert serving.returncode == 0, (root / "log").read_text()


def until(file: Path, word: str, process: subprocess.Popen[str] | subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 90
    while not file.exists() or word not in file.read_text():
        said = file.read_text() if file.exists() else ""
        assert process.poll() is None, (said, process.communicate())
        assert time.monotonic() < deadline, said
        time.sleep(0.05)


# With Docker


def test_the_page_prepares_what_compose_asks_for(tmp_path: Path) -> None:
    """Docker's own part is left to compose, which takes both files; the shell between is run."""
    if not (PROGRAMS / "docker-compose").exists():
        pytest.skip(NOT_TRIED)
    deploy = tmp_path / "deploy"
    shutil.copytree(ROOT / "deploy", deploy, ignore=shutil.ignore_patterns("helm", "secrets"))
    authsvc = f"{sys.executable} -m authsvc"
    docker = f'case "$1" in run) shift 3; exec {authsvc} "$@" ;; compose) shift; echo "compose $*" ;; esac'
    programs = stand_ins(tmp_path / "bin", docker=docker, sudo="")
    env = clean_environment(PATH=f"{programs}:{os.environ['PATH']}")
    script = shell_of(PAGE, "With Docker") + "exec docker-compose config --format json\n"
    (programs / "docker-compose").symlink_to(PROGRAMS / "docker-compose")
    done = subprocess.run(["sh", "-eu"], input=script, cwd=deploy, env=env, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    said, _, config = done.stdout.partition("{")
    assert said.split("\n")[:2] == ["compose build authsvc", "compose up -d"]
    compose = json.loads("{" + config)
    for secret in compose["secrets"].values():
        file = Path(secret["file"])
        assert file.read_text().strip() and file.stat().st_mode & 0o077 == 0, file
    services = compose["services"]
    [proxy] = [services["caddy"]["networks"]["default"]["ipv4_address"]]
    assert services["authsvc"]["environment"]["AUTHSVC_TRUSTED_PROXIES"] == proxy
    [network] = compose["networks"]["default"]["ipam"]["config"]
    assert proxy.rpartition(".")[0] == network["subnet"].rpartition(".")[0]
    assert int(proxy.rpartition(".")[2]) < int(network["ip_range"].partition("/")[0].rpartition(".")[2])
    used = set(re.findall(r"\{\$(\w+)", (ROOT / "deploy/proxies/Caddyfile").read_text()))
    assert used <= set(services["caddy"]["environment"])


def test_the_head_of_compose_says_the_same_as_the_page() -> None:
    head = (ROOT / "deploy/compose.yaml").read_text().partition("name: authsvc")[0]
    for line in shell_of(PAGE, "With Docker").splitlines():
        if line.startswith(("for role", "printf", "docker run", "sudo chown", "docker compose up")):
            assert f"#   {line}\n" in head, line
    assert "authsvc" in yaml.safe_load((ROOT / "deploy/compose.yaml").read_text())["services"]
