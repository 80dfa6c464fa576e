"""`authsvc serve`: starts, refuses, serves, ends.

Several workers, the first start, ends by signals, and one refusal are starts of a new interpreter; the others are forks
(tests/support/forks.py), for what they do after their imports is the same."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import ssl
import time
import urllib.request
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from authsvc_devkit.tls import make_certificate
from tests.cli.conftest import Process, Start, children, get
from tests.conftest import with_database
from tests.devkit.conftest import wait_until_gone
from tests.support.busy import again_when_busy, prompt
from tests.support.replicas import free_port

DRAIN = {"AUTHSVC_DEV_MODE": "false", "AUTHSVC_DRAIN_SECONDS": "2"}


def serving(start: Start, env: dict[str, str], *words: str, forked: bool = False) -> tuple[Process, str]:
    port = free_port()
    process = start("serve", "--port", str(port), *words, env=env, forked=forked)
    process.wait_for(lambda: bool(process.events("serving")))
    return process, f"http://127.0.0.1:{port}"


def refused(start: Start, env: dict[str, str], *words: str) -> tuple[int, str]:
    process = start("serve", "--port", "0", *words, env=env, forked="--workers" not in words)
    return process.popen.wait(20), process.err.read_text()


def test_it_says_when_it_serves_and_ends_with_0(start: Start, settings_env: dict[str, str]) -> None:
    process, url = serving(start, settings_env)
    [line] = process.events("serving")
    assert line["url_host"] == url
    assert line["workers"] == 1
    assert line["elapsed_ms"] < 10_000
    assert get(url + "/readyz")[0] == 200
    assert process.end() == 0
    assert process.events("stopped")
    assert process.err.read_text() == ""


def test_any_free_port_will_do(start: Start, settings_env: dict[str, str]) -> None:
    process = start("serve", "--port", "0", env=settings_env)
    process.wait_for(lambda: bool(process.events("serving")))
    assert get(process.events("serving")[0]["url_host"] + "/livez")[0] == 200
    assert process.end(signal.SIGINT) == 0


@pytest.mark.parametrize(
    ("host", "said"), [("::", "http://[::]:{port}"), ("127.0.0.1,::1", "http://127.0.0.1:{port} http://[::1]:{port}")]
)
def test_it_listens_on_every_address_that_is_named(
    start: Start, settings_env: dict[str, str], host: str, said: str
) -> None:
    """`::` alone was IPv6 alone: asyncio's rule, and nobody's wish."""
    port = free_port()
    process = start("serve", "--port", str(port), env={**settings_env, "AUTHSVC_HOST": host}, forked=True)
    process.wait_for(lambda: bool(process.events("serving")))
    assert process.events("serving")[0]["url_host"] == said.format(port=port)
    assert get(f"http://127.0.0.1:{port}/livez")[0] == 200
    if socket.has_ipv6 and Path("/proc/net/if_inet6").exists():
        assert get(f"http://[::1]:{port}/livez")[0] == 200
    assert process.end() == 0


@pytest.mark.parametrize("workers", ["1", "2"])
def test_an_unmigrated_database_is_refused_in_one_line_with_the_command(
    start: Start, settings_env: dict[str, str], workers: str
) -> None:
    empty = {**settings_env, "AUTHSVC_DATABASE_URL": with_database(settings_env["AUTHSVC_DATABASE_URL"], "postgres")}
    code, said = refused(start, empty, "--workers", workers)
    assert code == 1
    assert said == "authsvc: the database is behind this version of authsvc; run `authsvc migrate` first\n"


def test_bad_settings_are_all_named_and_2(start: Start, settings_env: dict[str, str]) -> None:
    code, said = refused(start, {**settings_env, "AUTHSVC_LOG_LEVEL": "loud", "AUTHSVC_TYPO": "1"})
    assert code == 2
    assert [line.split(":")[1].strip() for line in said.splitlines()] == ["AUTHSVC_LOG_LEVEL", "AUTHSVC_TYPO"]


def test_a_wrong_master_key_is_said(start: Start, settings_env: dict[str, str]) -> None:
    code, said = refused(start, {**settings_env, "AUTHSVC_MASTER_KEY": "1 " + "A" * 43})
    assert code == 1
    assert "none of the 1 signing keys opens" in said
    assert said.count("\n") == 1


def test_a_port_in_use_is_said(start: Start, settings_env: dict[str, str]) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        process = start("serve", "--port", str(port), env=settings_env)
        assert process.popen.wait(20) == 1
        assert process.err.read_text().startswith(f"authsvc: port {port} is in use: ")
        code, said = refused(start, {**settings_env, "AUTHSVC_METRICS": f"127.0.0.1:{port}"})
        assert code == 1
        assert f"cannot serve /metrics on 127.0.0.1:{port}" in said
    code, said = refused(start, settings_env, "--host", "192.0.2.1")
    assert code == 1
    assert "192.0.2.1" in said
    assert said.count("\n") == 1


def test_postgresql_being_away_does_not_keep_it_from_starting(start: Start, settings_env: dict[str, str]) -> None:
    env = {**settings_env, "AUTHSVC_DATABASE_URL": "postgresql://x@127.0.0.1:1/x"}
    process, url = serving(start, env, forked=True)
    assert get(url + "/livez")[0] == 200
    assert get(url + "/readyz")[0] == 503
    assert process.events("serving_but_not_ready")
    assert process.end() == 0


@again_when_busy
@pytest.mark.parametrize("workers", ["1", "2"])
def test_sigterm_makes_it_unready_at_once_and_it_answers_on_until_the_drain_is_over(
    start: Start, settings_env: dict[str, str], workers: str
) -> None:
    process, url = serving(start, {**settings_env, **DRAIN}, "--workers", workers)
    process.popen.terminate()
    told = time.monotonic()
    process.wait_for(lambda: get(url + "/readyz")[0] == 503, 2)
    assert "draining" in get(url + "/readyz")[1]
    assert get(url + "/.well-known/jwks.json")[0] == 200
    with urllib.request.urlopen(url + "/livez") as reply:
        assert reply.headers["connection"] == "close"
    assert process.popen.wait(10) == 0
    lasted = time.monotonic() - told
    assert lasted > 1.8
    prompt(lasted < 6, lasted)
    assert len(process.events("stopped")) == int(workers)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_second_signal_ends_the_drain(start: Start, settings_env: dict[str, str], workers: str) -> None:
    env = {**settings_env, **DRAIN, "AUTHSVC_DRAIN_SECONDS": "60"}
    process, url = serving(start, env, "--workers", workers)
    process.popen.send_signal(signal.SIGINT)
    process.wait_for(lambda: len(process.events("draining")) == int(workers))
    assert get(url + "/livez")[0] == 200
    assert process.end(signal.SIGINT, 8) == 0


def test_ctrl_c_reaches_the_whole_group_and_still_drains_once(start: Start, settings_env: dict[str, str]) -> None:
    process, url = serving(start, {**settings_env, **DRAIN}, "--workers", "2")
    for pid in [process.popen.pid, *children(process.popen.pid)]:
        os.kill(pid, signal.SIGINT)
    process.wait_for(lambda: len(process.events("draining")) == 2)
    time.sleep(0.5)
    assert get(url + "/livez")[0] == 200
    assert process.popen.wait(10) == 0


def test_two_workers_share_their_metrics_on_a_listener_of_the_parent(
    start: Start, settings_env: dict[str, str]
) -> None:
    port = free_port()
    process, url = serving(start, {**settings_env, "AUTHSVC_METRICS": f"127.0.0.1:{port}"}, "--workers", "2")
    for _ in range(20):
        assert get(url + "/livez")[0] == 200
    counted = 'authsvc_requests_total{endpoint="/livez",method="GET",status="200"} 20.0\n'
    process.wait_for(lambda: counted in get(f"http://127.0.0.1:{port}/metrics")[1], 5)
    assert get(url + "/metrics")[0] == 404
    pids = {line["pid"] for line in process.events("worker_ready")}
    assert len(pids) == 2
    for pid in children(process.popen.pid):
        with suppress(PermissionError):  # theirs is closed to all but root, where the tests are not root's
            assert b"AUTHSVC_" not in Path(f"/proc/{pid}/environ").read_bytes()
    assert process.end() == 0
    assert get(f"http://127.0.0.1:{port}/metrics")[0] == 0
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)


def test_one_worker_serves_metrics_on_a_listener_of_its_own(start: Start, settings_env: dict[str, str]) -> None:
    port = free_port()
    process, url = serving(start, {**settings_env, "AUTHSVC_METRICS": f"127.0.0.1:{port}"})
    assert "authsvc_build_info" in get(f"http://127.0.0.1:{port}/metrics")[1]
    assert get(url + "/metrics")[0] == 404
    assert process.end() == 0


def test_a_worker_that_dies_is_replaced(start: Start, settings_env: dict[str, str]) -> None:
    process, url = serving(start, settings_env, "--workers", "2")
    victim = process.events("worker_ready")[0]["pid"]
    os.kill(victim, signal.SIGKILL)
    process.wait_for(lambda: len(process.events("worker_ready")) == 3)
    assert process.events("worker_died")[0]["pid"] == victim
    assert get(url + "/readyz")[0] == 200
    assert process.end() == 0


def test_workers_whose_parent_is_killed_end_free_the_port_and_leave_no_file(
    start: Start, settings_env: dict[str, str], tmp_path: Path
) -> None:
    process, url = serving(start, {**settings_env, "TMPDIR": str(tmp_path)}, "--workers", "2")
    assert len(list(tmp_path.glob("authsvc-metrics-*"))) == 1
    process.popen.kill()
    process.popen.wait()
    deadline = time.monotonic() + 5
    while get(url + "/livez")[0] and time.monotonic() < deadline:
        time.sleep(0.1)
    assert get(url + "/livez")[0] == 0
    workers = [event["pid"] for event in process.events("worker_ready")]
    assert len(workers) == 2
    assert wait_until_gone(*workers, seconds=10), process.said
    assert not list(tmp_path.glob("authsvc-metrics-*"))


@again_when_busy
def test_an_idle_connection_over_tls_delays_no_end(start: Start, settings_env: dict[str, str], tmp_path: Path) -> None:
    """Clients that keep connections answer no close_notify while they do something else."""
    files = make_certificate(tmp_path / "tls")
    words = ("--tls-cert", str(files.cert_file), "--tls-key", str(files.key_file))
    process, url = serving(start, settings_env, *words, forked=True)
    trust = ssl.create_default_context(cafile=str(files.ca_file))
    idle = http.client.HTTPSConnection("localhost", int(url.rpartition(":")[2]), context=trust, timeout=20)
    idle.request("GET", "/readyz")
    answer = idle.getresponse()
    assert (answer.status, answer.will_close) == (200, False)
    answer.read()
    began = time.monotonic()
    assert process.end() == 0
    prompt(time.monotonic() - began < 5)  # GRACE_SECONDS is 10
    assert idle.sock.recv(1) == b""  # and it was told: a truncation would raise
    idle.close()


@pytest.mark.parametrize(
    ("issuer", "dev", "said"),
    [
        ("https://auth.example.com", "false", "max-age=31536000"),
        ("https://localhost:8000", "false", None),
        ("http://localhost:8000", "false", None),
        ("https://localhost:8000", "true", None),
    ],
)
def test_every_answer_of_a_service_known_by_https_says_that_https_is_all_there_is(
    start: Start, settings_env: dict[str, str], issuer: str, dev: str, said: str | None
) -> None:
    """RFC 6797, also in what is refused before any route is known, and whoever ends TLS. Never for localhost: it would
    hold for every port of the developer's machine."""
    process, url = serving(start, {**settings_env, "AUTHSVC_ISSUER": issuer, "AUTHSVC_DEV_MODE": dev}, forked=True)
    for path in ("/livez", "/login", "/nothing", "/static/authsvc.js", "/a b"):
        with socket.create_connection(("127.0.0.1", urlsplit(url).port)) as connection:
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
            answer = http.client.HTTPResponse(connection)
            answer.begin()
            assert answer.getheader("strict-transport-security") == said, path
    assert process.end() == 0


def test_tls_is_served_and_files_that_do_not_fit_are_refused(
    start: Start, settings_env: dict[str, str], tmp_path: Path
) -> None:
    files, others = make_certificate(tmp_path / "a"), make_certificate(tmp_path / "b")
    words = ("--tls-cert", str(files.cert_file), "--tls-key", str(files.key_file))
    process, url = serving(start, settings_env, *words, forked=True)
    trust = ssl.create_default_context(cafile=str(files.ca_file))
    with urllib.request.urlopen(url.replace("http://127.0.0.1", "https://localhost") + "/readyz", context=trust) as ok:
        assert ok.status == 200
    assert process.end() == 0
    for cert, key, why in (
        (files.cert_file, others.key_file, "does not belong to"),
        (files.cert_file, tmp_path / "missing", "cannot read"),
        (files.key_file, files.key_file, "not a certificate and its private key"),
    ):
        code, said = refused(start, settings_env, "--tls-cert", str(cert), "--tls-key", str(key))
        assert code == 1
        assert why in said
        assert said.count("\n") == 1
    assert refused(start, settings_env, "--tls-cert", str(files.cert_file))[0] == 2
