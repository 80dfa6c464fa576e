"""Honest clients in a bad world, and PostgreSQL: each history is some refreshes of one grant, with all that may go
wrong on the way. Time is moved in the rows.

A client is honest as ours are: it keeps the newest token that it heard of, and asks again with it until it is answered.
What may happen to it: requests that are lost, answers that are lost, also many in a row; pauses of seconds, minutes,
hours and days; up to four calls at once (tabs); a request that comes once more, up to 25 s and three rotations later;
and a PostgreSQL that lost its last commit, not two in a row. After a lost answer it comes again within the
time that a lost answer is given (72 hours): who stays away longer is taken for a thief, and that is documented.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import sha256
from uuid import UUID, uuid4

import asyncpg

from authsvc.rules.token.refresh_rotation import ACCEPTED, RefreshVerdict
from authsvc.store.postgres import Database
from authsvc.store.token import grants
from tests.flows.token.refresh.bench import LOST_ANSWER, PATIENCE, SCOPE

HONEST = ACCEPTED | {RefreshVerdict.LATE}
"""Verdicts that may be an honest client's: it goes on."""
LOSABLE = ACCEPTED - {RefreshVerdict.RECOVER}
FLIGHT_SECONDS = 25.0
FLIGHT_ROTATIONS = 3
PATIENT_SECONDS = LOST_ANSWER - 3600.0
PAUSES = ((0.5, 8), (8, 29), (31, 600), (600, 7200), (7200, 86_400), (86_400, PATIENT_SECONDS))
LONG = (86_400.0, 6 * 86_400.0)
"""Away with nothing lost: more than a lost answer is given."""


@dataclass(frozen=True)
class Asked:
    """One request that reaches the service. `heard`: its answer reaches the client."""

    generation: int
    heard: bool


@dataclass
class Copy:
    """A request that comes once more."""

    generation: int
    seconds: float = 0


@dataclass
class History:
    """One client and its grant. `number` and the run's seed make it what it is; `told`: what was said of it."""

    number: int
    dice: random.Random
    held: int = 0
    waits: bool = False
    """It asked with what it holds, and does not know whether anybody heard."""
    since_rotation: float = 0
    newest: int = 0
    straddled: bool = False
    """Whether of its last parallel calls some came within the grace and others after it."""
    undone: tuple[float, int] = (0.0, 0)
    """`since_rotation` and `newest` as they were before the last answers."""
    copies: list[Copy] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    grant_id: UUID = field(default_factory=uuid4)
    secret_hash: bytes = field(default_factory=lambda: sha256(os.urandom(16)).digest())
    steps: int = 0

    def __post_init__(self) -> None:
        self.steps = self.dice.randint(4, 8)

    def plan(self) -> list[Asked]:
        """What reaches the service in this step, at once."""
        dice = self.dice
        arrived = [copy for copy in self.copies if dice.random() < 0.5]
        self.copies = [copy for copy in self.copies if copy not in arrived]
        asked = [Asked(copy.generation, False) for copy in arrived]
        if dice.random() < 0.15:  # lost on the way there
            self.waits = True
            return asked
        if not self.waits and dice.random() < 0.25:
            self.copies.append(Copy(self.held))
        calls = dice.choice((1, 1, 1, 1, 1, 1, 1, 2, 4))
        heard = dice.random() < 0.6
        return asked + [Asked(self.held, heard and dice.random() < 0.8) for _ in range(calls)]

    def hear(self, asked: Sequence[Asked], answers: Sequence[tuple[RefreshVerdict, int]]) -> list[str]:
        """Take the answers in; what is wrong with them for an honest client."""
        wrong = [verdict for verdict, _ in answers if verdict not in HONEST]
        before, mine = self.held, False
        self.undone = self.since_rotation, self.newest
        for one, (verdict, generation) in zip(asked, answers, strict=True):
            mine = mine or one.generation == before
            if verdict in ACCEPTED and generation > self.newest:
                self.since_rotation, self.newest = 0, generation
            if one.heard and verdict in ACCEPTED:
                self.held = max(self.held, generation)
        if mine:
            self.waits = self.held == before
        told = zip(asked, answers, strict=True)
        self.told += [f"{one.generation}{'' if one.heard else '?'}={verdict}:{given}" for one, (verdict, given) in told]
        mine_given = [answer for one, answer in zip(asked, answers, strict=True) if one.generation == before]
        given = {generation for verdict, generation in mine_given if verdict in ACCEPTED}
        self.straddled = len(given) > 1 and any(verdict is RefreshVerdict.SUPERSEDE for verdict, _ in mine_given)
        if len(given) > 1 and not self.straddled:
            return [*map(str, wrong), f"two successors of one token: {given}"]
        return [str(word) for word in wrong]

    def pause(self) -> float:
        """Seconds until the next step."""
        away = not self.waits and self.newest == self.held and self.dice.random() < 0.1
        seconds = self.dice.uniform(*(LONG if away else self.dice.choice(PAUSES)))
        if not away:
            seconds = min(seconds, max(0.5, PATIENT_SECONDS - self.since_rotation))
        self.since_rotation += seconds
        for copy in self.copies:
            copy.seconds += seconds
        self.copies = [
            copy
            for copy in self.copies
            if copy.seconds <= FLIGHT_SECONDS and self.newest - copy.generation < FLIGHT_ROTATIONS
        ]
        self.told.append(f"+{seconds:.0f}s")
        return seconds


