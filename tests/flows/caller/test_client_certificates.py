"""Client authentication by a certificate (RFC 8705 section 2), as a trusted proxy passes it on (RFC 9440)."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import pytest_asyncio

from authsvc.app import begin
from authsvc.flows.caller.client_keys import remote_keys
from authsvc.flows.operator import manage_clients
from authsvc.jose.client_jwks import PAUSE_SECONDS
from authsvc.rules.client_record import Client
from authsvc.rules.refused import Refused
from authsvc.runtime import open_runtime
from authsvc.settings import SettingsError, load
from authsvc.store.caller import clients
from authsvc_devkit.servers import Servers
from tests.support.certificates import AUTHORITY, STRANGER, Holder, issued
from tests.support.clients import changed_client, flat_client
from tests.support.login_steps import CALLBACK, PARTNER_CALLBACK, Pkce, authorize_parameters
from tests.support.receiver import answer, receiver
from tests.support.registration import register, registered
from tests.support.service import ISSUER, Service, service

PROXY = "192.0.2.200"
MTLS = "https://mtls.example.com"
BANK = issued("CN=bank,O=Bank,C=DE", AUTHORITY)
METER = issued("CN=meter")
TLS = flat_client(
    id="bank",
    name="Bank",
    kind="confidential",
    grant_types=frozenset({"client_credentials", "authorization_code", "urn:ietf:params:oauth:grant-type:device_code"}),
    scopes=("api", "openid"),
    introspection=True,
    redirect_uris=(PARTNER_CALLBACK,),
    token_endpoint_auth_method="tls_client_auth",
    tls_client_auth_subject_dn="CN=bank,O=Bank,C=DE",
)
SELF_SIGNED = changed_client(
    TLS,
    id="meter",
    token_endpoint_auth_method="self_signed_tls_client_auth",
    tls_client_auth_subject_dn=None,
    jwks={"keys": [METER.jwk]},
)
ASKED: dict[str, dict[str, str]] = {
    "/token": {"grant_type": "client_credentials"},
    "/introspect": {"token": "x"},
    "/revoke": {"token": "x"},
    "/device_authorization": {"scope": "openid"},
    "/par": authorize_parameters(Pkce(), redirect_uri=PARTNER_CALLBACK, scope="openid"),
}


@pytest_asyncio.fixture(scope="module")
async def house(
    servers: Servers, base_env: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Service]:
    file = tmp_path_factory.mktemp("ca") / "ca.pem"
    file.write_bytes(AUTHORITY.pem)
    settings = {
        "client_certificate_header": "client-cert",
        "client_ca_file": file,
        "trusted_proxies": f"{PROXY}/32",
        "mtls_url": MTLS,
        "client_failures": 100_000,
        "client_registration": "on",
    }
    async with service(servers, base_env, **settings) as running:
        async with running.runtime.db.transaction() as connection:
            await clients.add(connection, TLS)
            await clients.add(connection, SELF_SIGNED)
        yield running


async def call(
    house: Service,
    holder: Holder | None,
    client_id: str = "bank",
    path: str = "/token",
    *,
    peer: str = PROXY,
    headers: list[tuple[str, str]] | None = None,
    **form: str,
) -> httpx2.Response:
    """A request by way of a proxy, which passes on the certificate."""
    sent = [("Client-Cert", holder.rfc9440)] if holder else []
    data = {**ASKED[path], "client_id": client_id, **form}
    return await house.caller(peer).post(path, data=data, headers=[*sent, *(headers or [])])


def is_refused(answer: httpx2.Response) -> bool:
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client"), answer.text
    return True


@pytest.mark.parametrize("path", ASKED)
@pytest.mark.parametrize(("client_id", "holder"), [("bank", BANK), ("meter", METER)])
async def test_a_certificate_proves_its_client_at_every_endpoint(
    house: Service, client_id: str, holder: Holder, path: str
) -> None:
    opened = await call(house, holder, client_id, path)
    assert opened.status_code in (200, 201), opened.text
    assert is_refused(await call(house, None, client_id, path))


@pytest.mark.parametrize(
    "holder",
    [
        METER,
        issued("CN=bank,O=Bank,C=DE", STRANGER),
        issued("CN=bank,O=Bank,C=DE"),
        issued("CN=other,O=Bank,C=DE", AUTHORITY),
        issued("C=DE,O=Bank,CN=bank", AUTHORITY),
        issued("CN=bank,O=Bank,C=DE", AUTHORITY, days=(-2, -1)),
    ],
)
async def test_a_certificate_of_anybody_else_proves_nothing(house: Service, holder: Holder) -> None:
    assert is_refused(await call(house, holder))


@pytest.mark.parametrize(
    "holder",
    [
        BANK,
        issued("CN=meter"),
        issued("CN=meter", key=METER.key),
        issued("CN=meter", AUTHORITY, key=METER.key),
    ],
)
async def test_a_certificate_that_was_not_registered_proves_nothing(house: Service, holder: Holder) -> None:
    assert is_refused(await call(house, holder, "meter"))


async def test_a_registered_certificate_that_ended_proves_nothing(house: Service) -> None:
    old = issued("CN=old", days=(-2, -1))
    async with house.runtime.db.transaction() as connection:
        await clients.add(connection, changed_client(SELF_SIGNED, id="old", jwks={"keys": [old.jwk]}))
    assert is_refused(await call(house, old, "old"))


@pytest.mark.parametrize("peer", ["192.0.2.7", "127.0.0.1", "2001:db8::1"])
async def test_a_forged_header_from_an_untrusted_peer_is_ignored(house: Service, peer: str) -> None:
    """Whoever may send a request may write a header, and a certificate is public."""
    assert is_refused(await call(house, BANK, peer=peer))
    assert is_refused(await call(house, METER, "meter", peer=peer))
    forwarded = [("X-Forwarded-For", PROXY), ("Forwarded", f"for={PROXY}")]
    assert is_refused(await call(house, BANK, peer=peer, headers=forwarded))


async def test_a_header_that_the_proxy_let_through_beside_its_own_is_refused(house: Service) -> None:
    answer = await call(house, BANK, headers=[("Client-Cert", METER.rfc9440)])
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    damaged = await call(house, None, headers=[("Client-Cert", ":AAAA:")])
    assert (damaged.status_code, damaged.json()["error"]) == (400, "invalid_request")


async def test_other_headers_say_nothing(house: Service) -> None:
    """Only the one that the setting names: a proxy takes away no other."""
    for name, value in (("ssl-client-cert", BANK.escaped), ("X-Client-Cert", BANK.rfc9440), ("X-SSL-Cert", "x")):
        assert is_refused(await call(house, None, headers=[(name, value)]))


async def test_an_intermediate_authority_comes_in_client_cert_chain(house: Service) -> None:
    between = issued("CN=Between", AUTHORITY, is_authority=True)
    own = issued("CN=bank,O=Bank,C=DE", between)
    assert is_refused(await call(house, own))
    assert (await call(house, own, headers=[("Client-Cert-Chain", between.rfc9440)])).status_code == 200


async def test_a_secret_is_no_way_around_the_certificate(house: Service) -> None:
    assert is_refused(await call(house, BANK, client_secret="x"))
    basic = await house.caller(PROXY).post("/token", data=ASKED["/token"], auth=("bank", ""))
    assert is_refused(basic)


async def test_a_certificate_is_no_way_around_a_secret(house: Service) -> None:
    assert is_refused(await call(house, BANK, "backend"))
    assert is_refused(await call(house, METER, "backend"))


async def test_a_certificate_that_was_published_since_is_asked_for(house: Service) -> None:
    first, second = issued("CN=a"), issued("CN=b")
    async with receiver() as host:
        uri = f"http://127.0.0.1:{host.port}/jwks.json"
        async with house.runtime.db.transaction() as connection:
            await clients.add(connection, changed_client(SELF_SIGNED, id="remote", jwks=None, jwks_uri=uri))
        host.answer = answer(200, json.dumps({"keys": [first.jwk]}).encode())
        assert (await call(house, first, "remote")).status_code == 200
        assert is_refused(await call(house, second, "remote"))
        assert len(host.requests) == 1  # nobody can make us ask again and again
        remote_keys.of(house.runtime).of(("remote", uri)).tried_at -= PAUSE_SECONDS
        host.answer = answer(200, json.dumps({"keys": [second.jwk]}).encode())
        assert (await call(house, second, "remote")).status_code == 200
        assert is_refused(await call(house, first, "remote"))


async def test_the_metadata_says_how_and_where(house: Service) -> None:
    said = (await house.http.get("/.well-known/openid-configuration")).json()
    for endpoint in ("token", "revocation", "introspection"):
        methods = said[f"{endpoint}_endpoint_auth_methods_supported"]
        assert {"tls_client_auth", "self_signed_tls_client_auth"} <= set(methods)
    aliases = said["mtls_endpoint_aliases"]
    assert {name: MTLS + said[name].removeprefix(ISSUER) for name in aliases} == aliases


async def test_nothing_of_it_is_offered_where_no_certificate_comes(servers: Servers, base_env: dict[str, str]) -> None:
    async with service(servers, base_env) as plain:
        said = (await plain.http.get("/.well-known/openid-configuration")).json()
        assert "tls_client_auth" not in said["token_endpoint_auth_methods_supported"]
        assert "mtls_endpoint_aliases" not in said
        async with plain.runtime.db.transaction() as connection:
            await clients.add(connection, TLS)
        assert is_refused(await call(plain, BANK))
        added = await manage_clients.add(plain.runtime, "cli:tests", changed_client(TLS, id="other"))
        assert isinstance(added, Refused)
        assert added.reason == "tls_method_not_offered"


async def test_nginx_writes_another_header(servers: Servers, base_env: dict[str, str]) -> None:
    settings = {"client_certificate_header": "ssl-client-cert", "trusted_proxies": f"{PROXY}/32"}
    async with service(servers, base_env, **settings) as behind:
        async with behind.runtime.db.transaction() as connection:
            await clients.add(connection, SELF_SIGNED)
        opened = await call(behind, None, "meter", headers=[("ssl-client-cert", METER.escaped)])
        assert opened.status_code == 200
        assert is_refused(await call(behind, METER, "meter"))
        said = (await behind.http.get("/.well-known/openid-configuration")).json()
        assert "tls_client_auth" not in said["token_endpoint_auth_methods_supported"]  # there is no authority


# Who is registered how


async def test_a_client_registers_its_certificate_itself(house: Service) -> None:
    own = issued("CN=own")
    made = await registered(house, token_endpoint_auth_method=SELF_SIGNED_METHOD, jwks={"keys": [own.jwk]})
    assert "client_secret" not in made
    assert made["jwks"]["keys"][0]["x5c"] == own.jwk["x5c"]
    pushed = authorize_parameters(Pkce(), redirect_uri="https://shop.example/callback", scope="openid")
    for holder, status in ((own, 201), (METER, 401)):
        asked = {**pushed, "client_id": made["client_id"]}
        answer = await house.caller(PROXY).post("/par", data=asked, headers={"Client-Cert": holder.rfc9440})
        assert answer.status_code == status, answer.text
    named = {"token_endpoint_auth_method": "tls_client_auth", "tls_client_auth_san_dns": "shop.example"}
    assert (await registered(house, **named))["tls_client_auth_san_dns"] == "shop.example"


SELF_SIGNED_METHOD = "self_signed_tls_client_auth"


@pytest.mark.parametrize(
    "members",
    [
        {"token_endpoint_auth_method": "tls_client_auth"},
        {
            "token_endpoint_auth_method": "tls_client_auth",
            "tls_client_auth_san_dns": "a.example",
            "tls_client_auth_san_ip": "192.0.2.1",
        },
        {"token_endpoint_auth_method": "tls_client_auth", "tls_client_auth_subject_dn": "bank"},
        {"token_endpoint_auth_method": "tls_client_auth", "tls_client_auth_san_ip": "192.0.2"},
        {"token_endpoint_auth_method": "tls_client_auth", "tls_client_auth_san_dns": "*.example"},
        {"token_endpoint_auth_method": "tls_client_auth", "tls_client_auth_san_email": "ops"},
        {"token_endpoint_auth_method": "tls_client_auth", "tls_client_auth_san_uri": "bank"},
        {"token_endpoint_auth_method": "tls_client_auth", "tls_client_auth_san_uri": 7},
        {"tls_client_auth_san_dns": "a.example"},
        {"token_endpoint_auth_method": SELF_SIGNED_METHOD},
        {
            "token_endpoint_auth_method": SELF_SIGNED_METHOD,
            "jwks": {"keys": [{name: value for name, value in METER.jwk.items() if name != "x5c"}]},
        },
    ],
)
async def test_what_names_no_certificate_is_not_registered(house: Service, members: dict[str, Any]) -> None:
    answer = await register(house, **members)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_client_metadata"), answer.text


async def test_an_operator_chooses_the_certificate_and_secrets_are_forgotten(house: Service) -> None:
    secret = flat_client(
        id="turned",
        name="Turned",
        kind="confidential",
        secret_hashes=(b"x" * 32,),
        grant_types=frozenset({"client_credentials"}),
        scopes=("api",),
        redirect_uris=(CALLBACK,),
    )
    assert not isinstance(await manage_clients.add(house.runtime, "cli:tests", secret), Refused)

    async def choose(method: str | None, **subjects: str) -> Client | Refused:
        return await manage_clients.choose_certificates(
            house.runtime, "cli:tests", "turned", method=method, subjects=subjects
        )

    assert isinstance(await choose("tls_client_auth"), Refused)
    assert isinstance(await choose("self_signed_tls_client_auth"), Refused)
    assert isinstance(await choose(None, tls_client_auth_subject_dn="nonsense"), Refused)
    done = await choose("tls_client_auth", tls_client_auth_subject_dn="CN=bank,O=Bank,C=DE")
    assert isinstance(done, Client)
    assert done.authentication.secret_hashes == ()
    await house.clients_known()
    assert (await call(house, BANK, "turned")).status_code == 200
    done = await choose(None, tls_client_auth_san_dns="bank.example")
    assert isinstance(done, Client)
    assert done.authentication.tls_client_auth_subject_dn is None
    await house.clients_known()
    assert is_refused(await call(house, BANK, "turned"))


def test_a_file_without_authorities_stops_the_start(base_env: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    for content in (None, b"", b"x"):
        if content is not None:
            file.write_bytes(content)
        with pytest.raises(SettingsError, match="AUTHSVC_CLIENT_CA_FILE"):
            begin(open_runtime(load({**base_env, "AUTHSVC_CLIENT_CA_FILE": str(file)})))
    with pytest.raises(SettingsError, match="AUTHSVC_TRUSTED_PROXIES"):
        load({**base_env, "AUTHSVC_CLIENT_CERTIFICATE_HEADER": "client-cert"})
