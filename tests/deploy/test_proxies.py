"""The examples of deploy/proxies with the real programs: whose address is believed, streams, HTTP/2, limits, logs."""

from __future__ import annotations

import asyncio
import json
import ssl
import subprocess
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import httpx2
import pytest

from authsvc.store.caller import clients
from authsvc_devkit.servers import Servers
from authsvc_devkit.tls import TlsFiles, make_certificate
from tests.conftest import copied_database
from tests.deploy.proxies import HOST, PROXIES, STRANGER, Proxy, before
from tests.interop.pod import by_tcp
from tests.support.faultproxy import FaultProxy
from tests.support.fleet import VERIFIER
from tests.support.replicas import Replica, Replicas
from tests.support.service import LOGIN

AS_VERIFIER = ("--user", "verifier:verifier-secret")
FORGED = "203.0.113.9"


@pytest.fixture(scope="module")
def tls(directory: Path) -> TlsFiles:
    return make_certificate(directory, [HOST])


@pytest.fixture(scope="module")
async def settings(servers: Servers, base_env: dict[str, str]) -> AsyncIterator[dict[str, str]]:
    async with copied_database(servers) as url:
        sql = await asyncpg.connect(url)
        assert await clients.add(sql, VERIFIER)
        await sql.close()
        yield {
            **base_env,
            "AUTHSVC_DATABASE_URL": url,
            "AUTHSVC_REDIS_PREFIX": urlsplit(url).path.strip("/"),
            "AUTHSVC_ISSUER": f"https://{HOST}",
            "AUTHSVC_DEV_MODE": "false",
            "AUTHSVC_TRUSTED_PROXIES": "127.0.0.1",
            "AUTHSVC_DRAIN_SECONDS": "3",
        }


@pytest.fixture(scope="module")
def replicas(settings: dict[str, str]) -> Iterator[Replicas]:
    made = Replicas(settings)
    yield made
    made.stop()


@pytest.fixture(scope="module")
def replica(replicas: Replicas) -> Replica:
    return replicas.start()[0]


@pytest.fixture(scope="module", params=list(PROXIES))
def proxy(request: pytest.FixtureRequest, directory: Path, tls: TlsFiles, replica: Replica) -> Iterator[Proxy]:
    with before(request.param, directory, tls, [replica.port]) as started:
        yield started


def token(proxy: Proxy, scope: str) -> str:
    answer = proxy.ask("/token", *AS_VERIFIER, "-d", "grant_type=client_credentials", "-d", f"scope={scope}")
    assert answer.status == 200, answer.text
    return str(json.loads(answer.text)["access_token"])


@pytest.mark.parametrize("http", ["1.1", "2"])
def test_people_have_their_own_address_whatever_they_say(proxy: Proxy, http: str) -> None:
    login = ("--json", json.dumps(LOGIN), "-H", f"X-Forwarded-For: {FORGED}", "-H", f"Forwarded: for={FORGED}")
    answer = proxy.ask("/api/auth/login", *login, http=http)
    assert answer.status == 200, answer.text
    access = json.loads(answer.text)["access_token"]
    found = proxy.ask("/api/auth/sessions", "-H", f"Authorization: Bearer {access}", http=http)
    assert {one["ip_address"] for one in json.loads(found.text)["sessions"]} == {STRANGER}


def test_http_2_outside_is_http_1_1_inside(proxy: Proxy) -> None:
    answer = proxy.ask("/.well-known/openid-configuration")
    assert (answer.version, answer.status) == ("HTTP/2", 200)
    assert json.loads(answer.text)["issuer"] == f"https://{HOST}"
    assert proxy.ask("/readyz", http="1.1").version == "HTTP/1.1"
    # One HSTS, ours; and the answers that no cache may keep still say so.
    assert answer.all("strict-transport-security") == ["max-age=31536000"]
    refused = proxy.ask("/token", *AS_VERIFIER, "-d", "grant_type=password")
    assert (refused.status, refused.all("cache-control")) == (400, ["no-store"])


