"""Request objects (RFC 9101): signed by the client with a registered key, for us, for now, and for nothing else."""

from __future__ import annotations

import hmac
import json
import os
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator
from dataclasses import replace
from hashlib import sha256
from typing import Any

import httpx2
import jwt
import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric import rsa

from authsvc.jose.algorithms import ALGORITHMS
from authsvc.rules.caller.client_authentication import ASSERTION_TYPE
from authsvc.store.caller import clients
from authsvc_devkit.servers import Servers
from tests.support.calls import refused
from tests.support.clients import flat_client
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
from tests.support.service import ISSUER, Service, service
from tests.support.signers import FOREIGN, JWKS, KEYS
from tests.support.signing import signed_by_other
from tests.support.until_answered import until_answered

SECRET = ("signing", "signing-secret")
SIGNING = flat_client(
    id="signing",
    name="Signing",
    kind="confidential",
    secret_hashes=(sha256(b"signing-secret").digest(),),
    redirect_uris=(PARTNER_CALLBACK,),
    grant_types=frozenset({"authorization_code"}),
    scopes=("openid", "profile", "email"),
    jwks={"keys": JWKS},
    first_party=True,
    audiences=("https://api.example", "https://b.example"),
)
TYPE = {"typ": "oauth-authz-req+jwt"}


@pytest_asyncio.fixture(scope="module")
async def house(servers: Servers, base_env: dict[str, str]) -> AsyncIterator[Service]:
    async with service(servers, base_env, client_failures=100_000) as running:
        async with running.runtime.db.transaction() as connection:
            await clients.add(connection, SIGNING)
        yield running


def claims(house: Service, pkce: Pkce | None = None, **changed: Any) -> dict[str, Any]:
    now = int(house.runtime.clock.seconds())
    asked = authorize_parameters(pkce or Pkce(), client_id="signing", redirect_uri=PARTNER_CALLBACK)
    envelope = {"iss": "signing", "aud": ISSUER, "exp": now + 60, "nbf": now, "iat": now, "jti": os.urandom(8).hex()}
    return {name: value for name, value in {**asked, **envelope, **changed}.items() if value is not ...}


def signed(
    house: Service,
    alg: str = "RS256",
    *,
    key: Any = None,
    header: dict[str, Any] | None = None,
    pkce: Pkce | None = None,
    **changed: Any,
) -> str:
    return signed_by_other(claims(house, pkce, **changed), key or KEYS[alg], alg, header or TYPE)


async def push(house: Service, text: str, **form: str) -> httpx2.Response:
    return await house.http.post("/par", data={"request": text, **form}, auth=SECRET)


def is_refused(answer: httpx2.Response) -> bool:
    return refused(answer, "invalid_request_object")


@pytest.mark.parametrize("alg", KEYS)
async def test_a_signed_request_leads_to_tokens(house: Service, alg: str) -> None:
    pkce = Pkce()
    answer = await push(house, signed(house, alg, pkce=pkce, state="signed"), client_id="signing")
    assert answer.status_code == 201, answer.text
    got = await log_in(house.caller(), pushed_url(answer.json()["request_uri"], "signing"))
    assert got["state"] == "signed"
    form = {
        "grant_type": "authorization_code",
        "code": got["code"],
        "code_verifier": pkce.verifier,
        "redirect_uri": PARTNER_CALLBACK,
    }
    assert (await house.http.post("/token", data=form, auth=SECRET)).status_code == 200


async def test_what_is_listed_is_what_is_taken(house: Service) -> None:
    said = (await house.http.get("/.well-known/openid-configuration")).json()
    assert sorted(said["request_object_signing_alg_values_supported"]) == sorted(KEYS)


async def test_parameters_outside_the_object_do_not_count(house: Service) -> None:
    outside = {"redirect_uri": "https://evil.example/", "scope": "openid email", "state": "evil", "prompt": "none"}
    answer = await push(house, signed(house, scope="openid", state=...), **outside)
    got = await log_in(house.caller(), pushed_url(answer.json()["request_uri"], "signing"))
    assert "state" not in got


