"""DPoP proofs while stores are gone: PostgreSQL alone says that one is new, and without it nobody is blamed."""

from __future__ import annotations

import pytest

from authsvc_devkit.servers import Servers
from tests.faults.conftest import Service, honest, settled
from tests.support.proofs import Holder

pytestmark = pytest.mark.faults

CLIENT = {"data": {"grant_type": "client_credentials"}, "auth": ("backend", "backend-secret")}


@pytest.mark.parametrize("gone", ["postgresql", "redis", "both"])
async def test_a_proof_is_taken_where_postgresql_is_there_and_blamed_nowhere(
    service: Service, servers: Servers, gone: str
) -> None:
    await settled(service)
    holder = Holder(None)
    asked = await service.http.post("/token", headers={"DPoP": holder.proof()}, **CLIENT)
    holder.nonce = asked.headers["dpop-nonce"]
    if gone != "redis":
        servers.postgres.kill()
    if gone != "postgresql":
        servers.redis.kill()
    proof = {"DPoP": holder.proof()}
    answer = await service.http.post("/token", headers=proof, **CLIENT)
    if gone != "redis":
        assert honest(answer)
    else:
        assert answer.status_code == 200
        again = await service.http.post("/token", headers=proof, **CLIENT)
        assert (again.status_code, again.json()["error"]) == (400, "invalid_dpop_proof")
    # Without a proof there is nothing to remember.
    assert (await service.http.post("/token", **CLIENT)).status_code == 200
