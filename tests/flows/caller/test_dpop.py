"""DPoP (RFC 9449): tokens that only the holder of a key can use, and what is tried against that."""

from __future__ import annotations

import asyncio
import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import jwt
import pytest
import pytest_asyncio
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from authsvc.store.caller import clients
from authsvc_devkit.servers import Servers
from tests.security.conftest import statements
from tests.support.calls import refused
from tests.support.clients import flat_client
from tests.support.login_steps import CALLBACK, Pkce, authorize_parameters, code_for
from tests.support.proofs import CLIENT, Holder, ath, refused_proof
from tests.support.service import BACKEND, ISSUER, LOGIN, Service, bearer, service
from tests.support.until_answered import until_answered

KEYS: dict[str, Any] = {
    "RS256": rsa.generate_private_key(public_exponent=65537, key_size=2048),
    "PS256": rsa.generate_private_key(public_exponent=65537, key_size=2048),
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate(),
    "Ed25519": ed25519.Ed25519PrivateKey.generate(),
}
BOUND = flat_client(
    id="bound",
    name="Bound",
    kind="public",
    grant_types=frozenset({"refresh_token"}),
    scopes=("openid",),
    first_party=True,
    dpop_bound_access_tokens=True,
)


@pytest_asyncio.fixture(scope="module")
async def house(servers: Servers, base_env: dict[str, str]) -> AsyncIterator[Service]:
    async with service(servers, base_env) as running:
        async with running.runtime.db.transaction() as connection:
            await clients.add(connection, BOUND)
        yield running


@pytest.fixture
async def holder(house: Service) -> Holder:
    """A holder that knows a nonce."""
    made = Holder(house)
    assert (await made.post("/token", **CLIENT)).status_code == 200
    return made


def challenged(answer: httpx2.Response, error: str) -> bool:
    assert (answer.status_code, answer.json()["error"]) == (401, error), answer.text
    challenge = answer.headers["www-authenticate"]
    assert challenge.startswith('DPoP realm="authsvc", algs="ES256 ')
    assert f'error="{error}"' in challenge
    return True


def claims_of(token: str) -> dict[str, Any]:
    found: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return found


# What it gives


@pytest.mark.parametrize("alg", KEYS)
async def test_a_proof_binds_the_access_token_to_its_key(house: Service, alg: str) -> None:
    holder = Holder(house, alg, KEYS[alg])
    answer = await holder.post("/token", **CLIENT)
    assert answer.status_code == 200
    assert answer.json()["token_type"] == "DPoP"
    assert claims_of(answer.json()["access_token"])["cnf"] == {"jkt": holder.jkt}
    assert "refresh_token" not in answer.json()


async def test_without_the_header_nothing_is_different(house: Service) -> None:
    answer = await house.http.post("/token", **CLIENT)
    assert answer.json()["token_type"] == "Bearer"
    assert "cnf" not in claims_of(answer.json()["access_token"])
    assert "dpop-nonce" not in answer.headers


async def test_introspection_shows_the_key(holder: Holder) -> None:
    tokens = await holder.login()
    answer = await holder.house.http.post("/introspect", data={"token": tokens["access_token"]}, auth=BACKEND)
    assert (answer.json()["token_type"], answer.json()["cnf"]) == ("DPoP", {"jkt": holder.jkt})


async def test_the_metadata_lists_the_algorithms_that_work(house: Service) -> None:
    listed = (await house.http.get("/.well-known/openid-configuration")).json()["dpop_signing_alg_values_supported"]
    assert sorted(listed) == sorted(KEYS)


# The nonce


async def test_the_first_proof_is_answered_with_the_nonce_to_use(house: Service) -> None:
    holder = Holder(house)
    answer = await house.http.post("/token", headers={"DPoP": holder.proof()}, **CLIENT)
    assert refused_proof(answer, "use_dpop_nonce")
    holder.nonce = answer.headers["dpop-nonce"]
    again = await house.http.post("/token", headers={"DPoP": holder.proof()}, **CLIENT)
    assert again.status_code == 200
    assert again.headers["dpop-nonce"]  # also on success: the client stays fresh


@pytest.mark.parametrize("nonce", ["", "x", "A" * 28, "é" * 28, 1, True, None, [], "x" * 5000])
async def test_a_nonce_that_is_not_ours_is_not_taken(holder: Holder, nonce: Any) -> None:
    answer = await holder.post("/token", holder.proof(nonce=nonce), **CLIENT)
    assert refused_proof(answer, "invalid_dpop_proof" if nonce == "x" * 5000 else "use_dpop_nonce")


