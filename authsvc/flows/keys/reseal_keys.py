"""The master key changes: signing keys and people's authenticator apps are sealed under the new one, and whoever asks
is told how long the old one must stay. Verdicts: `keys/reseal`.

Replicas are not disturbed: what they have opened stays open. What a master key once closed or signed otherwise (refresh
tokens, codes, sealed values) names its id and is opened by the old line of the file until it is over.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import field
from datetime import datetime, timedelta
from uuid import UUID

from authsvc.keys.plans import PlanRefused
from authsvc.keys.reseal import kids_under, plan_reseal
from authsvc.keys.seal import AUTHENTICATOR_SECRET, SealError, open_secret, seal_secret
from authsvc.records import frozen
from authsvc.rules.authorize import redemption
from authsvc.rules.device import polling
from authsvc.rules.sealed_value_lifetimes import LONGEST_SECONDS
from authsvc.runtime import Runtime
from authsvc.store import audit
from authsvc.store.factors import one_time_codes
from authsvc.store.keys import signing_keys
from authsvc.store.mail import outbox
from authsvc.store.token import grants

EVENT = "keys_resealed"
BATCH = 500
SHORT_LIVED = timedelta(seconds=max(LONGEST_SECONDS, redemption.CODE_SECONDS, polling.CODE_SECONDS))
"""After this long, of all that a master key made, nothing is good but refresh tokens, sealed keys and waiting mails."""


@frozen
class Seals:
    """Where things stand at `now`. `kids`: master key id -> the signing keys that need it; `apps`: how many people's
    authenticator apps do. `others`: ids of the file beside the current one. Their lines must stay until `keep_until`,
    when the last refresh token of before is over, and the last mail that waits since then."""

    now: datetime
    current_id: int
    kids: Mapping[int, tuple[str, ...]]
    others: tuple[int, ...]
    keep_until: datetime
    apps: Mapping[int, int] = field(default_factory=dict)

    @property
    def needed(self) -> set[int]:
        """The master keys under which something is sealed that must open."""
        return {*self.kids, *self.apps}


@frozen
class Resealed:
    """`kids`: sealed under the current master key now. `left`: dropped and withdrawn keys that nobody can open. `apps`:
    how many authenticator apps were sealed under it."""

    kids: tuple[str, ...]
    left: tuple[str, ...]
    seals: Seals
    apps: int = 0


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
        apps = await one_time_codes.by_master_key(connection)
    until = max(changed + SHORT_LIVED, last or changed, last_mail or changed)
    return Seals(now, current, kids, runtime.master.ids[1:], until, apps)


async def reseal(runtime: Runtime, actor: str) -> Resealed | PlanRefused:
    """Seal every signing key under the current master key: all of them, or none; then the authenticator apps, some at a
    time. Again and again to no effect.

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
    apps = await _reseal_apps(runtime, actor)
    return Resealed(tuple(plan.sealed), plan.left, await look(runtime), apps)


async def _reseal_apps(runtime: Runtime, actor: str) -> int:
    """Seal people's apps under the current master key; how many. One that does not open stays as it is, and its master
    key is named as needed."""
    count, after, master = 0, UUID(int=0), runtime.master
    while True:
        async with runtime.db.transaction(seconds=60) as connection:
            found = await one_time_codes.under_others(connection, master.current_id, after=after, limit=BATCH)
            if not found:
                return count
            anew = []
            for user_id, factor_id, sealed in found:
                row = user_id.bytes + factor_id.bytes
                with suppress(SealError):
                    secret = open_secret(master, AUTHENTICATOR_SECRET, row, sealed)
                    again = seal_secret(master, AUTHENTICATOR_SECRET, row, secret, runtime.entropy)
                    anew.append((user_id, factor_id, again))
            await one_time_codes.replace_seals(connection, anew)
            if anew:
                await audit.record(connection, "apps_resealed", actor, master_key=master.current_id, count=len(anew))
        count, after = count + len(anew), found[-1][0]
