"""Client secrets and assertions: one method a request, each assertion once, and only the keys that were registered."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import AsyncIterator
from dataclasses import replace
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qsl, quote, quote_plus, urlencode, urlsplit, urlunsplit

import httpx2
import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from authsvc.jose.jwk import public_jwk
from authsvc.rules import secret_digest
from authsvc.rules.caller.client_authentication import ASSERTION_TYPE
from authsvc.rules.client_record import Client
from authsvc.store.caller import clients
from authsvc_devkit.servers import Servers
from tests.support.clients import flat_client
from tests.support.faultproxy import FaultProxy
from tests.support.service import BACKEND, ISSUER, Service, service
from tests.support.signers import FOREIGN, JWKS, KEYS, SIGNER
from tests.support.signing import signed_by_other

ODD = "a:b c%+é"
ENDPOINTS = {"/token": {"grant_type": "client_credentials"}, "/introspect": {"token": "x"}, "/revoke": {"token": "x"}}


async def _register(house: Service) -> None:
    async with house.runtime.db.transaction() as connection:
        await clients.add(connection, SIGNER)
        proof = replace(SIGNER.authentication, assertion_audience="token-endpoint", assertion_seconds=3600)
        await clients.add(connection, replace(SIGNER, id="lax", authentication=proof))
        keyless = Client(id="keyless", name="K", kind="confidential", grant_types=frozenset({"client_credentials"}))
        await clients.add(connection, keyless)
        odd = flat_client(
            id="odd",
            name="O",
            kind="confidential",
            secret_hashes=(sha256(ODD.encode()).digest(),),
            grant_types=frozenset({"client_credentials"}),
            introspection=True,
        )
        await clients.add(connection, odd)


@pytest_asyncio.fixture(scope="module")
async def house(servers: Servers, base_env: dict[str, str]) -> AsyncIterator[Service]:
    async with service(servers, base_env, client_failures=100_000) as running:
        await _register(running)
        yield running


def assertion(
    house: Service, alg: str = "RS256", *, key: Any = None, headers: dict[str, Any] | None = None, **changes: Any
) -> str:
    now = int(house.runtime.clock.seconds())
    claims = {"iss": "signer", "sub": "signer", "aud": ISSUER, "exp": now + 60, "jti": house.runtime.entropy(8).hex()}
    claims = {name: value for name, value in {**claims, **changes}.items() if value is not ...}
    return signed_by_other(claims, key or KEYS[alg], alg, headers)


async def present(house: Service, text: str, path: str = "/token", **form: str) -> httpx2.Response:
    sent = {**ENDPOINTS[path], "client_assertion": text, "client_assertion_type": ASSERTION_TYPE, **form}
    return await house.http.post(path, data=sent)


def refused(answer: httpx2.Response) -> bool:
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client"), answer.text
    assert answer.headers["www-authenticate"] == 'Basic realm="authsvc"'
    return True


# private_key_jwt


@pytest.mark.parametrize("path", ENDPOINTS)
@pytest.mark.parametrize("alg", KEYS)
async def test_a_registered_key_opens_at_every_endpoint_once(house: Service, alg: str, path: str) -> None:
    text = assertion(house, alg)
    assert (await present(house, text, path, client_id="signer")).status_code == 200
    for again in ENDPOINTS:
        assert refused(await present(house, text, again))


def _public_pem(alg: str) -> bytes:
    return bytes(KEYS[alg].public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))


def _by_hand(house: Service, header: dict[str, Any], key: bytes | None) -> str:
    import hmac
    from base64 import urlsafe_b64encode

    def segment(raw: bytes) -> str:
        return urlsafe_b64encode(raw).decode().rstrip("=")

    body = assertion(house).split(".")[1]
    head = segment(json.dumps(header).encode())
    signature = b"" if key is None else hmac.digest(key, f"{head}.{body}".encode(), "sha256")
    return f"{head}.{body}.{segment(signature)}"


@pytest.mark.parametrize("alg", ["none", "None", "nOnE", "", None, "RS256", "HS256"])
async def test_an_unsigned_assertion_is_refused(house: Service, alg: str | None) -> None:
    assert refused(await present(house, _by_hand(house, {"alg": alg}, None)))


@pytest.mark.parametrize("alg", ["HS256", "HS512", "RS256"])
async def test_the_public_key_is_no_shared_secret(house: Service, alg: str) -> None:
    for key in (*(_public_pem(name) for name in KEYS), json.dumps(JWKS[0]).encode(), b"", b"signer-secret"):
        for kid in ({}, {"kid": JWKS[0]["kid"]}):
            assert refused(await present(house, _by_hand(house, {"alg": alg, **kid}, key)))


async def test_a_foreign_key_is_refused_whatever_the_header_says(house: Service) -> None:
    own = dict(public_jwk(FOREIGN.public_key(), "RS256"))
    extras: list[dict[str, Any]] = [
        {},
        {"kid": JWKS[0]["kid"]},
        {"kid": own["kid"], "jwk": own},
        {"jku": "https://attacker.example/jwks.json"},
        {"x5u": "https://attacker.example/x"},
        {"x5c": ["MIIB"]},
        {"kid": "../../dev/null"},
        {"kid": "' OR 1=1 --"},
        {"kid": "k" * 4096},
        {"kid": "\0"},
    ]
    for headers in extras:
        assert refused(await present(house, assertion(house, key=FOREIGN, headers=headers)))


async def test_kid_chooses_among_the_registered_keys_only(house: Service) -> None:
    assert (await present(house, assertion(house, headers={"kid": JWKS[0]["kid"]}))).status_code == 200
    for kid in (JWKS[1]["kid"], JWKS[2]["kid"], "", "unknown"):
        assert refused(await present(house, assertion(house, headers={"kid": kid})))


async def test_a_key_is_used_with_its_own_algorithm_only(house: Service) -> None:
    assert refused(await present(house, assertion(house, "PS256", key=KEYS["RS256"])))
    assert refused(await present(house, assertion(house, "RS256", key=KEYS["PS256"])))
    assert refused(await present(house, assertion(house, "RS512", key=KEYS["RS256"])))


async def test_a_critical_extension_that_nobody_knows_is_refused(house: Service) -> None:
    assert refused(await present(house, assertion(house, headers={"crit": ["x"], "x": 1})))


AUDIENCES: list[Any] = [
    [ISSUER, "https://other.example"],
    [ISSUER, ISSUER],
    [[ISSUER]],
    [],
    f"{ISSUER}/token",
    f"{ISSUER}/",
    ISSUER[:-1],
    ISSUER + "0",
    ISSUER.upper(),
    "https://other.example",
    "",
    None,
    1,
    {},
    ...,
]


@pytest.mark.parametrize("aud", AUDIENCES, ids=range(len(AUDIENCES)))
async def test_the_audience_is_the_issuer_alone(house: Service, aud: Any) -> None:
    """RFC 10070: neither one among several nor the token endpoint, so that no other server can use what it was sent."""
    assert refused(await present(house, assertion(house, aud=aud)))


async def test_a_list_of_the_issuer_alone_says_the_same(house: Service) -> None:
    assert (await present(house, assertion(house, aud=[ISSUER]))).status_code == 200


TOKEN, PAR = f"{ISSUER}/token", f"{ISSUER}/par"


@pytest.mark.parametrize("aud", [ISSUER, TOKEN, PAR, [TOKEN], [ISSUER, TOKEN]], ids=str)
async def test_a_client_that_was_let_off_may_name_our_endpoints(house: Service, aud: Any) -> None:
    text = assertion(house, iss="lax", sub="lax", aud=aud)
    assert (await present(house, text)).status_code == 200
    assert refused(await present(house, text)), "once"


LAX_AUDIENCES = [[], "", None, 1, {}, {TOKEN: 1}, f"{TOKEN}/", f"{ISSUER}/userinfo", "https://other.example/token"]


@pytest.mark.parametrize("aud", [*LAX_AUDIENCES, [TOKEN, "https://other.example"], [TOKEN, 1], [[TOKEN]]], ids=str)
async def test_its_assertions_are_for_us_and_nobody_else(house: Service, aud: Any) -> None:
    answer = await present(house, assertion(house, iss="lax", sub="lax", aud=aud))
    assert refused(answer)
    expected = f"The aud of the assertion must be {ISSUER}, or {TOKEN}, or {PAR}, and nothing else."
    assert answer.json()["error_description"] == expected


async def test_its_assertions_live_an_hour_and_are_kept_as_long(house: Service) -> None:
    now = int(house.runtime.clock.seconds())
    before = await house.sql.fetchval("SELECT count(*) FROM spent_assertions")
    good = assertion(house, iss="lax", sub="lax", exp=now + 3590)
    assert (await present(house, good)).status_code == 200
    kept = await house.sql.fetchval("SELECT max(expires_at) > now() + interval '3580 seconds' FROM spent_assertions")
    assert kept
    assert await house.sql.fetchval("SELECT count(*) FROM spent_assertions") == before + 1
    answer = await present(house, assertion(house, iss="lax", sub="lax", exp=now + 3700))
    assert refused(answer)
    assert answer.json()["error_description"] == "The exp of the assertion must be at most 3600 seconds ahead."


async def test_whose_key_signed_is_told_what_is_expected_and_nobody_else_is(house: Service) -> None:
    now = int(house.runtime.clock.seconds())
    used = assertion(house)
    assert (await present(house, used)).status_code == 200
    told = {
        f"The aud of the assertion must be the issuer, {ISSUER}, alone.": {"aud": f"{ISSUER}/token"},
        "The iss and sub of the assertion must be the client id.": {"iss": "https://signer.example"},
        "The exp of the assertion must be at most 300 seconds ahead.": {"exp": now + 3600},
        "The assertion has expired: compare the clocks.": {"exp": now - 3600},
        "The nbf or iat of the assertion lies ahead: compare the clocks.": {"iat": now + 3600},
        "The jti of the assertion must be a text of 1 to 256 characters.": {"jti": ...},
        "The exp, nbf and iat of the assertion must be whole seconds, and exp is needed.": {"exp": ...},
    }
    for description, wrong in told.items():
        answer = await present(house, assertion(house, **wrong))
        assert refused(answer)
        assert answer.json()["error_description"] == description
        stranger = await present(house, assertion(house, key=FOREIGN, **wrong))
        assert stranger.json()["error_description"] == "Client authentication failed."
    again = (await present(house, used)).json()["error_description"]
    assert again == "The assertion was used before: each request needs one of its own, with another jti."


async def test_an_assertion_lives_five_minutes_at_most(house: Service) -> None:
    now = int(house.runtime.clock.seconds())
    assert (await present(house, assertion(house, exp=now + 300))).status_code == 200
    bad: list[Any] = [
        now + 300 + 62,
        now + 86_400,
        now - 61,
        0,
        -1,
        2**63,
        10**30,
        now + 60.5,
        str(now + 60),
        True,
        None,
        ...,
    ]
    for exp in bad:
        assert refused(await present(house, assertion(house, exp=exp)))
    for name in ("nbf", "iat"):
        for value in (now + 120, now + 0.5, "x", True, 10**30):
            if (name, value) != ("nbf", "x"):  # PyJWT's encoder refuses to write that
                assert refused(await present(house, assertion(house, **{name: value})))


async def test_claims_of_the_wrong_kind_are_refused(house: Service) -> None:
    for changes in (
        {"iss": "backend"},
        {"iss": ...},
        {"sub": "backend"},
        {"sub": ...},
        {"jti": ...},
        {"jti": ""},
        {"jti": 1},
        {"jti": "x" * 257},
        {"jti": "\ud800"},
        {"jti": "a\0"},
        {"iss": "customer", "sub": "customer"},
    ):
        try:
            text = assertion(house, **changes)
        except TypeError:
            continue  # PyJWT's encoder refuses to write that
        assert refused(await present(house, text))
    assert refused(await present(house, assertion(house), client_id="backend"))
    assert refused(await present(house, assertion(house, iss="keyless", sub="keyless")))
    assert refused(await present(house, assertion(house, iss="nobody", sub="nobody")))


async def test_another_clients_assertion_of_the_same_jti_is_not_spent_by_ours(house: Service) -> None:
    text = assertion(house, jti="shared")
    assert (await present(house, text)).status_code == 200
    assert refused(await present(house, assertion(house, jti="shared")))


@pytest.mark.parametrize("first", ["with Redis", "without Redis"])
async def test_a_replay_is_refused_also_when_redis_goes_or_comes_in_between(
    servers: Servers, base_env: dict[str, str], first: str
) -> None:
    parts = urlsplit(servers.redis_url)
    async with FaultProxy(parts.path) as proxy:
        query = urlencode(parse_qsl(parts.query))
        url = urlunsplit(parts._replace(path=str(proxy.path), query=query))
        async with service(servers, base_env, redis_url=url) as house:
            await _register(house)
            text = assertion(house)

            def away() -> None:
                proxy.refuse()
                proxy.cut()

            def back() -> None:
                proxy.heal()

            before, after = (back, away) if first == "with Redis" else (away, back)
            before()
            assert (await present(house, text)).status_code == 200
            assert refused(await present(house, text))
            after()
            for _ in range(5):
                assert refused(await present(house, text))


# Secrets


async def test_a_secret_is_compared_in_constant_time(house: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both stored secrets, always, by hmac.compare_digest, and as digests: no length of anything shows."""
    compared: list[tuple[bytes, bytes]] = []
    compare = secret_digest.compare_digest

    def counted(a: bytes, b: bytes) -> bool:
        compared.append((a, b))
        return compare(a, b)

    monkeypatch.setattr(secret_digest, "compare_digest", counted)
    stored = [sha256(b"new").digest(), sha256(b"backend-secret").digest()]
    await house.sql.execute("UPDATE clients SET secret_hashes = $1 WHERE id = 'backend'", stored)
    house.runtime.clients._entries.clear()
    for secret in ("new", "backend-secret", "wrong", "x" * 1000, "é"):
        compared.clear()
        answer = await house.http.post("/introspect", data={"token": "x"}, auth=("backend", secret))
        assert (answer.status_code == 200) == (secret in ("new", "backend-secret"))
        assert [b for _, b in compared] == stored
        assert {len(a) for a, _ in compared} == {32}