async def test_a_nonce_lives_for_minutes_and_then_is_old(holder: Holder, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = holder.house.runtime.clock
    real, old = clock.seconds, holder.nonce
    for later, taken in ((0, True), (119, True), (241, False), (86_400, False), (-241, False)):
        monkeypatch.setattr(clock, "seconds", lambda later=later: real() + later)
        answer = await holder.house.http.post("/token", headers={"DPoP": holder.proof(nonce=old)}, **CLIENT)
        assert (answer.status_code == 200) == taken, later
        assert taken or refused_proof(answer, "use_dpop_nonce")


async def test_a_nonce_is_known_to_every_replica(settings_env: dict[str, str], replicas: Any) -> None:
    first, second = replicas.start(2)
    async with httpx2.AsyncClient() as web:
        holder = Holder(None)
        answer = await web.post(f"{first.url}/token", headers={"DPoP": holder.proof()}, **CLIENT)
        assert refused_proof(answer, "use_dpop_nonce")
        holder.nonce = answer.headers["dpop-nonce"]
        proof = holder.proof()
        given = await asyncio.gather(
            *(web.post(f"{one.url}/token", headers={"DPoP": proof}, **CLIENT) for one in (second, first) * 10)
        )
        assert sorted(answer.status_code for answer in given) == [200] + [400] * 19
        assert {answer.json().get("error") for answer in given} == {None, "invalid_dpop_proof"}


async def test_nonces_may_be_switched_off_and_then_the_proof_must_be_young(
    servers: Servers, base_env: dict[str, str]
) -> None:
    async with service(servers, base_env, dpop_nonce_required="false") as house:
        holder = Holder(house)
        now = int(house.runtime.clock.seconds())
        for iat, taken in ((now, True), (now - 110, True), (now - 130, False), (now + 50, True), (now + 70, False)):
            answer = await house.http.post("/token", headers={"DPoP": holder.proof(iat=iat)}, **CLIENT)
            assert (answer.status_code == 200) == taken, iat - now
            assert taken or refused_proof(answer)
        wrong = await house.http.post("/token", headers={"DPoP": holder.proof(nonce="x")}, **CLIENT)
        assert refused_proof(wrong, "use_dpop_nonce")


async def test_a_nonce_may_date_a_proof_and_then_the_proof_is_good_once(
    servers: Servers, base_env: dict[str, str]
) -> None:
    async with service(servers, base_env, dpop_nonce_dates="true") as house:
        holder = Holder(house)
        for iat in (0, int(house.runtime.clock.seconds()) + 86_400):
            answer = await house.http.post("/token", headers={"DPoP": holder.proof(iat=iat, nonce=...)}, **CLIENT)
            assert refused_proof(answer, "use_dpop_nonce")
            holder.nonce = answer.headers["dpop-nonce"]
            proof = holder.proof(iat=iat)
            assert (await house.http.post("/token", headers={"DPoP": proof}, **CLIENT)).status_code == 200
            again = await asyncio.gather(
                *(house.http.post("/token", headers={"DPoP": proof}, **CLIENT) for _ in range(5))
            )
            assert all(refused_proof(one) for one in again)


# Proofs that are none


@pytest.mark.parametrize(
    "claims",
    [
        {"htm": "GET"},
        {"htm": "post"},
        {"htm": ...},
        {"htm": None},
        {"htu": ISSUER},
        {"htu": f"{ISSUER}/tokens"},
        {"htu": f"{ISSUER}/token/"},
        {"htu": f"{ISSUER}/Token"},
        {"htu": "http://localhost:8001/token"},
        {"htu": "https://localhost:8000/token"},
        {"htu": "/token"},
        {"htu": "http://localhost/token"},
        {"htu": "http://evil.example/token"},
        {"htu": ...},
        {"htu": 1},
        {"htu": "http://localhost:8000@evil.example/token"},
        {"htu": "http://user@localhost:8000/token"},
        {"htu": "http://localhost:8000\\token"},
        {"htu": " http://localhost:8000/token"},
        {"htu": "http://[/token"},
        {"jti": ...},
        {"jti": ""},
        {"jti": 7},
        {"jti": None},
        {"jti": "x" * 257},
        {"jti": "x" * 4096},
        {"iat": ...},
        {"iat": "1"},
        {"iat": True},
        {"iat": None},
        {"iat": 0},
        {"iat": -1},
        {"iat": 10**30},
    ],
    ids=repr,
)
async def test_a_proof_for_something_else_or_without_its_claims_is_refused(
    holder: Holder, claims: dict[str, Any]
) -> None:
    assert refused_proof(await holder.post("/token", holder.proof(**claims), **CLIENT))


@pytest.mark.parametrize(
    "htu",
    [
        f"{ISSUER}/token?a=b",
        f"{ISSUER}/token#x",
        "HTTP://LOCALHOST:8000/token",
        f"{ISSUER}/%74oken",
        f"{ISSUER}/token?",
    ],
)
async def test_the_address_is_compared_after_normalisation(holder: Holder, htu: str) -> None:
    assert (await holder.post("/token", holder.proof(htu=htu), **CLIENT)).status_code == 200


async def test_the_host_header_says_nothing_about_the_address(holder: Holder) -> None:
    """Whoever makes a client talk to evil.example cannot use the proof here."""
    proof = holder.proof(htu="http://evil.example/token")
    answer = await holder.house.http.post("/token", headers={"DPoP": proof, "Host": "evil.example"}, **CLIENT)
    assert refused_proof(answer)
    answer = await holder.house.http.post("/token", headers={"DPoP": holder.proof(), "Host": "evil.example"}, **CLIENT)
    assert answer.status_code == 200


async def test_a_clock_that_is_a_little_wrong_is_forgiven_with_our_nonce(holder: Holder) -> None:
    now = int(holder.house.runtime.clock.seconds())
    for off, taken in ((-290, True), (290, True), (-310, False), (310, False), (-86_400, False)):
        answer = await holder.post("/token", holder.proof(iat=now + off), **CLIENT)
        assert (answer.status_code == 200) == taken, off
        assert taken or refused_proof(answer)
    assert (await holder.post("/token", holder.proof(iat=now + 0.5), **CLIENT)).status_code == 200


def by_hand(header: dict[str, Any], claims: dict[str, Any], signature: bytes = b"x") -> str:
    def segment(raw: bytes) -> str:
        return urlsafe_b64encode(raw).decode().rstrip("=")

    return f"{segment(json.dumps(header).encode())}.{segment(json.dumps(claims).encode())}.{segment(signature)}"


def _decoded(segment: str) -> bytes:
    return urlsafe_b64decode(segment + "=" * (-len(segment) % 4))


def public_pem(holder: Holder) -> bytes:
    return bytes(holder.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))