async def test_structured_claims_are_read_as_they_are_meant(house: Service) -> None:
    extra = {"max_age": 300, "claims": {"id_token": {"email": None}}, "resource": ["https://api.example", ISSUER]}
    assert (await push(house, signed(house, **extra))).status_code == 201
    assert (await push(house, signed(house, resource="https://b.example"))).status_code == 201
    assert refused(await push(house, signed(house, resource=["https://evil.example"])), "invalid_target")


async def test_the_object_is_judged_like_every_request(house: Service) -> None:
    assert refused(await push(house, signed(house, redirect_uri="https://evil.example/")))
    assert refused(await push(house, signed(house, code_challenge=...)))
    assert refused(await push(house, signed(house, scope="admin")), "invalid_scope")
    assert refused(await push(house, signed(house, response_type="token")), "unsupported_response_type")
    assert refused(await push(house, signed(house, registration={})), "registration_not_supported")


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "partner"},
        {"iss": ...},
        {"iss": ["signing"]},
        {"client_id": "partner"},
        {"client_id": ...},
        {"aud": ...},
        {"aud": f"{ISSUER}/par"},
        {"aud": ["https://other.example"]},
        {"aud": []},
        {"aud": "https://other.example"},
        {"aud": {}},
        {"aud": [[ISSUER]]},
        {"sub": "signing"},
        {"request": "x"},
        {"request_uri": "https://evil.example/"},
        {"exp": ...},
        {"exp": 0},
        {"exp": "9999999999"},
        {"exp": True},
        {"exp": None},
        {"exp": 10**30},
        {"nbf": 9_999_999_999},
        {"iat": 9_999_999_999},
        {"nbf": "x"},
        {"state": 1},
        {"state": None},
        {"state": ["x"]},
        {"state": "a\0b"},
        {"state": "\ud800"},
        {"scope": {}},
        {"max_age": 1.5},
        {"max_age": True},
        {"max_age": -1},
        {"max_age": 10**12},
        {"resource": [1]},
        {"claims": [1]},
        {"jti": 1},
        {"jti": ""},
        {"jti": "x" * 257},
        {"jti": None},
    ],
    ids=repr,
)
async def test_an_object_with_a_wrong_claim_is_refused(house: Service, changed: dict[str, Any]) -> None:
    found = claims(house, **changed)
    header = {"alg": "ES256", **TYPE}  # PyJWT's encoder would refuse some of them
    signing_input = f"{_segment(header)}.{_segment(found)}"
    signature = ALGORITHMS["ES256"].sign(signing_input.encode(), KEYS["ES256"])
    assert is_refused(await push(house, f"{signing_input}.{_text(signature)}"))


def _text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).decode().rstrip("=")


def _segment(value: object) -> str:
    return _text(json.dumps(value).encode())


async def test_an_object_lives_an_hour_at_most(house: Service) -> None:
    now = int(house.runtime.clock.seconds())
    for exp, taken in ((now + 3600, True), (now + 3600 + 70, False), (now - 50, True), (now - 70, False)):
        answer = await push(house, signed(house, exp=exp))
        assert answer.status_code == (201 if taken else 400), exp - now
        assert taken or is_refused(answer)


async def test_a_key_that_was_not_registered_is_refused(house: Service) -> None:
    assert is_refused(await push(house, signed(house, key=FOREIGN)))
    embedded = {**TYPE, "jwk": json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(FOREIGN.public_key()))}
    assert is_refused(await push(house, signed(house, key=FOREIGN, header=embedded)))
    assert is_refused(await push(house, signed(house, header={**TYPE, "kid": "unknown"})))
    assert is_refused(await push(house, signed(house, header={**TYPE, "crit": ["x"], "x": 1})))
    assert is_refused(await push(house, signed(house, "PS256", key=KEYS["RS256"])))
    weak = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    assert is_refused(await push(house, signed(house, "RS512", key=weak)))