@pytest.mark.parametrize("path", ENDPOINTS)
async def test_two_methods_in_one_request_are_400(house: Service, path: str) -> None:
    form = {**ENDPOINTS[path], "client_id": "backend"}
    signed = {
        "client_assertion": assertion(house, iss="backend", sub="backend"),
        "client_assertion_type": ASSERTION_TYPE,
    }
    for data, auth in (
        ({**form, "client_secret": "backend-secret"}, BACKEND),
        ({**form, **signed}, BACKEND),
        ({**form, **signed, "client_secret": "backend-secret"}, None),
        ({**form, "client_id": "customer"}, BACKEND),
    ):
        answer = await house.http.post(path, data=data, auth=auth)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert (await house.http.post(path, data=form, auth=BACKEND)).status_code == 200


async def test_a_public_client_with_a_secret_is_refused(house: Service) -> None:
    tokens = await house.login()
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    for secret in ("x", "backend-secret"):
        assert refused(await house.http.post("/token", data={**form, "client_id": "customer", "client_secret": secret}))
        assert refused(await house.http.post("/token", data=form, auth=("customer", secret)))
    signed = assertion(house, iss="customer", sub="customer")
    assert refused(await present(house, signed, **form))
    assert (await house.refresh(tokens["refresh_token"])).status_code == 200


