"""A replica whose clock is five minutes off decides like all others, and asks the balancer to look elsewhere."""

from __future__ import annotations

import time

import asyncpg
import jwt
import pytest

from tests.faults.conftest import active, honest, profile, serving
from tests.support.calls import login, refresh

pytestmark = pytest.mark.faults


def claims(token: str) -> dict[str, int]:
    return jwt.decode(token, options={"verify_signature": False})


@pytest.mark.parametrize("offset", [-300, 300])
async def test_a_skewed_replica_decides_by_postgresqls_clock(
    env: dict[str, str], sql: asyncpg.Connection, offset: int
) -> None:
    env["AUTHSVC_CLOCK_OFFSET_SECONDS"] = str(offset)
    async with serving(env) as skewed:
        http = skewed.http
        tokens = await login(http)
        for answer in (tokens, (await refresh(http, tokens["refresh_token"])).json()):
            told = claims(answer["access_token"])
            assert abs(told["iat"] - time.time()) < 3
            assert told["exp"] - told["iat"] == 1800
        assert abs(claims(tokens["access_token"])["auth_time"] - time.time()) < 3
        service_token = await http.post(
            "/token", data={"grant_type": "client_credentials"}, auth=("backend", "backend-secret")
        )
        assert abs(claims(service_token.json()["access_token"])["iat"] - time.time()) < 3
        ready = await http.get("/readyz")
        assert (ready.status_code, ready.json()["problems"]) == (503, ["clock_skewed"])
        # A minute before its end a session is alive, at its end it is not, whatever this machine's clock says.
        await sql.execute("UPDATE user_sessions SET expires_at = now() + interval '60 seconds'")
        short = await refresh(http, tokens["refresh_token"])
        assert (short.status_code, 55 <= short.json()["expires_in"] <= 60) == (200, True)
        assert (await profile(http, short.json())).status_code == 200
        await sql.execute("UPDATE user_sessions SET expires_at = now()")
        assert (await refresh(http, short.json()["refresh_token"])).json()["error"] == "invalid_grant"


async def test_an_access_token_expires_by_postgresqls_clock(env: dict[str, str], sql: asyncpg.Connection) -> None:
    await sql.execute("UPDATE clients SET access_token_seconds = 10")
    for offset in ("-300", "300"):
        async with serving(env | {"AUTHSVC_CLOCK_OFFSET_SECONDS": offset}) as skewed:
            tokens = await login(skewed.http)
            assert tokens["expires_in"] == 10
            assert await active(skewed.http, tokens) is True
            skewed.runtime.clock.align = lambda *_: None  # from here on it is moved by hand
            skewed.runtime.clock._base += 7
            assert await active(skewed.http, tokens) is True
            skewed.runtime.clock._base += 4
            assert await active(skewed.http, tokens) is False


async def test_half_a_minute_is_the_limit(env: dict[str, str]) -> None:
    for offset, status in (("25", 200), ("-25", 200), ("35", 503), ("-35", 503)):
        async with serving(env | {"AUTHSVC_CLOCK_OFFSET_SECONDS": offset}) as service:
            assert (await service.http.get("/readyz")).status_code == status


async def test_before_postgresql_was_ever_heard_no_clock_is_trusted_with_a_session(env: dict[str, str]) -> None:
    async with serving(env) as service:
        tokens = await login(service.http)
    away = env | {"AUTHSVC_DATABASE_URL": "postgresql://nobody@/nowhere?host=/nonexistent"}
    async with serving(away | {"AUTHSVC_CLOCK_OFFSET_SECONDS": "300000"}) as service:
        honest(await refresh(service.http, tokens["refresh_token"]))
        assert (await service.http.get("/readyz")).status_code == 503
