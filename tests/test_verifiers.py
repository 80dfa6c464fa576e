"""Verifiers of other houses, unmodified, against a real server: PyJWT's PyJWKClient, and npm's jose."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import jwt
import pytest

from tests.conftest import ISSUER
from tests.replicas import Replica, Replicas
from tests.shared import BACKEND, LOGIN

VERIFY = """
import { createRemoteJWKSet, jwtVerify } from "jose";
const [url, issuer, ...tokens] = process.argv.slice(2);
const keys = createRemoteJWKSet(new URL(url));
for (const token of tokens) {
  try {
    const { payload, protectedHeader } = await jwtVerify(token, keys,
      { issuer, audience: issuer, typ: "at+jwt", algorithms: ["RS256"] });
    console.log(JSON.stringify({ payload, header: protectedHeader }));
  } catch (error) {
    console.log(JSON.stringify({ error: error.code }));
  }
}
"""


@pytest.fixture
def replica(replicas: Replicas) -> Iterator[Replica]:
    [started] = replicas.start()
    yield started


@pytest.fixture
def tokens(replica: Replica) -> list[str]:
    """A person's and a client's."""
    with httpx2.Client(base_url=replica.url) as http:
        person = http.post("/api/auth/login", json=LOGIN)
        own = http.post("/token", data={"grant_type": "client_credentials"}, auth=BACKEND)
    return [person.json()["access_token"], own.json()["access_token"]]


def _bent(token: str) -> str:
    head, body, signature = token.split(".")
    return f"{head}.{body[:-2]}{'A' if body[-2] != 'A' else 'B'}{body[-1]}.{signature}"


def _is_a_persons(claims: dict[str, Any]) -> None:
    assert {"iss", "aud", "sub", "sid", "jti", "client_id", "scope", "roles", "iat", "exp", "auth_time"} <= set(claims)
    assert (claims["iss"], claims["client_id"], claims["roles"]) == (ISSUER, "customer", ["customer"])


def test_pyjwts_client_verifies_our_tokens(replica: Replica, tokens: list[str]) -> None:
    keys = jwt.PyJWKClient(f"{replica.url}/.well-known/jwks.json")
    options: Any = {"algorithms": ["RS256"], "issuer": ISSUER, "audience": ISSUER}
    person, own = (jwt.decode(token, keys.get_signing_key_from_jwt(token), **options) for token in tokens)
    _is_a_persons(person)
    assert own["sub"] == own["client_id"] == "backend"
    with pytest.raises(jwt.InvalidTokenError):
        jwt.decode(_bent(tokens[0]), keys.get_signing_key_from_jwt(tokens[0]), **options)
    with pytest.raises(jwt.InvalidAudienceError):
        jwt.decode(tokens[0], keys.get_signing_key_from_jwt(tokens[0]), **{**options, "audience": "other"})


@pytest.fixture
def jose(npm: Path) -> Path:
    """A directory with the script and jose beside it."""
    (npm / "verify.js").write_text(VERIFY)
    return npm


def test_npms_jose_verifies_our_tokens(jose: Path, replica: Replica, tokens: list[str]) -> None:
    arguments = ["node", "verify.js", f"{replica.url}/.well-known/jwks.json", ISSUER, *tokens, _bent(tokens[0])]
    done = subprocess.run(arguments, cwd=jose, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    person, own, bent = map(json.loads, done.stdout.splitlines())
    _is_a_persons(person["payload"])
    assert person["header"]["typ"] == "at+jwt"
    assert own["payload"]["sub"] == "backend"
    assert bent == {"error": "ERR_JWS_SIGNATURE_VERIFICATION_FAILED"}
