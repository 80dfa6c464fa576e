"""What is broken, by its name. Each takes some tenths of a second and heals what it broke, as far as it can; the end of
the schedule heals the rest."""

from __future__ import annotations

import asyncio
import random
import signal
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import asyncpg
import redis.exceptions

from authsvc.flows.keys import manage_keys
from authsvc.flows.upkeep.sweep import sweep_once
from authsvc.store.errors import StoreUnavailable
from tests.laboratory.doomed import POINTS
from tests.laboratory.history import OK, History
from tests.laboratory.invariants import HEARD_SECONDS, acknowledged
from tests.laboratory.people import Desk
from tests.laboratory.world import OPERATOR, Place, World
from tests.support.faultproxy import FaultProxy

Breakage = Callable[[World, Desk, random.Random], Awaitable[None]]
BREAKAGES: dict[str, Breakage] = {}
WEIGHTS: dict[str, float] = {}
RARE = 0.4
"""Of those after which a replica starts anew, which takes long."""
GONE = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError, redis.exceptions.RedisError)


def breakage(name: str, weight: float = 1) -> Callable[[Breakage], Breakage]:
    def keep(function: Breakage) -> Breakage:
        BREAKAGES[name], WEIGHTS[name] = function, weight
        return function

    return keep


async def _hold(dice: random.Random, least: float = 0.1, most: float = 0.8) -> None:
    await asyncio.sleep(dice.uniform(least, most))


def _some(world: World, dice: random.Random) -> list[Place]:
    """One replica, or all."""
    return [dice.choice(world.places)] if dice.random() < 0.5 else world.places


@asynccontextmanager
async def _broken(ways: list[FaultProxy]) -> Any:
    yield
    for way in ways:
        way.heal()


# PostgreSQL


@breakage("postgresql killed")
async def postgres_killed(world: World, desk: Desk, dice: random.Random) -> None:
    async with world.postgres_busy:
        await world.hands.do(world.servers.postgres.kill)
        await _hold(dice, 0, 0.6)
        await world.hands.do(world.servers.postgres.start)


@breakage("postgresql stopped")
async def postgres_stopped(world: World, desk: Desk, dice: random.Random) -> None:
    async with world.postgres_busy:
        await world.hands.do(world.servers.postgres.freeze)
        await _hold(dice, 0.1, 1.2)
        await world.hands.do(world.servers.postgres.thaw)


@breakage("postgresql slow")
async def postgres_slow(world: World, desk: Desk, dice: random.Random) -> None:
    ways = [place.to_postgres for place in _some(world, dice)]
    async with _broken(ways):
        for way in ways:
            way.delay = dice.uniform(0.02, 0.2)
        await _hold(dice)


@breakage("postgresql in a black hole")
async def postgres_black_hole(world: World, desk: Desk, dice: random.Random) -> None:
    ways = [place.to_postgres for place in _some(world, dice)]
    async with _broken(ways):
        for way in ways:
            way.blackhole()
        await _hold(dice, 0.1, 1.5)


@breakage("postgresql lost after an end")
async def postgres_lost_after_an_end(world: World, desk: Desk, dice: random.Random) -> None:
    """Nobody hears PostgreSQL from the moment on in which a session was ended, for longer than its tokens may look
    alive, twice: what Redis was told is all that anybody knows, and what it has lost meanwhile nobody can look up."""
    began = world.clock()
    while not (ended := _ended_since(desk.history, began)):
        if world.clock() > began + 1:
            return
        await asyncio.sleep(0.005)
    ways = [place.to_postgres for place in world.places]
    async with _broken(ways):
        for way in ways:
            way.blackhole()
        for _ in range(2):
            await asyncio.sleep(HEARD_SECONDS + 0.05)
            asked = [desk.introspect(grant, token, place.number) for grant, token in ended for place in world.places]
            await asyncio.gather(*asked)


def _ended_since(history: History, began: float) -> list[tuple[str, str]]:
    """Grants whose end somebody was told of, each with an access token."""
    if not any(call.outcome == OK and (call.ended or 0) >= began for call in history.of("end")):
        return []
    over = {grant for grant in history.logins() if (acknowledged(history, grant) or 0) >= began}
    return list({call.grant: call.access for call in history.calls if call.grant in over and call.access}.items())


