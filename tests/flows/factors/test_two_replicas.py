"""Two replicas and two hundred uses at once of what is good once. The limit on tries is out of the way here: the
statement alone decides."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import asyncpg
import httpx2
import pytest

from authsvc.runtime import Runtime
from tests.support.busy import again_when_busy
from tests.support.factors import PASSWORD, app_of, person, recovery_codes_of
from tests.support.replicas import Replicas
from tests.support.service import Service

EMAIL = "twice@example.com"


@again_when_busy
@pytest.mark.parametrize("way", ["otp", "recovery_code"])
async def test_two_hundred_uses_at_two_replicas_are_one_login(
    replicas: Replicas, runtime: Runtime, sql: asyncpg.Connection, way: str
) -> None:
    house = cast(Service, SimpleNamespace(runtime=runtime, sql=sql))
    user_id = await person(house, EMAIL)
    app, codes = await app_of(house, user_id), await recovery_codes_of(house, user_id)
    running = replicas.start(2, AUTHSVC_SECOND_STEP_FAILURES="1000")
    clients = [httpx2.AsyncClient(base_url=replica.url, timeout=60) for replica in running]
    challenges = [await challenge(client) for client in clients for _ in range(5)]
    code = app.code() if way == "otp" else codes[0]

    async def use(number: int) -> httpx2.Response:
        sent = {"mfa_challenge": challenges[number % 10], "way": way, "code": code}
        return await clients[number % 2].post("/api/auth/login/second", json=sent)

    answers = await asyncio.gather(*(use(number) for number in range(200)))
    for client in clients:
        await client.aclose()
    assert [answer.status_code for answer in answers].count(200) == 1
    assert {answer.status_code for answer in answers} <= {200, 401, 503}
    assert await sql.fetchval("SELECT count(*) FROM user_sessions WHERE user_id = $1", user_id) == 1


async def challenge(client: httpx2.AsyncClient) -> str:
    answer = await client.post("/api/auth/login", json={"email": EMAIL, "password": PASSWORD})
    found: dict[str, Any] = answer.json()
    assert found["error"] == "mfa_required", found
    text: str = found["mfa_challenge"]
    return text
