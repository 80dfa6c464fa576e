"""One service for many tests: a database and a Redis prefix for a whole module, and callers from any address."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any

import asyncpg
import httpx2

from authsvc.app import App
from authsvc.runtime import Runtime
from authsvc_devkit.servers import Servers
from tests.conftest import ISSUER, copied_database, following
from tests.support.until_answered import when_store_answers

HERE = "192.0.2.7"
BACKEND = ("backend", "backend-secret")
LOGIN = {"email": "test@example.com", "password": "password"}
_numbers = count(1)


@dataclass
class Service:
    """The whole service in this process, without sockets; `sql` is the operator's psql."""

    runtime: Runtime
    sql: asyncpg.Connection
    env: dict[str, str]
    transport: type[httpx2.ASGITransport] = httpx2.ASGITransport

    def __post_init__(self) -> None:
        self.app = App(self.runtime)
        self.http = self.caller()

    def caller(self, address: str | None = HERE, **options: Any) -> httpx2.AsyncClient:
        """A client with a cookie jar of its own, whose connections come from `address`."""
        transport = self.transport(app=self.app, client=(address, 4711))  # type: ignore[arg-type]
        return httpx2.AsyncClient(transport=transport, base_url=self.runtime.settings.issuer, **options)

    async def login(self, http: httpx2.AsyncClient | None = None, **members: Any) -> dict[str, Any]:
        answer = await (http or self.caller()).post("/api/auth/login", json={**LOGIN, **members})
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def refresh(self, token: str, client_id: str = "customer", **form: str) -> httpx2.Response:
        form = {"grant_type": "refresh_token", "client_id": client_id, "refresh_token": token, **form}
        return await self.http.post("/token", data=form)

    async def clients_known(self) -> None:
        """Until the worker knows the present version of the clients."""
        wanted = await self.sql.fetchval("SELECT clients_version FROM service_state")
        async with asyncio.timeout(5):
            while self.runtime.clients.version < wanted:
                await asyncio.sleep(0.02)

    async def active(self, token: str) -> bool:
        """What introspection says."""
        answer = await self.http.post("/introspect", data={"token": token}, auth=BACKEND)
        assert answer.status_code == 200, answer.text
        return bool(answer.json()["active"])

    async def me(self, token: str) -> int:
        """The status of the profile for this access token."""
        answer = await self.http.get("/api/profile/me", headers={"Authorization": f"Bearer {token}"})
        return answer.status_code

    async def content(self) -> dict[str, tuple[int, str]]:
        """Rows and checksum of every table, but for what the service writes of itself every hour or half second."""
        names = await self.sql.fetch(
            """SELECT tablename FROM pg_tables
               WHERE schemaname = 'public' AND tablename NOT IN ('service_state', 'feed_state', 'served_settings',
                                                                     'database_life')
               ORDER BY 1"""
        )
        parts = [
            f"SELECT '{name}' AS name, count(*), coalesce(md5(string_agg(t::text, '|' ORDER BY t::text)), '') AS sum "
            f'FROM "{name}" t'
            for (name,) in names
        ]
        rows = await self.sql.fetch(" UNION ALL ".join(parts))
        return {row["name"]: (row["count"], row["sum"]) for row in rows}

    async def redis_keys(self, pattern: str) -> list[str]:
        keys = f"{self.runtime.settings.redis_prefix}:{pattern}"
        found: list[str] = await when_store_answers(lambda: self.runtime.redis.command("KEYS", keys))
        return found


@asynccontextmanager
async def service(servers: Servers, base_env: dict[str, str], **settings: Any) -> AsyncIterator[Service]:
    """A service on a copy of the template; `settings` without their prefix: `client_failures=5`."""
    async with copied_database(servers) as url:
        env = {
            **base_env,
            "AUTHSVC_DATABASE_URL": url,
            "AUTHSVC_REDIS_PREFIX": f"s{os.getpid()}_{next(_numbers)}",
            **{f"AUTHSVC_{key.upper()}": str(value) for key, value in settings.items()},
        }
        async with following(env) as runtime:
            sql = await asyncpg.connect(url)
            try:
                yield Service(runtime, sql, env)
            finally:
                await sql.close()


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


__all__ = ["BACKEND", "HERE", "ISSUER", "LOGIN", "Service", "bearer", "service"]
