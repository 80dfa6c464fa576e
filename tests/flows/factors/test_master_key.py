"""A new master key: people's apps are sealed under it, and the old one stays until they are."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import asyncpg
import pytest

from authsvc.flows.factors.one_time_code import secret_of
from authsvc.runtime import Runtime
from authsvc.store.errors import StoreUnavailable
from authsvc.store.factors import one_time_codes
from tests.cli.conftest import answer, terminal
from tests.conftest import following
from tests.support.factors import App, app_of, person
from tests.support.service import Service


@pytest.fixture
def file(settings_env: dict[str, str], tmp_path: Path) -> Path:
    path = tmp_path / "master.key"
    path.write_text(settings_env.pop("AUTHSVC_MASTER_KEY"))
    path.chmod(0o600)
    settings_env["AUTHSVC_MASTER_KEY_FILE"] = str(path)
    return path


async def new_app(runtime: Runtime, sql: asyncpg.Connection, email: str) -> App:
    house = cast(Service, SimpleNamespace(runtime=runtime, sql=sql))
    return await app_of(house, await person(house, email))


async def opened(runtime: Runtime, app: App) -> bytes:
    found = await one_time_codes.confirmed(runtime.db, app.user_id)
    assert found is not None
    return secret_of(runtime, found)


async def test_apps_are_sealed_anew_and_the_old_key_stays_until_they_are(
    settings_env: dict[str, str], file: Path, sql: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("authsvc.flows.keys.reseal_keys.BATCH", 2)
    operator = terminal(settings_env)

    async def run(*words: str, code: int = 0) -> Any:
        return await asyncio.to_thread(operator, *words, code=code)

    async with following(settings_env) as runtime:
        apps = [await new_app(runtime, sql, f"sealed{number}@example.com") for number in range(5)]
    damaged = await sql.fetchval("SELECT max(user_id::text)::uuid FROM one_time_codes")
    await run("keys", "generate-master", "--add-to", str(file))
    await run("keys", "promote-master", str(file))
    said = (await run("keys", "reseal", "--check", code=1)).stdout
    assert "Master key 1 (older or next): 1 signing key, 5 authenticator apps." in said
    await sql.execute("UPDATE one_time_codes SET sealed = sealed || '\\x00' WHERE user_id = $1", damaged)
    done = answer(await run("keys", "reseal", "--json"))
    assert done["authenticator_apps"] == 4
    assert [key["authenticator_apps"] for key in done["master_keys"]] == [1, 4]
    refused = await run("keys", "drop-master", str(file), "1", "--now", "--yes", code=1)
    assert "1 authenticator app would open no more" in refused.stderr
    cut = "UPDATE one_time_codes SET sealed = substring(sealed FOR length(sealed) - 1) WHERE user_id = $1"
    await sql.execute(cut, damaged)
    assert "Sealed 1 authenticator app of people under it." in (await run("keys", "reseal")).stdout
    assert "nothing was done" in (await run("keys", "reseal")).stdout
    await run("keys", "drop-master", str(file), "1", "--now", "--yes")
    async with following(settings_env) as runtime:
        assert runtime.master.ids == (2,)
        for app in apps:
            assert await opened(runtime, app) == app.secret


async def test_a_secret_opens_in_its_own_row_alone(runtime: Runtime, sql: asyncpg.Connection) -> None:
    """Whoever writes to the database does not give one person's app to another; and nobody's code is wrong for it."""
    one, two = await new_app(runtime, sql, "one@example.com"), await new_app(runtime, sql, "two@example.com")
    sealed = await sql.fetchval("SELECT sealed FROM one_time_codes WHERE user_id = $1", one.user_id)
    await sql.execute("UPDATE one_time_codes SET sealed = $2 WHERE user_id = $1", two.user_id, sealed)
    with pytest.raises(StoreUnavailable):
        await opened(runtime, two)
    assert await opened(runtime, one) == one.secret
    await sql.execute("UPDATE one_time_codes SET sealed = $2 WHERE user_id = $1", one.user_id, os.urandom(64))
    with pytest.raises(StoreUnavailable):
        await opened(runtime, one)
