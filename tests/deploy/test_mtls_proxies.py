"""The examples whose TLS asks for certificates of clients (RFC 8705), with the real programs: what they pass on, and
what nobody can slip past them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from authsvc.store.caller import clients
from authsvc_devkit.servers import Servers
from authsvc_devkit.tls import TlsFiles, make_certificate
from tests.conftest import copied_database
from tests.deploy.proxies import HOST, MTLS_HOST, PROXIES, WITH_CERTIFICATES, Answer, Proxy, before
from tests.support.certificates import AUTHORITY, Holder, issued
from tests.support.clients import changed_client, flat_client
from tests.support.replicas import Replicas

BANK, METER, STRANGER = issued("CN=bank", AUTHORITY), issued("CN=meter"), issued("CN=bank")
OFFICIAL = flat_client(
    id="bank",
    name="Bank",
    kind="confidential",
    grant_types=frozenset({"client_credentials"}),
    scopes=("api",),
    token_endpoint_auth_method="tls_client_auth",
    tls_client_auth_subject_dn="CN=bank",
    tls_client_certificate_bound_access_tokens=True,
)
OWN = changed_client(
    OFFICIAL,
    id="meter",
    token_endpoint_auth_method="self_signed_tls_client_auth",
    tls_client_auth_subject_dn=None,
    jwks={"keys": [METER.jwk]},
)
FORMS = {"nginx": "ssl-client-cert", "haproxy": "client-cert", "caddy": "client-cert"}


@pytest.fixture(scope="module")
def tls(directory: Path) -> TlsFiles:
    return make_certificate(directory, [HOST, MTLS_HOST])


@pytest.fixture(scope="module")
async def settings(servers: Servers, base_env: dict[str, str], directory: Path) -> AsyncIterator[dict[str, str]]:
    (directory / "clients-ca.pem").write_bytes(AUTHORITY.pem)
    async with copied_database(servers) as url:
        sql = await asyncpg.connect(url)
        for client in (OFFICIAL, OWN):
            assert await clients.add(sql, client)
        await sql.close()
        yield {
            **base_env,
            "AUTHSVC_DATABASE_URL": url,
            "AUTHSVC_REDIS_PREFIX": urlsplit(url).path.strip("/"),
            "AUTHSVC_ISSUER": f"https://{HOST}",
            "AUTHSVC_MTLS_URL": f"https://{MTLS_HOST}",
            "AUTHSVC_DEV_MODE": "false",
            "AUTHSVC_TRUSTED_PROXIES": "127.0.0.1",
            "AUTHSVC_CLIENT_CA_FILE": str(directory / "clients-ca.pem"),
            "AUTHSVC_CLIENT_FAILURES": "1000",
        }


def started(name: str, settings: dict[str, str], directory: Path, tls: TlsFiles) -> Iterator[Proxy]:
    form = FORMS[name.partition("-")[0]]
    replicas = Replicas({**settings, "AUTHSVC_CLIENT_CERTIFICATE_HEADER": form})
    try:
        with before(name, directory, tls, [replicas.start()[0].port]) as proxy:
            yield proxy
    finally:
        replicas.stop()


@pytest.fixture(scope="module", params=list(WITH_CERTIFICATES))
def proxy(request: pytest.FixtureRequest, settings: dict[str, str], directory: Path, tls: TlsFiles) -> Iterator[Proxy]:
    yield from started(request.param, settings, directory, tls)


@pytest.fixture(scope="module", params=list(PROXIES))
def plain(request: pytest.FixtureRequest, settings: dict[str, str], directory: Path, tls: TlsFiles) -> Iterator[Proxy]:
    """The examples that ask for no certificate, before an authsvc that believes the header."""
    yield from started(request.param, settings, directory, tls)


def ask(proxy: Proxy, client_id: str, holder: Holder | None, *headers: str, http: str = "2") -> Answer:
    options = ["-d", f"grant_type=client_credentials&client_id={client_id}"]
    if holder is not None:
        place = proxy.log.parent
        (place / "client.pem").write_bytes(holder.pem)
        (place / "client-key.pem").write_bytes(holder.key_pem)
        options += ["--cert", str(place / "client.pem"), "--key", str(place / "client-key.pem")]
    for header in headers:
        options += ["-H", header]
    host = MTLS_HOST if proxy.name in WITH_CERTIFICATES else HOST
    return proxy.ask("/token", *options, http=http, host=host)


FORGED = [
    f"{name}: {value}"
    for name, value in (
        ("Client-Cert", BANK.rfc9440),
        ("client-cert", BANK.rfc9440),
        ("ssl-client-cert", BANK.escaped),
        ("SSL-Client-Cert", BANK.escaped),
        ("ssl_client_cert", BANK.escaped),
    )
]


@pytest.mark.parametrize("http", ["1.1", "2"])
def test_the_certificate_of_the_handshake_proves_the_client(proxy: Proxy, http: str) -> None:
    for client_id, holder in (("bank", BANK), ("meter", METER)):
        answer = ask(proxy, client_id, holder, http=http)
        assert answer.status == 200, answer.text
        assert json.loads(answer.text)["token_type"] == "Bearer"


def test_another_certificate_or_none_proves_nothing(proxy: Proxy) -> None:
    for client_id, holder in (("bank", None), ("bank", METER), ("bank", STRANGER), ("meter", BANK), ("meter", None)):
        assert ask(proxy, client_id, holder).status == 401, (client_id, holder)


@pytest.mark.parametrize("forged", FORGED)
def test_what_a_caller_writes_is_not_passed_on(proxy: Proxy, forged: str) -> None:
    assert ask(proxy, "bank", None, forged).status == 401
    assert ask(proxy, "bank", METER, forged).status == 401
    assert ask(proxy, "meter", METER, forged).status == 200


@pytest.mark.parametrize("forged", FORGED)
def test_no_proxy_that_asks_for_no_certificate_passes_one_on(plain: Proxy, forged: str) -> None:
    assert ask(plain, "bank", None, forged).status == 401
