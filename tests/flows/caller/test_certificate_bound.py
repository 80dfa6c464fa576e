"""Tokens that are bound to a certificate (RFC 8705 sections 3 and 4): of use to its holder alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import jwt
import pytest
import pytest_asyncio

from authsvc.flows.operator import manage_clients
from authsvc.rules.client_record import Client
from authsvc.rules.refused import Refused
from authsvc.store.caller import clients
from authsvc_devkit.servers import Servers
from tests.support.busy import again_when_busy, prompt
from tests.support.certificates import Holder, issued
from tests.support.clients import changed_client, flat_client
from tests.support.devices import browser, decide
from tests.support.login_steps import CALLBACK, Pkce, code_for
from tests.support.proofs import Holder as KeyHolder
from tests.support.registration import registered
from tests.support.service import BACKEND, ISSUER, LOGIN, Service, service

PROXY = "192.0.2.200"
MTLS = "https://mtls.example.com"
OWN, OTHER = issued("CN=own"), issued("CN=other")
DEVICE = "urn:ietf:params:oauth:grant-type:device_code"
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
APP = flat_client(
    id="app",
    name="App",
    kind="public",
    first_party=True,
    grant_types=frozenset({"authorization_code", "refresh_token", DEVICE}),
    scopes=("openid", "offline_access"),
    redirect_uris=(CALLBACK,),
    tls_client_certificate_bound_access_tokens=True,
)
METER = changed_client(
    APP,
    id="meter",
    kind="confidential",
    first_party=False,
    grant_types=frozenset({"client_credentials", "refresh_token", "authorization_code"}),
    scopes=("openid", "offline_access", "revocations"),
    token_endpoint_auth_method="self_signed_tls_client_auth",
    jwks={"keys": [OWN.jwk]},
)
KEYED = changed_client(
    METER, id="keyed", token_endpoint_auth_method=None, jwks=None, secret_hashes=(b"x" * 32,), exchange_audiences=()
)


@pytest_asyncio.fixture(scope="module")
async def house(servers: Servers, base_env: dict[str, str]) -> AsyncIterator[Service]:
    settings = {
        "client_certificate_header": "client-cert",
        "trusted_proxies": f"{PROXY}/32",
        "mtls_url": MTLS,
        "client_failures": 100_000,
    }
    async with service(servers, base_env, **settings) as running:
        async with running.runtime.db.transaction() as connection:
            for client in (APP, METER, KEYED):
                await clients.add(connection, client)
        yield running


def by(house: Service, holder: Holder | None, peer: str = PROXY) -> httpx2.AsyncClient:
    """A caller by way of the proxy, with a certificate or without one."""
    return house.caller(peer, headers={"Client-Cert": holder.rfc9440} if holder else {})


async def login(house: Service, holder: Holder | None = OWN) -> dict[str, Any]:
    answer = await by(house, holder).post("/api/auth/login", json={**LOGIN, "client_id": "app"})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def refresh(house: Service, token: str, holder: Holder | None, client_id: str = "app") -> httpx2.Response:
    form = {"grant_type": "refresh_token", "client_id": client_id, "refresh_token": token}
    return await by(house, holder).post("/token", data=form)


def bound_to(token: str) -> dict[str, Any]:
    found: dict[str, Any] = jwt.decode(token, options={"verify_signature": False}).get("cnf", {})
    return found


def x5t(holder: Holder) -> dict[str, str]:
    """Computed by the library's fingerprint, not by ours."""
    from base64 import urlsafe_b64encode

    from cryptography.hazmat.primitives.hashes import SHA256

    return {"x5t#S256": urlsafe_b64encode(holder.certificate.fingerprint(SHA256())).decode().rstrip("=")}


def is_refused(answer: httpx2.Response, error: str, status: int = 400) -> bool:
    assert (answer.status_code, answer.json()["error"]) == (status, error), answer.text
    return True


# What it gives


