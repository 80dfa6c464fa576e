"""The operator's part in the life of signing keys: make, rotate, withdraw, import. Verdicts: `keyring/plans`.

Each change is one transaction under one lock, so that two operators, or an operator and a replica, take turns.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from authsvc.keyring import jwk
from authsvc.keyring.algorithms import PrivateKey
from authsvc.keyring.plans import (
    AlreadyPlanned,
    GeneratePlan,
    KeyPolicy,
    Refused,
    RotatePlan,
    WithdrawPlan,
    apply_changes,
    plan_generate,
    plan_rotate,
    plan_withdraw,
)
from authsvc.keyring.records import SigningKey
from authsvc.keyring.seal import seal
from authsvc.runtime import Runtime
from authsvc.store import audit, keys
from authsvc.store.clients import everyone
from authsvc.store.errors import StoreUnavailable
from authsvc.store.postgres import Connection

ALGORITHM = "RS256"


@dataclass(frozen=True, slots=True)
class Generated:
    """A new key, and when it will sign."""

    kid: str
    signs_from: datetime
    replaces: str | None


async def policy_of(runtime: Runtime) -> KeyPolicy:
    """The waits that this installation's settings and clients demand."""
    settings = runtime.settings
    lives = [client.access_token_seconds or 0 for client in await everyone(runtime.db)]
    return KeyPolicy(
        announce=timedelta(seconds=settings.key_announce_seconds),
        jwks_max_age=timedelta(seconds=settings.jwks_max_age),
        longest_token=timedelta(seconds=max([settings.access_token_seconds, *lives])),
        skew=timedelta(seconds=settings.clock_skew_seconds),
    )


async def generate(runtime: Runtime, actor: str) -> Generated:
    """Make a key and announce it. The first key of all signs at once."""
    private = jwk.generate(ALGORITHM)
    policy = await policy_of(runtime)
    async with runtime.db.transaction(seconds=10) as connection:
        now = await keys.lock(connection)
        return await _announce(runtime, connection, await keys.everything(connection), now, policy, actor, private)


async def generate_first(runtime: Runtime, actor: str) -> Generated | None:
    """Make the first key of an installation. None where there is one: set-ups may run again and again."""
    if await keys.everything(runtime.db):
        return None
    private = jwk.generate(ALGORITHM)
    policy = await policy_of(runtime)
    async with runtime.db.transaction(seconds=10) as connection:
        now = await keys.lock(connection)
        rows = await keys.everything(connection)
        return None if rows else await _announce(runtime, connection, rows, now, policy, actor, private)


async def take_over(runtime: Runtime, actor: str, private: PrivateKey) -> Generated | Refused:
    """Announce a key that was made elsewhere. One that was here before, withdrawn perhaps, is not let in again."""
    kid = jwk.public_jwk(private.public_key(), ALGORITHM)["kid"]
    policy = await policy_of(runtime)
    async with runtime.db.transaction(seconds=10) as connection:
        now = await keys.lock(connection)
        rows = await keys.everything(connection)
        if any(row.kid == kid for row in rows):
            return Refused(f"key {kid} is here already: `authsvc keys list` shows it")
        return await _announce(runtime, connection, rows, now, policy, actor, private)


async def rotate(runtime: Runtime, actor: str, *, at_once: bool) -> RotatePlan | Generated | AlreadyPlanned | Refused:
    """Let the next key sign: in its announced time, or now where every cache has seen it."""
    private = jwk.generate(ALGORITHM)
    policy = await policy_of(runtime)
    async with runtime.db.transaction(seconds=10) as connection:
        now = await keys.lock(connection)
        rows = await keys.everything(connection)
        plan = plan_rotate(rows, now, policy, at_once)
        if isinstance(plan, GeneratePlan):
            return await _announce(runtime, connection, rows, now, policy, actor, private)
        if isinstance(plan, RotatePlan):
            await _apply(connection, rows, plan)
            await audit.record(connection, "key_rotated", actor, kid=plan.kid, replaces=plan.replaces)
        return plan


async def withdraw(runtime: Runtime, actor: str, kid: str) -> WithdrawPlan | Refused:
    """A leaked key: out of the JWKS, and nothing that it signed is believed from the next reading on."""
    async with runtime.db.transaction(seconds=10) as connection:
        now = await keys.lock(connection)
        rows = await keys.everything(connection)
        plan = plan_withdraw(rows, now, kid)
        if isinstance(plan, WithdrawPlan):
            await _apply(connection, rows, plan)
            await keys.note_withdrawal(connection, kid)
            await audit.record(connection, "key_withdrawn", actor, kid=kid, successor=plan.successor)
    with suppress(StoreUnavailable):  # they would read it within a second all the same
        await runtime.revocation_set.hint()
    return plan


async def _announce(
    runtime: Runtime,
    connection: Connection,
    rows: Sequence[SigningKey],
    now: datetime,
    policy: KeyPolicy,
    actor: str,
    private: PrivateKey,
) -> Generated:
    plan = plan_generate(rows, now, policy, ALGORITHM)
    public = jwk.public_jwk(private.public_key(), ALGORITHM)
    key = SigningKey(
        kid=public["kid"],
        alg=ALGORITHM,
        public_jwk=public,
        sealed=seal(runtime.master, public["kid"], ALGORITHM, jwk.private_der(private), runtime.entropy),
        announced_at=plan.announced_at,
        signs_from=plan.signs_from,
        signs_until=plan.signs_until,
        drop_after=plan.drop_after,
    )
    await _apply(connection, rows, plan)
    await keys.save(connection, key)
    replaced = plan.changes[0].kid if plan.changes else None
    await audit.record(connection, "key_announced", actor, kid=key.kid, signs_from=key.signs_from.isoformat())
    return Generated(key.kid, key.signs_from, replaced)


async def _apply(
    connection: Connection, rows: Sequence[SigningKey], plan: GeneratePlan | RotatePlan | WithdrawPlan
) -> None:
    for row in apply_changes(rows, plan.changes):
        if row not in rows:
            await keys.save(connection, row)
