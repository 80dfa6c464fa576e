"""The listener of our own whose TLS asks clients for certificates (RFC 8705), with real handshakes."""

from __future__ import annotations

import json
import ssl
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import urlencode

import asyncpg
import pytest
import pytest_asyncio

from authsvc.store.caller import clients
from authsvc_devkit.servers import Servers
from authsvc_devkit.tls import TlsFiles, make_certificate
from tests.conftest import copied_database
from tests.support.certificates import AUTHORITY, STRANGER, Holder, issued
from tests.support.clients import changed_client, flat_client
from tests.support.replicas import Replica, Replicas, free_port

BETWEEN = issued("CN=Between", AUTHORITY, is_authority=True)
BANK, OTHER = issued("CN=bank", AUTHORITY), issued("CN=other", AUTHORITY)
OFFICIAL = flat_client(
    id="bank",
    name="Bank",
    kind="confidential",
    grant_types=frozenset({"client_credentials"}),
    scopes=("api", "revocations"),
    token_endpoint_auth_method="tls_client_auth",
    tls_client_auth_subject_dn="CN=bank",
    tls_client_certificate_bound_access_tokens=True,
)


@pytest_asyncio.fixture(scope="module")
async def settings(
    servers: Servers, base_env: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[dict[str, str]]:
    file = tmp_path_factory.mktemp("ca") / "clients-ca.pem"
    file.write_bytes(AUTHORITY.pem + BETWEEN.pem)
    async with copied_database(servers) as url:
        sql = await asyncpg.connect(url)
        assert await clients.add(sql, OFFICIAL)
        assert await clients.add(sql, changed_client(OFFICIAL, id="other", tls_client_auth_subject_dn="CN=other"))
        await sql.close()
        yield {
            **base_env,
            "AUTHSVC_DATABASE_URL": url,
            "AUTHSVC_REDIS_PREFIX": "mtls-listener",
            "AUTHSVC_CLIENT_CA_FILE": str(file),
            "AUTHSVC_MTLS_PORT": str(free_port()),
        }


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> TlsFiles:
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module", params=[1, 2], ids=["one worker", "two workers"])
def replica(request: pytest.FixtureRequest, settings: dict[str, str], tls: TlsFiles) -> Iterator[Replica]:
    replicas = Replicas(settings)
    try:
        yield replicas.start(tls=tls, workers=request.param)[0]
    finally:
        replicas.stop()


class Caller:
    def __init__(self, replica: Replica, settings: dict[str, str], tls: TlsFiles, directory: Path) -> None:
        self.asking = f"https://localhost:{settings['AUTHSVC_MTLS_PORT']}"
        self.plain = replica.url
        self._tls, self._directory = tls, directory

    def ask(
        self, base: str, path: str, holder: Holder | None = None, bearer: str = "", **form: str
    ) -> tuple[int, dict[str, object]]:
        """(status, body); raises URLError or SSLError where the handshake fails."""
        trust = ssl.create_default_context(cafile=str(self._tls.ca_file))
        if holder is not None:
            (self._directory / "cert.pem").write_bytes(holder.pem)
            (self._directory / "key.pem").write_bytes(holder.key_pem)
            trust.load_cert_chain(self._directory / "cert.pem", self._directory / "key.pem")
        headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
        body = urlencode(form).encode() if form else None
        request = urllib.request.Request(base + path, body, headers)
        try:
            with urllib.request.urlopen(request, timeout=20, context=trust) as answer:
                return answer.status, json.load(answer) if path != "/revocations" else {}
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    def token(self, base: str, holder: Holder | None, client_id: str = "bank") -> tuple[int, dict[str, object]]:
        form = {"grant_type": "client_credentials", "client_id": client_id, "scope": "revocations"}
        return self.ask(base, "/token", holder, **form)


@pytest.fixture
def caller(replica: Replica, settings: dict[str, str], tls: TlsFiles, tmp_path: Path) -> Caller:
    return Caller(replica, settings, tls, tmp_path)


def test_the_certificate_of_the_handshake_proves_the_client(caller: Caller) -> None:
    for holder in (BANK, issued("CN=bank", BETWEEN)):
        assert caller.token(caller.asking, holder)[0] == 200
    assert caller.token(caller.asking, OTHER)[0] == 401
    assert caller.token(caller.asking, OTHER, "other")[0] == 200
    assert caller.token(caller.asking, None)[0] == 401


def test_the_port_of_people_asks_for_no_certificate(caller: Caller) -> None:
    assert caller.token(caller.plain, BANK)[0] == 401
    assert caller.ask(caller.plain, "/readyz")[0] == 200
    assert caller.ask(caller.asking, "/readyz")[0] == 200


@pytest.mark.parametrize("holder", [issued("CN=bank"), issued("CN=bank", STRANGER)], ids=["self-signed", "stranger's"])
def test_a_certificate_that_no_authority_issued_ends_the_handshake(caller: Caller, holder: Holder) -> None:
    with pytest.raises((urllib.error.URLError, ssl.SSLError, ConnectionError)):
        caller.token(caller.asking, holder)


def test_a_bound_token_is_used_by_the_connection_of_its_holder(caller: Caller) -> None:
    token = str(caller.token(caller.asking, BANK)[1]["access_token"])
    assert caller.ask(caller.asking, "/revocations", BANK, token)[0] == 200
    for base, holder in ((caller.asking, None), (caller.asking, OTHER), (caller.plain, BANK)):
        assert caller.ask(base, "/revocations", holder, token)[0] == 401


def test_the_metadata_offers_what_the_listener_can(caller: Caller) -> None:
    said = caller.ask(caller.plain, "/.well-known/oauth-authorization-server")[1]
    methods = said["token_endpoint_auth_methods_supported"]
    assert isinstance(methods, list)
    assert "tls_client_auth" in methods
    assert "self_signed_tls_client_auth" not in methods  # Python's TLS lets none in that nobody issued
    assert said["tls_client_certificate_bound_access_tokens"] is True


def test_it_ends_with_the_service(settings: dict[str, str], tls: TlsFiles) -> None:
    replicas = Replicas({**settings, "AUTHSVC_MTLS_PORT": str(free_port())})
    started = replicas.start(tls=tls)[0]
    assert started.stop() == 0
    replicas.stop()


def test_it_is_refused_where_tls_does_not_end_here(settings: dict[str, str], tmp_path: Path, tls: TlsFiles) -> None:
    with pytest.raises(RuntimeError, match="AUTHSVC_MTLS_PORT"):
        Replicas({**settings, "AUTHSVC_MTLS_PORT": str(free_port())}).start()
    (tmp_path / "none.pem").write_bytes(b"")
    broken = {**settings, "AUTHSVC_MTLS_PORT": str(free_port()), "AUTHSVC_CLIENT_CA_FILE": str(tmp_path / "none.pem")}
    with pytest.raises(RuntimeError, match="no certificates of authorities"):
        Replicas(broken).start(tls=tls)
    without = {**settings, "AUTHSVC_CLIENT_CA_FILE": ""}
    with pytest.raises(RuntimeError, match="AUTHSVC_CLIENT_CA_FILE"):
        Replicas(without).start(tls=tls)
