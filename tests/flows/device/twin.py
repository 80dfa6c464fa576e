"""The same poll judged twice: by the statement in PostgreSQL, and by the pure function with its time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import combinations
from typing import Any
from uuid import UUID, uuid4

import asyncpg

from authsvc.rules.confirmation import UNBOUND, Confirmation, dpop_key, from_stored
from authsvc.rules.device.polling import Allower, PolledRequest, PollVerdict, RequestState, judge_poll
from authsvc.store.device import requests
from authsvc.store.device.requests import Begun
from tests.support.twins import undone

REQUEST, PERSON, ANOTHER, SESSION, OF_ANOTHER = (UUID(int=number) for number in range(1, 6))
CODE_HASH = b"the device code"
NEVER = datetime.min.replace(tzinfo=UTC)
LIVES = timedelta(days=1)


@dataclass(frozen=True)
class Case:
    """A request's state, its times relative to the moment of the poll, and what is presented. `polled`: how long ago,
    None for never; `allowed_by`: None where the person, or their session (`allowed_in`), is deleted."""

    state: RequestState = RequestState.ALLOWED
    bound_to: Confirmation = UNBOUND
    interval: int = 5
    polled: timedelta | None = None
    left: timedelta = timedelta(minutes=5)
    allowed_by: UUID | None = PERSON
    allowed_in: UUID | None = SESSION
    disabled: bool = False
    roles: tuple[str, ...] = ("bartender",)
    session_active: bool = True
    session_left: timedelta = LIVES
    proved: Confirmation = UNBOUND
    required_role: str | None = "bartender"

    def request(self, now: datetime) -> PolledRequest:
        polled_at = NEVER if self.polled is None else now - self.polled
        return PolledRequest(self.state, self.bound_to, self.interval, polled_at, now + self.left)

    def allower(self, now: datetime) -> Allower | None:
        """Nobody but a person in that person's own session; the other one is as `place` left them."""
        if (self.allowed_by, self.allowed_in) == (ANOTHER, OF_ANOTHER):
            return Allower(disabled=False, roles=(), session_active=True, session_expires_at=now + LIVES)
        if (self.allowed_by, self.allowed_in) != (PERSON, SESSION):
            return None
        return Allower(self.disabled, self.roles, self.session_active, now + self.session_left)


async def place(sql: asyncpg.Connection) -> None:
    """Two people with a session each, and one request. Every case gives them its own state, also one that triggers
    would not let be: they are off for this connection."""
    await sql.execute("SET session_replication_role = replica")
    for person, session in ((PERSON, SESSION), (ANOTHER, OF_ANOTHER)):
        await sql.execute("INSERT INTO users (id, email, name) VALUES ($1, $1::uuid::text, 'Somebody')", person)
        await sql.execute(
            "INSERT INTO user_sessions (id, user_id, expires_at) VALUES ($1, $2, now() + interval '1 day')",
            session,
            person,
        )
    await sql.execute(
        """INSERT INTO device_requests (id, client_id, device_hash, user_hash, scope, audience, interval_seconds,
                                        expires_at)
           VALUES ($1, 'terminal', $2, '', '{openid}', '{x}', 5, now())""",
        REQUEST,
        CODE_HASH,
    )


async def agree(sql: asyncpg.Connection, case: Case) -> str:
    """Both give the same verdict, the same row and a session where it is due; the verdict."""
    async with undone(sql):
        return await compare(sql, case)


async def compare(sql: asyncpg.Connection, case: Case) -> str:
    """`agree`, within a transaction."""
    now = await sql.fetchval(
        """WITH person AS (
               UPDATE users SET disabled_at = CASE WHEN $7 THEN now() END, roles = $8 WHERE id = $9
           ), session AS (
               UPDATE user_sessions SET is_active = $10, expires_at = now() + $11::interval WHERE id = $12
           )
           UPDATE device_requests SET state = $2, dpop_jkt = $3, interval_seconds = $4,
               polled_at = coalesce(now() - $5::interval, '-infinity'), expires_at = now() + $6::interval,
               user_id = $13, allowed_in = $14 WHERE id = $1 RETURNING now()""",
        REQUEST,
        case.state,
        case.bound_to.stored,
        case.interval,
        case.polled,
        case.left,
        case.disabled,
        list(case.roles),
        PERSON,
        case.session_active,
        case.session_left,
        SESSION,
        case.allowed_by,
        case.allowed_in,
    )
    session_id = uuid4()
    said = await requests.poll(
        sql,  # one statement: a connection serves where the pool does
        REQUEST,
        CODE_HASH,
        client_id="terminal",
        required_role=case.required_role,
        session_id=session_id,
        lifetime_seconds=3600,
        grant_id=uuid4(),
        secret_hash=b"",
        proved=case.proved,
        bound_to=UNBOUND,
        session_name=None,
    )
    given = isinstance(said, Begun)
    verdict = PollVerdict.REDEEMED if isinstance(said, Begun) else said
    row: Any = await sql.fetchrow(
        """SELECT state, dpop_jkt, interval_seconds, polled_at, expires_at,
                  (SELECT user_id FROM user_sessions JOIN grants ON session_id = user_sessions.id
                   WHERE user_sessions.id = $2) AS begun_for
           FROM device_requests WHERE id = $1""",
        REQUEST,
        session_id,
    )
    after = PolledRequest(
        RequestState(row["state"]),
        from_stored(row["dpop_jkt"]),
        row["interval_seconds"],
        row["polled_at"],
        row["expires_at"],
    )
    assert row["begun_for"] == (case.allowed_by if given else None)
    assert (verdict, after) == judge_poll(
        case.request(now), case.allower(now), proved=case.proved, required_role=case.required_role, now=now
    ), case
    return verdict


# A fixed net for the mutants: each state of a request, and one or two things that are unlike the way it should go.

KEY = dpop_key("key")
_UNLIKE: tuple[dict[str, Any], ...] = (
    {"bound_to": KEY},
    {"bound_to": KEY, "proved": KEY},
    {"proved": KEY},
    {"left": timedelta(0)},
    {"polled": timedelta(0)},
    {"polled": timedelta(seconds=4.5)},
    {"polled": timedelta(seconds=4.499999)},
    {"polled": timedelta(seconds=-3)},
    {"interval": 57},
    {"interval": 60},
    {"disabled": True},
    {"roles": ("customer",)},
    {"required_role": None},
    {"session_active": False},
    {"session_left": timedelta(0)},
    {"allowed_by": None},
    {"allowed_by": ANOTHER},
    {"allowed_in": None},
    {"allowed_in": OF_ANOTHER},
)
NET = tuple(
    dict.fromkeys(
        replace(Case(state), **{name: value for change in changes for name, value in change.items()})
        for number in range(3)
        for changes in combinations(_UNLIKE, number)
        for state in RequestState
    )
)
