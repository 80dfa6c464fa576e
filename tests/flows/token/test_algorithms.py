"""What a client's tokens are signed with: its own choice out of the key policy, and never anything else."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256, sha512
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx2
import jwt
import pytest
import pytest_asyncio
from joserfc import jws
from joserfc.jwk import KeySet

from authsvc.flows.ending.deliver_logouts import logout_token
from authsvc.flows.keys import manage_keys
from authsvc.jose.names import ALGORITHM_NAMES
from authsvc.rules.client_record import Client
from authsvc.rules.token.exchange import ACCESS_TOKEN, GRANT_TYPE
from authsvc.store.caller import clients
from authsvc.store.ending.outbox import Due
from authsvc_devkit.servers import Servers
from tests.conftest import CLIENTS
from tests.support import devices
from tests.support.clients import changed_client
from tests.support.keys_that_sign import let_sign, until
from tests.support.login_steps import Pkce, authorize_url, code_for, log_in, redeem, tokens_for
from tests.support.registration import at, initial, registered, same
from tests.support.service import BACKEND, ISSUER, Service, bearer, service

HASHES: dict[str, Any] = {"RS256": sha256, "PS256": sha256, "ES256": sha256, "EdDSA": sha512, "Ed25519": sha512}
CONFIGURATION = "/.well-known/openid-configuration"


def signed_by(alg: str, access_alg: str | None = None, **more: Any) -> Client:
    """A frontend as `customer` is, with its own algorithms."""
    name = f"{alg}-{access_alg or alg}".lower()
    algs = {"id_token_signed_response_alg": alg, "access_token_signed_response_alg": access_alg or alg}
    return changed_client(CLIENTS[0], id=name, name=name, **algs, **more)


FRONTENDS = [*map(signed_by, ALGORITHM_NAMES), signed_by("ES256", "RS256"), signed_by("RS256", "EdDSA")]
SERVICE = changed_client(
    CLIENTS[-1],
    id="service",
    access_token_signed_response_alg="ES256",
    grant_types=frozenset({"client_credentials", GRANT_TYPE}),
    exchange_audiences=("https://stock.example",),
    exchange_subjects=(ISSUER,),
    scopes=("api", "openid"),
)
TERMINAL = changed_client(CLIENTS[-2], id="terminal-es", id_token_signed_response_alg="ES256", scopes=("openid",))


@pytest_asyncio.fixture(scope="module")
async def house(
    servers: Servers, base_env: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Service]:
    policy = tmp_path_factory.mktemp("policy") / "policy.toml"
    policy.write_text(f"algorithms = {list(ALGORITHM_NAMES)}")
    async with service(servers, base_env, key_policy_file=policy, client_failures=100_000) as running:
        async with running.runtime.db.transaction() as connection:
            for client in (*FRONTENDS, SERVICE, TERMINAL):
                await clients.add(connection, client)
        await let_sign(running, *ALGORITHM_NAMES[1:])
        yield running


async def checked(house: Service, token: str, alg: str, audience: str) -> dict[str, Any]:
    """The claims, by two libraries that are not ours; by one alone where PyJWT lacks the name (RFC 9864)."""
    jwks = (await house.http.get("/.well-known/jwks.json")).json()
    header = jwt.get_unverified_header(token)
    assert header["alg"] == alg
    claims: dict[str, Any] = json.loads(
        jws.deserialize_compact(token, KeySet.import_key_set(jwks), algorithms=[alg]).payload
    )
    if alg != "Ed25519":
        key = jwt.PyJWKSet.from_dict(jwks)[header["kid"]]
        assert jwt.decode(token, key, algorithms=[alg], audience=audience, issuer=ISSUER) == claims
    assert (claims["iss"], claims["aud"]) == (ISSUER, audience)
    return claims


@pytest.mark.parametrize("client", FRONTENDS, ids=lambda client: client.id)
async def test_a_client_gets_what_it_chose_and_it_opens_everything(house: Service, client: Client) -> None:
    http = house.caller()
    tokens = await tokens_for(http, client.id)
    access_alg, id_alg = client.tokens.access_token_signed_response_alg, client.tokens.id_token_signed_response_alg
    access = await checked(house, tokens["access_token"], access_alg, ISSUER)
    claims = await checked(house, tokens["id_token"], id_alg, client.id)
    assert claims["sub"] == access["sub"]
    digest = HASHES[id_alg](tokens["access_token"].encode()).digest()
    assert claims["at_hash"] == urlsafe_b64encode(digest[: len(digest) // 2]).decode().rstrip("=")
    for path in ("/userinfo", "/api/profile/me"):
        assert (await http.get(path, headers=bearer(tokens["access_token"]))).status_code == 200
    assert await house.active(tokens["access_token"])
    again = (await house.refresh(tokens["refresh_token"], client.id)).json()
    await checked(house, again["access_token"], access_alg, ISSUER)
    answer = await log_in(
        http, authorize_url(Pkce(), client_id=client.id, prompt="none", id_token_hint=tokens["id_token"])
    )
    assert "code" in answer
    assert (await http.get(f"/logout?id_token_hint={tokens['id_token']}")).status_code == 200
    assert not await house.active(again["access_token"])


async def test_the_other_ways_to_a_token_follow_it_too(house: Service) -> None:
    own = await house.http.post("/token", data={"grant_type": "client_credentials"}, auth=("service", "backend-secret"))
    await checked(house, own.json()["access_token"], "ES256", ISSUER)
    login = await house.login(client_id="eddsa-eddsa")
    await checked(house, login["access_token"], "EdDSA", ISSUER)
    form = {"grant_type": GRANT_TYPE, "subject_token": login["access_token"], "subject_token_type": ACCESS_TOKEN}
    form |= {"audience": "https://stock.example", "scope": "openid"}
    gone_on = await house.http.post("/token", data=form, auth=("service", "backend-secret"))
    assert gone_on.status_code == 200, gone_on.text
    await checked(house, gone_on.json()["access_token"], "ES256", "https://stock.example")
    asked = await devices.ask(house, client_id="terminal-es", scope="openid")
    await devices.decide(await devices.browser(house, "bartender@example.com"), asked["user_code"])
    device = (await devices.poll(house.http, asked["device_code"], client_id="terminal-es")).json()
    await checked(house, device["access_token"], "RS256", ISSUER)
    await checked(house, device["id_token"], "ES256", "terminal-es")


async def test_a_logout_token_is_signed_as_the_id_tokens_are_and_a_signed_introspection_by_rs256(
    house: Service,
) -> None:
    client = await house.runtime.clients.get("es256-rs256")
    assert client is not None
    due = Due(1, client.id, UUID(int=1), UUID(int=2), None, 1, datetime.now(UTC))
    await checked(house, await logout_token(house.runtime, client, due), "ES256", client.id)
    token = (await house.login(client_id="eddsa-eddsa"))["access_token"]
    headers = {"Accept": "application/token-introspection+jwt"}
    answer = await house.http.post("/introspect", data={"token": token}, auth=BACKEND, headers=headers)
    assert (await checked(house, answer.text, "RS256", "backend"))["token_introspection"]["active"] is True


# A key that is not there


@pytest_asyncio.fixture
async def without_key(
    servers: Servers, base_env: dict[str, str], tmp_path: Path
) -> AsyncIterator[tuple[Service, Client]]:
    """A client that chose ES256, and a person who logged in while a key signed with it; none does any more."""
    policy = tmp_path / "policy.toml"
    policy.write_text('algorithms = ["RS256", "ES256"]')
    client = signed_by("ES256")
    async with service(servers, base_env, key_policy_file=policy) as running:
        async with running.runtime.db.transaction() as connection:
            for one in (client, signed_by("ES256", "RS256"), SERVICE):
                await clients.add(connection, one)
        await let_sign(running, "ES256")
        yield running, client


async def end_keys(house: Service, alg: str) -> None:
    await house.sql.execute(
        "UPDATE signing_keys SET signs_until = now(), drop_after = now() + interval '1 d' WHERE alg = $1", alg
    )
    await until(lambda: house.runtime.keyring.signing_kid(house.runtime.clock.now(), alg) is None)


def is_503(answer: httpx2.Response) -> bool:
    return (answer.status_code, answer.json()["error"], answer.headers["retry-after"]) == (
        503,
        "temporarily_unavailable",
        "5",
    )


async def test_without_its_key_a_client_gets_503_nothing_is_spent_and_nobody_elses_key_signs(
    without_key: tuple[Service, Client],
) -> None:
    house, client = without_key
    http, pkce = house.caller(), Pkce()
    login = await house.login(client_id=client.id)
    code = await code_for(http, pkce, client.id)
    mixed_pkce = Pkce()
    mixed = await code_for(http, mixed_pkce, "es256-rs256")
    asked = await house.content()
    await end_keys(house, "ES256")
    before = await house.content()
    assert before.keys() == asked.keys()
    for answer in (
        await house.refresh(login["refresh_token"], client.id),
        await redeem(http, code, pkce, client.id),
        await redeem(http, mixed, mixed_pkce, "es256-rs256"),  # its access token could be signed, its ID token not
        await http.post(
            "/api/auth/login", json={"email": "test@example.com", "password": "password", "client_id": client.id}
        ),
        await http.post("/token", data={"grant_type": "client_credentials"}, auth=("service", "backend-secret")),
    ):
        assert is_503(answer), answer.text
    assert await house.content() == before
    # Others do not notice, and what was signed before is as good as it was.
    assert (await house.login())["access_token"]
    assert await house.active(login["access_token"])
    assert (await house.http.get("/readyz")).json()["problems"] == []
    await let_sign(house, "ES256")
    assert (await house.refresh(login["refresh_token"], client.id)).status_code == 200
    assert (await redeem(http, code, pkce, client.id)).status_code == 200
    assert (await redeem(http, mixed, mixed_pkce, "es256-rs256")).status_code == 200


# What is said of it


async def offered(house: Service) -> list[str]:
    found: list[str] = (await house.http.get(CONFIGURATION)).json()["id_token_signing_alg_values_supported"]
    return found


async def test_discovery_says_what_signs_and_registration_takes_exactly_that(house: Service) -> None:
    assert await offered(house) == list(ALGORITHM_NAMES)
    for alg in ALGORITHM_NAMES:
        client = await registered(house, id_token_signed_response_alg=alg, access_token_signed_response_alg=alg)
        assert client["id_token_signed_response_alg"] == client["access_token_signed_response_alg"] == alg
        where, token = at(client)
        assert (await house.http.get(where, headers=token)).json()["id_token_signed_response_alg"] == alg
        changed = await house.http.put(where, headers=token, json=same(client, id_token_signed_response_alg="ES256"))
        assert changed.json()["id_token_signed_response_alg"] == "ES256"


@pytest.mark.parametrize("name", ["id_token_signed_response_alg", "access_token_signed_response_alg"])
@pytest.mark.parametrize("alg", ["Ed448", "HS256", "none", "RS512"])
async def test_what_nothing_signs_with_is_not_registered(house: Service, name: str, alg: str) -> None:
    members = {"redirect_uris": ["https://shop.example/cb"], name: alg}
    refused = await house.http.post("/register", json=members, headers=bearer(await initial(house)))
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_client_metadata")
    assert refused.json()["error_description"] == f"The {name} must be one of RS256, PS256, ES256, EdDSA, Ed25519."


async def test_what_is_only_announced_is_not_said_and_what_lost_its_signer_is_not_taken_back(
    servers: Servers, base_env: dict[str, str], tmp_path: Path
) -> None:
    """Clients keep the document for long: an algorithm must neither come too soon nor go for a moment."""
    policy = tmp_path / "policy.toml"
    policy.write_text('algorithms = ["RS256", "ES256"]')
    async with service(servers, base_env, key_policy_file=policy) as house:
        assert await offered(house) == ["RS256"]
        made = await manage_keys.generate(house.runtime, "tests", "ES256")
        assert isinstance(made, manage_keys.Generated)
        await until(lambda: len(house.runtime.following.keys) == 2)
        assert await offered(house) == ["RS256"]
        members = {"redirect_uris": ["https://shop.example/cb"], "id_token_signed_response_alg": "ES256"}
        refused = await house.http.post("/register", json=members, headers=bearer(await initial(house)))
        assert refused.json()["error"] == "invalid_client_metadata"
        await let_sign(house, "ES256")
        assert await offered(house) == ["RS256", "ES256"]
        await end_keys(house, "ES256")
        assert await offered(house) == ["RS256", "ES256"]


async def test_what_the_policy_has_not_is_not_offered_though_a_key_still_signs(
    servers: Servers, base_env: dict[str, str], tmp_path: Path
) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text('algorithms = ["RS256", "ES256"]')
    async with service(servers, base_env, key_policy_file=policy) as house:
        await let_sign(house, "ES256")
        keyring = house.runtime.keyring
        keyring.life = replace(keyring.life, algorithms=("RS256",))
        assert await offered(house) == ["RS256"]
        # A line that there is may be rotated; none is begun.
        assert isinstance(await manage_keys.generate(house.runtime, "tests", "ES256"), manage_keys.Generated)
        refused = await manage_keys.generate(house.runtime, "tests", "PS256")
        assert isinstance(refused, manage_keys.PlanRefused)
        assert "the key policy has no PS256" in refused.reason
