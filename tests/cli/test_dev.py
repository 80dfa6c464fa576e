"""`authsvc dev`: a newcomer's first minute."""

from __future__ import annotations

import json
import os
import shlex
import signal
import socket
import ssl
import stat
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from authsvc_devkit.command import House, env_text, environment
from tests.cli.conftest import Process, Start, children, clean_environment, get
from tests.conftest import place_for_data
from tests.support.busy import again_when_busy, prompt
from tests.support.replicas import free_port


@pytest.fixture
def data_dir() -> Iterator[Path]:
    with place_for_data() as place:
        yield place


def ready(start: Start, data_dir: Path, port: int, *words: str, **env: str) -> Process:
    process = start("dev", "--port", str(port), "--data-dir", str(data_dir), *words, env=env)
    process.wait_for(lambda: "authsvc is ready on" in process.said, 30)
    return process


def post(url: str, body: dict[str, str], trust: ssl.SSLContext | None = None) -> dict[str, Any]:
    request = urllib.request.Request(
        url, json.dumps(body).encode(), {"Content-Type": "application/json"}, method="POST"
    )
    with urllib.request.urlopen(request, timeout=10, context=trust) as reply:
        return dict(json.load(reply))


def login(url: str, trust: ssl.SSLContext | None = None) -> dict[str, Any]:
    return post(url + "/api/auth/login", {"email": "test@example.com", "password": "password"}, trust)