async def test_an_empty_secret_in_the_header_is_none_as_it_is_in_the_form(
    servers: Servers, base_env: dict[str, str]
) -> None:
    """RFC 6749 section 2.3.1. Libraries of public clients send it unless told otherwise; it is no failed attempt."""
    async with service(servers, base_env, client_failures=2) as few:
        token = (await few.login())["refresh_token"]
        for named in ({}, {"client_id": "customer"}, {}, {}):
            form = {"grant_type": "refresh_token", "refresh_token": token, **named}
            answer = await few.http.post("/token", data=form, auth=("customer", ""))
            assert answer.status_code == 200, answer.text
            token = answer.json()["refresh_token"]
        assert not await few.redis_keys("{fail}*client*")
        form = {"grant_type": "refresh_token", "refresh_token": token, "client_secret": "x"}
        assert (await few.http.post("/token", data=form, auth=("customer", ""))).status_code == 400
        for statuses in (401, 401, 429):
            answer = await few.http.post("/introspect", data={"token": "x"}, auth=("backend", ""))
            assert answer.status_code == statuses


async def test_a_confidential_client_without_its_secret_is_refused(house: Service) -> None:
    for path, form in ENDPOINTS.items():
        assert refused(await house.http.post(path, data={**form, "client_id": "backend"}))
        assert refused(await house.http.post(path, data={**form, "client_id": "backend", "client_secret": ""}))
        assert refused(await house.http.post(path, data=form, auth=("backend", "")))
        assert refused(await house.http.post(path, data=form, auth=("keyless", "")))


