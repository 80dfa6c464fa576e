"""Metrics: closed label sets, one exposition for all workers, and a port of its own."""

from __future__ import annotations

import http.client
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from authsvc import metrics
from authsvc.logs.pipe import shared_pipe
from authsvc.metrics import exposition
from authsvc.rules.token.refresh_rotation import RefreshVerdict
from tests.support.busy import again_when_busy, prompt


def value(name: str, **labels: str) -> float:
    return metrics.REGISTRY.get_sample_value(name, labels) or 0.0


def test_a_request_is_counted_and_timed() -> None:
    before = value("authsvc_requests_total", endpoint="t1", method="GET", status="200")
    for _ in range(3):
        metrics.observe_request("t1", "GET", 200, 0.003)
    assert value("authsvc_requests_total", endpoint="t1", method="GET", status="200") == before + 3
    assert value("authsvc_request_seconds_count", endpoint="t1") == 3
    assert value("authsvc_request_seconds_sum", endpoint="t1") == pytest.approx(0.009)
    assert value("authsvc_request_seconds_bucket", endpoint="t1", le="0.0025") == 0
    assert value("authsvc_request_seconds_bucket", endpoint="t1", le="0.005") == 3


def test_callers_cannot_make_series() -> None:
    for number in range(100):
        metrics.observe_request("t2", f"METHOD{number}", 405, 0.001)
    assert value("authsvc_requests_total", endpoint="t2", method="other", status="405") == 100
    assert [key for key in metrics._series if key[0] == "t2"] == [("t2", "other", 405)]


def test_even_a_mistake_of_ours_cannot_make_series_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "SERIES_LIMIT", len(metrics._series) + 2)
    for number in range(50):
        metrics.observe_request(f"path-{number}", "GET", 200, 0.001)
    assert value("authsvc_requests_total", endpoint="other", method="other", status="0") == 48


def test_every_promised_series_is_there_from_the_start() -> None:
    body, content_type = exposition.render()
    text = body.decode()
    assert content_type.startswith("text/plain; version=0.0.4")
    for name in (
        "requests_total",
        "request_seconds",
        "tokens_issued_total",
        "refresh_total",
        "state_rollback_total",
        "logins_total",
        "rate_limited_total",
        "revocations_total",
        "store_errors_total",
        "sweep_deleted_total",
        "sweep_seconds",
        "key_age_seconds",
        "keys",
        "redis_trusted",
        "sync_age_seconds",
        "log_lines_dropped_total",
        "refused_total",
        "build_info",
        "feed_subscribers",
        "feed_events_total",
        "feed_ended_total",
        "feed_lag_seconds",
        "feed_age_seconds",
    ):
        assert f"# TYPE authsvc_{name} " in text, name
    said = set(re.findall(r'authsvc_refresh_total\{verdict="(\w+)"\} ', text))
    assert said == set(RefreshVerdict), "each from the start, and no other"
    assert re.search(r'authsvc_build_info\{version="[0-9.]+"\} 1\.0', text)
    assert "process_resident_memory_bytes" in text
    assert "_created" not in text


def test_lost_log_lines_and_refused_requests_are_counted() -> None:
    before = value("authsvc_log_lines_dropped_total")
    shared_pipe.lose(3)
    assert value("authsvc_log_lines_dropped_total") == before + 3
    metrics.observe_refused(431)
    assert value("authsvc_refused_total", status="431") >= 1


WORKER = """
import os, sys
from authsvc import metrics
for _ in range(int(sys.argv[1])):
    metrics.observe_request("token", "POST", 200, 0.004)
metrics.refresh.labels("rotate").inc(2)
metrics.redis_trusted.set(int(sys.argv[2]))
metrics.sync_age.set(float(sys.argv[1]))
metrics.key_age.set(50)
print(os.getpid(), flush=True)
if sys.stdin.read():
    metrics.observe_request("last", "GET", 200, 0.004)
"""