@breakage("postgresql refused")
async def postgres_refused(world: World, desk: Desk, dice: random.Random) -> None:
    ways = [place.to_postgres for place in _some(world, dice)]
    async with _broken(ways):
        for way in ways:
            way.refuse()
            way.cut()
        await _hold(dice)


@breakage("commit unknown", 2)
async def commit_unknown(world: World, desk: Desk, dice: random.Random) -> None:
    """The request has passed, PostgreSQL has done it, and the connection dies before the answer."""
    ways = [place.to_postgres for place in _some(world, dice)]
    async with _broken(ways):
        for _ in range(dice.randint(2, 12)):
            dice.choice(ways).cut_after_request(b"", dice.choice((1, 1, 2, 3)))
            await asyncio.sleep(dice.uniform(0.02, 0.12))


@breakage("postgresql connections reset")
async def postgres_reset(world: World, desk: Desk, dice: random.Random) -> None:
    for _ in range(dice.randint(1, 6)):
        for place in _some(world, dice):
            place.to_postgres.cut()
        await asyncio.sleep(dice.uniform(0.02, 0.2))


@breakage("rows locked")
async def rows_locked(world: World, desk: Desk, dice: random.Random) -> None:
    """Somebody holds half of the grants and sessions for longer than a request waits."""
    with suppress(*GONE):
        async with world.sql() as sql, sql.transaction():
            table = dice.choice(("grants", "user_sessions"))
            half = "created_at > now() - interval '1 minute' AND hashtext(id::text) % 2 = 0 FOR UPDATE SKIP LOCKED"
            await sql.execute(f"SELECT FROM {table} WHERE {half}")
            await _hold(dice, 0.2, 1.4)


# Redis


@breakage("redis killed")
async def redis_killed(world: World, desk: Desk, dice: random.Random) -> None:
    async with world.redis_busy:
        await world.hands.do(world.servers.redis.kill)
        await _hold(dice, 0, 0.6)
        if dice.random() < 0.5:
            await world.hands.do(world.servers.redis.start)
        else:
            await world.empty_redis_start()


@breakage("redis flushed")
async def redis_flushed(world: World, desk: Desk, dice: random.Random) -> None:
    for _ in range(dice.randint(1, 3)):
        with suppress(*GONE):
            async with world.valkey() as valkey:
                await valkey.flushall()
        await _hold(dice, 0, 0.4)


@breakage("redis paused")
async def redis_paused(world: World, desk: Desk, dice: random.Random) -> None:
    with suppress(*GONE):
        async with world.valkey() as valkey:
            await valkey.execute_command("CLIENT", "PAUSE", str(dice.randint(30, 900)), dice.choice(("ALL", "WRITE")))
    await _hold(dice)


@breakage("redis stopped")
async def redis_stopped(world: World, desk: Desk, dice: random.Random) -> None:
    async with world.redis_busy:
        await world.hands.do(world.servers.redis.freeze)
        await _hold(dice)
        await world.hands.do(world.servers.redis.thaw)


@breakage("redis evicts")
async def redis_evicts(world: World, desk: Desk, dice: random.Random) -> None:
    policy = dice.choice(("allkeys-random", "volatile-ttl", "noeviction"))  # the last one: it is full
    began = world.clock()
    with suppress(*GONE):
        async with world.valkey() as valkey:
            try:
                await valkey.config_set("maxmemory-policy", policy)
                await valkey.config_set("maxmemory", "1mb")
                await _hold(dice)
            finally:
                await valkey.config_set("maxmemory", "0")
                await valkey.config_set("maxmemory-policy", "noeviction")
    if policy != "noeviction":
        desk.history.evicting.append((began, world.clock()))


@breakage("redis in a black hole")
async def redis_black_hole(world: World, desk: Desk, dice: random.Random) -> None:
    ways = [place.to_redis for place in _some(world, dice)]
    async with _broken(ways):
        for way in ways:
            way.blackhole()
        await _hold(dice)


@breakage("redis answers lost")
async def redis_answers_lost(world: World, desk: Desk, dice: random.Random) -> None:
    ways = [place.to_redis for place in _some(world, dice)]
    async with _broken(ways):
        for _ in range(dice.randint(2, 12)):
            way = dice.choice(ways)
            dice.choice((way.cut, way.drop_next_answer, lambda way=way: way.cut_after_request(b"")))()
            await asyncio.sleep(dice.uniform(0.02, 0.12))


# Replicas and their callers


