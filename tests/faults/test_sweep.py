"""Clean-up deletes what is over and nothing else, at whatever moment it comes, and lets others pass."""

from __future__ import annotations

import asyncio
import random
from time import monotonic
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from authsvc.flows.keys import manage_keys
from authsvc.flows.upkeep.sweep import sweep_once
from tests.faults.conftest import Service, active, logout
from tests.support.busy import again_when_busy, prompt
from tests.support.calls import login, refresh

pytestmark = pytest.mark.faults

HOUR = 3600.0


class Model:
    """What should be there: when each thing ends, in seconds from the start, on a clock that is moved by hand."""

    def __init__(self, service: Service, sql: asyncpg.Connection, dice: random.Random) -> None:
        self.service, self.sql, self.dice = service, sql, dice
        self.sessions: dict[UUID, tuple[float, dict[str, Any] | None]] = {}
        self.ended: set[UUID] = set()
        self.revocations: dict[str, float] = {}
        self.assertions: dict[bytes, float] = {}
        self.deleted = 0

    async def login(self) -> None:
        tokens = await login(self.service.http)
        life = self.dice.uniform(-2 * HOUR, 2 * HOUR)
        await self._expire(UUID(tokens["session_id"]), life)
        self.sessions[UUID(tokens["session_id"])] = (life, tokens)

    async def end(self) -> None:
        alive = [key for key, (life, tokens) in self.sessions.items() if tokens and life > 60 and key not in self.ended]
        if alive:
            key = self.dice.choice(alive)
            await logout(self.service.http, self.sessions[key][1] or {})
            self.ended.add(key)

    async def revoke(self) -> None:
        subject, life = str(uuid4()), self.dice.uniform(-2 * HOUR, 2 * HOUR)
        await self.sql.execute(
            """INSERT INTO revocations (kind, subject, expires_at, reason)
               VALUES ('token', $1, now() + $2::float8 * interval '1 second', 'x')""",
            subject,
            life,
        )
        self.revocations[subject] = life

    async def spend(self) -> None:
        digest, life = self.dice.randbytes(16), self.dice.uniform(-100, 100)
        await self.sql.execute(
            "INSERT INTO spent_assertions VALUES ($1, now() + $2::float8 * interval '1 second')", digest, life
        )
        self.assertions[digest] = life

    async def tick(self) -> None:
        step = self.dice.uniform(60, HOUR)
        for table in ("user_sessions", "revocations", "spent_assertions"):
            await self.sql.execute(
                f"UPDATE {table} SET expires_at = expires_at - $1::float8 * interval '1 second'", step
            )
        self.sessions = {key: (life - step, tokens) for key, (life, tokens) in self.sessions.items()}
        self.revocations = {key: life - step for key, life in self.revocations.items()}
        self.assertions = {key: life - step for key, life in self.assertions.items()}

    async def sweep(self) -> None:
        deleted = await sweep_once(self.service.runtime)
        self.deleted += sum(deleted.values())
        self.sessions = {key: value for key, value in self.sessions.items() if value[0] > -HOUR}
        self.revocations = {key: life for key, life in self.revocations.items() if life > -HOUR}
        self.assertions = {key: life for key, life in self.assertions.items() if life > 0}
        await self.check()

    async def check(self) -> None:
        assert {row[0] for row in await self.sql.fetch("SELECT id FROM user_sessions")} == set(self.sessions)
        assert {row[0] for row in await self.sql.fetch("SELECT session_id FROM grants")} == set(self.sessions)
        kept = {row[0] for row in await self.sql.fetch("SELECT subject FROM revocations WHERE kind = 'token'")}
        assert kept == set(self.revocations)
        kept = {row[0] for row in await self.sql.fetch("SELECT digest FROM spent_assertions")}
        assert kept == set(self.assertions)

    async def _expire(self, session: UUID, life: float) -> None:
        await self.sql.execute(
            "UPDATE user_sessions SET expires_at = now() + $2::float8 * interval '1 second' WHERE id = $1",
            session,
            life,
        )


