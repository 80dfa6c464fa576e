"""One grant on the bench: put it in any state, refresh it through the store, look at the row."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid4

import asyncpg

from authsvc.rules.confirmation import dpop_key
from authsvc.rules.token.refresh_rotation import ACCEPTED, Patience
from authsvc.store.postgres import Database
from authsvc.store.token import grants
from authsvc.store.token.grants import Refreshed

SCOPE = ("openid", "profile", "email")
GRACE = 30
LOST_ANSWER = 259_200
PATIENCE = Patience(GRACE, LOST_ANSWER)
LIVE = 7
"""The generation that `place` makes the live one, unless told otherwise."""


class Bench:
    """`db` is the service's pool, `sql` the operator's connection to the same database."""

    session_id: UUID
    grant_id: UUID
    secret_hash: bytes

    def __init__(self, db: Database, sql: asyncpg.Connection) -> None:
        self.db = db
        self.sql = sql

    async def place(
        self,
        generation: int = LIVE,
        *,
        parent: int | None = None,
        age: float = 1,
        repeats: int = 0,
        lifetime: float = 604_800,
        ahead: float = 0,
        client_id: str = "customer",
    ) -> None:
        """A new session with one grant, last rotated `age` seconds ago, and `ahead` seconds ahead of its pace."""
        self.session_id = uuid4()
        await self.sql.execute(
            """INSERT INTO user_sessions (id, user_id, expires_at)
               SELECT $1, id, now() + $2::float8 * interval '1 second' FROM users WHERE email = 'test@example.com'""",
            self.session_id,
            lifetime,
        )
        self.grant_id, self.secret_hash = await self.add_grant(client_id)
        await self.sql.execute(
            """UPDATE grants SET generation = $2, parent = $3, repeats = $4,
                   rotated_at = now() - $5::float8 * interval '1 second',
                   paced_until = now() + $6::float8 * interval '1 second' WHERE id = $1""",
            self.grant_id,
            generation,
            generation - 1 if parent is None else parent,
            repeats,
            age,
            ahead,
        )

    async def add_grant(self, client_id: str, secret: bytes | None = None) -> tuple[UUID, bytes]:
        """One more grant of the same session: (id, hash of its secret)."""
        grant_id, secret_hash = uuid4(), sha256(secret or os.urandom(16)).digest()
        await self.sql.execute(
            """INSERT INTO grants (id, session_id, client_id, scope, audience, secret_hash, expires_at)
               SELECT $1, id, $3, $4, '{x}', $5, expires_at FROM user_sessions WHERE id = $2""",
            grant_id,
            self.session_id,
            client_id,
            list(SCOPE),
            secret_hash,
        )
        return grant_id, secret_hash

    async def answer(
        self,
        presented: int,
        *,
        grace: int = GRACE,
        lost_answer: int = LOST_ANSWER,
        scope: tuple[str, ...] = (),
        client_id: str = "customer",
        secret_hash: bytes | None = None,
        proved: str = "",
        required_role: str | None = None,
    ) -> Refreshed | None:
        return await grants.refresh(
            self.db,
            self.grant_id,
            secret_hash or self.secret_hash,
            presented,
            client_id=client_id,
            patience=Patience(grace, lost_answer),
            scope=scope,
            proved=dpop_key(proved),
            required_role=required_role,
        )

    async def refresh(self, presented: int, **how: Any) -> str:
        """The verdict, with the generation that is given where one is: "rotate 8"."""
        done = await self.answer(presented, **how)
        if done is None:
            return "unknown"
        return f"{done.verdict} {done.generation}" if done.verdict in ACCEPTED else done.verdict

    async def row(self) -> dict[str, Any]:
        """The state that the rule reads, as it is stored."""
        found = await self.sql.fetchrow(
            """SELECT generation, parent, rotated_at, repeats, ended, expires_at, scope, paced_until FROM grants
               WHERE id = $1""",
            self.grant_id,
        )
        return dict(found)

    async def behind(
        self, statement: str, *args: object, meanwhile: Callable[[], Awaitable[Any]], waiters: int = 1
    ) -> Any:
        """Start `meanwhile` while `statement` is done but not committed; commit once so many wait for its locks (or
        `meanwhile` ended without waiting). Its result."""
        async with self.sql.transaction():
            await self.sql.execute(statement, *args)
            task = asyncio.ensure_future(meanwhile())
            for _ in range(200):
                # The server is ours alone. (pg_stat_activity would be of no use: a transaction sees it frozen.)
                waiting = await self.sql.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted")
                if task.done() or waiting >= waiters:
                    break
                await asyncio.sleep(0.005)
        return await task