@dataclass
class Told:
    """What a run told. `wrong`: (number of the history, what it was told, its history)."""

    verdicts: Counter[str] = field(default_factory=Counter)
    rollbacks: int = 0
    straddled: int = 0
    wrong: list[tuple[int, str, str]] = field(default_factory=list)


async def play(db: Database, sql: asyncpg.Connection, seed: int, numbers: range, told: Told) -> None:
    """Play these histories beside each other. `sql`: moves their time."""
    histories = [History(number, random.Random(f"{seed} {number}")) for number in numbers]
    await _begin(sql, histories)
    for step in range(max(history.steps for history in histories)):
        alive = [history for history in histories if history.steps > step]
        before = await _rows(sql, alive)
        plans = [history.plan() for history in alive]
        answers = await asyncio.gather(*(_ask(db, history, plan) for history, plan in zip(alive, plans, strict=True)))
        lost = []
        for history, plan, answer in zip(alive, plans, answers, strict=True):
            told.verdicts.update(verdict for verdict, _ in answer)
            for word in history.hear(plan, answer):
                told.wrong.append((history.number, word, " ".join(history.told)))
            told.straddled += history.straddled
            if len(plan) == 1 and answer[0][0] in LOSABLE and history.dice.random() < 0.05:
                lost.append((history.grant_id, *before[history.grant_id]))
                history.told.append("rollback")
                history.since_rotation, history.newest = history.undone
        if lost:
            told.rollbacks += len(lost)
            await _roll_back(sql, lost)
        pauses = [timedelta(seconds=history.pause()) for history in alive]
        await sql.execute(
            """UPDATE grants g SET rotated_at = g.rotated_at - moved.time, paced_until = g.paced_until - moved.time
               FROM unnest($1::uuid[], $2::interval[]) AS moved (id, time) WHERE g.id = moved.id""",
            [history.grant_id for history in alive],
            pauses,
        )


async def _ask(db: Database, history: History, plan: Sequence[Asked]) -> list[tuple[RefreshVerdict, int]]:
    async def one(generation: int) -> tuple[RefreshVerdict, int]:
        done = await grants.refresh(
            db,
            history.grant_id,
            history.secret_hash,
            generation,
            client_id="customer",
            patience=PATIENCE,
            scope=(),
        )
        assert done is not None
        return done.verdict, done.generation

    return list(await asyncio.gather(*(one(asked.generation) for asked in plan)))


async def _begin(sql: asyncpg.Connection, histories: Sequence[History]) -> None:
    await sql.execute(
        """WITH sessions AS (
               INSERT INTO user_sessions (id, user_id, expires_at)
               SELECT g.id, u.id, now() + interval '400 days'
               FROM unnest($1::uuid[]) AS g (id), users u WHERE u.email = 'test@example.com' RETURNING id, expires_at
           )
           INSERT INTO grants (id, session_id, client_id, scope, audience, secret_hash, expires_at)
           SELECT s.id, s.id, 'customer', $3, '{x}', g.secret_hash, s.expires_at
           FROM unnest($1::uuid[], $2::bytea[]) AS g (id, secret_hash) JOIN sessions s ON s.id = g.id""",
        [history.grant_id for history in histories],
        [history.secret_hash for history in histories],
        list(SCOPE),
    )


async def _rows(sql: asyncpg.Connection, histories: Sequence[History]) -> dict[UUID, tuple[object, ...]]:
    rows = await sql.fetch(
        "SELECT id, generation, parent, repeats, rotated_at FROM grants WHERE id = ANY ($1)",
        [history.grant_id for history in histories],
    )
    return {row["id"]: tuple(row)[1:] for row in rows}


async def _roll_back(sql: asyncpg.Connection, rows: Sequence[tuple[object, ...]]) -> None:
    """PostgreSQL is promoted without its last commits."""
    await sql.execute(
        """UPDATE grants g SET generation = o.generation, parent = o.parent, repeats = o.repeats,
                                rotated_at = o.rotated_at
           FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::int[], $5::timestamptz[])
               AS o (id, generation, parent, repeats, rotated_at) WHERE g.id = o.id""",
        *(list(column) for column in zip(*rows, strict=True)),
    )
