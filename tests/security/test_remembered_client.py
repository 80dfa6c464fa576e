"""A worker remembers which Authorization headers were right: never longer, and for no more, than they are right."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from hashlib import sha256
from typing import Any

import asyncpg
import httpx2
import pytest

from authsvc_devkit.servers import Servers
from tests.support.replicas import Replicas
from tests.support.service import BACKEND, service

GRANT = {"grant_type": "client_credentials"}


@pytest.fixture
async def wire(replicas: Replicas) -> AsyncIterator[httpx2.AsyncClient]:
    """A real server, to which the secret is known already."""
    [replica] = replicas.start()
    async with httpx2.AsyncClient(base_url=replica.url) as http:
        for _ in range(3):
            assert (await http.post("/token", data=GRANT, auth=BACKEND)).status_code == 200
        yield http


async def _status(http: httpx2.AsyncClient, **more: Any) -> int:
    return (await http.post("/token", **{"data": GRANT, "auth": BACKEND, **more})).status_code


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE clients SET secret_hashes = ARRAY[$1::bytea] WHERE id = 'backend'",
        "DELETE FROM clients WHERE id = 'backend' AND $1::bytea IS NOT NULL",
        "UPDATE clients SET grant_types = '{}' WHERE id = 'backend' AND $1::bytea IS NOT NULL",
    ],
    ids=["another secret", "removed", "may not any more"],
)
async def test_a_change_reaches_it_within_a_second(
    wire: httpx2.AsyncClient, sql: asyncpg.Connection, change: str
) -> None:
    await sql.execute(change, sha256(b"another").digest())
    await asyncio.sleep(1.0)
    assert await _status(wire) in (400, 401)


OTHERS: list[tuple[dict[str, Any], int]] = [
    ({"auth": ("backend", "backend-secreT")}, 401),
    ({"auth": ("Backend", "backend-secret")}, 401),
    ({"data": {**GRANT, "client_id": "customer"}}, 400),
    ({"data": {**GRANT, "client_secret": "backend-secret"}}, 400),
    ({"data": {**GRANT, "scope": "admin"}}, 400),
    ({"data": {**GRANT, "scope": "a\x01b"}}, 400),
    ({"data": {"grant_type": "client_credentials "}}, 400),
    (
        {
            "content": b"grant_type=client_credentials&grant_type=client_credentials",
            "headers": {"content-type": "application/x-www-form-urlencoded"},
            "data": None,
        },
        400,
    ),
    ({"headers": {"content-type": "text/plain"}}, 400),
]


async def test_what_is_not_the_same_request_is_judged_anew(wire: httpx2.AsyncClient) -> None:
    for more, status in OTHERS:
        assert await _status(wire, **more) == status, more
        assert await _status(wire) == 200


async def test_what_was_remembered_counts_no_more_when_a_restored_database_came_by_the_same_number(
    servers: Servers, base_env: dict[str, str]
) -> None:
    """What a failover or a restore took back, or brought: another secret, no redirect URI, no such client."""
    page = {"Origin": "https://partner.example", "Access-Control-Request-Method": "POST"}
    code = {"grant_type": "authorization_code", "code": "x", "redirect_uri": "x", "code_verifier": "v" * 43}
    async with service(servers, base_env) as house:
        for _ in range(2):
            assert await _status(house.http) == 200
            assert (await house.http.post("/token", data={**code, "client_id": "customer"})).status_code == 400
            assert "access-control-allow-origin" in (await house.http.options("/token", headers=page)).headers
        async with house.sql.transaction():
            version = await house.sql.fetchval("SELECT clients_version FROM service_state")
            await house.sql.execute("UPDATE clients SET secret_hashes = '{}' WHERE id = 'backend'")
            await house.sql.execute("UPDATE clients SET redirect_uris = '{}' WHERE id = 'partner'")
            await house.sql.execute("DELETE FROM clients WHERE id = 'customer'")
            await house.sql.execute(
                "UPDATE service_state SET clients_version = $1, instance = gen_random_uuid()", version
            )
            epoch = await house.sql.fetchval("SELECT instance::text FROM service_state")
        async with asyncio.timeout(5):
            while not house.runtime.following.keys_epoch.startswith(epoch):
                await asyncio.sleep(0.02)
        assert await _status(house.http) == 401
        assert (await house.http.post("/token", data={**code, "client_id": "customer"})).status_code == 401
        assert "access-control-allow-origin" not in (await house.http.options("/token", headers=page)).headers


async def test_two_authorization_headers_are_refused(wire: httpx2.AsyncClient) -> None:
    right = "Basic YmFja2VuZDpiYWNrZW5kLXNlY3JldA=="
    answer = await wire.post("/token", data=GRANT, headers=[("authorization", right), ("authorization", right)])
    assert answer.status_code == 400


async def test_an_answer_given_at_once_says_and_counts_the_same(wire: httpx2.AsyncClient) -> None:
    answer = await wire.post("/token", data=GRANT, auth=BACKEND)
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert len(answer.headers["x-request-id"]) > 12
    counted = (await wire.get("/metrics")).text
    assert 'authsvc_requests_total{endpoint="/token",method="POST",status="200"} 4.0' in counted
