"""A role that lacks a right: trouble in a store, never a bug and never an answer about credentials."""

from __future__ import annotations

import asyncpg
import pytest

from authsvc.app import start
from authsvc.runtime import open_runtime
from authsvc.settings import load
from authsvc.store.errors import StoreUnavailable
from tests.conftest import following
from tests.faults.conftest import honest
from tests.support.calls import LOGIN
from tests.support.roles import as_role, let_serve, role
from tests.support.service import Service


async def test_a_right_that_is_missing_at_work_is_503(
    settings_env: dict[str, str], database_url: str, sql: asyncpg.Connection
) -> None:
    async with role(database_url, "serve") as name:
        await let_serve(sql, name)
        env = {**settings_env, "AUTHSVC_DATABASE_URL": as_role(database_url, name)}
        async with following(env) as runtime:
            http = Service(runtime, sql, env).http
            await sql.execute(f"REVOKE INSERT ON user_sessions FROM {name}")
            answer = await http.post("/api/auth/login", json=LOGIN)
            assert honest(answer)
            assert (await http.get("/readyz")).status_code == 200
            await sql.execute(f"GRANT INSERT ON user_sessions TO {name}")
            assert (await http.post("/api/auth/login", json=LOGIN)).status_code == 200


async def test_nobody_starts_where_a_right_is_missing_that_no_time_brings(
    settings_env: dict[str, str], database_url: str
) -> None:
    async with role(database_url, "serve") as name:
        runtime = open_runtime(load({**settings_env, "AUTHSVC_DATABASE_URL": as_role(database_url, name)}))
        with pytest.raises(StoreUnavailable) as caught:
            await start(runtime)
        assert caught.value.kind == "refused"
        await runtime.close()
