"""POST /token, step by step: no grant skips a step, and what is wrong first is said first."""

from __future__ import annotations

from collections.abc import AsyncIterator
from hashlib import sha256

import httpx2
import pytest
import pytest_asyncio

from authsvc.flows.token import authorization_code, client_credentials, device_code, refresh_token
from authsvc.flows.token.authorization_code import CodeRequest
from authsvc.flows.token.client_credentials import ClientCredentialsRequest
from authsvc.flows.token.device_code import DeviceCodeRequest
from authsvc.flows.token.pipeline import GRANT_TYPES
from authsvc.flows.token.refresh_token import RefreshRequest
from authsvc.rules.client_record import Client
from authsvc.rules.device.codes import GRANT_TYPE as DEVICE_CODE
from authsvc.rules.refused import Refused
from authsvc.rules.token.exchange import ACCESS_TOKEN, ExchangeRequest, read_request
from authsvc.rules.token.exchange import GRANT_TYPE as TOKEN_EXCHANGE
from authsvc.store.caller import clients
from authsvc_devkit.servers import Servers
from tests.support.clients import flat_client
from tests.support.service import Service, service

VERIFIER = "v" * 43
FORMS = {
    "authorization_code": {"code": "c", "redirect_uri": "https://app.example/cb", "code_verifier": VERIFIER},
    "client_credentials": {"scope": "openid"},
    DEVICE_CODE: {"device_code": "d"},
    "refresh_token": {"refresh_token": "r"},
    TOKEN_EXCHANGE: {"subject_token": "t", "subject_token_type": ACCESS_TOKEN},
}
"""A well-formed request of each grant."""


def without(name: str) -> str:
    """The id of a client that may use all grants but one."""
    return f"without-{list(FORMS).index(name)}"


def _client(name: str, **policy: object) -> Client:
    every: dict[str, object] = {"grant_types": frozenset(GRANT_TYPES), "exchange_audiences": ("https://stock.example",)}
    return flat_client(
        id=name,
        name=name,
        kind="confidential",
        secret_hashes=(sha256(name.encode()).digest(),),
        scopes=("openid",),
        **{**every, **policy},  # type: ignore[arg-type]
    )


CLIENTS = [
    _client("any"),
    _client("bound", dpop_bound_access_tokens=True),
    _client("keyless", access_token_signed_response_alg="ES256"),
    *(
        _client(without(name), grant_types=frozenset(GRANT_TYPES) - {name}, dpop_bound_access_tokens=True)
        for name in FORMS
    ),
]


@pytest_asyncio.fixture(scope="module")
async def house(servers: Servers, base_env: dict[str, str]) -> AsyncIterator[Service]:
    async with service(servers, base_env) as running:
        async with running.runtime.db.transaction() as connection:
            for client in CLIENTS:
                await clients.add(connection, client)
        yield running


async def ask(house: Service, name: str, client: str, **form: str) -> tuple[int, str]:
    data = {"grant_type": name, **form}
    answer: httpx2.Response = await house.http.post("/token", data=data, auth=(client, client))
    return answer.status_code, answer.json().get("error", "")


@pytest.mark.parametrize("name", GRANT_TYPES)
async def test_no_grant_skips_a_step(house: Service, name: str) -> None:
    form = FORMS[name]
    assert await ask(house, name, "unknown", **form) == (401, "invalid_client")
    assert await ask(house, name, without(name), **form) == (400, "unauthorized_client")
    assert await ask(house, name, "bound", **form) == (400, "invalid_dpop_proof")
    assert await ask(house, name, "keyless", **form) == (503, "temporarily_unavailable")


