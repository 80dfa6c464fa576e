"""PostgreSQL is gone (connections refused): public data go on, credentials wait, nobody loses a session."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from time import monotonic

import pytest

from authsvc.store.errors import StoreUnavailable
from authsvc_devkit.servers import Servers
from tests.faults.conftest import (
    Service,
    active,
    database_proxy,
    honest,
    logout,
    on_database,
    profile,
    serving,
)
from tests.support.busy import again_when_busy, none_turned_away, prompt
from tests.support.calls import LOGIN, login, refresh

pytestmark = pytest.mark.faults


@again_when_busy
async def test_without_postgresql_keys_are_served_and_credentials_are_neither_accepted_nor_refused(
    service: Service, servers: Servers
) -> None:
    http = service.http
    people = [await login(http) for _ in range(20)]
    assert await active(http, people[1]) is True
    before = (await http.get("/.well-known/jwks.json")).content
    killed = monotonic()
    servers.postgres.kill()
    answers = await asyncio.gather(*(refresh(http, tokens["refresh_token"]) for tokens in people))
    assert all(honest(answer) for answer in answers)
    assert len({answer.headers["retry-after"] for answer in answers}) > 1, "no jitter: a herd"
    assert honest(await http.post("/api/auth/login", json=LOGIN))
    assert honest(await logout(http, people[0]))
    assert (await http.get("/.well-known/jwks.json")).content == before
    assert (await http.get("/.well-known/openid-configuration")).status_code == 200
    assert (await http.get("/livez")).status_code == 200
    # Nothing can have been revoked meanwhile: Redis may answer, for its lease.
    assert await active(http, people[1]) is True
    assert honest(await profile(http, people[1]))
    waited = await service.until(503)
    assert monotonic() - killed > 2
    prompt(waited < 4, f"{waited:.2f} s")
    servers.postgres.start()
    back = await service.until(200)
    prompt(back < 1, f"{back:.2f} s")
    answers = await asyncio.gather(*(refresh(http, tokens["refresh_token"]) for tokens in people))
    none_turned_away(answers)
    assert Counter(answer.status_code for answer in answers) == {200: 20}


async def test_no_failed_attempt_is_counted_while_postgresql_is_away(service: Service, servers: Servers) -> None:
    await login(service.http)
    servers.postgres.kill()
    answers = await asyncio.gather(*(service.http.post("/api/auth/login", json=LOGIN) for _ in range(9)))
    answers += [await service.http.post("/api/auth/login", json=LOGIN) for _ in range(20)]
    assert all(honest(answer) for answer in answers)
    servers.postgres.start()
    await asyncio.sleep(0.6)
    await login(service.http)


@again_when_busy
async def test_a_request_is_served_within_a_second_of_postgresqls_return(service: Service, servers: Servers) -> None:
    tokens = await login(service.http)
    servers.postgres.kill()
    for _ in range(10):
        honest(await refresh(service.http, tokens["refresh_token"]))
    servers.postgres.start()
    started = asyncio.get_running_loop().time()
    while (await refresh(service.http, tokens["refresh_token"])).status_code != 200:
        await asyncio.sleep(0.01)
    prompt(asyncio.get_running_loop().time() - started < 1)


async def test_a_replica_that_starts_without_postgresql_serves_the_jwks_of_its_snapshot(
    env: dict[str, str], servers: Servers, tmp_path: Path
) -> None:
    env["AUTHSVC_STATE_DIR"] = str(tmp_path)
    async with serving(env) as first:
        tokens = await login(first.http)
        expected = (await first.http.get("/.well-known/jwks.json")).json()
    servers.postgres.kill()
    async with serving(env) as second:
        assert (await second.http.get("/.well-known/jwks.json")).json() == expected
        assert (await second.http.get("/livez")).status_code == 200
        assert (await second.http.get("/readyz")).status_code == 503
        honest(await refresh(second.http, tokens["refresh_token"]))
        assert await active(second.http, tokens) is None
        servers.postgres.start()
        assert await second.until(200) < 1
        assert (await refresh(second.http, tokens["refresh_token"])).status_code == 200


async def test_a_replica_with_a_damaged_snapshot_starts_as_one_without(
    env: dict[str, str], servers: Servers, tmp_path: Path
) -> None:
    env["AUTHSVC_STATE_DIR"] = str(tmp_path)
    async with serving(env):
        pass
    file = tmp_path / "jwks.json"
    file.write_bytes(file.read_bytes()[:-20])
    servers.postgres.kill()
    async with serving(env) as second:
        assert (await second.http.get("/.well-known/jwks.json")).status_code == 503
        assert (await second.http.get("/livez")).status_code == 200


async def test_a_replica_that_starts_with_nothing_says_503_for_the_jwks(env: dict[str, str], servers: Servers) -> None:
    async with serving(env) as first:
        tokens = await login(first.http)
    servers.postgres.kill()
    async with serving(env) as service:
        assert (await service.http.get("/.well-known/jwks.json")).status_code == 503
        assert (await service.http.get("/livez")).status_code == 200
        # Nobody's token is called invalid by one who knows no key.
        honest(await profile(service.http, tokens))
        servers.postgres.start()
        await service.until(200, "/.well-known/jwks.json", 1)


async def test_a_connection_that_breaks_before_it_is_recognized_is_no_other_database(
    env: dict[str, str], database_url: str, servers: Servers
) -> None:
    async with database_proxy(servers) as proxy:
        env["AUTHSVC_DATABASE_URL"] = on_database(database_url, proxy)
        async with serving(env) as service:
            proxy.ban_request(b"flushed_lsn")
            proxy.cut()
            with pytest.raises(StoreUnavailable) as caught:
                await service.runtime.db.fetchval("SELECT 1")
            assert caught.value.kind == "gone"
            assert service.runtime.db.suspended is None
            await service.until(503, seconds=6)
            assert (await service.http.get("/readyz")).json()["problems"] == ["postgresql_silent"]
            proxy.heal()
            await service.until(200, seconds=2)


async def test_a_database_that_is_gone_before_it_was_judged_leaves_no_replica_ready(
    env: dict[str, str], database_url: str, servers: Servers
) -> None:
    async with database_proxy(servers) as proxy:
        env["AUTHSVC_DATABASE_URL"] = on_database(database_url, proxy)
        async with serving(env) as service:
            service.runtime.db.suspended = "unsettled"
            proxy.refuse()
            proxy.cut()
            await service.until(503, seconds=6)
            assert (await service.http.get("/readyz")).json()["problems"] == ["postgresql_silent"]
            proxy.heal()
            await service.until(200, seconds=2)
