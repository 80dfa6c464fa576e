"""A client is removed, and a worker that has not heard of it yet is asked: it is unknown, not a fault of ours."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import asyncpg
import httpx2
import pytest

from authsvc.app import App, start
from authsvc.runtime import Runtime, open_runtime
from authsvc.settings import load
from authsvc.store.authorize import consents
from authsvc.store.device import requests
from tests.conftest import ISSUER
from tests.support.calls import LOGIN, login, refresh, refused
from tests.support.login_steps import (
    CALLBACK,
    PARTNER_CALLBACK,
    Pkce,
    authorize_parameters,
    authorize_url,
    code_for,
    enter,
    is_page,
    log_in,
    redeem,
    submit,
)

CHALLENGE = 'Basic realm="authsvc"'


@pytest.fixture
async def unaware(settings_env: dict[str, str]) -> AsyncIterator[httpx2.AsyncClient]:
    """A worker that hears of no change: each of them is in this state for half a second."""
    runtime = open_runtime(load(settings_env))
    await start(runtime)
    for client_id in ("customer", "partner", "terminal"):
        assert await runtime.clients.get(client_id)
    transport = httpx2.ASGITransport(app=App(runtime), client=("192.0.2.7", 4711))
    async with httpx2.AsyncClient(transport=transport, base_url=ISSUER) as http:
        yield http
    await runtime.close()


async def remove(sql: asyncpg.Connection, client_id: str) -> None:
    assert await sql.execute("DELETE FROM clients WHERE id = $1", client_id) == "DELETE 1"


@pytest.mark.parametrize(
    ("client_id", "path", "sent"),
    [
        ("customer", "/api/auth/login", {"json": LOGIN}),
        ("customer", "/par", {"data": authorize_parameters(Pkce())}),
        ("terminal", "/device_authorization", {"data": {"client_id": "terminal"}}),
    ],
    ids=["login", "par", "device_authorization"],
)
async def test_a_client_removed_a_moment_ago_is_no_fault_of_ours(
    unaware: httpx2.AsyncClient, sql: asyncpg.Connection, client_id: str, path: str, sent: dict[str, Any]
) -> None:
    await remove(sql, client_id)
    answer = await unaware.post(path, **sent)
    assert refused(answer, "invalid_client", 401)
    assert answer.headers["www-authenticate"] == CHALLENGE
    for table in ("user_sessions", "grants", "pushed_requests", "device_requests"):
        assert await sql.fetchval(f"SELECT count(*) FROM {table}") == 0, table


async def test_no_code_and_no_redirect_is_given_to_a_client_removed_a_moment_ago(
    unaware: httpx2.AsyncClient, sql: asyncpg.Connection
) -> None:
    await log_in(unaware, authorize_url(Pkce()))
    await remove(sql, "customer")
    answer = await unaware.get(authorize_url(Pkce(), prompt="none"))
    assert is_page(answer)
    assert (answer.status_code, answer.headers.get("location")) == (400, None)
    assert CALLBACK not in answer.text


async def test_a_consent_to_a_client_removed_a_moment_ago_is_an_error_page(
    unaware: httpx2.AsyncClient, sql: asyncpg.Connection
) -> None:
    page = await unaware.get(authorize_url(Pkce(), client_id="partner", redirect_uri=PARTNER_CALLBACK))
    page = await enter(unaware, page)
    assert is_page(page, "/consent")
    await remove(sql, "partner")
    answer = await submit(unaware, page, "/consent", decision="allow")
    assert is_page(answer)
    assert (answer.status_code, answer.headers.get("location")) == (400, None)


async def test_what_a_client_has_that_was_removed_a_moment_ago_is_refused(
    unaware: httpx2.AsyncClient, sql: asyncpg.Connection
) -> None:
    tokens, pkce = await login(unaware), Pkce()
    code = await code_for(unaware, pkce)
    device = (await unaware.post("/device_authorization", data={"client_id": "terminal"})).json()
    for client_id in ("customer", "terminal"):
        await remove(sql, client_id)
    assert refused(await refresh(unaware, tokens["refresh_token"]), "invalid_grant")
    assert refused(await redeem(unaware, code, pkce), "invalid_grant")
    poll = {"grant_type": "urn:ietf:params:oauth:grant-type:device_code", "device_code": device["device_code"]}
    assert refused(await unaware.post("/token", data={**poll, "client_id": "terminal"}), "expired_token")
    answer = await unaware.post("/revoke", data={"client_id": "customer", "token": tokens["refresh_token"]})
    assert answer.status_code == 200


async def test_a_person_deleted_a_moment_ago_leaves_no_consent_and_decides_nothing(
    runtime: Runtime, http: httpx2.AsyncClient, sql: asyncpg.Connection
) -> None:
    """The other parent of such rows: it was there when the session was read, and is not when the row is written."""
    await consents.allow(runtime.db, uuid4(), "partner", ["openid"])
    assert await sql.fetchval("SELECT count(*) FROM consents") == 0
    assert (await http.post("/device_authorization", data={"client_id": "terminal"})).status_code == 200
    asked = await sql.fetchval("SELECT id FROM device_requests")
    assert await requests.decide(runtime.db, asked, allow=True, user_id=uuid4(), session_id=uuid4()) is None
    assert await sql.fetchval("SELECT state FROM device_requests") == "pending"
