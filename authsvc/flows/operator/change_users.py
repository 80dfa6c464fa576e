"""What an operator changes of somebody who is there: name, address, roles; and their removal.

What a change takes away ends in its transaction, and Redis is told after it: sessions that were opened by the old
address, tokens that carry a role that is gone, all that a removed person had. A new name takes nothing away.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from authsvc.flows.session.end_all import begin_ending, finish_ending
from authsvc.records import frozen
from authsvc.rules.people.person import judge_person, normal_email
from authsvc.rules.person_record import User
from authsvc.rules.refused import Refused
from authsvc.runtime import Runtime
from authsvc.store import audit
from authsvc.store.account import users
from authsvc.store.postgres import Connection

SECONDS = 60


@frozen
class Changed:
    """The person as they are now, or were at last; how many sessions ended."""

    id: UUID
    email: str
    name: str
    roles: tuple[str, ...]
    email_verified: bool
    sessions_ended: int = 0


async def rename(runtime: Runtime, actor: str, email: str, name: str) -> Changed | Refused:
    """Another name; nothing ends. Raises StoreUnavailable."""
    judged = judge_person(email, name, ())
    if isinstance(judged, Refused):
        return judged
    async with runtime.db.transaction(seconds=SECONDS) as connection:
        user = await _locked(connection, email)
        if isinstance(user, Refused):
            return user
        await users.set_name(connection, user.id, judged.name)
        await audit.record(connection, "user_renamed", actor, user_id=user.id)
    return Changed(user.id, user.email, judged.name, user.roles, user.email_verified)


async def change_address(runtime: Runtime, actor: str, email: str, new: str, *, verified: bool) -> Changed | Refused:
    """Another address, by which they log in from now on, and the end of every session: whoever opened one was known by
    the old address. `verified`: the new one is known to be theirs. Raises StoreUnavailable."""
    judged = judge_person(new, "", ())
    if isinstance(judged, Refused):
        return judged
    async with runtime.db.transaction(seconds=SECONDS) as connection:
        user = await _locked(connection, email)
        if isinstance(user, Refused):
            return user
        if user.email == judged.email:
            return Refused("conflict", f"{user.email} is their address already", "email_same")
        if not await users.set_email(connection, user.id, judged.email, verified=verified):
            return Refused("conflict", f"somebody has the address {judged.email} already", "email_taken")
        batch = await begin_ending(connection, user.id, "address_changed")
        await audit.record(
            connection,
            "user_address_changed",
            actor,
            user_id=user.id,
            email_verified=verified,
            sessions=batch.count,
            more=batch.more,
        )
    count = await finish_ending(runtime, user.id, batch)
    return Changed(user.id, judged.email, user.name, user.roles, verified, count)


async def change_roles(
    runtime: Runtime, actor: str, email: str, add: Sequence[str], remove: Sequence[str]
) -> Changed | Refused:
    """Roles to give and to take. Where one is taken, every session ends, and with it the tokens that carry it; one that
    is given shows in the next token. Raises StoreUnavailable."""
    async with runtime.db.transaction(seconds=SECONDS) as connection:
        user = await _locked(connection, email)
        if isinstance(user, Refused):
            return user
        kept = [role for role in (*user.roles, *add) if role not in remove]
        judged = judge_person(user.email, "", kept)
        if isinstance(judged, Refused):
            return judged
        taken = set(user.roles) - set(judged.roles)
        batch = await begin_ending(connection, user.id, "roles_changed") if taken else None
        count = batch.count if batch else 0
        if judged.roles != user.roles:
            await users.set_roles(connection, user.id, judged.roles)
            roles = list(judged.roles)
            await audit.record(connection, "user_roles_changed", actor, user_id=user.id, roles=roles, sessions=count)
    if batch:
        count = await finish_ending(runtime, user.id, batch)
    return Changed(user.id, user.email, user.name, judged.roles, user.email_verified, count)


async def verify(runtime: Runtime, actor: str, email: str) -> Changed | Refused:
    """The address is known to be theirs: the next ID token and userinfo say so. Raises StoreUnavailable."""
    async with runtime.db.transaction(seconds=SECONDS) as connection:
        user = await _locked(connection, email)
        if isinstance(user, Refused):
            return user
        if not user.email_verified:
            await users.set_verified(connection, user.id)
            await audit.record(connection, "user_address_verified", actor, user_id=user.id)
    return Changed(user.id, user.email, user.name, user.roles, True)


async def remove(runtime: Runtime, actor: str, email: str) -> Changed | Refused:
    """The end of all that they have, and of them: sessions, grants, consents, name, address, password. Audit events
    keep the id. Raises StoreUnavailable."""
    count = 0
    while True:  # who has many sessions is removed with the last of them
        async with runtime.db.transaction(seconds=SECONDS) as connection:
            user = await _locked(connection, email)
            if isinstance(user, Refused):
                return user
            batch = await begin_ending(connection, user.id, "user_removed")
            if not batch.more:
                await audit.record(connection, "user_removed", actor, user_id=user.id, sessions=count + batch.count)
                await users.remove(connection, user.id)
        count += await finish_ending(runtime, user.id, batch)
        if not batch.more:
            return Changed(user.id, user.email, user.name, user.roles, user.email_verified, count)


async def _locked(connection: Connection, email: str) -> User | Refused:
    """The person, whose logins wait until the transaction ends."""
    user = await users.lock(connection, normal_email(email))
    return user or Refused(
        "not_found", f"nobody has the address {email}: `authsvc users list` shows who there is", "user_unknown"
    )
