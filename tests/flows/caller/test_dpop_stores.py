"""A proof opens once, whatever becomes of Redis between its two showings."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import pytest

from authsvc_devkit.servers import Servers
from tests.support.faultproxy import FaultProxy
from tests.support.proofs import CLIENT, Holder, refused_proof
from tests.support.service import Service, service


@dataclass
class Redis:
    """The way to Redis."""

    proxy: FaultProxy

    def away(self) -> None:
        self.proxy.refuse()
        self.proxy.cut()

    def back(self) -> None:
        self.proxy.heal()


@pytest.fixture
async def redis(servers: Servers) -> AsyncIterator[Redis]:
    async with FaultProxy(urlsplit(servers.redis_url).path) as proxy:
        yield Redis(proxy)


@pytest.fixture
async def house(servers: Servers, base_env: dict[str, str], redis: Redis) -> AsyncIterator[Service]:
    parts = urlsplit(servers.redis_url)
    url = urlunsplit(parts._replace(path=str(redis.proxy.path), query=urlencode(parse_qsl(parts.query))))
    async with service(servers, base_env, redis_url=url) as running:
        yield running


@pytest.mark.parametrize("first", ["with Redis", "without Redis"])
async def test_a_replayed_proof_is_refused_also_when_redis_goes_or_comes_in_between(
    house: Service, redis: Redis, first: str
) -> None:
    holder = Holder(house)
    before, after = (redis.back, redis.away) if first == "with Redis" else (redis.away, redis.back)
    before()
    assert (await holder.post("/token", **CLIENT)).status_code == 200
    proof = holder.proof()
    assert (await holder.post("/token", proof, **CLIENT)).status_code == 200
    assert refused_proof(await holder.post("/token", proof, **CLIENT))
    after()
    for _ in range(5):
        assert refused_proof(await holder.post("/token", proof, **CLIENT))