async def test_every_token_of_such_a_client_is_bound_to_its_certificate(house: Service) -> None:
    tokens = await login(house)
    assert (tokens["token_type"], bound_to(tokens["access_token"])) == ("Bearer", x5t(OWN))
    again = (await refresh(house, tokens["refresh_token"], OWN)).json()
    assert bound_to(again["access_token"]) == x5t(OWN)
    form = {"grant_type": "client_credentials", "client_id": "meter"}
    own = await by(house, OWN).post("/token", data=form)
    assert bound_to(own.json()["access_token"]) == x5t(OWN)


async def test_introspection_shows_the_certificate(house: Service) -> None:
    tokens = await login(house)
    seen = await house.http.post("/introspect", data={"token": tokens["access_token"]}, auth=BACKEND)
    assert (seen.json()["token_type"], seen.json()["cnf"]) == ("Bearer", x5t(OWN))


async def test_without_a_certificate_there_is_no_token(house: Service) -> None:
    """Leaving it away is no way to a token that anybody can use."""
    answer = await by(house, None).post("/api/auth/login", json={**LOGIN, "client_id": "app"})
    assert is_refused(answer, "invalid_request")
    forged = await by(house, OWN, "192.0.2.7").post("/api/auth/login", json={**LOGIN, "client_id": "app"})
    assert is_refused(forged, "invalid_request")


async def test_a_dpop_key_is_no_other_way(house: Service) -> None:
    key = KeyHolder(house)
    await key.post("/token", data={"grant_type": "client_credentials"}, auth=BACKEND)
    form = {"grant_type": "client_credentials", "client_id": "meter"}
    pushed = {"client_id": "meter", "response_type": "code", "redirect_uri": CALLBACK, "scope": "openid"}
    for path, data in (("/token", form), ("/par", pushed)):
        answer = await by(house, OWN).post(path, data=data, headers={"DPoP": key.proof(path)})
        assert is_refused(answer, "invalid_dpop_proof")


async def test_other_clients_get_what_they_got_before(house: Service) -> None:
    form = {"grant_type": "client_credentials"}
    answer = await by(house, OWN).post("/token", data=form, auth=BACKEND)
    assert bound_to(answer.json()["access_token"]) == {}


async def test_the_metadata_says_that_tokens_can_be_bound(house: Service) -> None:
    said = (await house.http.get("/.well-known/oauth-authorization-server")).json()
    assert said["tls_client_certificate_bound_access_tokens"] is True


async def test_a_proof_may_name_the_address_at_which_certificates_are_asked_for(house: Service) -> None:
    key = KeyHolder(house)
    form = {"data": {"grant_type": "client_credentials"}, "auth": BACKEND}
    key.nonce = (await house.http.post("/token", headers={"DPoP": key.proof()}, **form)).headers["dpop-nonce"]
    for url, status in ((f"{MTLS}/token", 200), (f"{ISSUER}/token", 200), ("https://other.example/token", 400)):
        answer = await house.http.post("/token", headers={"DPoP": key.proof(htu=url)}, **form)
        assert answer.status_code == status, answer.text


# At our own endpoints


@pytest.mark.parametrize("path", ["/userinfo", "/api/profile/me", "/api/auth/sessions"])
async def test_a_bound_token_opens_our_own_endpoints_with_its_certificate_alone(house: Service, path: str) -> None:
    token = (await login(house))["access_token"]
    bearer, dpop = {"Authorization": f"Bearer {token}"}, {"Authorization": f"DPoP {token}"}
    assert (await by(house, OWN).get(path, headers=bearer)).status_code == 200
    for caller in (by(house, None), by(house, OTHER), by(house, OWN, "192.0.2.7"), house.http):
        answer = await caller.get(path, headers=bearer)
        assert is_refused(answer, "invalid_token", 401)
        assert answer.headers["www-authenticate"].startswith("Bearer ")
    assert is_refused(await by(house, OWN).get(path, headers=dpop), "invalid_token", 401)
    key = KeyHolder(house)
    assert is_refused(
        await by(house, OWN).get(path, headers={**dpop, "DPoP": key.proof(path, "GET", token=token)}),
        "invalid_token",
        401,
    )


