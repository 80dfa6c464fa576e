"""What is good once is good once over all replicas, whichever stores each of them hears, and after a crash of both."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from hashlib import sha256
from itertools import product
from typing import Any

import httpx2
import jwt
import pytest

from authsvc.flows.caller.prove_possession import Proof, spend_dpop_proof
from authsvc.jose.jwk import public_jwk
from authsvc.rules.caller.client_authentication import ASSERTION_TYPE
from authsvc.rules.confirmation import UNBOUND
from authsvc.rules.errors import Rejected
from authsvc.runtime import Runtime, open_runtime
from authsvc.settings import load
from authsvc.store.caller import clients
from authsvc.store.errors import StoreUnavailable
from authsvc_devkit.servers import Servers
from tests.faults.conftest import (
    ISSUER,
    Service,
    database_proxy,
    honest,
    on_database,
    on_redis,
    redis_proxy,
    serving,
    settled,
)
from tests.support.clients import flat_client
from tests.support.faultproxy import FaultProxy
from tests.support.signers import KEYS

pytestmark = pytest.mark.faults

WAYS = ("answers", "slow", "silent", "refuses")
DEAF = ("silent", "refuses")
SIGNER = flat_client(
    id="signer",
    name="Signer",
    kind="confidential",
    grant_types=frozenset({"client_credentials"}),
    scopes=("api",),
    jwks={"keys": [dict(public_jwk(KEYS["ES256"].public_key(), "ES256"))]},
)


def spoil(proxy: FaultProxy, way: str) -> None:
    if way == "slow":
        proxy.delay = 0.02
    elif way == "silent":
        proxy.blackhole()
    elif way == "refuses":
        proxy.refuse()
        proxy.cut()


@asynccontextmanager
async def hearing(servers: Servers, env: dict[str, str], postgres: str, redis: str) -> AsyncIterator[Runtime]:
    """A replica's engines, whose ways to the stores are such."""
    async with database_proxy(servers) as to_postgres, redis_proxy(servers) as to_redis:
        there = {
            "AUTHSVC_DATABASE_URL": on_database(env["AUTHSVC_DATABASE_URL"], to_postgres),
            "AUTHSVC_REDIS_URL": on_redis(env["AUTHSVC_REDIS_URL"], to_redis),
            "AUTHSVC_DB_POOL_SIZE": "6",
        }
        runtime = open_runtime(load({**env, **there}))
        await asyncio.gather(*(use(runtime, os.urandom(32)) for _ in range(6)))
        spoil(to_postgres, postgres)
        spoil(to_redis, redis)
        try:
            yield runtime
        finally:
            to_postgres.heal()
            await runtime.close()


async def use(runtime: Runtime, digest: bytes) -> bool | None:
    """Whether this use was the one; None: come again."""
    try:
        await spend_dpop_proof(runtime, Proof(UNBOUND, digest, 60, "ES256"))
    except Rejected:
        return False
    except StoreUnavailable:
        return None
    return True


async def test_one_use_is_one_use_in_every_mix_of_slow_and_silent_stores(
    servers: Servers, settings_env: dict[str, str]
) -> None:
    async with AsyncExitStack() as stack:
        replicas = [
            (postgres, await stack.enter_async_context(hearing(servers, settings_env, postgres, redis)))
            for postgres, redis in product(WAYS, ("answers", "silent"))
        ]

        won: list[bool] = []

        async def both(one: int, other: int) -> None:
            digest = os.urandom(32)
            ends = [replicas[number] for number in (one, other) for _ in range(3)]
            answers = await asyncio.gather(*(use(runtime, digest) for _, runtime in ends))
            assert answers.count(True) <= 1, (one, other, answers)
            heard = [answer for (postgres, _), answer in zip(ends, answers, strict=True) if postgres not in DEAF]
            assert answers.count(None) - heard.count(None) == len(ends) - len(
                heard
            )  # whoever hears nothing says nothing
            assert heard.count(True) == 1 or None in heard or not heard, (one, other, answers)
            won.append(True in answers)

        for distance in range(len(replicas)):
            await asyncio.gather(
                *(both(number, (number + distance) % len(replicas)) for number in range(len(replicas)))
            )
        assert won.count(True) >= len(won) / 2  # a slow store, or a busy machine, may leave some to come again


