"""What changes signing keys: the operator makes, rotates, withdraws, imports; any replica does what is due. Verdicts:
`keys/plans`.

Each change is one transaction under one lock, so that two operators, or an operator and a replica, take turns.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime

from authsvc.flows.keys.served_settings import in_force
from authsvc.jose import jwk
from authsvc.jose.algorithms import PrivateKey
from authsvc.jose.names import DEFAULT_ALG
from authsvc.keys.phases import published
from authsvc.keys.plans import (
    AlreadyPlanned,
    GeneratePlan,
    KeepLonger,
    PlanRefused,
    RotatePlan,
    WithdrawPlan,
    crowded,
    plan_generate,
    plan_rotate,
    plan_step,
    plan_withdraw,
)
from authsvc.keys.policy import KeyLife, KeyPolicy
from authsvc.keys.records import SigningKey
from authsvc.keys.seal import seal
from authsvc.records import frozen
from authsvc.runtime import Runtime
from authsvc.store import audit
from authsvc.store.errors import StoreUnavailable
from authsvc.store.keys import signing_keys
from authsvc.store.postgres import Connection


@frozen
class Generated:
    """A new key, and when it will sign."""

    kid: str
    signs_from: datetime
    replaces: str | None


@frozen
class _Locked:
    """All keys at `now`, under the lock that orders their changes."""

    runtime: Runtime
    actor: str
    connection: Connection
    now: datetime
    rows: Sequence[SigningKey]

    async def announce(self, plan: GeneratePlan, private: PrivateKey) -> Generated:
        public = jwk.public_jwk(private.public_key(), plan.alg)
        der, runtime = jwk.private_der(private), self.runtime
        key = plan.row(public["kid"], public, seal(runtime.master, public["kid"], plan.alg, der, runtime.entropy))
        await self.apply(plan)
        await signing_keys.save(self.connection, key)
        signs_from = key.signs_from.isoformat()
        await audit.record(self.connection, "key_announced", self.actor, kid=key.kid, signs_from=signs_from)
        return Generated(key.kid, key.signs_from, plan.changes[0].kid if plan.changes else None)

    async def apply(self, plan: GeneratePlan | RotatePlan | WithdrawPlan | KeepLonger) -> None:
        for row in plan.changes:
            if row not in self.rows:
                await signing_keys.save(self.connection, row)

    def no_line(self, life: KeyLife, alg: str) -> PlanRefused | None:
        """A key whose successor no replica would make is none to count on. A line that there is may be rotated."""
        if alg in life.algorithms or any(row.alg == alg for row in published(self.rows, self.now)):
            return None
        return PlanRefused(
            f"the key policy has no {alg}, so no replica would make the keys that follow: add it to `algorithms` "
            "(keys/README.md)"
        )


@asynccontextmanager
async def _locked(runtime: Runtime, actor: str) -> AsyncIterator[_Locked]:
    async with runtime.db.transaction(seconds=10) as connection:
        now = await signing_keys.lock(connection)
        yield _Locked(runtime, actor, connection, now, await signing_keys.everything(connection))


async def generate(runtime: Runtime, actor: str, alg: str = DEFAULT_ALG) -> Generated | PlanRefused:
    """Make a key and announce it. The first key of all signs at once."""
    return await _add(runtime, actor, alg, None)


async def take_over(
    runtime: Runtime, actor: str, private: PrivateKey, alg: str = DEFAULT_ALG
) -> Generated | PlanRefused:
    """Announce a key that was made elsewhere. One that was here before, withdrawn perhaps, is not let in again."""
    return await _add(runtime, actor, alg, private)


async def _add(runtime: Runtime, actor: str, alg: str, private: PrivateKey | None) -> Generated | PlanRefused:
    by = await in_force(runtime)
    private = private or jwk.generate(alg, by.life.bits)
    kid = jwk.public_jwk(private.public_key(), alg)["kid"]
    async with _locked(runtime, actor) as keys:
        if any(row.kid == kid for row in keys.rows):
            return PlanRefused(f"key {kid} is here already: `authsvc keys list` shows it")
        if refused := keys.no_line(by.life, alg) or crowded(keys.rows, keys.now, by.policy):
            return refused
        return await keys.announce(plan_generate(keys.rows, keys.now, by.policy, alg), private)


async def generate_first(runtime: Runtime, actor: str) -> Generated | None:
    """Make the first key of an installation. None where there is one: set-ups may run again and again."""
    if await signing_keys.everything(runtime.db):
        return None
    by = await in_force(runtime)
    private = jwk.generate(DEFAULT_ALG, by.life.bits)
    async with _locked(runtime, actor) as keys:
        if keys.rows:
            return None
        return await keys.announce(plan_generate(keys.rows, keys.now, by.policy), private)


async def rotate(
    runtime: Runtime, actor: str, *, at_once: bool, alg: str = DEFAULT_ALG
) -> RotatePlan | Generated | AlreadyPlanned | PlanRefused:
    """Let the next key sign: in its announced time, or now where every cache has seen it."""
    by = await in_force(runtime)
    private = jwk.generate(alg, by.life.bits)
    async with _locked(runtime, actor) as keys:
        if refused := keys.no_line(by.life, alg):
            return refused
        plan = plan_rotate(keys.rows, keys.now, by.policy, at_once, alg)
        if isinstance(plan, GeneratePlan):
            return await keys.announce(plan, private)
        if isinstance(plan, RotatePlan):
            await keys.apply(plan)
            await audit.record(keys.connection, "key_rotated", actor, kid=plan.kid, replaces=plan.replaces)
        return plan


async def withdraw(runtime: Runtime, actor: str, kid: str) -> WithdrawPlan | PlanRefused:
    """A leaked key: out of the JWKS, and nothing that it signed is believed from the next reading on."""
    async with _locked(runtime, actor) as keys:
        plan = plan_withdraw(keys.rows, keys.now, kid)
        if isinstance(plan, WithdrawPlan):
            await keys.apply(plan)
            await signing_keys.note_withdrawal(keys.connection, kid)
            await audit.record(keys.connection, "key_withdrawn", actor, kid=kid, successor=plan.successor)
    with suppress(StoreUnavailable):  # they would read it within a second all the same
        await runtime.revocation_set.hint()
    return plan


async def step(runtime: Runtime, policy: KeyPolicy, actor: str) -> Generated | KeepLonger | None:
    """Do the next thing that is due. None: nothing is, or somebody else is at it. Any replica may, at any time.

    Raises StoreUnavailable.
    """
    async with runtime.db.transaction(seconds=10) as connection:
        now = await signing_keys.try_lock(connection)
        if now is None:
            return None
        keys = _Locked(runtime, actor, connection, now, await signing_keys.everything(connection))
        plan = plan_step(keys.rows, now, policy, runtime.keyring.life.algorithms)
        if isinstance(plan, GeneratePlan):
            private = await asyncio.to_thread(jwk.generate, plan.alg, runtime.keyring.life.bits)
            return await keys.announce(plan, private)
        if plan is not None:
            await keys.apply(plan)
            for change in plan.changes:
                await audit.record(connection, "key_kept_longer", actor, kid=change.kid, until=str(change.drop_after))
        return plan