@pytest.mark.parametrize("http", ["1.1", "2"])
def test_the_feed_is_not_collected_on_its_way(proxy: Proxy, http: str) -> None:
    """A buffer of a proxy would hold some minutes of heartbeats back."""
    victim, own = token(proxy, "api"), token(proxy, "revocations")
    options = ("--no-buffer", "--compressed", "-H", f"Authorization: Bearer {own}")
    process = subprocess.Popen(
        proxy.curl("/revocations/stream", *options, http=http),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    end = threading.Timer(30, process.kill)
    end.start()
    try:
        assert process.stdout
        beats = 0
        for line in process.stdout:
            if line.startswith("event: heartbeat"):
                beats += 1
                if beats == 2:
                    revoked = proxy.ask("/revoke", *AS_VERIFIER, "-d", f"token={victim}")
                    assert revoked.status == 200, revoked.text
            elif line.startswith("event: revocation"):
                break
        else:
            raise AssertionError(f"{proxy.name}: {beats} heartbeats, and no revocation within 30 s")
    finally:
        end.cancel()
        process.kill()
        process.communicate()


@pytest.mark.parametrize("http", ["1.1", "2"])
def test_what_is_too_large_is_refused_and_what_is_not_passes(proxy: Proxy, http: str) -> None:
    def statuses(*sizes: int) -> list[int]:
        return [
            proxy.ask("/livez", "-H", f"X-Long: {'x' * size}", http=http, may_close=size > 20_000).status
            for size in sizes
        ]

    assert statuses(12_000) == [200]
    # By HTTP/2, nginx and HAProxy close the connection on whoever sends such a head.
    assert set(statuses(24_000, 60_000)) <= {400, 413, 414, 431, 494} | ({0} if http == "2" else set())
    whole = ("-d", "grant_type=client_credentials", "-d", f"padding={'x' * 60_000}")
    assert proxy.ask("/token", *AS_VERIFIER, *whole, http=http).status == 200
    body = ("-d", f"grant_type=client_credentials&padding={'x' * 66_000}")
    assert proxy.ask("/token", *AS_VERIFIER, *body, http=http).status == 413
    assert statuses(10) == [200]


def test_a_long_state_comes_back(proxy: Proxy) -> None:
    """The Location that carries it is more than the buffers that proxies begin with."""
    state = "s" * 9_000
    asked = {
        "response_type": "code",
        "client_id": "partner",
        "redirect_uri": "https://partner.example/callback",
        "scope": "openid",
        "prompt": "none",
        "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
        "code_challenge_method": "S256",
        "state": state,
    }
    options = [word for name, value in asked.items() for word in ("--data-urlencode", f"{name}={value}")]
    answer = proxy.ask("/authorize", "--get", *options)
    assert answer.status in (302, 303), answer.text[:300]
    assert state in answer.all("location")[0]


def test_the_log_has_no_secret_of_a_link(proxy: Proxy) -> None:
    proxy.ask("/proof?key=secret-of-a-mail", "-H", "Referer: https://mail.example/?key=secret-of-a-mail")
    deadline = time.monotonic() + 10
    while "/proof" not in proxy.log.read_text():
        assert time.monotonic() < deadline, proxy.log.read_text()
        time.sleep(0.05)
    log = proxy.log.read_text()
    assert "secret-of-a-mail" not in log
    assert STRANGER in log


def test_authsvc_that_is_away_is_no_bad_credential(directory: Path, tls: TlsFiles, proxy: Proxy) -> None:
    (directory / "away").mkdir(exist_ok=True)
    with before(proxy.name, directory / "away", tls, [1]) as alone:
        answer = alone.ask("/token", *AS_VERIFIER, "-d", "grant_type=client_credentials")
        assert answer.status in (502, 503, 504)


@pytest.mark.parametrize("name", list(PROXIES))
def test_a_replica_that_ends_costs_no_request(
    name: str, replicas: Replicas, replica: Replica, directory: Path, tls: TlsFiles
) -> None:
    """Four callers, who send what no proxy may send again."""
    [other] = replicas.start()
    (directory / "two").mkdir(exist_ok=True)
    trust = ssl.create_default_context(cafile=str(tls.ca_file))
    with before(name, directory / "two", tls, [replica.port, other.port]) as proxy:
        answers: list[int | str] = []
        ending = threading.Event()

        def go_on() -> None:
            options: dict[str, Any] = {"headers": {"Host": HOST}, "auth": ("verifier", "verifier-secret")}
            asked: dict[str, Any] = {"data": {"grant_type": "client_credentials"}, "extensions": {"sni_hostname": HOST}}
            address = f"https://localhost:{proxy.port}"
            with httpx2.Client(base_url=address, verify=trust, trust_env=False, **options) as http:
                while not ending.wait(0.01):
                    try:
                        answers.append(http.post("/token", **asked).status_code)
                    except httpx2.TransportError as error:
                        answers.append(type(error).__name__)

        def until(number: int) -> None:
            deadline = time.monotonic() + 30
            while len(answers) < number:
                assert time.monotonic() < deadline, answers
                time.sleep(0.02)

        callers = [threading.Thread(target=go_on) for _ in range(4)]
        for caller in callers:
            caller.start()
        try:
            until(100)
            assert other.stop() == 0
            until(len(answers) + 100)
        finally:
            ending.set()
            for caller in callers:
                caller.join()
        wrong = [line for line in proxy.log.read_text().splitlines() if " 50" in line or "error" in line]
        assert set(answers) == {200}, "\n".join(wrong)[-3000:]


@pytest.mark.parametrize("name", list(PROXIES))
async def test_verifiers_get_their_keys_while_postgresql_is_away(
    name: str, servers: Servers, settings: dict[str, str], directory: Path, tls: TlsFiles
) -> None:
    """No replica is ready then; whoever asks for a token hears authsvc's own 503."""
    (directory / "without").mkdir(exist_ok=True)
    async with FaultProxy(servers.postgres.socket_path, tcp=True) as postgres:
        url = by_tcp(settings["AUTHSVC_DATABASE_URL"], postgres.port, query="")
        made = Replicas({**settings, "AUTHSVC_DATABASE_URL": url})
        try:
            [replica] = await asyncio.to_thread(made.start)
            with before(name, directory / "without", tls, [replica.port]) as proxy:
                assert (await asyncio.to_thread(proxy.ask, "/.well-known/jwks.json")).status == 200
                postgres.refuse()
                postgres.cut()
                await asyncio.to_thread(until_unready, replica)
                await asyncio.sleep(1.5)  # a check of HAProxy's
                keys = await asyncio.to_thread(proxy.ask, "/.well-known/jwks.json")
                assert json.loads(keys.text)["keys"]
                form = ("-d", "grant_type=refresh_token", "-d", "client_id=customer", "-d", f"refresh_token={'x' * 43}")
                refused = await asyncio.to_thread(proxy.ask, "/token", *form)
                assert (refused.status, len(refused.all("retry-after"))) == (503, 1), refused.text
        finally:
            await asyncio.to_thread(made.stop)


def until_unready(replica: Replica) -> None:
    deadline = time.monotonic() + 20
    while replica.ready():
        assert time.monotonic() < deadline
        time.sleep(0.05)
