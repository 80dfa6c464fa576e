"""A worker that writes indices down, lists that show a revocation within two seconds, and clients that have them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from hashlib import sha256
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import httpx2
import jwt
import pytest

from authsvc.flows.revocation.status_indices import keep_for_ever
from authsvc.rules.device.codes import GRANT_TYPE as DEVICE_CODE
from authsvc.rules.revocation.status_list import decode
from authsvc.runtime import Runtime
from authsvc.store.caller import clients
from tests.support.background import beside
from tests.support.clients import flat_client

METER = ("meter", "meter-secret")
WITHIN = 2
"""Seconds from a revocation to the refusal by whoever reads lists as the draft says."""
TTL = 1
PERSONAL = flat_client(
    id="listed",
    name="Listed",
    kind="public",
    redirect_uris=("http://localhost:5173/callback",),
    grant_types=frozenset({"authorization_code", "refresh_token", DEVICE_CODE}),
    scopes=("openid", "profile"),
    first_party=True,
    status_list=True,
)
MACHINE = flat_client(
    id="meter",
    name="Meter",
    kind="confidential",
    secret_hashes=(sha256(b"meter-secret").digest(),),
    grant_types=frozenset({"client_credentials", "urn:ietf:params:oauth:grant-type:token-exchange"}),
    scopes=("api", "openid", "profile"),
    exchange_audiences=("https://orders.example",),
    exchange_subjects=("http://localhost:8000",),
    status_list=True,
)


@pytest.fixture
def settings_env(settings_env: dict[str, str]) -> dict[str, str]:
    return {**settings_env, "AUTHSVC_STATUS_LIST_SECONDS": str(WITHIN), "AUTHSVC_SYNC_INTERVAL_SECONDS": "0.1"}


@pytest.fixture
async def listed(database_url: str) -> None:
    """The clients, before any worker starts."""
    connection = await asyncpg.connect(database_url)
    await clients.add(connection, PERSONAL)
    await clients.add(connection, MACHINE)
    await connection.close()


@dataclass
class Lists:
    """A relying party: it reads a token's list with the published keys, from `http`."""

    http: httpx2.AsyncClient

    async def login(self, client_id: str = "listed") -> dict[str, Any]:
        body = {"email": "test@example.com", "password": "password", "client_id": client_id}
        answer = await self.http.post("/api/auth/login", json=body)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def own_token(self) -> str:
        answer = await self.http.post("/token", data={"grant_type": "client_credentials", "scope": "api"}, auth=METER)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])

    async def read(self, path: str) -> dict[str, Any]:
        """The claims of a list, checked as section 8.3 says."""
        answer = await self.http.get(path)
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == "application/statuslist+jwt"
        header = jwt.get_unverified_header(answer.text)
        assert header["typ"] == "statuslist+jwt"
        keys = jwt.PyJWKSet.from_dict((await self.http.get("/.well-known/jwks.json")).json())
        claims: dict[str, Any] = jwt.decode(
            answer.text,
            keys[header["kid"]].key,
            algorithms=["RS256"],
            options={"require": ["sub", "iat", "exp"]},
            leeway=2,
        )
        assert urlsplit(claims["sub"]).path == path
        assert (claims["ttl"], claims["status_list"]["bits"]) == (TTL, 1)
        return claims

    async def void(self, token: str) -> bool:
        """What the list that the token names says of it."""
        path, index = place(token)
        return index in decode((await self.read(path))["status_list"]["lst"])

    async def until_void(self, token: str, seconds: float = 10) -> float:
        started = monotonic()
        while not await self.void(token):
            assert monotonic() - started < seconds, "the bit never came"
            await asyncio.sleep(0.05)
        return monotonic() - started


def claims_of(token: str) -> dict[str, Any]:
    found: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return found


def place(token: str) -> tuple[str, int]:
    """(path of the list, index)."""
    said = claims_of(token)["status"]["status_list"]
    return urlsplit(said["uri"]).path, said["idx"]


@pytest.fixture
async def lists(listed: None, runtime: Runtime, http: httpx2.AsyncClient) -> AsyncIterator[Lists]:
    async with beside(keep_for_ever, runtime):
        yield Lists(http)


async def until(check: Callable[[], Any], seconds: float = 5) -> None:
    started = monotonic()
    while not check():
        assert monotonic() - started < seconds, "it never came"
        await asyncio.sleep(0.01)
