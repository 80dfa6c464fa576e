"""Verifiers against a real server, with each algorithm: PyJWT's PyJWKClient and npm's jose, unmodified, and ours."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import httpx2
import jwt
import pytest
import pytest_asyncio

from authsvc.jose.names import ALGORITHM_NAMES
from authsvc_devkit.servers import Servers
from authsvc_verifier import InvalidToken, SyncVerifier
from tests.cli.conftest import Cli, terminal
from tests.conftest import copied_database
from tests.support.replicas import Replica, Replicas
from tests.support.service import BACKEND, LOGIN

VERIFY = """
import { createRemoteJWKSet, jwtVerify } from "jose";
const [url, issuer, algorithms, ...tokens] = process.argv.slice(2);
const keys = createRemoteJWKSet(new URL(url));
for (const token of tokens) {
  try {
    const { payload, protectedHeader } = await jwtVerify(token, keys,
      { issuer, audience: issuer, typ: "at+jwt", algorithms: algorithms.split(" ") });
    console.log(JSON.stringify({ payload, header: protectedHeader }));
  } catch (error) {
    console.log(JSON.stringify({ error: error.code }));
  }
}
"""
OWN = {"grant_type": "client_credentials"}
SECRET = "s" * 32
LATER = "signs_from = now() - interval '1 min', announced_at = now() - interval '2 d'"


@pytest_asyncio.fixture(scope="module")
async def env(
    servers: Servers, base_env: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[dict[str, str]]:
    """A house with a client and a signing key of each algorithm."""
    policy = tmp_path_factory.mktemp("policy") / "policy.toml"
    policy.write_text(f"algorithms = {list(ALGORITHM_NAMES)}")
    async with copied_database(servers) as url:
        env = {**base_env, "AUTHSVC_DATABASE_URL": url, "AUTHSVC_REDIS_PREFIX": f"verifiers-{os.getpid()}"}
        env["AUTHSVC_KEY_POLICY_FILE"] = str(policy)
        await asyncio.to_thread(_furnish, terminal(env))
        connection = await asyncpg.connect(url)  # as it is when the announcements are over
        await connection.execute(f"UPDATE signing_keys SET {LATER} WHERE signs_from > now()")
        await connection.close()
        yield env


def _furnish(cli: Cli) -> None:
    for alg in ALGORITHM_NAMES:
        words = ("clients", "add", alg, "--confidential", "--scope", "api", "--secret-stdin", "--access-token-alg", alg)
        cli(*words, input=SECRET)
        if alg != "RS256":
            cli("keys", "generate", "--alg", alg)


@pytest_asyncio.fixture(scope="module")
async def replica(env: dict[str, str]) -> AsyncIterator[Replica]:
    replicas = Replicas(env)
    [started] = await asyncio.to_thread(replicas.start, own_issuer=True)
    yield started
    await asyncio.to_thread(replicas.stop)


@pytest.fixture
def tokens(replica: Replica) -> list[str]:
    """A person's and a client's."""
    with httpx2.Client(base_url=replica.url) as http:
        person = http.post("/api/auth/login", json=LOGIN)
        own = http.post("/token", data=OWN, auth=BACKEND)
    return [person.json()["access_token"], own.json()["access_token"]]


@pytest.fixture
def of_each(replica: Replica) -> dict[str, str]:
    """Algorithm -> a token."""
    with httpx2.Client(base_url=replica.url) as http:
        found = {
            alg: http.post("/token", data=OWN, auth=(alg, SECRET)).json()["access_token"] for alg in ALGORITHM_NAMES
        }
    assert {alg: jwt.get_unverified_header(token)["alg"] for alg, token in found.items()} == dict(
        zip(ALGORITHM_NAMES, ALGORITHM_NAMES, strict=True)
    )
    return found


def _bent(token: str) -> str:
    head, body, signature = token.split(".")
    return f"{head}.{body[:-2]}{'A' if body[-2] != 'A' else 'B'}{body[-1]}.{signature}"


def _is_a_persons(claims: dict[str, Any], issuer: str) -> None:
    assert {"iss", "aud", "sub", "sid", "jti", "client_id", "scope", "roles", "iat", "exp", "auth_time"} <= set(claims)
    assert (claims["iss"], claims["client_id"], claims["roles"]) == (issuer, "customer", ["customer"])


def test_pyjwts_client_verifies_our_tokens(replica: Replica, tokens: list[str]) -> None:
    keys = jwt.PyJWKClient(f"{replica.url}/.well-known/jwks.json")
    options: Any = {"algorithms": ["RS256"], "issuer": replica.url, "audience": replica.url}
    person, own = (jwt.decode(token, keys.get_signing_key_from_jwt(token), **options) for token in tokens)
    _is_a_persons(person, replica.url)
    assert own["sub"] == own["client_id"] == "backend"
    with pytest.raises(jwt.InvalidTokenError):
        jwt.decode(_bent(tokens[0]), keys.get_signing_key_from_jwt(tokens[0]), **options)
    with pytest.raises(jwt.InvalidAudienceError):
        jwt.decode(tokens[0], keys.get_signing_key_from_jwt(tokens[0]), **{**options, "audience": "other"})


def test_pyjwts_client_verifies_each_algorithm(replica: Replica, of_each: dict[str, str]) -> None:
    """Each that it knows: a key whose `alg` is the newer Ed25519 (RFC 9864) is not in its set, and harms no other."""
    keys = jwt.PyJWKClient(f"{replica.url}/.well-known/jwks.json")
    assert len(keys.get_signing_keys()) >= len(ALGORITHM_NAMES) - 1
    with pytest.raises(jwt.PyJWKClientError):
        keys.get_signing_key_from_jwt(of_each.pop("Ed25519"))
    for alg, token in of_each.items():
        options: Any = {"issuer": replica.url, "audience": replica.url}
        key = keys.get_signing_key_from_jwt(token)
        assert jwt.decode(token, key, algorithms=[alg], **options)["sub"] == alg
        with pytest.raises(jwt.InvalidSignatureError):
            jwt.decode(_bent(token), key, algorithms=[alg], **options)
        with pytest.raises(jwt.InvalidAlgorithmError):
            jwt.decode(token, key, algorithms=[other for other in ALGORITHM_NAMES if other != alg], **options)


@pytest.fixture
def jose(npm: Path) -> Path:
    """A directory with the script and jose beside it."""
    (npm / "verify.js").write_text(VERIFY)
    return npm


def _by_jose(jose: Path, replica: Replica, algorithms: str, *tokens: str) -> list[dict[str, Any]]:
    arguments = ["node", "verify.js", f"{replica.url}/.well-known/jwks.json", replica.url, algorithms, *tokens]
    done = subprocess.run(arguments, cwd=jose, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_npms_jose_verifies_our_tokens(jose: Path, replica: Replica, tokens: list[str]) -> None:
    person, own, bent = _by_jose(jose, replica, "RS256", *tokens, _bent(tokens[0]))
    _is_a_persons(person["payload"], replica.url)
    assert person["header"]["typ"] == "at+jwt"
    assert own["payload"]["sub"] == "backend"
    assert bent == {"error": "ERR_JWS_SIGNATURE_VERIFICATION_FAILED"}


def test_npms_jose_verifies_each_algorithm(jose: Path, replica: Replica, of_each: dict[str, str]) -> None:
    found = _by_jose(jose, replica, " ".join(ALGORITHM_NAMES), *of_each.values(), *map(_bent, of_each.values()))
    assert [one["payload"]["sub"] for one in found[:5]] == list(of_each)
    assert [one["header"]["alg"] for one in found[:5]] == list(of_each)
    assert found[5:] == [{"error": "ERR_JWS_SIGNATURE_VERIFICATION_FAILED"}] * 5
    refused = _by_jose(jose, replica, "RS256", *of_each.values())
    assert [one.get("error") for one in refused] == [None, *["ERR_JOSE_ALG_NOT_ALLOWED"] * 4]


def test_ours_verifies_each_algorithm_that_it_is_told_to_accept(replica: Replica, of_each: dict[str, str]) -> None:
    with SyncVerifier(replica.url, replica.url, required=("sub",)) as verifier:
        assert [verifier.verify(token).sub for token in of_each.values()] == list(of_each)
        for token in of_each.values():
            with pytest.raises(InvalidToken):
                verifier.verify(_bent(token))
    for alg, token in of_each.items():
        with SyncVerifier(replica.url, replica.url, algorithms=(alg,)) as verifier:
            assert verifier.verify(token).client_id == alg
            for other in of_each.keys() - {alg}:
                with pytest.raises(InvalidToken):
                    verifier.verify(of_each[other])


def test_a_withdrawn_key_of_any_algorithm_is_gone_for_all_of_them(
    jose: Path, replica: Replica, of_each: dict[str, str], env: dict[str, str]
) -> None:
    cli = terminal(env)
    for alg in ("ES256", "EdDSA"):
        deadline = time.monotonic() + 15
        while len([key for key in json.loads(cli("keys", "list", "--json").stdout) if key["alg"] == alg]) < 2:
            assert time.monotonic() < deadline  # the replica makes the successor
            time.sleep(0.1)
        cli("keys", "withdraw", jwt.get_unverified_header(of_each[alg])["kid"], "--yes")
    time.sleep(1.2)
    keys = jwt.PyJWKClient(f"{replica.url}/.well-known/jwks.json")
    errors = [one.get("error") for one in _by_jose(jose, replica, " ".join(ALGORITHM_NAMES), *of_each.values())]
    assert errors == [None, None, "ERR_JWKS_NO_MATCHING_KEY", "ERR_JWKS_NO_MATCHING_KEY", None]
    with httpx2.Client(base_url=replica.url) as http, SyncVerifier(replica.url, replica.url) as verifier:
        for alg in ("ES256", "EdDSA"):
            with pytest.raises(jwt.PyJWKClientError):
                keys.get_signing_key_from_jwt(of_each[alg])
            with pytest.raises(InvalidToken):
                verifier.verify(of_each[alg])
            fresh = http.post("/token", data=OWN, auth=(alg, SECRET)).json()["access_token"]
            assert jwt.get_unverified_header(fresh)["alg"] == alg
            assert verifier.verify(fresh).client_id == alg
