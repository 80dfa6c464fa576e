"""`authsvc serve` in a namespace of Kubernetes whose Services are called authsvc, postgres, redis and authsvc-smtp:
it starts, serves, logs people in, and drains."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from collections.abc import AsyncIterator
from dataclasses import fields
from pathlib import Path

import httpx2
import pytest
import yaml

from authsvc.settings import Settings, variable
from authsvc_devkit.servers import Servers
from tests.interop.pod import Pod, by_tcp, mounted, service_variables, unprivileged
from tests.support.faultproxy import FaultProxy
from tests.support.papers import snippet
from tests.support.replicas import free_port
from tests.support.service import LOGIN

SERVICES = {
    **service_variables("kubernetes", "10.96.0.1", https=443),
    **service_variables("authsvc", "10.0.0.1", http=8000, metrics=9464),
    **service_variables("authsvc-smtp", "10.0.0.2", smtp=25, submission=587),
    **service_variables("authsvc-redis", "10.0.0.3", redis=6379),
    **service_variables("postgres", "10.0.0.4", postgresql=5432),
    **service_variables("redis", "10.0.0.5", redis=6379),
}
INGRESS = {"Host": "auth.example.com", "X-Forwarded-For": "192.0.2.44", "X-Forwarded-Proto": "https"}
KUBELET = {"Host": "10.244.1.7:8000", "User-Agent": "kube-probe/1.34"}
"""Probes name the pod by its address, not the service by its host."""
DEPLOY = Path(__file__).parents[2] / "deploy/README.md"
FILES = ("database_url", "redis_url", "master_key")


def user_of(kind: str, directory: Path) -> str | None:
    if kind == "a pod":
        return None
    try:
        return unprivileged(directory)
    except LookupError as why:
        pytest.skip(f"no read-only file system can be made here ({why}): it was not tried")


@pytest.fixture(params=["a pod", "a pod that can write nothing"])
async def pod(
    request: pytest.FixtureRequest, servers: Servers, settings_env: dict[str, str], tmp_path: Path
) -> AsyncIterator[Pod]:
    user = user_of(request.param, tmp_path / "probe")
    secrets = {name: settings_env.pop(f"AUTHSVC_{name.upper()}") for name in FILES}
    async with (
        FaultProxy(servers.postgres.socket_path, tcp=True) as postgres,
        FaultProxy(servers.redis.socket_path, tcp=True) as redis,
    ):
        secrets["database_url"] = by_tcp(secrets["database_url"], postgres.port, query="")
        secrets["redis_url"] = by_tcp(secrets["redis_url"], redis.port, scheme="redis", path="/0")
        files = mounted(tmp_path / "run/secrets", user, **secrets)
        env = {
            **settings_env,
            **SERVICES,
            **{f"AUTHSVC_{name.upper()}_FILE": str(path) for name, path in files.items()},
            "AUTHSVC_ISSUER": "https://auth.example.com",
            "AUTHSVC_DEV_MODE": "false",
            "AUTHSVC_TRUSTED_PROXIES": "127.0.0.0/8",
            "AUTHSVC_METRICS": "off",
            "AUTHSVC_DRAIN_SECONDS": "3",
        }
        with Pod(env, tmp_path, user) as made:
            yield made


async def test_it_starts_serves_logs_people_in_and_drains(pod: Pod) -> None:
    await asyncio.to_thread(lives_and_ends, pod)


def lives_and_ends(pod: Pod) -> None:
    pod.run("migrate")
    pod.run("keys", "generate", "--first")
    port = free_port()
    process = pod.serve(port)
    with httpx2.Client(base_url=f"http://127.0.0.1:{port}", headers=INGRESS, timeout=20, trust_env=False) as http:
        wait_until_ready(pod, http)
        person = logs_in(http)
        found = {finding["check"]: finding["state"] for finding in json.loads(pod.run("doctor", "--json"))}
        assert "FAIL" not in found.values()

        process.send_signal(signal.SIGTERM)
        told = time.monotonic()
        while http.get("/readyz", headers=KUBELET).status_code == 200:
            assert time.monotonic() - told < 2.5
        form = {"grant_type": "refresh_token", "client_id": "customer", "refresh_token": person["refresh_token"]}
        refreshed = http.post("/token", data=form)  # by a balancer that has not heard of the end yet
        assert refreshed.status_code == 200, refreshed.text
        assert process.wait(20) == 0, pod.log.read_text()
    events = [json.loads(line)["event"] for line in pod.log.read_text().splitlines()]
    assert {"serving", "draining"} <= set(events)
    assert events[-1] == "stopped"


def wait_until_ready(pod: Pod, http: httpx2.Client) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert pod.process and pod.process.poll() is None, pod.log.read_text()
        try:
            if http.get("/readyz", headers=KUBELET).status_code == 200:
                return
        except httpx2.TransportError:
            time.sleep(0.05)
    raise AssertionError(pod.log.read_text())


def logs_in(http: httpx2.Client) -> dict[str, str]:
    assert http.get("/livez", headers=KUBELET).status_code == 200
    about = http.get("/.well-known/openid-configuration").json()
    assert about["jwks_uri"] == "https://auth.example.com/.well-known/jwks.json"
    assert http.get("/.well-known/jwks.json").json()["keys"]
    answer = http.post("/api/auth/login", json=LOGIN)
    assert answer.status_code == 200, answer.text
    person: dict[str, str] = answer.json()
    mine = {"Authorization": f"Bearer {person['access_token']}"}
    [session] = http.get("/api/auth/sessions", headers=mine).json()["sessions"]
    assert session["ip_address"] == "192.0.2.44"  # the ingress is believed, the Service of our name is not asked
    return person


def test_the_pod_that_the_paper_shows_is_one_that_starts() -> None:
    """Its settings are settings, its probes ask what answers them, and its mounts are its volumes."""
    shown = yaml.safe_load(snippet(DEPLOY, "yaml", "readinessProbe"))
    [container] = shown["containers"]
    known = {variable(field.name) for field in fields(Settings)}
    assert {one["name"].removesuffix("_FILE") for one in container["env"]} <= known
    assert {one["name"].removesuffix("_FILE").lower() for one in container["env"] if one["name"].endswith("_FILE")} == {
        f"authsvc_{name}" for name in FILES
    }
    probes = [container[probe]["httpGet"]["path"] for probe in ("readinessProbe", "livenessProbe")]
    assert probes == ["/readyz", "/livez"]
    assert {one["name"] for one in container["volumeMounts"]} == {one["name"] for one in shown["volumes"]}
    assert shown["volumes"][0]["secret"]["defaultMode"] == 0o440