@breakage("replica killed", RARE)
async def replica_killed(world: World, desk: Desk, dice: random.Random) -> None:
    place = dice.choice(world.places)
    async with place.changing:
        place.kill()
        await _hold(dice, 0, 0.3)
        await place.start(**_offset(dice))


@breakage("replica killed at a step", 2 * RARE)
async def replica_killed_at_a_step(world: World, desk: Desk, dice: random.Random) -> None:
    place = dice.choice(world.places)
    armed = place.arm(dice.choice(list(POINTS)))
    place.armed += 1
    for _ in range(100):
        await asyncio.sleep(0.01)
        if not armed.exists():
            await place.died()  # it took the file along, and dies next
            break
    armed.unlink(missing_ok=True)
    async with place.changing:
        place.armed -= 1
        if not place.alive:
            await place.start(**_offset(dice))


@breakage("replica stopped")
async def replica_stopped(world: World, desk: Desk, dice: random.Random) -> None:
    """Its machine stands still, as one that is moved; its stores and the others do not."""
    place = dice.choice(world.places)
    async with place.changing:
        replica = place.replica
        if replica is not None:
            replica.send(signal.SIGSTOP)
            await _hold(dice, 0.05, 1.2)
            replica.send(signal.SIGCONT)


@breakage("replica drained", RARE)
async def replica_drained(world: World, desk: Desk, dice: random.Random) -> None:
    """SIGTERM; its successor takes over at once, as behind a balancer."""
    place = dice.choice(world.places)
    async with place.changing:
        old = place.replica
        if old is None or not place.alive:
            return
        place.replica = None
        await place.start(**_offset(dice))
        await place.until_ready()
        old.process.terminate()
        code = await asyncio.to_thread(old.process.wait, 30)
        old.stop()
        old.log.unlink(missing_ok=True)
        died_at_a_step = place.armed and code == -signal.SIGKILL
        assert code == 0 or died_at_a_step, f"a drained replica ended with {code}"


def _offset(dice: random.Random) -> dict[str, str]:
    """Its clock, off by less than what makes a replica unready."""
    return {"AUTHSVC_CLOCK_OFFSET_SECONDS": dice.choice(("0", "0", "20", "-20"))}


@breakage("answers lost")
async def answers_lost(world: World, desk: Desk, dice: random.Random) -> None:
    """The replica has done it; its caller's connection is reset before the answer."""
    async with _broken([place.front for place in world.places]):
        for _ in range(dice.randint(2, 12)):
            dice.choice(world.places).front.cut_after_request(b"POST /", dice.choice((1, 2, 4)))
            await asyncio.sleep(dice.uniform(0.02, 0.12))


@breakage("callers cut off")
async def callers_cut_off(world: World, desk: Desk, dice: random.Random) -> None:
    place = dice.choice(world.places)
    async with _broken([place.front]):
        place.front.refuse()
        place.front.cut()
        await _hold(dice)


# What an operator or an hour brings


@breakage("keys rotated")
async def keys_rotated(world: World, desk: Desk, dice: random.Random) -> None:
    """The next key signs at once; every other time the one that signed is taken back as stolen."""
    with suppress(*GONE, StoreUnavailable):
        await _age_keys(world)
        await manage_keys.rotate(world.runtime, OPERATOR, at_once=True)
        await asyncio.sleep(0.3)
        if dice.random() < 0.3:
            kid = await _oldest_key(world)
            desk.history.withdrawn.add(kid)
            await manage_keys.withdraw(world.runtime, OPERATOR, kid)


async def _age_keys(world: World) -> None:
    """Two days go by for the keys alone, so that the next one has been announced long enough."""
    async with world.sql() as sql:
        await sql.execute(
            """UPDATE signing_keys SET announced_at = announced_at - interval '2 days'
               WHERE withdrawn_at IS NULL AND signs_from > now()"""
        )


async def _oldest_key(world: World) -> str:
    async with world.sql() as sql:
        kid: str = await sql.fetchval(
            "SELECT kid FROM signing_keys WHERE withdrawn_at IS NULL AND drop_after > now() ORDER BY signs_from LIMIT 1"
        )
        return kid


@breakage("swept")
async def swept(world: World, desk: Desk, dice: random.Random) -> None:
    with suppress(*GONE, StoreUnavailable):
        await sweep_once(world.runtime)


@breakage("nothing")
async def nothing(world: World, desk: Desk, dice: random.Random) -> None:
    """What the load alone does."""