async def test_a_bound_token_in_the_form_of_userinfo_needs_its_certificate(house: Service) -> None:
    form = {"access_token": (await login(house))["access_token"]}
    assert (await by(house, OWN).post("/userinfo", data=form)).status_code == 200
    assert is_refused(await by(house, OTHER).post("/userinfo", data=form), "invalid_token", 401)


async def test_the_feed_is_opened_by_the_certificate_alone(house: Service) -> None:
    form = {"grant_type": "client_credentials", "client_id": "meter", "scope": "revocations"}
    token = (await by(house, OWN).post("/token", data=form)).json()["access_token"]
    bearer = {"Authorization": f"Bearer {token}"}
    assert (await by(house, OWN).get("/revocations", headers=bearer)).status_code == 200
    assert is_refused(await by(house, None).get("/revocations", headers=bearer), "invalid_token", 401)


# Certificates that change


async def test_a_certificate_swapped_between_refresh_and_use_opens_nothing(house: Service) -> None:
    tokens = await login(house)
    fresh = (await refresh(house, tokens["refresh_token"], OWN)).json()
    bearer = {"Authorization": f"Bearer {fresh['access_token']}"}
    assert is_refused(await by(house, OTHER).get("/userinfo", headers=bearer), "invalid_token", 401)
    same_key = issued("CN=own", key=OWN.key)
    assert is_refused(await by(house, same_key).get("/userinfo", headers=bearer), "invalid_token", 401)
    assert (await by(house, OWN).get("/userinfo", headers=bearer)).status_code == 200


async def test_a_public_clients_refresh_token_is_bound_too(house: Service) -> None:
    """Section 4. Who stole it spends nothing, and the owner goes on."""
    tokens = await login(house)
    assert is_refused(await refresh(house, tokens["refresh_token"], OTHER), "invalid_grant")
    assert is_refused(await refresh(house, tokens["refresh_token"], None), "invalid_request")
    key = KeyHolder(house)
    await key.post("/token", data={"grant_type": "client_credentials"}, auth=BACKEND)
    form = {"grant_type": "refresh_token", "client_id": "app", "refresh_token": tokens["refresh_token"]}
    assert is_refused(await house.http.post("/token", data=form, headers={"DPoP": key.proof()}), "invalid_dpop_proof")
    assert (await refresh(house, tokens["refresh_token"], OWN)).status_code == 200


async def test_a_confidential_client_may_renew_its_certificate(house: Service) -> None:
    """It proves itself at each use; its new tokens are bound to the new one."""
    new = issued("CN=renewed")
    client = changed_client(METER, id="renewing", jwks={"keys": [OWN.jwk, new.jwk]}, first_party=True)
    async with house.runtime.db.transaction() as connection:
        await clients.add(connection, client)
    tokens = (
        await by(house, OWN).post("/token", data={"grant_type": "client_credentials", "client_id": "renewing"})
    ).json()
    assert bound_to(tokens["access_token"]) == x5t(OWN)
    pkce = Pkce()
    code = await code_for(house.caller(), pkce, "renewing", scope="openid offline_access")
    form = {
        "grant_type": "authorization_code",
        "client_id": "renewing",
        "code": code,
        "redirect_uri": CALLBACK,
        "code_verifier": pkce.verifier,
    }
    first = (await by(house, OWN).post("/token", data=form)).json()
    second = await refresh(house, first["refresh_token"], new, "renewing")
    assert bound_to(second.json()["access_token"]) == x5t(new)