@pytest.mark.parametrize("alg", ["none", "None", "", None, "HS256", "RS256"])
async def test_an_unsigned_object_is_refused(house: Service, alg: str | None) -> None:
    body = f"{_segment({'alg': alg, **TYPE})}.{_segment(claims(house))}"
    mac = _text(hmac.digest(b"signing-secret", body.encode(), "sha256"))
    for text in (f"{body}.", f"{body}.x", f"{body}.{mac}"):
        assert is_refused(await push(house, text))


@pytest.mark.parametrize(
    "text", ["x", "..", "e30.e30.e30", "a.b.c", "a.b.c.d.e", "[]", "\u00e9.\u00e9.\u00e9", "x" * 16_385]
)
async def test_what_is_no_jwt_is_refused(house: Service, text: str) -> None:
    assert is_refused(await push(house, text))


async def test_a_name_that_stands_twice_in_the_object_is_refused(house: Service) -> None:
    found = json.dumps(claims(house))
    payload = found[:-1] + ', "scope": "openid email"}'
    signing_input = f"{_segment({'alg': 'RS256', **TYPE})}.{_text(payload.encode())}"
    signature = ALGORITHMS["RS256"].sign(signing_input.encode(), KEYS["RS256"])
    assert is_refused(await push(house, f"{signing_input}.{_text(signature)}"))


async def test_a_client_without_keys_cannot_sign(house: Service) -> None:
    answer = await house.http.post("/par", data={"client_id": "customer", "request": signed(house)})
    assert is_refused(answer)


async def test_another_clients_object_is_refused(house: Service) -> None:
    form = {"request": signed(house)}
    answer = await house.http.post("/par", data=form, auth=("partner", "partner-secret"))
    assert is_refused(answer)
    assert refused(await push(house, signed(house), client_id="partner"))


# Once


async def test_an_object_is_good_once(house: Service) -> None:
    text = signed(house, jti="once")
    assert (await push(house, text)).status_code == 201
    for _ in range(3):
        assert is_refused(await push(house, text))
    assert is_refused(await push(house, signed(house, "ES256", jti="once"))), "the jti is spent, whatever else it says"
    assert (await push(house, signed(house, jti="twice"))).status_code == 201


async def test_an_object_pushed_in_parallel_is_taken_once_at_most(house: Service) -> None:
    text = signed(house)
    answers = await until_answered(lambda: push(house, text), 20)
    assert sum(answer.status_code == 201 or is_refused(answer) for answer in answers) == 20
    assert sum(answer.status_code == 201 for answer in answers) <= 1
    assert is_refused(*await until_answered(lambda: push(house, text), 1))


async def test_each_client_has_its_own_jti_space(house: Service) -> None:
    async with house.runtime.db.transaction() as connection:
        await clients.add(connection, replace(SIGNING, id="signing2"))
    assert (await push(house, signed(house, jti="shared"))).status_code == 201
    text = signed(house, jti="shared", client_id="signing2", iss="signing2")
    answer = await house.http.post("/par", data={"request": text}, auth=("signing2", SECRET[1]))
    assert answer.status_code == 201, answer.text


async def test_without_a_jti_there_is_nothing_to_remember(house: Service) -> None:
    """RFC 9101 leaves it to the client; nobody else can take it out of what the client signed."""
    text = signed(house, jti=...)
    assert [(await push(house, text)).status_code for _ in range(2)] == [201, 201]


async def test_a_replay_is_remembered_for_the_life_of_the_object(house: Service) -> None:
    await house.sql.execute("DELETE FROM spent_assertions")
    assert (await push(house, signed(house, exp=int(house.runtime.clock.seconds()) + 3000))).status_code == 201
    sql = "SELECT extract(epoch FROM max(expires_at) - now())::float8 FROM spent_assertions"
    skew = house.runtime.settings.clock_skew_seconds
    assert 2900 + skew <= await house.sql.fetchval(sql) <= 3001 + skew


@pytest.mark.parametrize("first", ["with Redis", "without Redis"])
async def test_a_replay_is_refused_also_when_redis_goes_or_comes_in_between(house: Service, first: str) -> None:
    redis, text = house.runtime.redis.route, signed(house)
    ways = [0.0, float("inf")] if first == "with Redis" else [float("inf"), 0.0]
    try:
        redis._open_until = ways[0]
        assert (await push(house, text)).status_code == 201
        redis._open_until = ways[1]
        assert is_refused(await push(house, text))
    finally:
        redis._open_until = 0.0