def good_claims(holder: Holder) -> dict[str, Any]:
    return claims_of(holder.proof())


@pytest.mark.parametrize("alg", ["none", "None", "", None, "HS256", "ES256K", "RS512", ["ES256"], {}])
async def test_an_unsigned_proof_or_one_of_another_algorithm_is_refused(holder: Holder, alg: Any) -> None:
    header = {"typ": "dpop+jwt", "alg": alg, "jwk": holder.jwk}
    for signature in (b"", b"x", bytes(64)):
        assert refused_proof(await holder.post("/token", by_hand(header, good_claims(holder), signature), **CLIENT))


async def test_a_symmetric_key_in_the_proof_is_refused(holder: Holder) -> None:
    """HS256 under an embedded oct key: anybody could sign that."""
    secret = b"x" * 32
    jwk = {"kty": "oct", "k": urlsafe_b64encode(secret).decode().rstrip("=")}
    for header in ({"jwk": jwk}, {"jwk": {**jwk, **holder.jwk}}, {"jwk": {"kty": "oct"}}):
        proof = jwt.encode(good_claims(holder), secret, "HS256", headers={"typ": "dpop+jwt", **header})
        assert refused_proof(await holder.post("/token", proof, **CLIENT))


async def test_the_public_key_as_an_hmac_secret_is_refused(holder: Holder) -> None:
    header = {"typ": "dpop+jwt", "alg": "HS256", "jwk": holder.jwk}
    signing_input = by_hand(header, good_claims(holder)).rpartition(".")[0]
    for secret in (json.dumps(holder.jwk).encode(), public_pem(holder)):
        mac = hmac.digest(secret, signing_input.encode(), "sha256")
        proof = by_hand(header, json.loads(_decoded(signing_input.split(".")[1])), mac)
        assert refused_proof(await holder.post("/token", proof, **CLIENT))