@again_when_busy
async def test_two_hundred_refreshes_with_two_certificates_are_the_owners_alone(house: Service) -> None:
    token = (await login(house))["refresh_token"]
    mixed = [refresh(house, token, holder) for _ in range(50) for holder in (OWN, OTHER, OWN, OTHER)]
    answers = await asyncio.gather(*mixed)
    kinds = {(number % 2, answer.status_code) for number, answer in enumerate(answers)}
    prompt((1, 503) not in kinds, kinds)
    assert kinds <= {(0, 200), (0, 503), (1, 400)}, kinds
    good = [answer.json() for answer in answers if answer.status_code == 200]
    assert good
    assert {str(bound_to(answer["access_token"])) for answer in good} == {str(x5t(OWN))}
    assert (await refresh(house, good[0]["refresh_token"], OWN)).status_code == 200


async def test_a_device_code_is_redeemed_with_the_certificate_that_asked(house: Service) -> None:
    asked = await by(house, OWN).post("/device_authorization", data={"client_id": "app", "scope": "openid"})
    assert asked.status_code == 200, asked.text
    await decide(await browser(house), asked.json()["user_code"])
    form = {"grant_type": DEVICE, "client_id": "app", "device_code": asked.json()["device_code"]}
    assert is_refused(await by(house, OTHER).post("/token", data=form), "invalid_grant")
    answer = await by(house, OWN).post("/token", data=form)
    assert answer.status_code == 200, answer.text
    assert bound_to(answer.json()["access_token"]) == x5t(OWN)


async def test_the_version_before_takes_a_bound_refresh_token_for_nobodys(house: Service) -> None:
    """It compares the column with the thumbprint of a DPoP key, or with ''."""
    tokens = await login(house)
    held = await house.sql.fetchval("SELECT dpop_jkt FROM grants WHERE session_id = $1", tokens["session_id"])
    assert held == "x5t#S256:" + x5t(OWN)["x5t#S256"]


async def test_who_must_log_out_needs_no_certificate(house: Service) -> None:
    tokens = await login(house)
    answer = await house.http.post("/revoke", data={"client_id": "app", "token": tokens["refresh_token"]})
    assert answer.status_code == 200
    assert is_refused(await refresh(house, tokens["refresh_token"], OWN), "invalid_grant")


# Who is registered so


async def test_bound_in_two_ways_is_bound_in_none(house: Service) -> None:
    both = changed_client(APP, id="both", dpop_bound_access_tokens=True)
    assert isinstance(await manage_clients.add(house.runtime, "cli:tests", both), Refused)


async def test_a_client_registers_that_its_tokens_are_bound(house: Service) -> None:
    made = await registered(house, tls_client_certificate_bound_access_tokens=True)
    assert made["tls_client_certificate_bound_access_tokens"] is True


async def test_an_operator_binds_the_tokens_of_a_client(house: Service) -> None:
    loose = changed_client(APP, id="loose", tls_client_certificate_bound_access_tokens=False)
    assert not isinstance(await manage_clients.add(house.runtime, "cli:tests", loose), Refused)
    done = await manage_clients.choose_certificates(house.runtime, "cli:tests", "loose", subjects={}, bound=True)
    assert isinstance(done, Client)
    assert done.authentication == loose.authentication
    await house.clients_known()
    answer = await house.http.post("/api/auth/login", json={**LOGIN, "client_id": "loose"})
    assert is_refused(answer, "invalid_request")


async def test_nothing_is_bound_where_no_certificate_comes(servers: Servers, base_env: dict[str, str]) -> None:
    async with service(servers, base_env) as plain:
        refused = await manage_clients.add(plain.runtime, "cli:tests", APP)
        assert isinstance(refused, Refused)
        async with plain.runtime.db.transaction() as connection:
            await clients.add(connection, APP)
        answer = await by(plain, OWN).post("/api/auth/login", json={**LOGIN, "client_id": "app"})
        assert is_refused(answer, "invalid_request")  # the header is not believed, so no token is given
