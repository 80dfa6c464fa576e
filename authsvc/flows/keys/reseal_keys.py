"""The master key changes: signing keys are sealed under the new one, and whoever asks is told how long the old one must
stay. Verdicts: `keys/reseal`.

Replicas are not disturbed: what they have opened stays open. What a master key once closed or signed otherwise (refresh
tokens, codes, sealed values) names its id and is opened by the old line of the file until it is over.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from authsvc.keys.plans import PlanRefused
from authsvc.keys.reseal import kids_under, plan_reseal
from authsvc.rules.authorize import redemption
from authsvc.rules.device import polling
from authsvc.rules.sealed_value_lifetimes import LONGEST_SECONDS
from authsvc.runtime import Runtime
from authsvc.store import audit
from authsvc.store.keys import signing_keys
from authsvc.store.mail import outbox
from authsvc.store.token import grants

EVENT = "keys_resealed"
SHORT_LIVED = timedelta(seconds=max(LONGEST_SECONDS, redemption.CODE_SECONDS, polling.CODE_SECONDS))
"""After this long, of all that a master key made, nothing is good but refresh tokens, sealed keys and waiting mails."""


@dataclass(frozen=True, slots=True)
class Seals:
    """Where things stand at `now`. `kids`: master key id -> the signing keys that need it. `others`: ids of the file
    beside the current one. Their lines must stay until `keep_until`, when the last refresh token of before is over, and
    the last mail that waits since then."""

    now: datetime
    current_id: int
    kids: Mapping[int, tuple[str, ...]]
    others: tuple[int, ...]
    keep_until: datetime


@dataclass(frozen=True, slots=True)
class Resealed:
    """`kids`: sealed under the current master key now. `left`: dropped and withdrawn keys that nobody can open."""

    kids: tuple[str, ...]
    left: tuple[str, ...]
    seals: Seals


async def look(runtime: Runtime) -> Seals:
    """Tell which master keys are still needed, and until when. Raises StoreUnavailable."""
    current = runtime.master.current_id
    async with runtime.db.transaction(seconds=60) as connection:
        now = runtime.clock.now()
        # Whoever reseals says that every replica makes tokens with the new key from now on.
        changed = await audit.latest(connection, EVENT, master_key=current) or now
        last = await grants.latest_end(connection, begun_before=changed)
        last_mail = await outbox.last_end(connection, queued_before=changed)
        kids = kids_under(await signing_keys.everything(connection), now)
    return Seals(
        now, current, kids, runtime.master.ids[1:], max(changed + SHORT_LIVED, last or changed, last_mail or changed)
    )


async def reseal(runtime: Runtime, actor: str) -> Resealed | PlanRefused:
    """Seal every signing key under the current master key: all of them, or none. Again and again to no effect.

    Raises StoreUnavailable.
    """
    async with runtime.db.transaction(seconds=10) as connection:
        now = await signing_keys.lock(connection)
        plan = plan_reseal(runtime.master, await signing_keys.everything(connection), now, runtime.entropy)
        if isinstance(plan, PlanRefused):
            return plan
        for kid, sealed in plan.sealed.items():
            await signing_keys.replace_seal(connection, kid, sealed)
        if plan.sealed:
            current = runtime.master.current_id
            # What was written is read and opened once more, before the old one is let go.
            again = plan_reseal(runtime.master, await signing_keys.everything(connection), now, runtime.entropy)
            if isinstance(again, PlanRefused) or again.sealed:
                raise RuntimeError("what was resealed does not open: nothing is committed")
            await audit.record(connection, EVENT, actor, master_key=current, kids=sorted(plan.sealed))
    return Resealed(tuple(plan.sealed), plan.left, await look(runtime))
