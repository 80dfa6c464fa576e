"""What the service says of itself is true: every address answers, what is listed works, what is not listed does not."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import httpx2
import jwt
import pytest
import pytest_asyncio
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata

from authsvc.rules.caller.client_authentication import ASSERTION_TYPE
from authsvc.rules.client_record import Client
from authsvc.rules.token import exchange
from authsvc.store.caller import clients
from authsvc_devkit.servers import Servers
from tests.support import devices
from tests.support.clients import changed_client
from tests.support.login_steps import Pkce, code_for, redeem
from tests.support.service import ISSUER, LOGIN, Service, service
from tests.support.signers import KEYS, SIGNER
from tests.support.signing import signed_by_other

DOCUMENTS = ("/.well-known/openid-configuration", "/.well-known/oauth-authorization-server")
ENDPOINTS = {
    "token": {"grant_type": "client_credentials"},
    "introspection": {"token": "x"},
    "revocation": {"token": "x"},
}
GRANTS = [
    "authorization_code",
    "implicit",
    "password",
    "client_credentials",
    "refresh_token",
    "urn:ietf:params:oauth:grant-type:device_code",
    "urn:ietf:params:oauth:grant-type:jwt-bearer",
    "urn:ietf:params:oauth:grant-type:saml2-bearer",
    "urn:ietf:params:oauth:grant-type:token-exchange",
    "urn:openid:params:grant-type:ciba",
]
METHODS = [
    "none",
    "client_secret_basic",
    "client_secret_post",
    "private_key_jwt",
    "client_secret_jwt",
    "tls_client_auth",
    "self_signed_tls_client_auth",
]
GOING_ON = changed_client(
    SIGNER,
    id="going-on",
    grant_types=frozenset({exchange.GRANT_TYPE}),
    scopes=("openid",),
    exchange_subjects=(ISSUER,),
    exchange_audiences=("https://stock.example.com",),
)
ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "EdDSA", "Ed25519"]


@pytest_asyncio.fixture(scope="module")
async def house(servers: Servers, base_env: dict[str, str]) -> AsyncIterator[Service]:
    async with service(servers, base_env) as running:
        async with running.runtime.db.transaction() as connection:
            await clients.add(connection, SIGNER)
            public = Client(id="open", name="Open", kind="public", grant_types=frozenset({"refresh_token"}))
            await clients.add(connection, public)
            await clients.add(connection, GOING_ON)
        yield running


async def metadata(house: Service, path: str = DOCUMENTS[1]) -> dict[str, Any]:
    answer = await house.http.get(path)
    assert answer.headers["content-type"] == "application/json"
    found: dict[str, Any] = answer.json()
    return found


async def test_authlib_finds_the_metadata_valid(servers: Servers, base_env: dict[str, str]) -> None:
    env = {**base_env, "AUTHSVC_ISSUER": "https://auth.example.com", "AUTHSVC_DEV_MODE": "false"}
    async with service(servers, env) as house:
        for path in DOCUMENTS:
            said = AuthorizationServerMetadata(await metadata(house, path))
            for name in AuthorizationServerMetadata.REGISTRY_KEYS:
                getattr(said, f"validate_{name}")()


async def test_both_documents_agree(house: Service) -> None:
    openid, oauth = [await metadata(house, path) for path in DOCUMENTS]
    assert openid["issuer"] == oauth["issuer"] == ISSUER
    assert {name: openid[name] for name in oauth} == oauth


async def test_every_address_in_them_answers(house: Service) -> None:
    for path in DOCUMENTS:
        for name, value in (await metadata(house, path)).items():
            if name.endswith(("_uri", "_endpoint", "_documentation")):
                assert value.startswith(f"{ISSUER}/")
                posted = name.endswith("_endpoint") and not name.startswith("revocations_")
                headers = {"Authorization": "Bearer x"} if name.startswith("revocations_") else {}
                answer = await house.http.request("POST" if posted else "GET", urlsplit(value).path, headers=headers)
                assert answer.status_code in ((400, 401) if posted or headers else (200,)), name


@pytest.mark.parametrize("grant_type", GRANTS)
async def test_a_grant_type_works_when_it_is_listed_and_only_then(house: Service, grant_type: str) -> None:
    listed = (await metadata(house))["grant_types_supported"]
    assert set(listed) <= set(GRANTS)
    if grant_type == "refresh_token":
        answer = await house.refresh((await house.login())["refresh_token"])
    elif grant_type == "authorization_code":
        http, pkce = house.caller(), Pkce()
        answer = await redeem(http, await code_for(http, pkce), pkce)
    elif grant_type == devices.GRANT_TYPE:
        asked = await devices.ask(house)
        await devices.decide(await devices.browser(house), asked["user_code"])
        answer = await devices.poll(house.http, asked["device_code"])
    elif grant_type == exchange.GRANT_TYPE:
        token = (await house.login())["access_token"]
        form = {"grant_type": grant_type, "subject_token": token, "subject_token_type": exchange.ACCESS_TOKEN}
        answer = await house.http.post("/token", data=form, auth=("going-on", "signer-secret"))
    else:
        form = {"grant_type": grant_type, "username": LOGIN["email"], "password": LOGIN["password"], "code": "x"}
        answer = await house.http.post("/token", data=form, auth=("signer", "signer-secret"))
    assert (answer.status_code == 200) == (grant_type in listed), answer.text
    if grant_type not in listed:
        assert answer.json()["error"] == "unsupported_grant_type"


def _assertion(house: Service, alg: str, key: Any) -> dict[str, str]:
    now = int(house.runtime.clock.seconds())
    claims = {"iss": "signer", "sub": "signer", "aud": ISSUER, "exp": now + 60, "jti": os.urandom(8).hex()}
    return {"client_assertion_type": ASSERTION_TYPE, "client_assertion": signed_by_other(claims, key, alg)}


async def _by(house: Service, method: str, endpoint: str) -> httpx2.Response:
    form, secret = dict(ENDPOINTS[endpoint]), "signer-secret"
    path = urlsplit((await metadata(house))[f"{endpoint}_endpoint"]).path
    if method == "client_secret_basic":
        return await house.http.post(path, data=form, auth=("signer", secret))
    if method == "client_secret_post":
        form |= {"client_id": "signer", "client_secret": secret}
    elif method == "private_key_jwt":
        form |= _assertion(house, "RS256", KEYS["RS256"])
    elif method == "client_secret_jwt":
        form |= _assertion(house, "HS256", secret.ljust(32, "x"))
    elif method == "none" and endpoint == "token":
        tokens = await house.login()
        form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"], "client_id": "customer"}
    elif method == "none":
        form |= {"client_id": "open"}
    else:  # a certificate cannot be shown to us: there is no such way in
        headers = {"X-SSL-Client-Cert": "x", "X-Client-Cert": "x"}
        return await house.http.post(path, data={**form, "client_id": "signer"}, headers=headers)
    return await house.http.post(path, data=form)


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize("method", METHODS)
async def test_a_client_authentication_works_when_it_is_listed_and_only_then(
    house: Service, method: str, endpoint: str
) -> None:
    listed = (await metadata(house))[f"{endpoint}_endpoint_auth_methods_supported"]
    assert set(listed) <= set(METHODS)
    answer = await _by(house, method, endpoint)
    assert (answer.status_code == 200) == (method in listed), answer.text


@pytest.mark.parametrize("endpoint", ENDPOINTS)
async def test_an_assertion_algorithm_works_when_it_is_listed_and_only_then(house: Service, endpoint: str) -> None:
    said = await metadata(house)
    listed = said[f"{endpoint}_endpoint_auth_signing_alg_values_supported"]
    assert set(listed) <= set(ALGORITHMS)
    for alg in ALGORITHMS:
        key = KEYS.get(alg, KEYS["PS256"] if alg.startswith("PS") else KEYS["RS256"])
        form = {**ENDPOINTS[endpoint], **_assertion(house, alg, key)}
        answer = await house.http.post(urlsplit(said[f"{endpoint}_endpoint"]).path, data=form)
        assert (answer.status_code == 200) == (alg in listed), alg


async def test_our_tokens_are_signed_as_it_is_said(house: Service) -> None:
    said = await metadata(house, DOCUMENTS[0])
    keys = (await house.http.get(urlsplit(said["jwks_uri"]).path)).json()["keys"]
    assert {key["alg"] for key in keys} == set(said["id_token_signing_alg_values_supported"])
    header = jwt.get_unverified_header((await house.login())["access_token"])
    assert header["alg"] in said["id_token_signing_alg_values_supported"]
    assert header["kid"] in {key["kid"] for key in keys}
