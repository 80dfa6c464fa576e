"""What a collector is sent by a real replica: the trees of a login and of a refresh, and nothing of anybody."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import asyncpg
import httpx2
import pytest

from tests.support.collector import Collector, Received, collecting, tree
from tests.support.login_steps import Pkce, authorize_url, log_in, redeem
from tests.support.receiver import receiver
from tests.support.replicas import Replicas

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
STRANGERS = "5" * 32
SERVER, CLIENT = 2, 3
"""As OTLP numbers kinds of span."""


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as found:
        yield found


def on(collector: Collector, **more: str) -> dict[str, str]:
    return {"AUTHSVC_TRACES": "otlp", "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "AUTHSVC_METRICS": "main", **more}


def under(spans: list[Received], name: str) -> list[str]:
    """The tree beneath the one span with this name."""
    [first] = [span for span in spans if span.name == name]
    found = tree([span for span in spans if span.trace == first.trace])
    assert found[0] == name
    return found[1:]


def counted(url: str, name: str) -> float:
    lines = httpx2.get(f"{url}/metrics", trust_env=False).text.splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith(f"{name} "))


async def test_a_login_and_a_refresh_are_seen_as_trees(replicas: Replicas, collector: Collector) -> None:
    env = on(
        collector,
        AUTHSVC_TRACE_PARENTS="127.0.0.0/8",
        AUTHSVC_TRUSTED_PROXIES="127.0.0.0/8",
        OTEL_RESOURCE_ATTRIBUTES="deployment.environment.name=test",
    )
    [replica] = replicas.start(**env)
    callers = {"traceparent": f"00-{TRACE}-{SPAN}-01", "tracestate": "shop=1"}
    async with httpx2.AsyncClient(base_url=replica.url, trust_env=False) as http:
        login: Any = {"email": "test@example.com", "password": "password"}
        assert (await http.post("/api/auth/login", json=login)).status_code == 200
        pkce = Pkce()
        code = (await log_in(http, authorize_url(pkce)))["code"]
        tokens = (await redeem(http, code, pkce)).json()
        form = {"grant_type": "refresh_token", "client_id": "customer", "refresh_token": tokens["refresh_token"]}
        assert (await http.post("/token", data=form, headers=callers)).status_code == 200
        stranger = {"traceparent": f"00-{STRANGERS}-{SPAN}-01", "x-forwarded-for": "192.0.2.7"}
        assert (await http.get("/.well-known/jwks.json", headers=stranger)).status_code == 200
    replica.stop()  # what waits is sent within the end
    spans = [span for span in collector.spans if not span.name.endswith(("/readyz", "/metrics"))]

    assert STRANGERS not in {span.trace for span in spans}
    hosted = under(spans, "POST /login")
    assert hosted[hosted.index("  limiter") + 1] == "    EVALSHA"
    assert {"  SELECT users", "  hash", "  INSERT user_sessions"} <= set(hosted)
    [refresh] = [span for span in spans if span.trace == TRACE and span.kind == SERVER]
    assert (refresh.name, refresh.parent, refresh.state, refresh.failed) == ("POST /token", SPAN, "shop=1", False)
    assert tree([span for span in spans if span.trace == TRACE]) == [
        "POST /token",
        "  UPDATE grants UPDATE user_sessions",
        "  sign",
    ]
    exchange = next(span for span in spans if span.attributes.get("authsvc.grant_type") == "authorization_code")
    assert "  sign" in tree([span for span in spans if span.trace == exchange.trace])

    assert refresh.attributes == {
        "http.request.method": "POST",
        "http.route": "/token",
        "http.response.status_code": 200,
        "network.protocol.version": "1.1",
        "authsvc.grant_type": "refresh_token",
        "authsvc.request_id": refresh.attributes["authsvc.request_id"],
    }
    said = refresh.resource
    assert (said["service.name"], said["deployment.environment.name"]) == ("authsvc", "test")
    assert {"service.version", "service.instance.id", "process.pid"} <= said.keys()
    for span in spans:
        assert span.started <= span.ended <= time.time_ns()
    lines = [json.loads(line) for line in replica.log.read_text().splitlines()]
    [line] = [line for line in lines if line.get("trace_id") == TRACE]
    assert (line["event"], line["request_id"]) == ("request", refresh.attributes["authsvc.request_id"])


async def test_several_workers_send_each_on_its_own(replicas: Replicas, collector: Collector) -> None:
    [replica] = replicas.start(workers=2, **on(collector, OTEL_EXPORTER_OTLP_COMPRESSION="gzip", OTEL_SERVICE_NAME="a"))

    def from_both() -> bool:
        for _ in range(20):
            httpx2.get(f"{replica.url}/.well-known/jwks.json", trust_env=False)
        return len({span.resource["process.pid"] for span in collector.spans}) == 2

    collector.until(from_both)
    assert {span.resource["service.name"] for span in collector.spans} == {"a"}
    assert len({span.resource["service.instance.id"] for span in collector.spans}) == 2
    assert counted(replica.url, "authsvc_spans_sent_total") > 0


async def test_a_dead_collector_is_no_matter_to_requests(replicas: Replicas, collector: Collector) -> None:
    collector.status = None
    [replica] = replicas.start(**on(collector, OTEL_EXPORTER_OTLP_TIMEOUT="1", AUTHSVC_DRAIN_SECONDS="0"))
    slowest = 0.0
    with httpx2.Client(base_url=replica.url, trust_env=False) as http:
        while not counted(replica.url, "authsvc_spans_dropped_total"):
            started = time.monotonic()
            assert http.get("/.well-known/jwks.json").status_code == 200
            slowest = max(slowest, time.monotonic() - started)
            time.sleep(0.05)
    assert slowest < 1
    collector_asked, started = collector.asked, time.monotonic()
    assert replica.stop() == 0
    assert time.monotonic() - started < 8
    assert collector_asked > 0 and collector.spans == []
    assert "traces_not_sent" in replica.log.read_text()


async def test_a_receiver_of_logouts_is_told_the_trace(
    replicas: Replicas, collector: Collector, sql: asyncpg.Connection
) -> None:
    async with receiver() as told:
        await sql.execute("UPDATE clients SET backchannel_logout_uri = $1 WHERE id = 'customer'", told.url)
        [replica] = replicas.start(**on(collector, AUTHSVC_OUTGOING_PRIVATE="true", AUTHSVC_DEV_MODE="true"))
        async with httpx2.AsyncClient(base_url=replica.url, trust_env=False) as http:
            login: Any = {"email": "test@example.com", "password": "password"}
            tokens = (await http.post("/api/auth/login", json=login)).json()
            await http.post("/api/auth/logout", json={"refresh_token": tokens["refresh_token"]})
        await told.until(1)
        _, head, _ = told.requests[0]
    collector.until(lambda: collector.trace("deliver logout"))
    spans = collector.trace("deliver logout")
    assert tree(spans)[0] == "deliver logout" and {"  sign", "  POST"} <= set(tree(spans))
    [asked] = [span for span in spans if span.name == "POST"]
    assert f"traceparent: 00-{asked.trace}-{asked.id}-01" in head.lower()
    assert (asked.kind, asked.attributes["server.address"]) == (CLIENT, "127.0.0.1")