def signed(service: Service) -> dict[str, Any]:
    """A request of the client with an assertion."""
    now = int(service.runtime.clock.seconds())
    claims = {"iss": "signer", "sub": "signer", "aud": ISSUER, "exp": now + 120, "jti": os.urandom(8).hex()}
    form = {"client_assertion_type": ASSERTION_TYPE, "grant_type": "client_credentials"}
    return {"data": {**form, "client_assertion": jwt.encode(claims, KEYS["ES256"], "ES256")}}


def replayed(answer: httpx2.Response) -> bool:
    return (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


async def test_two_replicas_that_hear_one_store_each_take_an_assertion_once(
    servers: Servers, settings_env: dict[str, str]
) -> None:
    async with (
        database_proxy(servers) as to_postgres,
        redis_proxy(servers) as to_redis,
        serving(
            {**settings_env, "AUTHSVC_DATABASE_URL": on_database(settings_env["AUTHSVC_DATABASE_URL"], to_postgres)}
        ) as deaf_to_postgres,
        serving(
            {**settings_env, "AUTHSVC_REDIS_URL": on_redis(settings_env["AUTHSVC_REDIS_URL"], to_redis)}
        ) as deaf_to_redis,
    ):
        async with deaf_to_redis.runtime.db.transaction() as connection:
            assert await clients.add(connection, SIGNER)
        for service in (deaf_to_postgres, deaf_to_redis):
            await settled(service)
            assert (await service.http.post("/token", **signed(service))).status_code == 200
        to_postgres.blackhole()
        to_redis.blackhole()
        for _ in range(8):
            request = signed(deaf_to_redis)
            there, here = await asyncio.gather(
                deaf_to_postgres.http.post("/token", **request), deaf_to_redis.http.post("/token", **request)
            )
            assert here.status_code == 200, here.text
            assert honest(there)
            assert replayed(await deaf_to_redis.http.post("/token", **request))


async def test_an_assertion_that_an_outage_kept_out_is_good_afterwards(
    servers: Servers, settings_env: dict[str, str]
) -> None:
    async with database_proxy(servers) as to_postgres:
        env = {**settings_env, "AUTHSVC_DATABASE_URL": on_database(settings_env["AUTHSVC_DATABASE_URL"], to_postgres)}
        async with serving(env) as service:
            async with service.runtime.db.transaction() as connection:
                assert await clients.add(connection, SIGNER)
            await settled(service)
            assert (await service.http.post("/token", **signed(service))).status_code == 200
            request = signed(service)
            spoil(to_postgres, "refuses")
            for _ in range(2):
                assert honest(await service.http.post("/token", **request))
            to_postgres.heal()
            async with asyncio.timeout(10):
                while (answer := await service.http.post("/token", **request)).status_code == 503:
                    assert honest(answer)
                    await asyncio.sleep(0.05)
            assert answer.status_code == 200, answer.text
            assert replayed(await service.http.post("/token", **request))


async def test_what_was_used_is_used_after_a_crash_of_both_stores(
    servers: Servers, settings_env: dict[str, str]
) -> None:
    runtime = open_runtime(load(settings_env))
    digests = [sha256(b"%d" % number).digest() for number in range(20)]
    assert [await use(runtime, digest) for digest in digests] == [True] * 20
    for server in (servers.postgres, servers.redis):
        server.kill()
        server.start()
    async with asyncio.timeout(10):
        while await use(runtime, os.urandom(32)) is None:
            await asyncio.sleep(0.05)
    assert [await use(runtime, digest) for digest in digests] == [False] * 20
    await runtime.close()