@pytest.mark.parametrize("member", ["d", "p", "q", "dp", "dq", "qi", "oth", "k"])
async def test_a_private_key_in_the_proof_is_refused(holder: Holder, member: str) -> None:
    proof = holder.proof(header={"jwk": {**holder.jwk, member: "AQAB"}})
    assert refused_proof(await holder.post("/token", proof, **CLIENT))


@pytest.mark.parametrize("typ", ["JWT", "at+jwt", "dpop", "", None, 1, "client-authentication+jwt", "dpop+jwt "])
async def test_a_jwt_of_another_type_is_no_proof(holder: Holder, typ: Any) -> None:
    assert refused_proof(await holder.post("/token", holder.proof(header={"typ": typ}), **CLIENT))


async def test_a_key_is_neither_fetched_nor_looked_up(holder: Holder) -> None:
    for header in (
        {"jwk": None},
        {"jwk": None, "jku": "https://evil.example/jwks"},
        {"jwk": None, "kid": "1"},
        {"jwk": None, "x5u": "https://evil.example/x"},
        {"jwk": "x"},
        {"jwk": [holder.jwk]},
        {"jwk": {}},
        {"crit": ["x"], "x": 1},
        {"crit": []},
        {"jwk": {**holder.jwk, "use": "enc"}},
        {"jwk": {**holder.jwk, "alg": "PS256"}},
        {"jwk": {**holder.jwk, "x": "AA"}},
        {"jwk": {**holder.jwk, "x": 1}},
        {"jwk": {"kty": "RSA", "n": "AQAB", "e": "AQAB"}},
    ):
        assert refused_proof(await holder.post("/token", holder.proof(header=header), **CLIENT))
    elsewhere = holder.proof(header={"jku": "https://evil.example/jwks", "x5u": "https://evil.example/x"})
    assert (await holder.post("/token", elsewhere, **CLIENT)).status_code == 200  # not even read


async def test_a_proof_signed_by_another_key_than_it_shows_is_refused(holder: Holder) -> None:
    other = ec.generate_private_key(ec.SECP256R1())
    assert refused_proof(await holder.post("/token", holder.proof(sign_with=other), **CLIENT))
    text = holder.proof()
    assert refused_proof(await holder.post("/token", text[:-4] + ("AAAA" if text[-4:] != "AAAA" else "BBBB"), **CLIENT))
    head, _, signature = text.split(".")
    other_claims = by_hand({}, {**good_claims(holder), "jti": "another"}).split(".")[1]
    assert refused_proof(await holder.post("/token", f"{head}.{other_claims}.{signature}", **CLIENT))


