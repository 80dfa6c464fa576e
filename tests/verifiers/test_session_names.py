"""Services that verify tokens themselves refuse those of pairwise clients as soon as all others, when the session has
ended: by each name that a client's tokens call it (SECURITY.md item 77)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from time import monotonic
from typing import Any

import asyncpg
import httpx2
import jwt
import pytest
import redis.asyncio

from authsvc.store.caller import clients
from authsvc_devkit import demo
from authsvc_verifier import InvalidToken, Verifier
from tests.support.busy import again_when_busy, prompt
from tests.support.clients import flat_client
from tests.support.fleet import FOLLOWING
from tests.support.login_steps import CALLBACK, tokens_for
from tests.verifiers.conftest import House

NAMES = ("customer", "north", "south")


@dataclass
class Person:
    """One browser, and what each client got in it."""

    http: httpx2.AsyncClient
    tokens: dict[str, str]

    @property
    def session(self) -> str:
        """Its id, as clients with public subjects know it."""
        return sid_of(self.tokens["customer"])


def sid_of(token: str) -> str:
    return str(jwt.decode(token, options={"verify_signature": False})["sid"])


@pytest.fixture(scope="module")
async def sql(house: House) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(house.settings["AUTHSVC_DATABASE_URL"])
    for name in NAMES[1:]:
        client = flat_client(
            id=name,
            name=name.title(),
            kind="public",
            redirect_uris=(CALLBACK,),
            grant_types=frozenset({"authorization_code", "refresh_token"}),
            scopes=("openid", "email"),
            audiences=(demo.ORDERS,),
            first_party=True,
            subject_type="pairwise",
            sector=f"{name}.example",
        )
        assert await clients.add(connection, client)
    yield connection
    await connection.close()


@pytest.fixture
async def verifier(house: House) -> AsyncIterator[Verifier]:
    async with Verifier(house.issuer, audience=demo.ORDERS, **FOLLOWING) as following:
        yield following


@asynccontextmanager
async def logged_in(house: House) -> AsyncIterator[Person]:
    async with httpx2.AsyncClient(base_url=house.issuer, trust_env=False) as http:
        tokens = {name: (await tokens_for(http, name, scope="openid email"))["access_token"] for name in NAMES}
        yield Person(http, tokens)


async def refused(verifier: Verifier, person: Person) -> dict[str, str]:
    """Whose token is refused, and why."""
    found = {}
    for name, token in person.tokens.items():
        try:
            await verifier.verify(token)
        except InvalidToken as error:
            found[name] = error.reason
    return found


async def until_refused(verifier: Verifier, person: Person) -> float:
    """Seconds until all are."""
    started = monotonic()
    while (found := await refused(verifier, person)).keys() != set(NAMES):
        assert monotonic() - started < 5, found
        await asyncio.sleep(0.02)
    assert set(found.values()) == {"revoked_session"}
    return monotonic() - started


@again_when_busy
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE user_sessions SET is_active = false WHERE id = $1",
        "DELETE FROM user_sessions WHERE id = $1",
        "DELETE FROM users WHERE id = (SELECT user_id FROM user_sessions WHERE id = $1)",
    ],
)
async def test_an_operators_statement_is_seen_under_each_name(
    house: House, sql: asyncpg.Connection, verifier: Verifier, statement: str
) -> None:
    async with logged_in(house) as person:
        assert len({sid_of(token) for token in person.tokens.values()}) == len(NAMES)
        assert await refused(verifier, person) == {}
        async with kept(sql):
            await sql.execute(statement, person.session)
            prompt(await until_refused(verifier, person) < 1)


@asynccontextmanager
async def kept(sql: asyncpg.Connection) -> AsyncIterator[None]:
    """The person of these tests comes back, with the same id, if a statement removes them."""
    row = await sql.fetchrow("SELECT * FROM users WHERE email = 'test@example.com'")
    assert row is not None
    yield
    places = ", ".join(f"${number}" for number in range(1, len(row) + 1))
    await sql.execute(
        f"INSERT INTO users ({', '.join(row.keys())}) VALUES ({places}) ON CONFLICT DO NOTHING",
        *row.values(),
    )


@again_when_busy
async def test_a_logout_is_seen_under_each_name(house: House, sql: asyncpg.Connection, verifier: Verifier) -> None:
    async with logged_in(house) as person:
        assert await refused(verifier, person) == {}
        headers = {"Authorization": f"Bearer {person.tokens['north']}"}
        assert (await person.http.post("/api/auth/logout", headers=headers)).status_code == 204
        prompt(await until_refused(verifier, person) < 1)


@again_when_busy
async def test_it_is_seen_though_redis_was_flushed(house: House, sql: asyncpg.Connection, verifier: Verifier) -> None:
    async with logged_in(house) as before, logged_in(house) as after:
        await sql.execute("UPDATE user_sessions SET is_active = false WHERE id = $1", before.session)
        await until_refused(verifier, before)
        valkey = redis.asyncio.from_url(house.settings["AUTHSVC_REDIS_URL"])
        await valkey.delete(*[key async for key in valkey.scan_iter(house.settings["AUTHSVC_REDIS_PREFIX"] + ":*")])
        await valkey.aclose()
        assert (await refused(verifier, before)).keys() == set(NAMES)
        await sql.execute("UPDATE user_sessions SET is_active = false WHERE id = $1", after.session)
        prompt(await until_refused(verifier, after) < 1)
        for token in (*before.tokens.values(), *after.tokens.values()):
            assert not active(house, token)


def active(house: House, token: str) -> bool:
    answer = house.http.post("/introspect", data={"token": token}, auth=("verifier", "verifier-secret"))
    said: dict[str, Any] = answer.json()
    return bool(said["active"])


async def test_a_verifier_that_starts_later_knows_each_name(house: House, sql: asyncpg.Connection) -> None:
    """From the snapshot: it has no number to go on from."""
    async with logged_in(house) as person:
        await sql.execute("DELETE FROM user_sessions WHERE id = $1", person.session)
        async with Verifier(house.issuer, audience=demo.ORDERS, **FOLLOWING) as late:
            await until_refused(late, person)
