"""A replica that is its own issuer, seen from the services that verify its tokens."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import httpx2
import pytest

from authsvc.store.caller import clients
from authsvc_devkit import demo
from authsvc_devkit.servers import Servers
from tests.conftest import copied_database
from tests.support.clients import changed_client, flat_client
from tests.support.fleet import VERIFIER
from tests.support.replicas import Replica, Replicas
from tests.support.service import LOGIN

STRANGER = flat_client(
    id="stranger",
    name="Stranger",
    kind="public",
    redirect_uris=("https://stranger.example/callback",),
    grant_types=frozenset({"authorization_code", "refresh_token"}),
    scopes=("openid",),
)
"""As anybody may register one."""
ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "clients/verifier/tests"))  # `started`: how its own tests start the examples


@dataclass
class House:
    """`settings`: by which the replica serves; `env`: what an example wants to be told."""

    replica: Replica
    http: httpx2.Client
    settings: dict[str, str]

    @property
    def issuer(self) -> str:
        return self.replica.url

    @property
    def env(self) -> dict[str, str]:
        return {
            "ISSUER": self.issuer,
            "AUDIENCE": demo.ORDERS,
            "CLIENT_ID": VERIFIER.id,
            "CLIENT_SECRET": "verifier-secret",
        }

    def person(self) -> dict[str, Any]:
        answer = self.http.post("/api/auth/login", json=LOGIN)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def log_out(self, person: dict[str, Any]) -> None:
        answer = self.http.post("/api/auth/logout", json={"refresh_token": person["refresh_token"]})
        assert answer.status_code == 204, answer.text

    def own(self, scope: str = "") -> str:
        """The access token of a service for itself."""
        form = {"grant_type": "client_credentials", **({"scope": scope} if scope else {})}
        answer = self.http.post("/token", data=form, auth=(VERIFIER.id, "verifier-secret"))
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])


@asynccontextmanager
async def open_house(servers: Servers, base_env: dict[str, str]) -> AsyncIterator[House]:
    """With a database of its own."""
    async with copied_database(servers) as url:
        sql = await asyncpg.connect(url)
        policy: dict[str, Any] = {"scopes": ("api", "orders.read", "revocations"), "audiences": (demo.ORDERS,)}
        for client in (changed_client(VERIFIER, **policy), STRANGER, *demo.CLIENTS[-1:]):
            assert await clients.add(sql, client)
        apis = [demo.BAR, demo.KITCHEN, demo.ORDERS]
        await sql.execute("UPDATE clients SET audiences = $1 WHERE id IN ('customer', 'admin')", apis)
        await sql.close()
        prefix = urlsplit(url).path.strip("/")
        settings = {**base_env, "AUTHSVC_DATABASE_URL": url, "AUTHSVC_REDIS_PREFIX": prefix}
        replicas = Replicas(settings)
        try:
            [replica] = replicas.start(own_issuer=True)
            with httpx2.Client(base_url=replica.url, trust_env=False) as http:
                yield House(replica, http, settings)
        finally:
            replicas.stop()


@pytest.fixture(scope="module")
async def house(servers: Servers, base_env: dict[str, str]) -> AsyncIterator[House]:
    async with open_house(servers, base_env) as opened:
        yield opened


def bent(token: str) -> str:
    """Another claim under the same signature."""
    head, body, signature = token.split(".")
    return f"{head}.{body[:-2]}{'A' if body[-2] != 'A' else 'B'}{body[-1]}.{signature}"