PARENT = """
import json, subprocess, sys
from authsvc.metrics import exposition
exposition.prepare_multiprocess(sys.argv[1])
def start(*words):
    worker = subprocess.Popen([sys.executable, "-c", sys.argv[2], *words], stdin=-1, stdout=-1, text=True)
    worker.stdout.readline()
    return worker
first, second = start("3", "1"), start("4", "0")
both = exposition.render()[0].decode()
second.communicate("late")
exposition.mark_dead(second.pid)
after = exposition.render()[0].decode()
server = exposition.serve_metrics("127.0.0.1", 0)
import urllib.request
served = urllib.request.urlopen(f"http://127.0.0.1:{server.port}/metrics").read().decode()
first.communicate("")
print(json.dumps([both, after, served]))
"""


def test_workers_share_one_exposition_and_a_dead_ones_gauges_are_forgotten(tmp_path: Path) -> None:
    directory = tmp_path / "metrics"
    directory.mkdir()
    (directory / "counter_1.db").write_bytes(b"of a former run")
    environment = {key: text for key, text in os.environ.items() if key != exposition.DIRECTORY}
    output = subprocess.run(
        [sys.executable, "-c", PARENT, str(directory), WORKER], capture_output=True, timeout=60, env=environment
    )
    assert output.returncode == 0, output.stderr.decode()
    both, after, served = json.loads(output.stdout)
    total = 'authsvc_requests_total{endpoint="token",method="POST",status="200"} 7.0'
    for text in (both, after, served):
        assert total in text
        assert 'authsvc_request_seconds_bucket{endpoint="token",le="0.005"} 7.0' in text
        assert 'authsvc_refresh_total{verdict="rotate"} 4.0' in text
        assert "authsvc_key_age_seconds 50.0" in text
        assert re.search(r'authsvc_build_info\{version="[0-9.]+"\} 1\.0', text)
        assert "pid=" not in text
    assert 'authsvc_requests_total{endpoint="last",method="GET",status="200"} 1.0' in after
    assert "authsvc_redis_trusted 0.0" in both
    assert "authsvc_redis_trusted 1.0" in after
    assert "authsvc_sync_age_seconds 4.0" in both
    assert "authsvc_sync_age_seconds 3.0" in after


@pytest.fixture(scope="module")
def server() -> Iterator[exposition.MetricsServer]:
    here = exposition.serve_metrics("127.0.0.1", 0)
    yield here
    here.stop()


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/metrics", 200),
        ("GET", "/metrics?a=b", 200),
        ("HEAD", "/metrics", 200),
        ("GET", "/", 404),
        ("GET", "/metrics/", 404),
        ("GET", "/livez", 404),
        ("POST", "/metrics", 501),
    ],
)
def test_the_metrics_port_serves_metrics_and_nothing_else(
    server: exposition.MetricsServer, method: str, path: str, status: int
) -> None:
    client = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    client.request(method, path)
    answer = client.getresponse()
    body = answer.read()
    assert answer.status == status
    assert "Python" not in answer.headers["Server"]
    if status == 200:
        assert (b"authsvc_build_info" in body) is (method == "GET")
    client.close()


def test_the_metrics_port_is_free_again_after_stop_and_taken_ports_are_an_error() -> None:
    first = exposition.serve_metrics("127.0.0.1", 0)
    with pytest.raises(OSError):
        exposition.serve_metrics("127.0.0.1", first.port)
    first.stop()
    second = exposition.serve_metrics("127.0.0.1", first.port)
    second.stop()


def test_ipv6_hosts_work() -> None:
    try:
        server = exposition.serve_metrics("::1", 0)
    except OSError:
        pytest.skip("no IPv6 here")
    client = http.client.HTTPConnection("::1", server.port, timeout=10)
    client.request("GET", "/metrics")
    assert client.getresponse().status == 200
    client.close()
    server.stop()


@again_when_busy
def test_a_slow_scraper_is_let_go(server: exposition.MetricsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exposition._Handler, "timeout", 0.2)
    client = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
    client.connect()
    began = time.monotonic()
    client.sock.sendall(b"GET /met")
    assert client.sock.recv(1) == b""
    prompt(time.monotonic() - began < 2)
    client.close()