async def test_an_object_that_an_outage_kept_from_being_pushed_is_still_good(house: Service) -> None:
    text = signed(house)
    assert (await push(house, signed(house))).status_code == 201  # the client is remembered
    house.runtime.db._open_until = float("inf")
    try:
        answer = await push(house, text)
    finally:
        house.runtime.db._open_until = 0.0
    assert answer.status_code == 503
    assert answer.headers["retry-after"]
    assert (await push(house, text)).status_code == 201


async def test_an_object_that_is_refused_is_not_spent(house: Service) -> None:
    holder = Holder(house)
    await holder.post("/par", data={"request": "x"}, auth=SECRET)  # learns a nonce
    text = signed(house, dpop_jkt=holder.jkt)
    other = Holder(house, nonce=holder.nonce)
    assert refused(await other.post("/par", data={"request": text}, auth=SECRET), "invalid_dpop_proof")
    assert (await holder.post("/par", data={"request": text}, auth=SECRET)).status_code == 201


# One JWT is never taken for another


@pytest.mark.parametrize("typ", ["JWT", "oauth-authz-req+jwt", "application/oauth-authz-req+jwt", None])
async def test_an_object_may_be_a_plain_jwt(house: Service, typ: str | None) -> None:
    answer = await push(house, signed(house, header={"typ": typ}))  # PyJWT leaves a typ of None out
    assert answer.status_code == 201, answer.text


@pytest.mark.parametrize("typ", ["at+jwt", "dpop+jwt", "client-authentication+jwt", "logout+jwt", 1])
async def test_a_jwt_of_another_type_is_no_object(house: Service, typ: Any) -> None:
    assert is_refused(await push(house, signed(house, header={"typ": typ})))


async def test_a_client_assertion_is_no_request_object(house: Service) -> None:
    now = int(house.runtime.clock.seconds())
    assertion = {"iss": "signing", "sub": "signing", "aud": ISSUER, "exp": now + 60, "jti": "assertion-1"}
    for header in ({}, {"typ": "client-authentication+jwt"}):
        assert is_refused(await push(house, jwt.encode(assertion, KEYS["RS256"], "RS256", headers=header)))
    asked = {**claims(house), **assertion}
    assert is_refused(await push(house, jwt.encode(asked, KEYS["RS256"], "RS256")))


@pytest.mark.parametrize("typ", ["oauth-authz-req+jwt", "JWT", None])
async def test_a_request_object_is_no_client_assertion(house: Service, typ: str | None) -> None:
    """Not even one that has all claims of an assertion."""
    for sub in ("signing", ...):
        text = signed(house, header={"typ": typ}, sub=sub)
        form = {"client_assertion": text, "client_assertion_type": ASSERTION_TYPE, "token": "x", "client_id": "signing"}
        for path in ("/revoke", "/par"):
            assert refused(await house.http.post(path, data=form), "invalid_client", 401)


async def test_an_assertion_and_an_object_serve_together(house: Service) -> None:
    now = int(house.runtime.clock.seconds())
    for header in ({}, {"typ": "client-authentication+jwt"}, {"typ": "JWT"}):
        assertion = {"iss": "signing", "sub": "signing", "aud": ISSUER, "exp": now + 60, "jti": os.urandom(8).hex()}
        form = {
            "client_assertion": jwt.encode(assertion, KEYS["ES256"], "ES256", headers=header),
            "client_assertion_type": ASSERTION_TYPE,
            "request": signed(house),
        }
        assert (await house.http.post("/par", data=form)).status_code == 201


# Only by way of /par


async def test_an_object_at_the_authorization_endpoint_is_refused(house: Service) -> None:
    url = authorize_url(Pkce(), client_id="signing", redirect_uri=PARTNER_CALLBACK, request=signed(house))
    assert redirected(await house.http.get(url), PARTNER_CALLBACK)["error"] == "request_not_supported"
