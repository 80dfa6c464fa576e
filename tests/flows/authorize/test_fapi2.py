"""The FAPI 2.0 Security Profile, of a client and of the whole service: what it demands, and that nothing which is left
away is a way around it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx2
import jwt
import pytest
import pytest_asyncio

from authsvc.flows.operator import manage_clients
from authsvc.rules.caller.client_authentication import ASSERTION_TYPE
from authsvc.rules.client_record import Client
from authsvc.rules.refused import Refused
from authsvc.store.caller import clients
from authsvc_devkit.servers import Servers
from tests.support.certificates import issued
from tests.support.clients import changed_client, flat_client
from tests.support.keys_that_sign import let_sign
from tests.support.login_steps import (
    PARTNER_CALLBACK,
    Pkce,
    authorize_parameters,
    authorize_url,
    log_in,
    pushed_url,
    redirected,
)
from tests.support.proofs import Holder
from tests.support.service import BACKEND, ISSUER, LOGIN, Service, bearer, service
from tests.support.signers import JWKS, KEYS
from tests.support.signing import signed_by_other

PROXY = "192.0.2.200"
OWN = issued("CN=meter")
BANK = flat_client(
    id="bank",
    name="Bank",
    kind="confidential",
    profile="fapi2",
    grant_types=frozenset({"authorization_code", "refresh_token", "client_credentials"}),
    scopes=("openid", "offline_access", "api"),
    redirect_uris=(PARTNER_CALLBACK,),
    jwks={"keys": JWKS},
    token_endpoint_auth_method="private_key_jwt",
    id_token_signed_response_alg="ES256",
    access_token_signed_response_alg="ES256",
    first_party=True,
)
METER = changed_client(
    BANK,
    id="meter",
    jwks={"keys": [OWN.jwk]},
    token_endpoint_auth_method="self_signed_tls_client_auth",
    tls_client_certificate_bound_access_tokens=True,
)
AUDITOR = changed_client(BANK, id="auditor", introspection=True)
PLAIN = changed_client(BANK, id="plain", profile="none")
UNFIT = {
    "public": changed_client(BANK, id="public", kind="public", jwks=None, token_endpoint_auth_method=None),
    "secret": changed_client(BANK, id="secret", token_endpoint_auth_method=None, secret_hashes=(b"x" * 32,)),
    "rs256": changed_client(BANK, id="rs256", id_token_signed_response_alg="RS256"),
    "at-rs256": changed_client(BANK, id="at-rs256", access_token_signed_response_alg="RS256"),
    "plain-http": changed_client(BANK, id="plain-http", redirect_uris=("http://127.0.0.1/cb",)),
    "device": changed_client(
        BANK, id="device", grant_types=BANK.grant_types | {"urn:ietf:params:oauth:grant-type:device_code"}
    ),
}


async def add_all(house: Service, *more: Client) -> None:
    async with house.runtime.db.transaction() as connection:
        for client in more:
            await clients.add(connection, client)
    await let_sign(house, "ES256")


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> str:
    file = tmp_path_factory.mktemp("policy") / "policy.toml"
    file.write_text('algorithms = ["RS256", "ES256"]')
    return str(file)


@pytest_asyncio.fixture(scope="module")
async def house(servers: Servers, base_env: dict[str, str], policy: str) -> AsyncIterator[Service]:
    settings = {
        "key_policy_file": policy,
        "client_failures": 100_000,
        "client_certificate_header": "client-cert",
        "trusted_proxies": f"{PROXY}/32",
    }
    async with service(servers, base_env, **settings) as running:
        await add_all(running, BANK, METER, AUDITOR, PLAIN, *UNFIT.values())
        yield running


def assertion(house: Service, client_id: str = "bank", alg: str = "ES256", **claims: Any) -> dict[str, str]:
    now = int(house.runtime.clock.seconds())
    content = {
        "iss": client_id,
        "sub": client_id,
        "aud": ISSUER,
        "exp": now + 60,
        "jti": house.runtime.entropy(8).hex(),
    }
    return {
        "client_assertion": signed_by_other({**content, **claims}, KEYS[alg], alg),
        "client_assertion_type": ASSERTION_TYPE,
    }


async def holding(house: Service, alg: str = "ES256") -> Holder:
    """A DPoP key that knows a nonce."""
    holder = Holder(house, alg, KEYS[alg])
    await holder.post("/token", data={"grant_type": "client_credentials"}, auth=BACKEND)
    answer = await house.http.post("/token", data=assertion(house), headers={"DPoP": holder.proof()})
    holder.nonce = answer.headers.get("dpop-nonce", holder.nonce)
    return holder


def is_refused(answer: httpx2.Response, error: str, status: int = 400) -> bool:
    assert (answer.status_code, answer.json()["error"]) == (status, error), answer.text
    return True


def request(pkce: Pkce, **changed: str | None) -> dict[str, str]:
    return authorize_parameters(
        pkce, **{"client_id": "bank", "redirect_uri": PARTNER_CALLBACK, "scope": "openid offline_access", **changed}
    )


async def redeemed(
    house: Service, holder: Holder | None, client_id: str = "bank", **changed: str | None
) -> httpx2.Response:
    """A whole login with a pushed request; `changed`: of the last form."""
    pkce, browser = Pkce(), house.caller()
    pushed = await house.http.post("/par", data={**request(pkce, client_id=client_id), **assertion(house, client_id)})
    assert pushed.status_code == 201, pushed.text
    got = await log_in(browser, pushed_url(pushed.json()["request_uri"], client_id))
    assert got["iss"] == ISSUER
    form: dict[str, str | None] = {
        "grant_type": "authorization_code",
        "client_id": client_id,
        "code": got["code"],
        "redirect_uri": PARTNER_CALLBACK,
        "code_verifier": pkce.verifier,
        **assertion(house, client_id),
        **changed,
    }
    data = {name: value for name, value in form.items() if value is not None}
    headers = {"DPoP": holder.proof()} if holder else {}
    return await house.http.post("/token", data=data, headers=headers)


# What it gives


async def test_a_client_under_the_profile_logs_people_in(house: Service) -> None:
    holder = await holding(house)
    answer = await redeemed(house, holder)
    assert answer.status_code == 200, answer.text
    assert answer.json()["token_type"] == "DPoP"
    form = {"grant_type": "refresh_token", "refresh_token": answer.json()["refresh_token"], **assertion(house)}
    again = await house.http.post("/token", data=form, headers={"DPoP": holder.proof()})
    assert again.status_code == 200, again.text


async def test_a_certificate_binds_as_well_as_a_key(house: Service) -> None:
    by = house.caller(PROXY, headers={"Client-Cert": OWN.rfc9440})
    form = {"grant_type": "client_credentials", "client_id": "meter", "scope": "api"}
    assert (await by.post("/token", data=form)).status_code == 200
    assert is_refused(await house.caller(PROXY).post("/token", data=form), "invalid_client", 401)


async def test_a_client_logs_people_in_by_its_certificate_alone(house: Service) -> None:
    by, pkce = house.caller(PROXY, headers={"Client-Cert": OWN.rfc9440}), Pkce()
    pushed = await by.post("/par", data=request(pkce, client_id="meter"))
    assert pushed.status_code == 201, pushed.text
    got = await log_in(house.caller(), pushed_url(pushed.json()["request_uri"], "meter"))
    form = {
        "grant_type": "authorization_code",
        "client_id": "meter",
        "code": got["code"],
        "redirect_uri": PARTNER_CALLBACK,
        "code_verifier": pkce.verifier,
    }
    answer = await by.post("/token", data=form)
    assert answer.status_code == 200, answer.text
    again = {"grant_type": "refresh_token", "client_id": "meter", "refresh_token": answer.json()["refresh_token"]}
    assert (await by.post("/token", data=again)).status_code == 200
    assert is_refused(await house.caller(PROXY).post("/token", data=again), "invalid_client", 401)
    headers = bearer(answer.json()["access_token"])
    assert (await by.get("/userinfo", headers=headers)).status_code == 200
    assert (await house.http.get("/userinfo", headers=headers)).status_code == 401


# What is left away


async def test_a_request_that_was_not_pushed_is_refused(house: Service) -> None:
    url = authorize_url(Pkce(), client_id="bank", redirect_uri=PARTNER_CALLBACK)
    answer = await house.caller().get(url)
    assert redirected(answer)["error"] == "invalid_request"


@pytest.mark.parametrize(
    "changed",
    [
        {"code_challenge": None, "code_challenge_method": None},
        {"code_challenge": None, "code_challenge_method": None, "nonce": "n"},
        {"code_challenge_method": "plain"},
        {"code_challenge_method": None},
    ],
)
async def test_pkce_is_not_left_away(house: Service, changed: dict[str, str | None]) -> None:
    form = {**request(Pkce(), **changed), **assertion(house)}
    assert is_refused(await house.http.post("/par", data=form), "invalid_request")


async def test_the_verifier_is_not_left_away(house: Service) -> None:
    assert is_refused(await redeemed(house, await holding(house), code_verifier=None), "invalid_grant")


async def test_tokens_are_not_given_without_a_proof(house: Service) -> None:
    assert is_refused(await redeemed(house, None), "invalid_dpop_proof")
    form = {"grant_type": "client_credentials", "scope": "api", **assertion(house)}
    assert is_refused(await house.http.post("/token", data=form), "invalid_dpop_proof")


async def test_a_policy_of_the_client_is_no_way_around_the_profile(house: Service) -> None:
    lax = changed_client(
        BANK,
        id="lax",
        pkce="optional",
        assertion_audience="token-endpoint",
        dpop_bound_access_tokens=False,
        require_pushed_authorization_requests=False,
    )
    await add_all(house, lax)
    form = request(Pkce(), client_id="lax", code_challenge=None, code_challenge_method=None)
    assert is_refused(await house.http.post("/par", data={**form, **assertion(house, "lax")}), "invalid_request")
    other = {"grant_type": "client_credentials", **assertion(house, "lax", aud=f"{ISSUER}/token")}
    assert is_refused(await house.http.post("/token", data=other), "invalid_client", 401)
    unbound = {"grant_type": "client_credentials", **assertion(house, "lax")}
    assert is_refused(await house.http.post("/token", data=unbound), "invalid_dpop_proof")


# Who proves itself how


@pytest.mark.parametrize(("alg", "good"), [("PS256", True), ("ES256", True), ("EdDSA", True), ("RS256", False)])
async def test_assertions_are_signed_by_the_profiles_algorithms(house: Service, alg: str, good: bool) -> None:
    holder = await holding(house)
    form = {"grant_type": "client_credentials", "scope": "api", **assertion(house, alg=alg)}
    answer = await house.http.post("/token", data=form, headers={"DPoP": holder.proof()})
    assert answer.status_code == (200 if good else 401), answer.text
    plain = {"grant_type": "client_credentials", "scope": "api", **assertion(house, "plain", alg)}
    assert (await house.http.post("/token", data=plain)).status_code == 200  # whom it does not concern


@pytest.mark.parametrize(("alg", "good"), [("PS256", True), ("ES256", True), ("RS256", False)])
async def test_proofs_are_signed_by_the_profiles_algorithms(house: Service, alg: str, good: bool) -> None:
    holder = await holding(house, alg)
    form = {"grant_type": "client_credentials", "scope": "api", **assertion(house)}
    answer = await house.http.post("/token", data=form, headers={"DPoP": holder.proof()})
    assert answer.status_code == (200 if good else 400), answer.text
    form = {**request(Pkce()), **assertion(house)}
    pushed = await house.http.post("/par", data=form, headers={"DPoP": holder.proof("/par")})
    assert pushed.status_code == (201 if good else 400), pushed.text


async def test_a_proof_at_userinfo_is_signed_by_them_too(house: Service) -> None:
    holder = await holding(house, "PS256")
    token = (await redeemed(house, holder)).json()["access_token"]
    sly = Holder(house, "RS256", KEYS["PS256"], holder.nonce)  # the same key, under the other algorithm
    for shown, status in ((sly, 401), (holder, 200)):
        headers = {"Authorization": f"DPoP {token}", "DPoP": shown.proof("/userinfo", "GET", token=token)}
        answer = await house.http.get("/userinfo", headers=headers)
        assert answer.status_code == status, answer.text


@pytest.mark.parametrize(("alg", "good"), [("PS256", True), ("RS256", False)])
async def test_request_objects_are_signed_by_them_too(house: Service, alg: str, good: bool) -> None:
    now = int(house.runtime.clock.seconds())
    claims = {
        **request(Pkce()),
        "iss": "bank",
        "aud": ISSUER,
        "exp": now + 60,
        "nbf": now,
        "jti": house.runtime.entropy(8).hex(),
    }
    signed = signed_by_other(claims, KEYS[alg], alg, {"typ": "oauth-authz-req+jwt"})
    answer = await house.http.post("/par", data={"request": signed, "client_id": "bank", **assertion(house)})
    assert answer.status_code == (201 if good else 400), answer.text


@pytest.mark.parametrize("name", ["rs256", "at-rs256", "plain-http", "device"])
async def test_a_client_that_lacks_what_the_profile_demands_gets_nothing(house: Service, name: str) -> None:
    holder = await holding(house)
    form = {"grant_type": "client_credentials", "scope": "api", **assertion(house, name)}
    answer = await house.http.post("/token", data=form, headers={"DPoP": holder.proof()})
    assert is_refused(answer, "unauthorized_client")
    pushed = {**request(Pkce(), client_id=name), **assertion(house, name)}
    assert is_refused(await house.http.post("/par", data=pushed), "unauthorized_client")


async def test_neither_a_secret_nor_nothing_proves_a_client_under_the_profile(house: Service) -> None:
    form = {"grant_type": "client_credentials", "client_id": "secret", "client_secret": "x"}
    for path in ("/token", "/par", "/revoke", "/introspect"):
        assert is_refused(await house.http.post(path, data=form), "invalid_client", 401)
        named = {"grant_type": "client_credentials", "client_id": "public"}
        assert is_refused(await house.http.post(path, data=named), "invalid_client", 401)


async def test_a_password_in_json_is_no_grant_of_the_profile(house: Service) -> None:
    login = {**LOGIN, "client_id": "public"}
    answer = await house.http.post("/api/auth/login", json=login)
    assert is_refused(answer, "invalid_client", 401)


# Who may be under it


@pytest.mark.parametrize("name", UNFIT)
async def test_an_operator_is_told_what_a_client_lacks(house: Service, name: str) -> None:
    wanted = changed_client(UNFIT[name], id=f"new-{name}")
    added = await manage_clients.add(house.runtime, "cli:tests", wanted)
    assert isinstance(added, Refused)
    assert added.reason == ("grant_types_of_public_client" if name == "public" else "profile_unmet"), added


async def test_a_client_is_put_under_the_profile_and_taken_out_again(house: Service) -> None:
    client = changed_client(PLAIN, id="turning")
    await add_all(house, client)
    form = {"grant_type": "client_credentials", "scope": "api"}
    assert (await house.http.post("/token", data={**form, **assertion(house, "turning")})).status_code == 200
    for profile, status in (("fapi2", 400), ("none", 200)):
        done = await manage_clients.choose_profile(house.runtime, "cli:tests", "turning", profile)
        assert isinstance(done, Client)
        await house.clients_known()
        answer = await house.http.post("/token", data={**form, **assertion(house, "turning")})
        assert answer.status_code == status, answer.text
    assert isinstance(await manage_clients.choose_profile(house.runtime, "cli:tests", "customer", "fapi2"), Refused)


async def test_what_it_asks_about_tokens_is_answered_by_an_algorithm_of_the_profile(house: Service) -> None:
    """FAPI 2.0 Message Signing: answers of introspection are signed, and section 5.4.1 says with what."""
    headers = {"Accept": "application/token-introspection+jwt"}
    answer = await house.http.post("/introspect", data={"token": "x", **assertion(house, "auditor")}, headers=headers)
    assert answer.status_code == 200, answer.text
    said = (await house.http.get("/.well-known/openid-configuration")).json()
    assert jwt.get_unverified_header(answer.text)["alg"] == "ES256"
    assert said["introspection_signing_alg_values_supported"] == ["RS256", "ES256"]


# The whole service


async def test_the_whole_service_keeps_to_the_profile(servers: Servers, base_env: dict[str, str], policy: str) -> None:
    settings = {"key_policy_file": policy, "client_failures": 100_000, "profile": "fapi2"}
    async with service(servers, base_env, **settings) as strict:
        await add_all(strict, PLAIN)
        said = (await strict.http.get("/.well-known/openid-configuration")).json()
        assert said["require_pushed_authorization_requests"] is True
        assert said["token_endpoint_auth_methods_supported"] == ["private_key_jwt"]
        assert "RS256" not in str(said)
        assert said["grant_types_supported"] == ["authorization_code", "client_credentials", "refresh_token"]
        form = {"grant_type": "client_credentials", "scope": "api", **assertion(strict, "plain")}
        assert is_refused(await strict.http.post("/token", data=form), "invalid_dpop_proof")
        login = await strict.http.post("/api/auth/login", json=LOGIN)
        assert is_refused(login, "invalid_client", 401)
        secret = await strict.http.post("/token", data={"grant_type": "client_credentials"}, auth=BACKEND)
        assert is_refused(secret, "invalid_client", 401)
        document = await strict.http.post("/token", data={"client_id": "https://app.example/client.json", **form})
        assert document.status_code == 401
        answer = await strict.caller().get(authorize_url(Pkce(), client_id="plain", redirect_uri=PARTNER_CALLBACK))
        assert redirected(answer)["error"] == "invalid_request"
        assert (await strict.http.get("/userinfo", headers=bearer("x"))).status_code == 401