def status_for_host(port: int, path: str, host: str) -> int:
    """A name that is made to resolve here (DNS rebinding) stands in Host."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers={"Host": host})
    try:
        with urllib.request.urlopen(request, timeout=10) as reply:
            return int(reply.status)
    except urllib.error.HTTPError as error:
        return error.code


def sourced(env_file: Path, command: str) -> subprocess.CompletedProcess[str]:
    script = f". {shlex.quote(str(env_file))}; {command}"
    return subprocess.run(["/bin/sh", "-c", script], capture_output=True, text=True, env=clean_environment())


@again_when_busy
def test_start_log_in_use_the_tools_ctrl_c_and_once_more(start: Start, data_dir: Path) -> None:
    port = free_port()
    url = f"http://localhost:{port}"
    started = time.monotonic()
    process = ready(start, data_dir, port)
    cold = time.monotonic() - started
    assert login(url)["expires_in"] == 1800
    authorization = "Basic YmFja2VuZDpiYWNrZW5kLXNlY3JldA=="  # backend:backend-secret
    request = urllib.request.Request(
        url + "/token", b"grant_type=client_credentials", {"Authorization": authorization}, method="POST"
    )
    with urllib.request.urlopen(request) as reply:
        assert json.load(reply)["token_type"] == "Bearer"
    assert get(url + "/metrics")[0] == 200
    for host, status in ((f"localhost:{port}", 200), (f"127.0.0.1:{port}", 200), ("[::1]", 200), ("evil.example", 400)):
        for path in ("/revocations", "/metrics", "/.well-known/jwks.json"):
            assert status_for_host(port, path, host) == status, (path, host)
    for name in ("env", "master.key"):
        assert stat.S_IMODE((data_dir / name).stat().st_mode) == 0o600
    assert url in process.said
    assert "test@example.com" in process.said

    authsvc = f"{shlex.quote(sys.executable)} -m authsvc"
    people = sourced(data_dir / "env", f"{authsvc} users list --json")
    assert [row["roles"] for row in json.loads(people.stdout)] == [["admin"], ["bartender"], ["customer"]]
    doctor = sourced(data_dir / "env", f"{authsvc} doctor")
    assert doctor.returncode == 0, doctor.stdout
    assert "settings of replicas  as here: 1 replica" in doctor.stdout
    clients = json.loads(sourced(data_dir / "env", f"{authsvc} clients list --json").stdout)
    assert {client["id"]: client["required_role"] for client in clients} == {
        "admin": "admin",
        "backend": None,
        "bartender": "bartender",
        "customer": None,
        "kitchen": None,
        "terminal": "bartender",
    }

    second = start("dev", "--port", str(port + 1), "--data-dir", str(data_dir), env={})
    assert second.popen.wait(20) == 1
    said = second.err.read_text()
    assert said.startswith(f"authsvc: process {process.popen.pid} already runs the servers of {data_dir}")
    assert said.count("\n") == 1

    below = children(process.popen.pid)
    assert len(below) >= 2
    assert process.end(signal.SIGINT) == 0
    assert not any(Path(f"/proc/{pid}").exists() for pid in below)
    assert get(url + "/livez")[0] == 0

    key = (data_dir / "master.key").read_text()
    started = time.monotonic()
    again = ready(start, data_dir, port, AUTHSVC_ACCESS_TOKEN_SECONDS="10")
    warm = time.monotonic() - started
    assert login(url)["expires_in"] == 10
    settings = sourced(data_dir / "env", f"{authsvc} settings --json")
    assert json.loads(settings.stdout)["AUTHSVC_ACCESS_TOKEN_SECONDS"] == "10"
    assert (data_dir / "master.key").read_text() == key
    assert again.end(signal.SIGTERM) == 0
    print(f"dev: first start {cold:.2f} s, later {warm:.2f} s")
    prompt(cold < 15, f"{cold:.2f} s")  # 5 s and 2 s are promised, on a machine that does nothing else
    prompt(warm < 8, f"{warm:.2f} s")


def test_killed_it_leaves_nothing_behind_and_starts_again(start: Start, data_dir: Path) -> None:
    port = free_port()
    process = ready(start, data_dir, port)
    below = children(process.popen.pid)
    process.popen.kill()
    process.popen.wait()
    deadline = time.monotonic() + 10
    while any(Path(f"/proc/{pid}").exists() for pid in below) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(Path(f"/proc/{pid}").exists() for pid in below)
    assert ready(start, data_dir, port).end(signal.SIGINT) == 0


def test_tls_is_trusted_through_the_file_that_env_names(start: Start, data_dir: Path) -> None:
    port = free_port()
    process = ready(start, data_dir, port, "--tls")
    ca = sourced(data_dir / "env", 'echo "$SSL_CERT_FILE"').stdout.strip()
    assert login(f"https://localhost:{port}", ssl.create_default_context(cafile=ca))["token_type"] == "Bearer"
    named = sourced(data_dir / "env", 'echo "$AUTHSVC_ISSUER"').stdout.strip()
    assert named == f"https://localhost:{port}"
    assert process.end(signal.SIGINT) == 0


def test_a_port_in_use_and_a_host_that_is_not_loopback_are_refused(start: Start, data_dir: Path) -> None:
    open_house = start("dev", "--host", "0.0.0.0", "--data-dir", str(data_dir), env={})
    assert open_house.popen.wait(20) == 2
    assert "everybody knows its passwords" in open_house.err.read_text()
    strange = start("dev", "--port", "0", "--data-dir", str(data_dir), env={"AUTHSVC_TYPO": "1"})
    assert strange.popen.wait(30) == 2
    assert strange.err.read_text().startswith("authsvc: AUTHSVC_TYPO: unknown setting")
    port = free_port()
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen()
        taken = start("dev", "--port", str(port), "--data-dir", str(data_dir), env={})
        assert taken.popen.wait(30) == 1
    assert taken.err.read_text().startswith(f"authsvc: port {port} is in use: ")


def test_the_users_settings_apply_but_never_instead_of_devs_own_stores() -> None:
    house = House("http://localhost:8000", Path("/data"), "postgresql://own", "unix://own")
    user = {
        "AUTHSVC_DATABASE_URL": "postgresql://production",
        "AUTHSVC_REDIS_URL_FILE": "/production",
        "AUTHSVC_ISSUER": "https://production.example.com",
        "AUTHSVC_MASTER_KEY": "production",
        "AUTHSVC_LOG_LEVEL": "debug",
        "AUTHSVC_METRICS": "off",
        "AUTHSVC_PORT": "tcp://10.96.12.7:8000",
        "AUTHSVC_REDIS_PORT_6379_TCP_ADDR": "10.96.12.8",
        "PATH": os.environ["PATH"],
    }
    assert environment(user, house, "127.0.0.1", 8000) == {
        "AUTHSVC_DATABASE_URL": "postgresql://own",
        "AUTHSVC_REDIS_URL": "unix://own",
        "AUTHSVC_ISSUER": "http://localhost:8000",
        "AUTHSVC_MASTER_KEY_FILE": "/data/master.key",
        "AUTHSVC_DEV_MODE": "true",
        "AUTHSVC_HOST": "127.0.0.1",
        "AUTHSVC_PORT": "8000",
        "AUTHSVC_LOG_LEVEL": "debug",
        "AUTHSVC_LOG_FORMAT": "console",
        "AUTHSVC_CLIENT_REGISTRATION": "true",
        "AUTHSVC_CLIENT_ID_METADATA_DOCUMENTS": "true",
        "AUTHSVC_SMTP_URL": "dev:",
        "AUTHSVC_ALLOWED_HOSTS": "localhost 127.0.0.1 [::1] host.docker.internal host.containers.internal",
        "AUTHSVC_METRICS": "off",
    }


def test_the_env_file_survives_any_directory_name() -> None:
    house = House(
        "http://localhost:8000", Path("/it's a $(dir)"), "postgresql://x", "unix://:pass@/tmp/x/redis.sock?db=0"
    )
    script = (
        env_text(house, environment({}, house, "127.0.0.1", 8000))
        + 'printf %s "$AUTHSVC_MASTER_KEY_FILE"; printf "|%s" "$REDISCLI_AUTH"'
    )
    done = subprocess.run(["/bin/sh", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "/it's a $(dir)/master.key|pass"


def test_who_sources_the_env_file_has_the_command() -> None:
    """A fresh checkout has it in .venv alone, which is on nobody's PATH."""
    house = House("http://localhost:8000", Path("/data"), "postgresql://own", "redis://default:x@127.0.0.1:1/0")
    script = env_text(house, environment({}, house, "127.0.0.1", 8000)) + "command -v authsvc"
    env = clean_environment(PATH="/usr/bin:/bin")
    done = subprocess.run(["/bin/sh", "-euc", script], capture_output=True, text=True, check=True, env=env)
    assert done.stdout.strip() == str(Path(sys.executable).with_name("authsvc"))


