"""The same use of a code judged twice: by the statement in PostgreSQL, and by the pure function with its time."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import combinations
from typing import Any
from uuid import UUID

import asyncpg

from authsvc.rules.authorize.redemption import CodeGrant, CodeState, Use, judge_redemption
from authsvc.rules.confirmation import UNBOUND, Confirmation, dpop_key, from_stored
from authsvc.store.authorize import codes
from tests.support.twins import undone

GRANT = UUID(int=7)
CODE_HASH = b"the code"
FIRST, SECOND = b"the first use", b"a second use"
USE = Use("customer", "https://app.example/cb", "challenge", (), UNBOUND, UNBOUND, FIRST)
KEY = dpop_key("key")
ROLES = ("customer",)
"""Those of the person whose code it is."""


@dataclass(frozen=True)
class Case:
    """A grant's state, its times relative to the moment of the use, and what is presented."""

    state: CodeState = CodeState.ISSUED
    redirect_uri: str | None = USE.redirect_uri
    challenge: str | None = USE.code_challenge
    code_left: timedelta | None = timedelta(seconds=30)
    secret_hash: bytes = CODE_HASH
    bound_to: Confirmation = UNBOUND
    audience: tuple[str, ...] = ("a", "b")
    age: timedelta = timedelta(seconds=30)
    left: timedelta = timedelta(days=7)
    ended: bool = False
    use: Use = USE

    def grant(self, now: datetime) -> CodeGrant:
        return CodeGrant(
            client_id=USE.client_id,
            redirect_uri=self.redirect_uri,
            code_challenge=self.challenge,
            state=self.state,
            code_expires_at=None if self.code_left is None else now + self.code_left,
            secret_hash=self.secret_hash,
            bound_to=self.bound_to,
            audience=self.audience,
            rotated_at=now - self.age,
            expires_at=now + self.left,
            ended=self.ended,
            roles=ROLES,
        )


async def place(sql: asyncpg.Connection) -> None:
    """A session with the one grant that every case gives its own state."""
    await sql.execute(
        """WITH session AS (INSERT INTO user_sessions (id, user_id, expires_at)
                            SELECT $1, id, now() + interval '7 days' FROM users WHERE email = 'test@example.com'
                            RETURNING id)
           INSERT INTO grants (id, session_id, client_id, scope, audience, secret_hash, expires_at, code_hash)
           SELECT $1, id, 'customer', '{openid}', '{}', '', now(), $2 FROM session""",
        GRANT,
        CODE_HASH,
    )


async def agree(sql: asyncpg.Connection, case: Case) -> str:
    """Both give the same verdict and the same row; the verdict."""
    async with undone(sql):
        return await compare(sql, case)


async def compare(sql: asyncpg.Connection, case: Case) -> str:
    """`agree`, within a transaction."""
    await sql.execute(
        """UPDATE grants SET code_state = $2, code_redirect_uri = $3, code_challenge = $4,
               code_expires_at = now() + $5::interval, secret_hash = $6, dpop_jkt = $7, audience = $8,
               rotated_at = now() - $9::interval, expires_at = now() + $10::interval, ended = $11 WHERE id = $1""",
        GRANT,
        case.state,
        case.redirect_uri,
        case.challenge,
        case.code_left,
        case.secret_hash,
        case.bound_to.stored,
        list(case.audience),
        case.age,
        case.left,
        case.ended,
    )
    done = await codes.redeem(sql, GRANT, CODE_HASH, case.use)  # one statement: a connection serves where the pool does
    assert done is not None
    after = _grant(await sql.fetchrow("SELECT * FROM grants WHERE id = $1", GRANT))
    assert (done.secret_hash, done.audience, done.expires_at) == (after.secret_hash, after.audience, after.expires_at)
    assert (done.verdict, after) == judge_redemption(case.grant(done.now), case.use, done.now), case
    return done.verdict


def _grant(row: Any) -> CodeGrant:
    return CodeGrant(
        client_id=row["client_id"],
        redirect_uri=row["code_redirect_uri"],
        code_challenge=row["code_challenge"],
        state=CodeState(row["code_state"]),
        code_expires_at=row["code_expires_at"],
        secret_hash=row["secret_hash"],
        bound_to=from_stored(row["dpop_jkt"]),
        audience=tuple(row["audience"]),
        rotated_at=row["rotated_at"],
        expires_at=row["expires_at"],
        ended=row["ended"],
        roles=ROLES,
    )


# A fixed net for the mutants: each state of a code, and one or two things that are unlike a use that is right.

_RIGHT = (
    Case(),
    Case(CodeState.REDEEMED, secret_hash=FIRST),
    Case(CodeState.BURNT, ended=True),
)
_UNLIKE: tuple[dict[str, Any], ...] = (
    {"use.client_id": "strict"},
    {"use.redirect_uri": "https://app.example/other"},
    {"use.code_challenge": "other"},
    {"use.code_challenge": None},
    {"use.proved": KEY, "use.bound_to": KEY},
    {"bound_to": KEY},
    {"bound_to": KEY, "use.proved": KEY, "use.bound_to": KEY},
    {"bound_to": KEY, "use.proved": KEY},
    {"use.secret_hash": SECOND},
    {"use.resource": ("a",)},
    {"use.resource": ("a", "c")},
    {"use.required_role": "customer"},
    {"use.required_role": "bartender"},
    {"ended": True},
    {"left": timedelta(0)},
    {"code_left": timedelta(0)},
    {"redirect_uri": None},
    {"challenge": None},
    {"code_left": None},
)


def _changed(case: Case, *changes: dict[str, Any]) -> Case:
    for change in changes:
        own = {name: value for name, value in change.items() if "." not in name}
        used = {name.removeprefix("use."): value for name, value in change.items() if "." in name}
        case = replace(case, **own, use=replace(case.use, **used))
    return case


NET = tuple(
    dict.fromkeys(
        _changed(case, *changes) for number in range(3) for changes in combinations(_UNLIKE, number) for case in _RIGHT
    )
)