@pytest.mark.parametrize("name", GRANT_TYPES)
async def test_what_is_malformed_is_told_to_known_clients_alone(house: Service, name: str) -> None:
    form = {"scope": "a  b"} if name == "client_credentials" else {}
    assert await ask(house, name, "unknown", **form) == (401, "invalid_client")
    assert await ask(house, name, without(name), **form) == (400, "unauthorized_client")
    assert await ask(house, name, "bound", **form) == (400, "invalid_dpop_proof")
    for client in ("any", "keyless"):
        status, error = await ask(house, name, client, **form)
        assert (status, error) == (400, "invalid_scope" if form else "invalid_request")


async def test_an_unsupported_grant_is_said_before_the_client_is_asked_for(house: Service) -> None:
    assert await ask(house, "password", "unknown") == (400, "unsupported_grant_type")


async def test_first_party_json_takes_the_same_steps(house: Service) -> None:
    login = {"email": "test@example.com", "password": "password"}
    for path, members in (("/api/auth/login", login), ("/api/auth/refresh", {"refresh_token": "r"})):
        for client, expected in (
            ("unknown", (401, "invalid_client")),
            (without("refresh_token"), (400, "unauthorized_client")),
        ):
            body = {**members, "client_id": client, "client_secret": client}
            answer = await house.http.post(path, json=body)
            assert (answer.status_code, answer.json()["error"]) == expected


A, B = "https://a.example", "https://b.example"


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        (FORMS["authorization_code"], CodeRequest("c", "https://app.example/cb", VERIFIER)),
        (
            {**FORMS["authorization_code"], "resource": f"{A} {B} {A}"},
            CodeRequest("c", "https://app.example/cb", VERIFIER, (A, B)),
        ),
        ({**FORMS["authorization_code"], "code": ""}, "code_parameters"),
        ({"code": "c", "redirect_uri": "https://app.example/cb"}, CodeRequest("c", "https://app.example/cb", None)),
        ({"code": "c", "code_verifier": VERIFIER}, "code_parameters"),
        ({**FORMS["authorization_code"], "code_verifier": "short"}, "pkce_verifier_malformed"),
    ],
)
def test_how_a_code_request_is_read(form: dict[str, str], expected: CodeRequest | str) -> None:
    _is(authorization_code.parse(form), expected)


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ({"refresh_token": "r"}, RefreshRequest("r")),
        ({"refresh_token": "r", "scope": "a b", "resource": A}, RefreshRequest("r", ("a", "b"), (A,))),
        ({}, "refresh_token_missing"),
        ({"refresh_token": ""}, "refresh_token_missing"),
        ({"refresh_token": "r", "scope": "a  b"}, "scope_malformed"),
    ],
)
def test_how_a_refresh_request_is_read(form: dict[str, str], expected: RefreshRequest | str) -> None:
    _is(refresh_token.parse(form), expected)


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ({}, ClientCredentialsRequest(())),
        ({"scope": "a b a"}, ClientCredentialsRequest(("a", "b"))),
        ({"scope": 'a"'}, "scope_not_allowed"),
    ],
)
def test_how_a_client_credentials_request_is_read(
    form: dict[str, str], expected: ClientCredentialsRequest | str
) -> None:
    _is(client_credentials.parse(form), expected)


def test_how_a_device_code_request_is_read() -> None:
    _is(device_code.parse({"device_code": "d"}), DeviceCodeRequest("d"))
    _is(device_code.parse({}), "device_code_missing")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, ExchangeRequest("t", (), ())),
        ({"audience": A, "resource": f"{B} {A}", "scope": "a"}, ExchangeRequest("t", (A, B), ("a",))),
        ({"subject_token_type": "jwt"}, "subject_token_type"),
        ({"requested_token_type": "jwt"}, "requested_token_type"),
        ({"actor_token": "t"}, "actor_token"),
        ({"scope": "a  b"}, "scope_malformed"),
    ],
)
def test_how_an_exchange_request_is_read(change: dict[str, str], expected: ExchangeRequest | str) -> None:
    _is(read_request({**FORMS[TOKEN_EXCHANGE], **change}), expected)


def _is(read: object, expected: object) -> None:
    assert (read.reason if isinstance(read, Refused) else read) == expected