@pytest.mark.parametrize("seed", range(3))
async def test_clean_up_at_any_moment_deletes_nothing_live(
    service: Service, sql: asyncpg.Connection, seed: int
) -> None:
    dice = random.Random(seed)
    model = Model(service, sql, dice)
    steps = [model.login, model.login, model.login, model.end, model.revoke, model.spend, model.tick, model.sweep]
    for _ in range(80):
        await dice.choice(steps)()
    await model.sweep()
    assert model.deleted > 5
    for key, (life, tokens) in model.sessions.items():
        if tokens and abs(life) > 5:
            answer = await refresh(service.http, tokens["refresh_token"])
            assert answer.status_code == (200 if life > 0 and key not in model.ended else 400), (life, answer.text)


async def test_clean_up_beside_refreshes_and_logins_disturbs_neither(service: Service, sql: asyncpg.Connection) -> None:
    people = [await login(service.http) for _ in range(10)]
    await sql.execute(
        """INSERT INTO user_sessions (id, user_id, expires_at)
           SELECT gen_random_uuid(), (SELECT id FROM users LIMIT 1), now() - interval '2 hours'
           FROM generate_series(1, 3000)"""
    )
    sweeping = asyncio.create_task(sweep_once(service.runtime))
    statuses = set()
    while not sweeping.done():
        for tokens in people:
            answer = await refresh(service.http, tokens["refresh_token"])
            statuses.add(answer.status_code)
            tokens["refresh_token"] = answer.json()["refresh_token"]
        people.append(await login(service.http))
    assert (await sweeping)["user_sessions"] == 3_000
    assert statuses == {200}
    assert await sql.fetchval("SELECT count(*) FROM user_sessions") == len(people)


async def test_a_key_cannot_be_deleted_before_its_time(service: Service, sql: asyncpg.Connection) -> None:
    tokens = await login(service.http)
    for change in (
        "signs_until = now() - interval '2 hours', drop_after = now() + interval '1 minute'",
        "signs_until = NULL, drop_after = NULL",
    ):
        await sql.execute(f"UPDATE signing_keys SET {change}")
        with pytest.raises(asyncpg.CheckViolationError):
            await sql.execute("DELETE FROM signing_keys")
        await sweep_once(service.runtime)
        assert await sql.fetchval("SELECT count(*) FROM signing_keys") == 1
    assert await active(service.http, tokens) is True
    await sql.execute(
        "UPDATE signing_keys SET signs_until = now() - interval '3 h', drop_after = now() - interval '50 min'"
    )
    await sweep_once(service.runtime)
    assert await sql.fetchval("SELECT count(*) FROM signing_keys") == 1, "an hour is kept"
    await sql.execute("UPDATE signing_keys SET drop_after = now() - interval '70 min'")
    await sweep_once(service.runtime)
    assert await sql.fetchval("SELECT count(*) FROM signing_keys") == 1, "the last of an algorithm is kept"
    made = await manage_keys.generate(service.runtime, "tests")
    assert isinstance(made, manage_keys.Generated)
    await sweep_once(service.runtime)
    assert [row["kid"] for row in await sql.fetch("SELECT kid FROM signing_keys")] == [made.kid]


@again_when_busy
async def test_a_second_sweeper_leaves_at_once(service: Service, sql: asyncpg.Connection) -> None:
    tokens = await login(service.http)
    await sql.execute("UPDATE user_sessions SET expires_at = now() - interval '2 hours'")
    async with sql.transaction():
        assert await sql.fetchval("SELECT pg_try_advisory_xact_lock(hashtextextended('authsvc:sweep', 0))")
        started = monotonic()
        assert not await sweep_once(service.runtime)
        prompt(monotonic() - started < 0.3)
    assert (await sweep_once(service.runtime))["user_sessions"] == 1
    assert tokens


@again_when_busy
async def test_rows_that_somebody_holds_are_left_for_the_next_time(service: Service, sql: asyncpg.Connection) -> None:
    held, free = await login(service.http), await login(service.http)
    await sql.execute("UPDATE user_sessions SET expires_at = now() - interval '2 hours'")
    async with sql.transaction():
        await sql.execute("SELECT FROM user_sessions WHERE id = $1::uuid FOR UPDATE", held["session_id"])
        started = monotonic()
        assert (await sweep_once(service.runtime))["user_sessions"] == 1
        prompt(monotonic() - started < 0.5)
    left = [str(row[0]) for row in await sql.fetch("SELECT id FROM user_sessions")]
    assert left == [held["session_id"]] != [free["session_id"]]
