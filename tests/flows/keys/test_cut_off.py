"""A replica that PostgreSQL is lost to: it signs as long as it may, and no longer."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import asyncpg
import httpx2
import jwt

from authsvc_devkit.servers import Servers
from tests.faults.conftest import database_proxy, on_database
from tests.support.replicas import Replica, Replicas
from tests.support.service import BACKEND

CREDENTIALS = {"grant_type": "client_credentials"}
LOCK = "SELECT pg_advisory_lock(hashtextextended('authsvc:keys', 0))"


async def test_cut_off_a_replica_signs_until_the_end_of_its_key_serves_the_jwks_and_others_go_on(
    servers: Servers, replicas: Replicas, settings_env: dict[str, str], sql: asyncpg.Connection
) -> None:
    async with database_proxy(servers) as proxy:
        url = on_database(settings_env["AUTHSVC_DATABASE_URL"], proxy)
        [lost] = await asyncio.to_thread(replicas.start, 1, AUTHSVC_DATABASE_URL=url)
        [well] = await asyncio.to_thread(replicas.start, 1)
        async with httpx2.AsyncClient(base_url=lost.url, timeout=5) as there:

            async def token(replica: Replica | None = None) -> httpx2.Response:
                return await there.post(f"{(replica or lost).url}/token", data=CREDENTIALS, auth=BACKEND)

            assert (await token()).status_code == 200  # it knows the client now
            # One key, which ends soon; whoever would make the next one waits for us.
            await sql.execute(LOCK)
            await sql.execute("UPDATE signing_keys SET withdrawn_at = now() WHERE signs_from > now()")
            end: datetime = await sql.fetchval(
                """UPDATE signing_keys SET signs_until = now() + interval '5 s', drop_after = now() + interval '2 d'
                   WHERE withdrawn_at IS NULL RETURNING signs_until"""
            )
            await asyncio.sleep(1.2)  # both have read it
            proxy.blackhole()
            last, after = None, None
            async with asyncio.timeout(30):
                while after is None:
                    answer = await token()
                    jwks = await there.get("/.well-known/jwks.json")
                    assert jwks.status_code == 200
                    if answer.status_code == 200:
                        last = answer.json()["access_token"]
                    else:
                        after = answer
                    await asyncio.sleep(0.05)
            assert datetime.now(UTC) >= end
            assert (after.status_code, after.json()["error"]) == (503, "temporarily_unavailable")
            assert after.headers["retry-after"] == "5"
            assert last is not None
            assert jwt.decode(last, options={"verify_signature": False})["iat"] <= end.timestamp()
            problems = (await there.get("/readyz")).json()["problems"]
            assert {"no_signing_key", "postgresql_silent"} <= set(problems)
            # What it signed is as good as ever, there and elsewhere.
            kids = {key["kid"] for key in (await there.get("/.well-known/jwks.json")).json()["keys"]}
            assert jwt.get_unverified_header(last)["kid"] in kids
            said = await there.post(f"{well.url}/introspect", data={"token": last}, auth=BACKEND)
            assert said.json()["active"] is True
            # Others make the next key as soon as they may, and it signs at once, for nobody else does.
            await sql.execute("SELECT pg_advisory_unlock_all()")
            async with asyncio.timeout(10):
                while (answer := await token(well)).status_code != 200:
                    await asyncio.sleep(0.1)
            assert jwt.get_unverified_header(answer.json()["access_token"])["kid"] not in kids
            assert (await token()).status_code == 503
            # Back again, it learns of it.
            proxy.heal()
            async with asyncio.timeout(20):
                while (answer := await token()).status_code != 200:
                    await asyncio.sleep(0.1)
            assert jwt.get_unverified_header(answer.json()["access_token"])["kid"] not in kids