async def test_a_weak_or_monstrous_rsa_key_is_refused(house: Service) -> None:
    weak = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    numbers = weak.public_key().public_numbers()

    def number(value: int) -> str:
        return urlsafe_b64encode(value.to_bytes((value.bit_length() + 7) // 8, "big")).decode().rstrip("=")

    jwk = {"kty": "RSA", "n": number(numbers.n), "e": number(numbers.e)}
    holder = Holder(house)
    claims = good_claims(holder)
    header = {"typ": "dpop+jwt", "alg": "RS256", "jwk": jwk}
    signing_input = by_hand(header, claims).rpartition(".")[0].encode()
    signature = weak.sign(signing_input, padding.PKCS1v15(), hashes.SHA256())
    assert refused_proof(await holder.post("/token", by_hand(header, claims, signature), **CLIENT))
    big = KEYS["RS256"].public_key().public_numbers().n
    for e in (1, 2, big - 2, 2**64 + 1):
        header = {"typ": "dpop+jwt", "alg": "RS256", "jwk": {"kty": "RSA", "n": number(big), "e": number(e)}}
        assert refused_proof(await holder.post("/token", by_hand(header, claims, bytes(256)), **CLIENT))


@pytest.mark.parametrize("text", ["", "x", "..", "a.b.c", "e30.e30.", "é.é.é", "x" * 9000, "[]", "eyJ9.eyJ9.eyJ9"])
async def test_what_is_no_jwt_is_refused(holder: Holder, text: str) -> None:
    answer = await holder.house.http.post("/token", headers={"DPoP": text.encode("latin-1")}, **CLIENT)  # type: ignore[dict-item]
    assert refused_proof(answer)


async def test_two_dpop_headers_are_refused(holder: Holder) -> None:
    for second in (holder.proof(), "x", ""):
        headers = [("DPoP", holder.proof()), ("DPoP", second)]
        answer = await holder.house.http.post("/token", headers=headers, **CLIENT)
        assert refused_proof(answer)
    both = f"{holder.proof()}, {holder.proof()}"
    assert refused_proof(await holder.post("/token", both, **CLIENT))


async def test_nothing_of_a_refused_proof_is_in_the_answer(holder: Holder) -> None:
    answer = await holder.post("/token", holder.proof(jti="canary-7", htm="CANARY"), **CLIENT)
    assert refused_proof(answer)
    assert "canary" not in (answer.text + str(answer.headers)).lower()


# Replay


async def test_a_proof_opens_once(holder: Holder) -> None:
    proof = holder.proof()
    assert (await holder.post("/token", proof, **CLIENT)).status_code == 200
    for _ in range(3):
        assert refused_proof(await holder.post("/token", proof, **CLIENT))


async def test_of_a_hundred_parallel_calls_with_one_proof_one_passes(holder: Holder) -> None:
    """None, where a busy machine lost an answer of PostgreSQL after its commit."""
    headers = {"DPoP": holder.proof()}
    turned_away: list[httpx2.Response] = []

    async def send() -> httpx2.Response:
        answer = await holder.house.http.post("/token", headers=headers, **CLIENT)
        turned_away.extend([answer] if answer.status_code == 503 else [])
        return answer

    codes = sorted(answer.status_code for answer in await until_answered(send, 100))
    assert codes == [200] + [400] * 99 or (turned_away and codes == [400] * 100)
    assert (await holder.post("/token", holder.proof(), **CLIENT)).status_code == 200


async def test_the_same_jti_under_another_key_is_another_proof(holder: Holder) -> None:
    other = Holder(holder.house, nonce=holder.nonce)
    assert (await holder.post("/token", holder.proof(jti="shared"), **CLIENT)).status_code == 200
    assert (await other.post("/token", other.proof(jti="shared"), **CLIENT)).status_code == 200
    assert refused_proof(await holder.post("/token", holder.proof(jti="shared"), **CLIENT))


async def test_the_replay_cache_is_bounded_by_the_life_of_a_proof(holder: Holder) -> None:
    assert (await holder.post("/token", holder.proof(), **CLIENT)).status_code == 200
    assert 0 < await longest_memory(holder.house) <= 601


async def test_a_proof_for_one_endpoint_does_not_serve_at_another(holder: Holder) -> None:
    tokens = await holder.login()
    form = {"token": tokens["refresh_token"], "client_id": "customer"}
    assert refused_proof(await holder.post("/revoke", holder.proof("/token"), data=form))
    assert refused_proof(await holder.refresh(tokens["refresh_token"], holder.proof("/api/auth/refresh")))


# Refresh tokens


async def grant_row(house: Service, session_id: str) -> dict[str, Any]:
    return dict(await house.sql.fetchrow("SELECT * FROM grants WHERE session_id = $1::uuid", session_id))


async def test_a_bound_refresh_token_serves_its_key_and_no_other(holder: Holder) -> None:
    tokens = await holder.login()
    before = await grant_row(holder.house, tokens["session_id"])
    assert before["dpop_jkt"] == holder.jkt
    thief = Holder(holder.house, nonce=holder.nonce)
    for _ in range(3):
        assert refused_proof(await thief.refresh(tokens["refresh_token"]))
        assert refused_proof(await holder.house.refresh(tokens["refresh_token"]))  # without any key
    assert await grant_row(holder.house, tokens["session_id"]) == before  # nothing changed, no reuse was seen
    answer = await holder.refresh(tokens["refresh_token"])
    assert answer.status_code == 200
    assert answer.json()["token_type"] == "DPoP"
    assert claims_of(answer.json()["access_token"])["cnf"] == {"jkt": holder.jkt}
    assert (await holder.refresh(answer.json()["refresh_token"])).status_code == 200


async def test_a_used_token_with_another_key_ends_no_session(holder: Holder) -> None:
    """Who holds an old token and not the key must not be able to log the person out as a replay would."""
    tokens = await holder.login()
    current = tokens["refresh_token"]
    for _ in range(6):
        current = (await holder.refresh(current)).json()["refresh_token"]
    thief = Holder(holder.house, nonce=holder.nonce)
    assert refused_proof(await thief.refresh(tokens["refresh_token"]))
    assert refused_proof(await holder.house.refresh(tokens["refresh_token"]))
    assert (await holder.refresh(current)).status_code == 200


async def test_an_unbound_refresh_token_with_a_proof_gives_a_bound_access_token_and_stays_unbound(
    holder: Holder,
) -> None:
    tokens = await holder.house.login()
    answer = await holder.refresh(tokens["refresh_token"])
    assert answer.json()["token_type"] == "DPoP"
    assert claims_of(answer.json()["access_token"])["cnf"] == {"jkt": holder.jkt}
    assert (await grant_row(holder.house, tokens["session_id"]))["dpop_jkt"] == ""
    again = await holder.house.refresh(answer.json()["refresh_token"])
    assert (again.status_code, again.json()["token_type"]) == (200, "Bearer")


async def test_the_json_refresh_is_bound_as_well(holder: Holder) -> None:
    tokens = await holder.login()
    body = {"json": {"refresh_token": tokens["refresh_token"]}}
    assert refused_proof(await holder.house.http.post("/api/auth/refresh", **body))
    assert refused_proof(await Holder(holder.house, nonce=holder.nonce).post("/api/auth/refresh", **body))
    assert (await holder.post("/api/auth/refresh", **body)).json()["token_type"] == "DPoP"


async def test_revocation_with_another_key_is_refused_and_ends_nothing(holder: Holder) -> None:
    tokens = await holder.login()
    form = {"token": tokens["refresh_token"], "client_id": "customer"}
    thief = Holder(holder.house, nonce=holder.nonce)
    assert refused_proof(await thief.post("/revoke", data=form))
    answer = await holder.refresh(tokens["refresh_token"])
    assert answer.status_code == 200
    form["token"] = answer.json()["refresh_token"]
    assert (await holder.post("/revoke", data=form)).status_code == 200
    assert refused_proof(await holder.refresh(form["token"]), "invalid_grant")


async def test_logout_with_another_key_is_refused_and_ends_nothing(holder: Holder) -> None:
    tokens = await holder.login()
    body = {"json": {"refresh_token": tokens["refresh_token"]}}
    thief = Holder(holder.house, nonce=holder.nonce)
    assert refused_proof(await thief.post("/api/auth/logout", **body))
    assert (await holder.send("GET", "/api/profile/me", token=tokens["access_token"])).status_code == 200
    assert (await holder.post("/api/auth/logout", **body)).status_code == 204
    assert refused_proof(await holder.refresh(tokens["refresh_token"]), "invalid_grant")


async def test_logging_out_never_fails_for_want_of_a_key(holder: Holder) -> None:
    """No library sends a proof to a revocation endpoint, and to end what was stolen helps the person, not the thief."""
    for path, member, status in (("/revoke", "data", 200), ("/api/auth/logout", "json", 204)):
        token = (await holder.login())["refresh_token"]
        body = {"token": token, "client_id": "customer"} if member == "data" else {"refresh_token": token}
        answer = await holder.house.http.post(path, **{member: body})  # type: ignore[arg-type]
        assert answer.status_code == status
        assert refused_proof(await holder.refresh(token), "invalid_grant")


# A client whose tokens must be bound


async def test_a_client_that_must_prove_a_key_gets_nothing_without(house: Service) -> None:
    body = {**LOGIN, "client_id": "bound"}
    answer = await house.http.post("/api/auth/login", json=body)
    assert refused_proof(answer)
    assert answer.headers["dpop-nonce"]
    holder = Holder(house, nonce=answer.headers["dpop-nonce"])
    tokens = (await holder.post("/api/auth/login", json=body)).json()
    assert tokens["token_type"] == "DPoP"
    assert refused_proof(await house.refresh(tokens["refresh_token"], "bound"))
    assert (await holder.refresh(tokens["refresh_token"], client_id="bound")).status_code == 200


# At our own endpoints


async def test_a_bound_token_opens_our_endpoints_with_its_key(holder: Holder) -> None:
    token = (await holder.login())["access_token"]
    holder.nonce = None
    first = await holder.house.http.get(
        "/api/profile/me",
        headers={"Authorization": f"DPoP {token}", "DPoP": holder.proof("/api/profile/me", "GET", token=token)},
    )
    assert challenged(first, "use_dpop_nonce")
    assert first.headers["dpop-nonce"]
    for path in ("/api/profile/me", "/api/auth/sessions"):
        assert (await holder.send("GET", path, token=token)).status_code == 200
    assert (await holder.send("DELETE", "/api/auth/sessions", token=token)).status_code == 200


async def test_a_bound_token_sent_as_bearer_is_refused(holder: Holder) -> None:
    token = (await holder.login())["access_token"]
    assert challenged(await holder.house.http.get("/api/profile/me", headers=bearer(token)), "invalid_token")
    headers = {**bearer(token), "DPoP": holder.proof("/api/profile/me", "GET", token=token)}
    assert challenged(await holder.house.http.get("/api/profile/me", headers=headers), "invalid_token")


async def test_an_unbound_token_with_the_scheme_dpop_is_refused(holder: Holder) -> None:
    token = (await holder.house.login())["access_token"]
    answer = await holder.send("GET", "/api/profile/me", token=token)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_token")


async def test_a_stolen_access_token_is_worth_nothing_without_its_key(holder: Holder) -> None:
    token = (await holder.login())["access_token"]
    thief = Holder(holder.house, nonce=holder.nonce)
    assert challenged(await thief.send("GET", "/api/profile/me", token=token), "invalid_token")
    without = await holder.house.http.get("/api/profile/me", headers={"Authorization": f"DPoP {token}"})
    assert challenged(without, "invalid_dpop_proof")


@pytest.mark.parametrize("hash_of", [..., "", "x", ath("another"), None, 1])
async def test_a_proof_for_another_token_is_refused(holder: Holder, hash_of: Any) -> None:
    token = (await holder.login())["access_token"]
    proof = holder.proof("/api/profile/me", "GET", ath=hash_of)
    assert challenged(await holder.send("GET", "/api/profile/me", proof, token=token), "invalid_dpop_proof")


async def test_a_proof_opens_a_resource_once(holder: Holder) -> None:
    token = (await holder.login())["access_token"]
    proof = holder.proof("/api/profile/me", "GET", token=token)
    assert (await holder.send("GET", "/api/profile/me", proof, token=token)).status_code == 200
    assert challenged(await holder.send("GET", "/api/profile/me", proof, token=token), "invalid_dpop_proof")


async def test_a_bound_token_of_an_ended_session_is_refused(holder: Holder) -> None:
    tokens = await holder.login()
    await holder.post("/api/auth/logout", json={"refresh_token": tokens["refresh_token"]})
    answer = await holder.send("GET", "/api/profile/me", token=tokens["access_token"])
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_token")


# Anybody can make a key: a proof is spent when all that is free to check is checked


PUSH = {**authorize_parameters(Pkce()), "client_id": "customer"}
DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
STRANGERS: dict[str, tuple[str, dict[str, Any], int]] = {
    "a forged refresh token": (
        "/token",
        {"data": {"grant_type": "refresh_token", "client_id": "customer", "refresh_token": "A" * 72}},
        400,
    ),
    "one in JSON": ("/api/auth/refresh", {"json": {"refresh_token": "A" * 72}}, 400),
    "a forged code": (
        "/token",
        {
            "data": {
                "grant_type": "authorization_code",
                "client_id": "customer",
                "code": "A" * 67,
                "redirect_uri": CALLBACK,
                "code_verifier": "v" * 43,
            }
        },
        400,
    ),
    "a forged device code": (
        "/token",
        {"data": {"grant_type": DEVICE_GRANT, "client_id": "terminal", "device_code": "A" * 67}},
        400,
    ),
    "a grant that is not the client's": (
        "/token",
        {"data": {"grant_type": DEVICE_GRANT, "client_id": "customer", "device_code": "A" * 67}},
        400,
    ),
    "a wrong password": ("/api/auth/login", {"json": {**LOGIN, "password": "wrong"}}, 401),
    "an unknown refresh token to revoke": ("/revoke", {"data": {"client_id": "customer", "token": "A" * 72}}, 200),
    "an unknown access token to revoke": ("/revoke", {"data": {"client_id": "customer", "token": "a.b.c"}}, 200),
    "an unknown refresh token to log out": ("/api/auth/logout", {"json": {"refresh_token": "A" * 72}}, 204),
    "a pushed request that is none": ("/par", {"data": {**PUSH, "response_type": "token"}}, 400),
    "a device with a scope that is not the client's": (
        "/device_authorization",
        {"data": {"client_id": "terminal", "scope": "admin"}},
        400,
    ),
}


async def longest_memory(house: Service) -> float:
    """Seconds for which the newest proof is remembered."""
    sql = "SELECT extract(epoch FROM max(expires_at) - now())::float8 FROM spent_assertions"
    seconds: float = await house.sql.fetchval(sql)
    return seconds


async def remembered(house: Service) -> int:
    """How many proofs are remembered."""
    count: int = await house.sql.fetchval("SELECT count(*) FROM spent_assertions")
    return count


@pytest.mark.parametrize("what", STRANGERS)
async def test_a_stranger_s_proof_beside_something_that_is_not_ours_leaves_no_row(holder: Holder, what: str) -> None:
    path, request, status = STRANGERS[what]
    before = await remembered(holder.house)
    for _ in range(3):
        answer = await holder.post(path, **request)
        assert answer.status_code == status, answer.text
    assert await remembered(holder.house) == before


async def test_a_forged_refresh_token_costs_no_statement_with_a_proof_either(holder: Holder) -> None:
    form = {"grant_type": "refresh_token", "client_id": "customer", "refresh_token": "A" * 72}
    await holder.post("/token", data=form)
    with statements(holder.house.runtime) as asked:
        assert refused(await holder.post("/token", data=form), "invalid_grant")
    assert asked == []


async def test_another_key_at_a_resource_leaves_no_row(holder: Holder) -> None:
    token = (await holder.login())["access_token"]
    thief = Holder(holder.house, nonce=holder.nonce)
    before = await remembered(holder.house)
    assert challenged(await thief.send("GET", "/api/profile/me", token=token), "invalid_token")
    assert await remembered(holder.house) == before


@pytest.mark.parametrize("path", ["/revoke", "/api/auth/logout", "/par", "/device_authorization"])
async def test_a_proof_is_good_once_wherever_it_is_taken(holder: Holder, path: str) -> None:
    async def request() -> dict[str, Any]:
        if path == "/par":
            return {"data": PUSH}
        if path == "/device_authorization":
            return {"data": {"client_id": "terminal"}}
        token = (await holder.login())["refresh_token"]
        if path == "/revoke":
            return {"data": {"client_id": "customer", "token": token}}
        return {"json": {"refresh_token": token}}

    proof = holder.proof(path)
    assert (await holder.post(path, proof, **await request())).status_code in (200, 201, 204)
    assert refused_proof(await holder.post(path, proof, **await request()))


async def test_a_login_takes_a_proof_once(holder: Holder) -> None:
    proof = holder.proof("/api/auth/login")
    assert (await holder.post("/api/auth/login", proof, json={**LOGIN, "password": "wrong"})).status_code == 401
    assert (await holder.post("/api/auth/login", proof, json=LOGIN)).status_code == 200
    sessions = await holder.house.sql.fetchval("SELECT count(*) FROM user_sessions")
    assert refused_proof(await holder.post("/api/auth/login", proof, json=LOGIN))
    assert await holder.house.sql.fetchval("SELECT count(*) FROM user_sessions") == sessions


# For pages elsewhere


async def test_a_page_of_a_client_can_read_the_nonce(holder: Holder) -> None:
    origin = "http://localhost:5173"
    tokens = await holder.login()
    form = {"grant_type": "refresh_token", "client_id": "customer", "refresh_token": tokens["refresh_token"]}
    holder.nonce = None
    headers = {"Origin": origin, "DPoP": holder.proof()}
    asked = await holder.house.http.post("/token", data=form, headers=headers)
    assert refused_proof(asked, "use_dpop_nonce")
    holder.nonce = asked.headers["dpop-nonce"]
    given = await holder.house.http.post("/token", data=form, headers={**headers, "DPoP": holder.proof()})
    assert given.status_code == 200
    for answer in (asked, given):
        assert answer.headers["access-control-allow-origin"] == origin
        assert "dpop-nonce" in answer.headers["access-control-expose-headers"]
        assert len(answer.headers.get_list("dpop-nonce")) == 1


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_userinfo_takes_a_bound_token_with_its_key_alone(holder: Holder, method: str) -> None:
    pkce = Pkce()
    code = await code_for(holder.house.caller(), pkce)
    form = {
        "grant_type": "authorization_code",
        "client_id": "customer",
        "redirect_uri": CALLBACK,
        "code": code,
        "code_verifier": pkce.verifier,
    }
    token = (await holder.post("/token", data=form)).json()["access_token"]
    answer = await holder.send(method, "/userinfo", token=token)
    assert answer.status_code == 200
    assert answer.json()["email"] == "test@example.com"
    assert answer.headers["dpop-nonce"]
    thief = Holder(holder.house, nonce=holder.nonce)
    assert challenged(await thief.send(method, "/userinfo", token=token), "invalid_token")
    assert challenged(await holder.house.http.request(method, "/userinfo", headers=bearer(token)), "invalid_token")
    in_form = await holder.house.http.post("/userinfo", data={"access_token": token})
    assert challenged(in_form, "invalid_token")
