"""Addresses that were stored before the domain had one form get it; where somebody has that already, both are told."""

from __future__ import annotations

from authsvc.records import frozen
from authsvc.rules.people.person import normal_email
from authsvc.runtime import Runtime
from authsvc.store import audit
from authsvc.store.account import users


@frozen
class Normalised:
    """`changed`: old address -> new one. `clashing`: likewise, where somebody else has the new one: those stay."""

    changed: dict[str, str]
    clashing: dict[str, str]


async def normalise_addresses(runtime: Runtime, actor: str, *, rehearse: bool) -> Normalised:
    """Store addresses in their normal form; `rehearse`: say only what would be done. Raises StoreUnavailable."""
    async with runtime.db.transaction(seconds=120) as connection:
        found = await users.with_foreign_domains(connection)
        wanted = {user.email: normal_email(user.email) for user in found}
        wanted = {old: new for old, new in wanted.items() if old != new}
        taken = await users.taken(connection, list(wanted.values()))
        clashing: dict[str, str] = {}
        changed: dict[str, str] = {}
        for user in found:
            new = wanted.get(user.email)
            if new is None:
                continue
            if new in taken:
                clashing[user.email] = new
                continue
            taken.add(new)
            changed[user.email] = new
            if not rehearse:
                await users.respell_email(connection, user.id, new)
                await audit.record(connection, "address_normalised", actor, user_id=user.id)
    return Normalised(changed, clashing)