@pytest.mark.parametrize("shell", ["/bin/sh", "/bin/bash"])
def test_the_env_file_holds_all_that_dev_was_started_with_and_clears_what_the_shell_had(shell: str) -> None:
    house = House("http://localhost:8000", Path("/data"), "postgresql://own", "redis://default:secret@127.0.0.1:1/0")
    user = {
        "AUTHSVC_ACCESS_TOKEN_SECONDS": "10",
        "AUTHSVC_BRAND_NAME": "it's\n$(odd)",
        "AUTHSVC_KEY_POLICY_FILE": "keys/policy.toml",
    }
    given = environment(user, house, "127.0.0.1", 8000)
    assert given["AUTHSVC_KEY_POLICY_FILE"] == str(Path.cwd() / "keys/policy.toml")
    dump = f"{shlex.quote(sys.executable)} -c 'import json, os; print(json.dumps(dict(os.environ)))'"
    before = {
        "AUTHSVC_JWKS_MAX_AGE": "1",
        "AUTHSVC_DATABASE_URL_FILE": "/production",
        "AUTHSVC_MASTER_KEY": "production",
    }
    done = subprocess.run(
        [shell, "-euc", env_text(house, given) + dump],
        capture_output=True,
        text=True,
        check=True,
        env=clean_environment(**before),
    )
    found = {name: value for name, value in json.loads(done.stdout).items() if name.startswith("AUTHSVC_")}
    assert found == given
    assert found["AUTHSVC_BRAND_NAME"] == user["AUTHSVC_BRAND_NAME"]