@pytest.mark.parametrize("secret", [quote(ODD, safe=""), quote_plus(ODD), ODD], ids=["percent", "form", "as it is"])
async def test_ids_and_secrets_are_form_encoded_inside_basic(house: Service, secret: str) -> None:
    """RFC 6749 section 2.3.1, where a space is a plus; and as the many send it that have not read it."""
    for name, status in (("odd", 200), ("o%64d", 200), ("even", 401)):
        encoded = b64encode(f"{name}:{secret}".encode()).decode()
        headers = {"Authorization": f"Basic {encoded}"}
        answer = await house.http.post("/introspect", data={"token": "x"}, headers=headers)
        assert answer.status_code == status


async def test_a_secret_inside_basic_is_decoded_once_and_whole(house: Service) -> None:
    """Half encoded or encoded twice is another secret."""
    for secret in (quote(quote(ODD)), ODD.replace(" ", "+"), quote(ODD, safe="+"), ODD + " ", ""):
        encoded = b64encode(f"odd:{secret}".encode()).decode()
        headers = {"Authorization": f"Basic {encoded}"}
        assert refused(await house.http.post("/introspect", data={"token": "x"}, headers=headers))


async def test_only_clients_that_may_introspect_do(house: Service) -> None:
    tokens = await house.login()
    answer = await house.http.post("/introspect", data={"token": tokens["access_token"], "client_id": "customer"})
    assert answer.status_code == 403
    assert "active" not in answer.text
